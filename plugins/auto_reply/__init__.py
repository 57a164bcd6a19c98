"""Rules of the house that answer without the AI: exact, partial and keyword matches, kept in memory, changed at run time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot import (
    AutoReply,
    Escalation,
    PluginInfo,
    Reason,
    Settings,
    Source,
    TurnContext,
    count_rule_use,
    hookimpl,
    setting,
)
from plugins.auto_reply.memory import RulesInMemory

if TYPE_CHECKING:
    import click

    from bot import ReplyRule

PLUGIN = PluginInfo(
    title="Auto-replies", summary="Rules that answer, pass on or offer quick replies before the AI is asked.", on=True
)
RULES = RulesInMemory()


class AutoReplySettings(Settings):
    short: int = setting(
        25,
        ge=0,
        le=1_000,
        label="Short message",
        help="Keyword rules count in messages of at most so many words: a long story is for the AI. 0: in all.",
    )
    language: str = setting(
        "en",
        label="Language",
        pattern=r"^[a-z]{2,3}$",
        help="Whose endings of words count while nobody knows the customer's language.",
    )


@hookimpl
def settings_schema() -> type[Settings]:
    return AutoReplySettings


@hookimpl
def auto_reply(settings: AutoReplySettings, turn: TurnContext) -> AutoReply | None:
    matcher = RULES.current(settings.language)
    if not matcher.count:
        return None
    hit = matcher.best(turn.question, site=turn.site, language=turn.language, short=settings.short)
    if hit is None:
        return None
    count_rule_use(hit.rule.id)
    return as_reply(hit.rule)


def as_reply(rule: ReplyRule) -> AutoReply:
    """What a rule says, in the form of the hook."""
    if rule.action == "handoff":
        passed = Escalation(reason=Reason.POLICY, detail=rule.name, say=rule.answer, answer_first=False)
        return AutoReply(rule=rule.name, escalation=passed)
    sources = tuple(
        Source(n=n, passage_id=f"rule:{rule.id}", title=source.title, url=source.url)
        for n, source in enumerate(rule.sources, 1)
    )
    if rule.action == "choices":
        return AutoReply(rule=rule.name, choices=rule.choices)
    return AutoReply(rule=rule.name, text=rule.answer, sources=sources, choices=rule.choices)


@hookimpl
def commands(settings: AutoReplySettings) -> Sequence[click.Command]:
    from plugins.auto_reply.command_line import auto_replies_command

    return [auto_replies_command(settings.short, settings.language)]
