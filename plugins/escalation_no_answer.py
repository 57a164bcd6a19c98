"""What happens when the knowledge base has nothing to answer from: a person is offered, or the conversation is passed on."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from bot import Answer, Escalation, PluginInfo, Reason, Settings, TurnContext, hookimpl, setting

PLUGIN = PluginInfo(
    title="Escalation: no answer", summary="A question without an answer in the knowledge base offers or brings a person.", on=True
)  # fmt: skip
MAX_CHOICES = 5
Way = Literal["offer", "pass_on", "nothing"]


class NoAnswerSettings(Settings):
    """For all sites, and for single ones."""

    way: Way = setting(
        "offer",
        label="What happens",
        help="offer: a button that brings a person. pass_on: it is passed on by itself, while somebody could come; else offered. nothing.",
    )
    sites: dict[str, Way] = setting(
        {}, label="Sites", help='Sites with a way of their own, by key, as JSON: {"shop": "pass_on"}.'
    )
    threshold: float = setting(
        0.5, ge=0, le=1, label="Confidence", help="An answer of which the AI is surer (a greeting, say) is one."
    )
    words: str = setting("Talk to a person", min_length=1, max_length=80, label="Words", help="On the button.")


@hookimpl
def settings_schema() -> type[Settings]:
    return NoAnswerSettings


@hookimpl
def after_ai(settings: NoAnswerSettings, answer: Answer, turn: TurnContext) -> Answer | None:
    if (
        way(settings, turn) == "nothing"
        or not nothing_found(settings, answer, turn)
        or settings.words in answer.choices
    ):
        return None
    return replace(answer, choices=(*answer.choices[: MAX_CHOICES - 1], settings.words))


@hookimpl
def escalate(settings: NoAnswerSettings, turn: TurnContext, answer: Answer | None) -> Escalation | None:
    if answer is None or way(settings, turn) != "pass_on" or not turn.reachable:
        return None
    return Escalation(reason=Reason.NOTHING_FOUND) if nothing_found(settings, answer, turn) else None


def way(settings: NoAnswerSettings, turn: TurnContext) -> Way:
    return settings.sites.get(turn.site_key, settings.way)


def nothing_found(settings: NoAnswerSettings, answer: Answer, turn: TurnContext) -> bool:
    """Nothing in the knowledge base, and nothing that the AI could say with certainty without it."""
    sure = answer.confidence is not None and answer.confidence >= settings.threshold
    return not turn.answerable and not sure and not answer.handoff_reason
