"""Gives an answer of the AI again for half an hour when the same is asked in the same circumstances.

Only first questions of a conversation, without files and without anything that stands for a person's data: what was said to one must never
be an answer for another. The key is a digest of everything that the answer depends on: site, normalised question,
language, what admins tell the AI, the passages that were found with the version of the knowledge, models and their order, and all
settings of plugins. Whatever changes one of them makes old answers unreachable at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot import (
    Answer,
    JobSpec,
    PluginInfo,
    Prompt,
    Recalled,
    Settings,
    StoreUnavailable,
    TurnContext,
    cache_answer,
    cached_answer,
    count_hit,
    hookimpl,
    new_counter,
    setting,
    sweep_cached,
)

if TYPE_CHECKING:
    import click

PLUGIN = PluginInfo(
    title="Reply cache", summary="The same first question gets the same answer for a while, without asking the AI again.", on=True
)  # fmt: skip
MINE = "reply_cache:"
SWEEP = 300.0
LONGEST = 500
"""Characters of a question that somebody else may ask in the same words."""
_ENDS = " \t\n.,;:!?¿¡…。、，！？；：\"'“”‘’()"


class CacheSettings(Settings):
    minutes: float = setting(
        30, gt=0, le=1_440, env="DESKHAND_CACHE_MINUTES", label="Minutes", help="How long an answer may be given again."
    )
    confidence: float = setting(
        0.6, ge=0, le=1, label="Confidence", help="Answers of which the AI is less sure are not kept."
    )
    grounded: float = setting(
        0.6, ge=0, le=1, label="Grounded", help="Answers of which less stands in their sources are not kept."
    )
    most: int = setting(20_000, ge=100, le=1_000_000, label="Answers", help="Kept at most; the oldest go first.")


@hookimpl
def settings_schema() -> type[Settings]:
    return CacheSettings


@hookimpl
def recall_answer(prompt: Prompt, turn: TurnContext, conditions: str) -> Recalled | None:
    if not is_for_everybody(prompt, turn):
        _count("not_possible")
        return None
    key = key_of(prompt, turn, conditions)
    said = None
    # No reason to be switched off: the AI is asked, once for all who ask the same if the database is back by then.
    with contextlib.suppress(StoreUnavailable):
        said = cached_answer(key)
    if said is None:
        _count("miss")
    else:
        _count("hit")
        count_hit(key)
    return Recalled(key=key, answer=said)


@hookimpl
def keep_answer(settings: CacheSettings, key: str, answer: Answer, turn: TurnContext) -> None:
    if not key.startswith(MINE):
        return
    if not is_good(settings, answer):
        _count("not_kept")
        return
    with contextlib.suppress(StoreUnavailable):
        cache_answer(
            key,
            answer,
            site=turn.site,
            conversation=turn.conversation_id,
            question=turn.question,
            seconds=settings.minutes * 60,
        )
        _count("kept")


def is_for_everybody(prompt: Prompt, turn: TurnContext) -> bool:
    """Whether nothing in the prompt belongs to one person: a single short question with nothing before it, no files, nothing that was taken
    out of sight."""
    if prompt.task != "answer" or prompt.placeholders or len(prompt.messages) != 1 or turn.earlier or turn.files:
        return False
    question = prompt.messages[0]
    return (
        question.role == "user"
        and not question.images
        and len(question.text) <= LONGEST
        and any(map(str.isalnum, question.text))
    )


def is_good(settings: CacheSettings, answer: Answer) -> bool:
    """Whether others may get this answer: sure enough, and standing on what it cites. One of which nobody knows how sure is not."""
    sure = answer.confidence is not None and answer.confidence >= settings.confidence
    return sure and (answer.grounded is None or answer.grounded >= settings.grounded)


def normalised(question: str) -> str:
    """A question without what does not change its meaning: case, blanks, and signs at its ends."""
    return " ".join(unicodedata.normalize("NFKC", question).casefold().split()).strip(_ENDS)


def key_of(prompt: Prompt, turn: TurnContext, conditions: str) -> str:
    """A digest of everything that the answer depends on."""
    parts: list[object] = [
        turn.site, prompt.language, normalised(prompt.messages[0].text), prompt.system, prompt.answerable, prompt.max_tokens,
        prompt.temperature, prompt.conclude, prompt.economy, conditions,
    ]  # fmt: skip
    for passage in prompt.passages:
        parts += [passage.id, passage.title, passage.heading, passage.text, passage.url, passage.updated]
    return MINE + hashlib.sha256("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass")).hexdigest()


def _count(result: str) -> None:
    counter = new_counter(
        "reply_cache_total",
        "Questions by what the reply cache did: hit, miss, not_possible, kept, not_kept.",
        ("result",),
    )
    counter.labels(result).inc()


@hookimpl
def jobs(settings: CacheSettings) -> Sequence[JobSpec]:
    return [JobSpec(kind="reply_cache.sweep", run=lambda _ref: _sweep(settings.most), every=SWEEP)]


def _sweep(most: int) -> None:
    sweep_cached(most)


@hookimpl
def commands() -> Sequence[click.Command]:
    return [_command()]


def _command() -> click.Group:
    import click

    @click.group("cache", help="Answers of the AI that may be given again: look at them, forget them.")
    def cache() -> None:
        pass

    @cache.command("show", help="Show what is kept, what was given again most often first.")
    @click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, help="How many.")
    def show(limit: int) -> None:
        from bot import cache_totals, list_cached

        totals = cache_totals()
        click.echo(f"{totals.answers:,} answers are kept; they were given again {totals.hits:,} times.")
        for one in list_cached(limit):
            left = max(0, round((one.expires_at - time.time()) / 60))
            click.echo(f"{one.hits:>5}x  {left:>4} min left  {one.site:<16} {one.model:<20} {_line(one.question)}")

    @cache.command("clear", help="Forget all answers, or those of one site.")
    @click.option("--site", default="", help="Key of the site.")
    def clear(site: str) -> None:
        from bot import clear_cached, command_actor, site_by_key

        found = site_by_key(site) if site else None
        if site and found is None:
            raise click.ClickException(f"No site has the key {site!r}. See: deskhand site list")
        gone = clear_cached(found.id if found else "", actor=command_actor())
        click.echo(f"{gone:,} answers were forgotten. The AI is asked again.")

    return cache


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 70 else f"{line[:69]}…"
