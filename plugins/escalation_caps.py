"""Limits of one conversation with the AI: who is not helped after so many answers needs a person. Counted anew when it has it again."""

from __future__ import annotations

from bot import Answer, Escalation, PluginInfo, Reason, Settings, TurnContext, hookimpl, setting

PLUGIN = PluginInfo(
    title="Escalation: limits", summary="So many answers, tokens or thumbs down in a conversation bring a person.", on=True
)  # fmt: skip


class CapSettings(Settings):
    """0 means no limit."""

    turns: int = setting(50, ge=0, le=10_000, label="Answers", help="Answers of the AI in one conversation.")
    tokens: int = setting(0, ge=0, label="Tokens", help="Tokens of one conversation.")
    unhappy: int = setting(2, ge=0, le=100, label="Thumbs down", help="Answers that the customer marked so.")
    say: str = setting("", max_length=500, label="Words", help="Said before it is passed on; empty: nothing.")


@hookimpl
def settings_schema() -> type[Settings]:
    return CapSettings


@hookimpl
def escalate(settings: CapSettings, turn: TurnContext, answer: Answer | None) -> Escalation | None:
    if answer is not None:
        return None
    limits = (
        (settings.turns, turn.turns, "answers"),
        (settings.tokens, turn.tokens, "tokens"),
        (settings.unhappy, turn.unhappy, "thumbs down"),
    )
    for limit, count, name in limits:
        if limit and count >= limit:
            return Escalation(reason=Reason.TURN_CAP, detail=f"{count:,} {name}", say=settings.say, answer_first=False)
    return None
