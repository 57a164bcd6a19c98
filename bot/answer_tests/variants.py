"""Which assistant is tested: the installation's as it is, or with another prompt, model or knowledge."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from bot import spending
from bot.accounts import sites
from bot.ai import AICapability, AIProvider
from bot.answer_tests.former import moment_of, put_back
from bot.answer_tests.recordings import Recorder, RecordingError, Recordings
from bot.answer_tests.rehearsal import Stage
from bot.answer_tests.scratch import ACTOR, Scratch, ScratchError, scratch
from bot.breaker import Breakers
from bot.fleet import Fleet
from bot.fleet_building import FleetKeeper
from bot.plugin_settings import SettingRefused
from bot.plugins import Snapshot
from bot.provider_rows import find_row, set_provider
from bot.store import StoreUnavailable, sql, write
from bot.switches import change, switch

log = structlog.get_logger("answer-tests")

LONGEST_PROMPT = 64_000
"""Bytes of a prompt file that are read."""
_NAMES = ("prompt", "provider", "model", "knowledge")


class VariantError(Exception):
    """What was asked for is not there. A sentence for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What differs from the installation. Empty fields leave it as it is."""

    label: str = "now"
    prompt: str = ""
    """A file with a system prompt, or the number of a version."""
    provider: str = ""
    model: str = ""
    knowledge: Path | None = None
    """A folder of articles in place of the installation's."""
    as_of: float | None = None
    """The installation's articles as they were at this moment, in Unix seconds."""
    copied: bool = True
    """False: an installation without settings and articles of its own, as for a folder of tests that stands alone."""


def parse_variant(text: str, base: Variant) -> Variant:
    """Read ``prompt=new.txt,model=…``, a file with a prompt, a folder of articles, a date on which they were, or ``now``.

    Raises :class:`VariantError`.
    """
    variant = replace(base, label=text)
    if text in {"now", ""}:
        return replace(variant, label="now")
    path = Path(text)
    if path.is_dir() or moment_of(text) is not None:
        return with_knowledge(variant, text)
    if path.is_file():
        return replace(variant, prompt=text)
    for part in text.split(","):
        name, equals, value = part.partition("=")
        name, value = name.strip(), value.strip()
        if not equals or name not in _NAMES or not value:
            raise VariantError(
                f"“{text}” cannot be compared. Write now, a file with a prompt, a folder of articles, or such as"
                " provider=openai,model=NAME (with: prompt, provider, model, knowledge)."
            )
        if name == "knowledge":
            variant = with_knowledge(variant, value)
        else:
            given = {"prompt": variant.prompt, "provider": variant.provider, "model": variant.model} | {name: value}
            variant = replace(variant, prompt=given["prompt"], provider=given["provider"], model=given["model"])
    return variant


