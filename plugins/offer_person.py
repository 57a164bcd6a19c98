"""Puts "Talk to a person" under an answer that the AI is not sure of, so that nobody has to look for the way out."""

from __future__ import annotations

from dataclasses import replace

from bot import Answer, PluginInfo, Settings, hookimpl, setting

PLUGIN = PluginInfo(
    title="Offer a person", summary="A quick reply to a person under answers with low confidence.", on=True
)
MAX_CHOICES = 5


class OfferSettings(Settings):
    """When to offer, and in which words."""

    threshold: float = setting(0.5, ge=0, le=1, label="Confidence", help="Offer a person below this confidence.")
    words: str = setting(
        "Talk to a person", min_length=1, max_length=80, label="Words", help="The text of the quick reply."
    )


@hookimpl
def settings_schema() -> type[Settings]:
    return OfferSettings


@hookimpl
def after_ai(settings: OfferSettings, answer: Answer) -> Answer:
    sure = answer.confidence is None or answer.confidence >= settings.threshold
    if sure or answer.handoff_reason or settings.words in answer.choices:
        return answer
    return replace(answer, choices=(*answer.choices[: MAX_CHOICES - 1], settings.words))
