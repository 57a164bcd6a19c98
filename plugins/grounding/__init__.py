"""Checks each answer of a model against the passages it was given, and takes out what does not stand in them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from bot import Answer, PluginInfo, Reason, Settings, TurnContext, hookimpl, setting

if TYPE_CHECKING:
    from plugins.grounding.check import Checked

PLUGIN = PluginInfo(
    title="Grounding",
    summary="What an answer claims is checked against the help articles; what does not stand there is taken out.",
    on=True,
)
MAX_CHOICES = 5
Mode = Literal["off", "mark", "correct", "hand_over"]


class GroundingSettings(Settings):
    """For all sites, and for single ones."""

    mode: Mode = setting(
        "correct",
        label="What happens",
        help="off: nothing is checked. mark: only written down, for the answer's confidence. correct: sentences that do not"
        " hold are taken out; if nothing is left, a person takes over. hand_over: a person takes over at once.",
    )
    sites: dict[str, Mode] = setting(
        {}, label="Sites", help='Sites with a way of their own, by key, as JSON: {"shop": "hand_over"}.'
    )
    overlap: float = setting(
        0.25,
        ge=0,
        le=1,
        label="Overlap",
        help="Least share of a sentence's words that the articles must have, beside every number, date, price, address and name in it.",
    )
    cite: bool = setting(
        True, label="Cite", help="An answer without any citation gets those of the articles that prove it."
    )
    words: str = setting(
        "", max_length=300, label="Words", help="Under a corrected answer. Empty: ours, in the customer's language."
    )
    instead: str = setting(
        "",
        max_length=300,
        label="Instead",
        help="When nothing of an answer is left. Empty: ours, in the customer's language.",
    )
    person: str = setting("Talk to a person", min_length=1, max_length=80, label="A person", help="On the button.")
    when: Literal["reachable", "always"] = setting(
        "reachable",
        label="When",
        help="reachable: a person takes over only while somebody could come (open, a desk connected, not all away); else one is offered."
        " always: also when it becomes a ticket.",
    )


@hookimpl
def settings_schema() -> type[Settings]:
    return GroundingSettings


@hookimpl(tryfirst=True)  # before others add words of the house, which stand in no article
def after_ai(settings: GroundingSettings, answer: Answer, turn: TurnContext) -> Answer | None:
    mode = settings.sites.get(turn.site_key, settings.mode)
    # What was kept of an answer for others is as the AI said it, before it was mended.
    fine = answer.grounded is not None and (answer.type != "cache" or answer.grounded == 1.0)
    if mode == "off" or fine or not answer.text.strip():
        return None
    if answer.type == "offline":
        # It quotes: nothing in it can be anything but what stands in the articles.
        return replace(answer, grounded=1.0) if answer.sources else None
    if answer.type not in {"ai", "cache"} or not (turn.knowledge or turn.passages):
        return None  # without any knowledge there is nothing to hold it against
    from plugins.grounding.check import check

    checked = check(
        answer.text,
        turn.passages,
        cited=[(source.n, source.passage_id) for source in answer.sources],
        language=turn.language,
        said=f"{turn.said}\n{turn.question}",
        known=turn.instructions,
        overlap=settings.overlap,
    )
    answer = replace(answer, grounded=checked.grounded)
    # What is said of a picture stands in no article, and is not wrong for that. An agent is told, and mends a draft by hand.
    if mode == "mark" or turn.pictures or turn.draft or not checked.failed:
        return _cited(settings, answer, turn, checked)
    return _mended(settings, answer, turn, checked, mode)


def _cited(settings: GroundingSettings, answer: Answer, turn: TurnContext, checked: Checked) -> Answer:
    """An answer without any citation gets those that prove it."""
    if answer.sources or not settings.cite:
        return answer
    from plugins.grounding.mending import cited

    made = cited(answer.text, answer.sources, checked, turn.passages)
    return replace(answer, text=made.text, sources=made.sources)


def _mended(settings: GroundingSettings, answer: Answer, turn: TurnContext, checked: Checked, mode: Mode) -> Answer:
    """Without what does not hold; or a person, when that is wanted or nothing is left."""
    from plugins.grounding.check import check
    from plugins.grounding.mending import corrected, still_answers
    from plugins.grounding.phrases import LEFT_OUT, NOT_CONFIRMED, said
    from plugins.grounding.words import language_of

    language = language_of(answer.text, turn.language.partition("-")[0].lower()) or turn.language
    left = still_answers(checked)
    person = turn.reachable or settings.when == "always"
    if left and not (mode == "hand_over" and person):
        made = corrected(answer.text, answer.sources, checked)
        note = settings.words or said(LEFT_OUT, language)
        mended = replace(answer, text=made.text, sources=made.sources)
        if not made.sources and settings.cite:
            again = check(made.text, turn.passages, said=turn.said, known=turn.instructions, overlap=settings.overlap)
            mended = _cited(settings, mended, turn, again)
        return _offering(settings, replace(mended, text=f"{mended.text}\n\n{note}"))
    instead = settings.instead or said(NOT_CONFIRMED, language)
    nothing = replace(answer, text=instead, sources=(), choices=())
    if answer.handoff_reason:
        return nothing
    if not person:
        return _offering(settings, nothing)
    failed, claims = len(checked.failed), max(len(checked.claims), len(checked.failed))
    reason = f"{Reason.UNCONFIRMED.words}: {failed} of {claims} statements"
    return replace(nothing, handoff_reason=reason, handoff_code=Reason.UNCONFIRMED)


def _offering(settings: GroundingSettings, answer: Answer) -> Answer:
    if answer.handoff_reason or settings.person in answer.choices:
        return answer
    return replace(answer, choices=(*answer.choices[: MAX_CHOICES - 1], settings.person))