def with_knowledge(variant: Variant, text: str) -> Variant:
    """The variant with a folder of articles, or with the installation's as they were on a day. Raises :class:`VariantError`."""
    if Path(text).is_dir():
        return replace(variant, knowledge=Path(text), as_of=None)
    at = moment_of(text)
    if at is None:
        raise VariantError(
            f"There is no folder {text}. Name a folder of articles, or a day on which yours were as you want them: 2026-11-03."
        )
    return replace(variant, knowledge=None, as_of=at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tape:
    """Where answers are recorded, or played from."""

    record: Path | None = None
    replay: Path | None = None


@contextlib.contextmanager
def staged(variant: Variant, tape: Tape | None = None, tried: Callable[[], object] | None = None) -> Iterator[Stage]:
    """Open a scratch installation, put the variant into it and set the stage. ``tried`` is a change that is made in it first.

    Raises :class:`VariantError`, :class:`ScratchError`, :class:`RecordingError`.
    """
    tape = tape or Tape()
    recordings = Recordings(tape.replay) if tape.replay is not None else None
    # A replay can ask nobody for the vector of a question, so what is recorded for it was not found by vectors either.
    taped = tape.record is not None or tape.replay is not None
    with (
        _paid(variant.copied and recordings is None) as paid,
        scratch(copied=variant.copied, knowledge=variant.knowledge, vectors=not taped) as opened,
        paid(),
    ):
        if variant.as_of is not None:
            put_back(variant.as_of)
            opened.settle()
        if tried is not None:
            tried()
            opened.settle()
        _put_in(opened, variant, replayed=recordings is not None)
        snapshot = opened.snapshot()
        keeper = FleetKeeper(opened.registry, warm=False)
        if recordings is not None:
            fleet = _only(_chosen(recordings.providers, variant))
        else:
            whole = keeper.fleet(snapshot)
            chosen = _chosen(list(whole.providers), variant)
            if tape.record is not None:
                chosen = _taped(chosen, tape.record)
            fleet = _only(chosen, whole, quoting=not variant.provider)
        yield Stage(snapshot, fleet, recordings)


@contextlib.contextmanager
def _paid(counts: bool) -> Iterator[Callable[[], contextlib.AbstractContextManager[None]]]:
    """Have the installation count what is spent in its scratch copy, also when the run was broken off. Around the scratch, and what it
    gives within."""
    sums: list[spending.Sum] = []

    @contextlib.contextmanager
    def noted() -> Iterator[None]:
        try:
            yield
        finally:
            with contextlib.suppress(StoreUnavailable):
                sums.extend(write(spending.of_tests))  # a write comes after those that nobody waits for

    try:
        yield noted
    finally:
        if counts and sums:
            try:
                write(lambda: spending.add(sums))
            except StoreUnavailable as error:  # what was found out is worth more than its count
                log.warning("answer_tests_not_booked", reason=str(error))


def _put_in(opened: Scratch, variant: Variant, *, replayed: bool) -> None:
    if variant.prompt:
        _put_prompt(variant.prompt)
    if replayed:
        # Nobody is called, whatever asks: not for an answer, and not for a vector either.
        for name in opened.snapshot().plugins("ai_provider"):
            if not _quotes(opened.snapshot(), name):
                switch(name, False, actor=ACTOR)
        change(lambda: sql("DELETE FROM provider"))
    elif variant.model:
        _put_model(opened, variant.provider, variant.model)


def _put_model(opened: Scratch, provider: str, model: str) -> None:
    if not provider:
        raise VariantError("Say of which provider the model is: --provider NAME --model MODEL.")
    try:
        if find_row(provider) is not None:
            set_provider(opened.registry, provider, {"model": model}, (), cheap=lambda before: before, actor=ACTOR)
        elif provider in opened.registry.plugins:
            opened.set_plugin(provider, {"model": model})
        else:
            raise VariantError(f"There is no provider called {provider}. See: deskhand providers list")
    except SettingRefused as refused:
        raise VariantError(str(refused)) from None


def _quotes(snapshot: Snapshot, plugin: str) -> bool:
    found = [provider for name, provider in snapshot.objects("ai_provider") if name == plugin]
    return bool(found) and all(AICapability.QUOTES in provider.capabilities for provider in found)


def _put_prompt(prompt: str) -> None:
    """Publish a prompt in the scratch installation, for every site."""
    from bot import prompt_versions
    from bot.prompt_values import PromptRefused

    path = Path(prompt)
    try:
        if path.is_file():
            if path.stat().st_size > LONGEST_PROMPT:
                raise VariantError(f"{path} is larger than {LONGEST_PROMPT // 1_000} KB. A prompt is shorter.")
            text = path.read_text("utf-8")
            for site in sites(now=True):
                prompt_versions.set_value(site.id, "system", text, actor=ACTOR)
                prompt_versions.publish(site.id, actor=ACTOR, force=True)
        elif prompt.isdigit():
            prompt_versions.restore("", int(prompt), actor=ACTOR)
            prompt_versions.publish("", actor=ACTOR, force=True)
        else:
            raise VariantError(f"There is no file {prompt}. Name a file with a prompt, or the number of a version.")
    except PromptRefused as refused:
        if "published" not in str(refused):  # it is what counts already
            raise VariantError(f"The prompt {prompt} cannot be used. {refused}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise VariantError(f"{path} cannot be read as UTF-8 text ({type(error).__name__}).") from None


def _chosen(providers: list[AIProvider], variant: Variant) -> list[AIProvider]:
    if not variant.provider:
        return providers
    found = [one for one in providers if one.name == variant.provider and variant.model in {"", one.model}]
    if not found:
        known = ", ".join(dict.fromkeys(f"{one.name} {one.model}".strip() for one in providers)) or "none"
        wanted = f"{variant.provider} {variant.model}".strip()
        raise VariantError(f"No provider {wanted} is on. There are: {known}. See: deskhand providers list")
    return found


def _taped(providers: list[AIProvider], record: Path) -> list[AIProvider]:
    """The providers with what they say kept. Raises :class:`RecordingError` when none of them is a model: quotes are no recording."""
    if all(AICapability.QUOTES in one.capabilities for one in providers):
        raise RecordingError(
            "There is nothing to record: no model can be asked, and the articles that are quoted in its place need no recording."
            " Nothing was asked or written. Give a provider its key, such as OPENAI_API_KEY, see with deskhand providers list"
            " that it is on, and record again."
        )
    return [one if AICapability.QUOTES in one.capabilities else Recorder(one, record) for one in providers]


def _only(providers: list[AIProvider], whole: Fleet | None = None, *, quoting: bool = False) -> Fleet:
    """A fleet of these, asked as those of ``whole`` are, but with breakers and a memory of its own: a test leaves no trace on what
    serves customers."""
    settings = whole.settings if whole is not None else None
    return Fleet(providers, Breakers(), settings=settings, quote_when_failing=quoting, kept=whole)


__all__ = ["RecordingError", "ScratchError", "Tape", "Variant", "VariantError", "parse_variant", "staged"]
