"""Whether a hook returned what its specification promises: garbage is named here, before it travels on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from bot.ai import AIProvider, Prompt
from bot.channel import Channel
from bot.desk import Desk
from bot.events import Allowance, Answer, AutoReply, Escalation, JobSpec, OpeningHours, Pace, Reason, Recalled
from bot.knowledge import Found, KnowledgeSource, Passage
from bot.messages import MessageView
from bot.opening import zone_named


def misfit(hook: str, result: object) -> str:
    """Empty, or what is wrong with the result."""
    check = _CHECKS.get(hook)
    if check is None or check(result):
        return ""
    return f"returned {_describe(result)}; {hook} must return {_EXPECTED[hook]}"


def _describe(value: object) -> str:
    name = type(value).__name__
    return (
        f"{name} with wrong fields"
        if name
        in {
            "MessageView",
            "Prompt",
            "Answer",
            "Found",
            "Sent",
            "Escalation",
            "OpeningHours",
            "AutoReply",
            "Recalled",
            "Pace",
            "Allowance",
        }
        else name
    )


def _message(value: Any) -> bool:
    return value is None or (isinstance(value, MessageView) and isinstance(value.text, str))


def _prompt(value: Any) -> bool:
    return value is None or (
        isinstance(value, Prompt)
        and isinstance(value.system, str)
        and isinstance(value.messages, tuple)
        and isinstance(value.passages, tuple)
    )


def _answer(value: Any) -> bool:
    return value is None or (
        isinstance(value, Answer)
        and isinstance(value.text, str)
        and isinstance(value.sources, tuple)
        and isinstance(value.choices, tuple)
    )


def _found(value: Any) -> bool:
    return value is None or (
        isinstance(value, Found)
        and isinstance(value.passages, tuple)
        and all(isinstance(passage, Passage) for passage in value.passages)
    )


def _escalation(value: Any) -> bool:
    return value is None or (
        isinstance(value, Escalation)
        and isinstance(value.reason, Reason)
        and isinstance(value.detail, str)
        and isinstance(value.say, str)
        and value.priority in {None, "low", "normal", "high", "urgent"}
    )


def _auto_reply(value: Any) -> bool:
    return value is None or (
        isinstance(value, AutoReply)
        and isinstance(value.text, str)
        and isinstance(value.sources, tuple)
        and isinstance(value.choices, tuple)
        and _escalation(value.escalation)
    )


def _pace(value: Any) -> bool:
    return value is None or (
        isinstance(value, Pace)
        and isinstance(value.wait, int | float)
        and 0 <= value.wait < float("inf")
        and isinstance(value.again, str)
        and _escalation(value.escalation)
    )


def _allowance(value: Any) -> bool:
    return value is None or (
        isinstance(value, Allowance) and value.economy in {"full", "cheap", "quotes"} and _escalation(value.escalation)
    )


def _recalled(value: Any) -> bool:
    return value is None or (
        isinstance(value, Recalled) and isinstance(value.key, str) and bool(value.key) and _answer(value.answer)
    )


def _hours(value: Any) -> bool:
    return value is None or (
        isinstance(value, OpeningHours)
        and zone_named(value.zone) is not None
        and isinstance(value.open, tuple)
        and all(start < end for start, end in value.open)
        and all(one[1] <= two[0] for one, two in pairwise(value.open))
    )


def _several(kind: type[Any]) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        return value is None or (
            isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(item, kind) for item in value)
        )

    return check


def _providers(value: Any) -> bool:
    return isinstance(value, AIProvider) or _several(AIProvider)(value)


def _sources(value: Any) -> bool:
    return isinstance(value, KnowledgeSource) or _several(KnowledgeSource)(value)


def _blueprint(value: Any) -> bool:
    import flask

    return value is None or isinstance(value, flask.Blueprint)


def _commands(value: Any) -> bool:
    import click

    return _several(click.Command)(value)


def _text(value: Any) -> bool:
    return value is None or isinstance(value, str)


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "channel": lambda value: value is None or isinstance(value, Channel),
    "desk": lambda value: value is None or isinstance(value, Desk),
    "ai_provider": _providers,
    "routes": _blueprint,
    "commands": _commands,
    "jobs": _several(JobSpec),
    "filter_inbound": _message,
    "pace": _pace,
    "afford": _allowance,
    "auto_reply": _auto_reply,
    "search_knowledge": _found,
    "knowledge_source": _sources,
    "no_answer": _answer,
    "before_ai": _prompt,
    "recall_answer": _recalled,
    "keep_answer": lambda value: value is None,
    "mask_text": _text,
    "after_ai": _answer,
    "escalate": _escalation,
    "opening_hours": _hours,
    "health_check": lambda value: value is None or isinstance(value, (str, dict)),
}
_EXPECTED = {
    "channel": "a Channel or None",
    "desk": "a Desk or None",
    "ai_provider": "an AIProvider, or a sequence of them",
    "routes": "a flask Blueprint or None",
    "commands": "a sequence of click commands",
    "jobs": "a sequence of JobSpec",
    "filter_inbound": "a MessageView or None",
    "pace": "a Pace with seconds to wait, or None",
    "afford": "an Allowance or None",
    "auto_reply": "an AutoReply or None",
    "search_knowledge": "Found (with a tuple of Passage) or None",
    "knowledge_source": "a KnowledgeSource or a sequence of them",
    "no_answer": "an Answer or None",
    "before_ai": "a Prompt or None",
    "recall_answer": "Recalled with a key or None",
    "keep_answer": "None",
    "mask_text": "a string or None",
    "after_ai": "an Answer or None",
    "escalate": "an Escalation (with a Reason) or None",
    "opening_hours": "OpeningHours with a known time zone and spans in their order, or None",
    "health_check": "a dict, a string or None",
}
