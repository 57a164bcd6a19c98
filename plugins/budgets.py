"""What the AI may spend in a day: for the whole installation, a site, a channel, a visitor and a conversation.

Near the end answers come from cheaper models, then from the articles alone, then from people; each step is told, and nobody is left
without an answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import click
import structlog

from bot import (
    Allowance,
    Escalation,
    PluginInfo,
    Prompt,
    Reason,
    Settings,
    Spent,
    TurnContext,
    estimate_spending,
    give_back,
    hookimpl,
    set_aside,
    setting,
    spending_of_turn,
    spent_of_day,
    tell_step,
)

PLUGIN = PluginInfo(
    title="Budgets", summary="Tokens and money of the AI in a day, with steps before they are used up.", on=True
)
log = structlog.get_logger("budgets")

DOLLAR = 1_000_000
"""Millionths, as costs are counted."""
Step = Literal["", "cheap", "quotes", "person"]
RANK: dict[Step, int] = {"": 0, "cheap": 1, "quotes": 2, "person": 3}
MEANS: dict[Step, str] = {
    "": "as ever",
    "cheap": "answers come from cheaper models",
    "quotes": "answers are quoted from the articles, without a model",
    "person": "questions go to people",
}
SIDE_BY_SIDE = {"all": 500, "site": 500, "channel": 500, "visitor": 8, "conversation": 2}
"""Answers that may run at the same time, rather too many."""
NAMES = {
    "all": "installation",
    "site": "site",
    "channel": "channel",
    "visitor": "visitor",
    "conversation": "conversation",
}


class BudgetSettings(Settings):
    """0 means no limit. Days are UTC days; money is US dollars, as far as prices are known (``deskhand providers prices``)."""

    all_tokens: int = setting(0, ge=0, label="Installation, tokens", help="Of all answers of a day.")
    all_money: float = setting(0, ge=0, le=1_000_000, label="Installation, dollars")
    site_tokens: int = setting(0, ge=0, label="Each site, tokens")
    site_money: float = setting(0, ge=0, le=1_000_000, label="Each site, dollars")
    channel_tokens: int = setting(0, ge=0, label="Each channel, tokens")
    channel_money: float = setting(0, ge=0, le=1_000_000, label="Each channel, dollars")
    visitor_tokens: int = setting(
        400_000, ge=0, label="Each visitor, tokens", help="So that one person cannot use up what all others need."
    )
    visitor_money: float = setting(0, ge=0, le=1_000_000, label="Each visitor, dollars")
    conversation_tokens: int = setting(0, ge=0, label="Each conversation, tokens")
    conversation_money: float = setting(0, ge=0, le=1_000_000, label="Each conversation, dollars")
    own: dict[str, float] = setting(
        {},
        label="Single ones",
        help='Of single sites and channels instead of those above, as JSON: {"site:shop:tokens": 500000, "channel:telegram:money": 2}.',
    )
    cheap_at: int = setting(80, ge=1, le=100, label="Cheaper models from, %")
    quotes_at: int = setting(95, ge=1, le=100, label="Articles alone from, %")
    say: str = setting(
        "I have answered as much as I may today, so a person will go on with this. Nothing you wrote is lost.",
        max_length=500,
        label="Words",
        help="Said when it is used up.",
    )

    def limit(self, spent: Spent, what: Literal["tokens", "money"]) -> int:
        """In tokens, or in millionths of a dollar; 0: none."""
        own = self.own.get(f"{spent.scope}:{spent.name}:{what}")
        value = float(getattr(self, f"{spent.scope}_{what}", 0)) if own is None else own
        return int(max(0.0, value) * (DOLLAR if what == "money" else 1))

    @property
    def any(self) -> bool:
        return any(self.own.values()) or any(
            getattr(self, f"{scope}_{what}") for scope in NAMES for what in ("tokens", "money")
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """How much of one limit is used, with what is set aside for running turns."""

    spent: Spent
    what: Literal["tokens", "money"]
    used: int
    limit: int
    step: Step

    @property
    def share(self) -> float:
        return 100 * self.used / self.limit

    @property
    def words(self) -> str:
        amount = f"{self.used:,} of {self.limit:,} tokens"
        if self.what == "money":
            amount = f"${self.used / DOLLAR:.2f} of ${self.limit / DOLLAR:.2f}"
        name = NAMES[self.spent.scope] + ("" if self.spent.scope == "all" else f" {self.spent.name}")
        return f"{name}: {amount} today ({self.share:.0f} %), so {MEANS[self.step]}"


@hookimpl
def settings_schema() -> type[Settings]:
    return BudgetSettings


@hookimpl
def afford(
    settings: BudgetSettings, turn: TurnContext, prompt: Prompt, models: Sequence[tuple[str, str]]
) -> Allowance | None:
    if not settings.any or prompt.economy == "quotes":
        return None
    tokens, cost = estimate_spending(prompt, models)
    if _far_from_any(settings, spending_of_turn(turn.turn_id), tokens, cost):
        return None
    reached = [one for one in standings(settings, set_aside(turn.turn_id, tokens, cost)) if one.step]
    for one in reached:
        _tell(one)
    if not reached:
        return None
    worst = max(reached, key=lambda one: (RANK[one.step], one.share))
    if worst.step in {"quotes", "person"}:
        give_back(turn.turn_id)
    why = f"{worst.spent.scope} {worst.what}"
    # A quote of nothing is no answer: where the articles have none, a person is the honest way on.
    if worst.step == "person" or (worst.step == "quotes" and not turn.answerable):
        detail = f"the AI's budget of the day ({NAMES[worst.spent.scope]})"
        return Allowance(
            escalation=Escalation(reason=Reason.POLICY, detail=detail, say=settings.say, answer_first=False), why=why
        )
    return Allowance(economy="cheap" if worst.step == "cheap" else "quotes", why=why)


def _far_from_any(settings: BudgetSettings, found: Sequence[Spent], tokens: int, cost: int) -> bool:
    """Whether all limits are so far away that what runs side by side cannot reach a step: then nothing need be set aside, which
    would be one more commit in each turn."""
    return bool(found) and all(
        100 * (one.used + SIDE_BY_SIDE[one.spent.scope] * (tokens if one.what == "tokens" else cost))
        < settings.cheap_at * one.limit
        for one in standings(settings, found)
    )


def _tell(one: Standing) -> None:
    words = f"The AI's budget of the {one.words}. Look at: deskhand budgets"
    if tell_step(one.spent, one.step, words):
        log.warning(
            "budget_step_reached", scope=one.spent.scope, name=one.spent.name, step=one.step, share=round(one.share)
        )


def standings(settings: BudgetSettings, found: Sequence[Spent]) -> Iterator[Standing]:
    """How each limit that is set stands."""
    whats: tuple[Literal["tokens", "money"], ...] = ("tokens", "money")
    for spent in found:
        for what in whats:
            limit = settings.limit(spent, what)
            used = spent.tokens + spent.held_tokens if what == "tokens" else spent.cost + spent.held_cost
            if limit:
                yield Standing(spent, what, used, limit, _step(settings, 100 * used / limit))


def _step(settings: BudgetSettings, share: float) -> Step:
    if share >= 100:
        return "person"
    if share >= settings.quotes_at:
        return "quotes"
    return "cheap" if share >= settings.cheap_at else ""


@hookimpl
def health_check(settings: BudgetSettings) -> str:
    reached = [one for one in standings(settings, spent_of_day(limit=20)) if one.step]
    shared = [one.words for one in reached if one.spent.scope in {"all", "site", "channel"}]
    if any(RANK[one.step] >= RANK["quotes"] for one in reached if one.spent.scope in {"all", "site", "channel"}):
        raise RuntimeError("; ".join(shared))
    return "; ".join(shared) or "no budget is near its end"


@hookimpl
def commands(settings: BudgetSettings) -> Sequence[click.Command]:
    @click.command("budgets")
    @click.option("--day", default="", metavar="YYYY-MM-DD", help="Another UTC day than today.")
    @click.option(
        "--rows", default=10, show_default=True, type=click.IntRange(1, 500), help="Visitors and conversations shown."
    )
    def budgets(day: str, rows: int) -> None:
        """What the AI has spent today, what is left, and which step that is."""
        found = spent_of_day(_checked(day), limit=rows)
        if not found:
            click.echo("Nothing was spent on that day." if day else "Nothing was spent today.")
        for spent in found:
            click.echo(line(settings, spent))
        if not settings.any:
            click.echo("No limit is set. For example: deskhand plugins set budgets all_tokens=2000000")

    return [budgets]


def _checked(day: str) -> str:
    from datetime import date

    try:
        return date.fromisoformat(day).isoformat() if day else ""
    except ValueError:
        raise click.ClickException(f"{day} is no day. Write it like 2026-03-31.") from None


def line(settings: BudgetSettings, spent: Spent) -> str:
    """One line of ``deskhand budgets``."""
    parts = [f"{spent.tokens:,} tokens, ${spent.cost / DOLLAR:.4f}"]
    if spent.scope not in NAMES:
        return f"{spent.scope:<12} {'of the installation':<38} {parts[0]}"
    parts[0] += f", {spent.turns:,} answers"
    if spent.held_tokens:
        parts.append(f"{spent.held_tokens:,} tokens set aside")
    found: list[Any] = list(standings(settings, [spent]))
    for one in found:
        left = max(0, one.limit - one.used)
        parts.append(f"{left:,} tokens left" if one.what == "tokens" else f"${left / DOLLAR:.2f} left")
    step = max((one.step for one in found), key=lambda step: RANK[step], default="")
    if step:
        parts.append(f"{step}: {MEANS[step]}")
    return f"{NAMES[spent.scope]:<12} {'' if spent.scope == 'all' else spent.name:<38} {'; '.join(parts)}"
