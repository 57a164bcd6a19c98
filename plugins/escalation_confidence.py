"""Passes a conversation to people when the AI is not sure of its answer. What it says of its own sureness is typed, never text.

A question to which the knowledge base has nothing is the matter of ``escalation_no_answer``.
"""

from __future__ import annotations

from typing import Literal

from bot import Answer, Escalation, PluginInfo, Reason, Settings, TurnContext, hookimpl, setting

PLUGIN = PluginInfo(
    title="Escalation: confidence", summary="Answers of which the AI is not sure bring a person.", on=True
)


class ConfidenceSettings(Settings):
    """When, and what the customer sees of the answer."""

    threshold: float = setting(0.5, ge=0, le=1, label="Confidence", help="Below this a person takes over.")
    answer: Literal["shown", "replaced"] = setting(
        "shown",
        label="The answer",
        help="shown: it stays, and a person follows. replaced: words of yours stand in its place.",
    )
    say: str = setting("", max_length=500, label="Words", help="Said with it or in its place.")
    when: Literal["reachable", "always"] = setting(
        "reachable",
        label="When",
        help="reachable: only while somebody could come (open, a desk connected, not all away); else a person is offered. always:"
        " also when it becomes a ticket.",
    )


@hookimpl
def settings_schema() -> type[Settings]:
    return ConfidenceSettings


@hookimpl
def escalate(settings: ConfidenceSettings, turn: TurnContext, answer: Answer | None) -> Escalation | None:
    if answer is None or answer.confidence is None or answer.confidence >= settings.threshold or not turn.answerable:
        return None
    if settings.when == "reachable" and not turn.reachable:
        return None
    return Escalation(
        reason=Reason.LOW_CONFIDENCE,
        detail=f"{answer.confidence:.2f}",
        say=settings.say,
        answer_first=settings.answer == "shown",
    )
