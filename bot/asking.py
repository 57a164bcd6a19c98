"""Asking the fleet: what it says is released piece by piece, and becomes an answer with its sources. One attempt of one turn."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog
from pydantic import ValidationError

from bot.accounts import site_by_id
from bot.ai import AICapability, AIProvider, Conclusion, Prompt, Text, ToolCall, Usage
from bot.answer_log import Basis
from bot.canary import Watch, new_canary
from bot.customer_words import in_language
from bot.drafts import Draft, Drafts, whole_characters
from bot.events import Answer, Reason
from bot.failpoints import failpoint
from bot.fleet import Attempt, Done, Fleet, FleetStream, Pace
from bot.knowledge import Passage
from bot.links import host_of
from bot.prices import cost
from bot.release import Release
from bot.site_settings import split_hosts
from bot.standins import restore
from bot.store import StoreUnavailable, read, sql, write
from bot.turns import Account, Begun, note_attempt

if TYPE_CHECKING:
    from bot.plugins import Snapshot

log = structlog.get_logger("answering")

PERSON = "Talk to a person"
PASSED = "I am passing this to a colleague."
"""The answer of a model that called for a person without a word."""
MAX_CHOICES = 5
"""Quick replies under an answer."""
STREAMED, CHECKED = "streamed", "checked"
"""A site's ``answers``: shown while they are written, or when everything has checked them."""


class Cancelled(BaseException):
    """Another thread goes on with this turn (a new message, a stop, a plugin that hangs): drop everything."""


@dataclass
class Running:
    """A turn in progress, shared by the thread that answers and the one that watches."""

    begun: Begun
    draft: Draft
    cancelled: bool = False
    released: bool = False
    ended: bool = False
    again: bool = False
    """Something new came while it ended: look once more."""
    given_up: bool = False
    """A plugin hangs in its thread, which was replaced."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    first_delta: float | None = None
    asked: tuple[str, str] = ("", "")
    """Provider and model that were asked last."""
    held: list[str] = field(default_factory=list)
    """What a site with checked answers does not show before it passed."""
    basis: Basis = field(default_factory=Basis)
    """What the answer log is told of it, as far as it is known by now."""
    stream: FleetStream | None = None

    @property
    def checked(self) -> bool:
        """Whether the site shows an answer only after everything that checks it had its say."""
        return self.begun.site_settings.get("answers") == CHECKED

    @property
    def text(self) -> str:
        """What the provider said so far, shown or held."""
        return whole_characters("".join(self.held)) if self.checked else self.draft.text

    def show(self, text: str) -> None:
        """Release a piece to the customer, or hold it. Raises :class:`Cancelled` when somebody else goes on."""
        with self.lock:
            if self.cancelled:
                raise Cancelled
            # What is held was not shown: a new message starts the turn again until the answer is stored.
            self.released = self.released or not self.checked
        if self.first_delta is None:
            self.first_delta = time.monotonic()
            failpoint("turn.first_delta")
        else:
            failpoint("turn.mid_answer")
        if not self.checked:
            self.draft.add(text)
            return
        if not self.held:
            self.draft.phase("checking")
        self.held.append(text)

    def cancel(self, *, unless_released: bool = False) -> bool:
        """Take the turn away from its thread; False: it has ended, or (``unless_released``) something was shown."""
        with self.lock:
            if self.ended or self.cancelled or (unless_released and self.released):
                return False
            self.cancelled = True
        if self.stream is not None:
            self.stream.stop()
        return True

    def finish(self) -> bool:
        """Claim the right to end the turn; False: it was taken away."""
        with self.lock:
            if self.cancelled or self.ended:
                return False
            self.ended = True
            return True

    @property
    def spent(self) -> Usage:
        """What the providers have cost so far."""
        return self.stream.spent if self.stream is not None else Usage()

    def _cost(self, usages: Sequence[Usage]) -> int | None:
        # Attempts that failed are priced like the last one: whose they were is not told.
        prices = [cost(*self.asked, usage) for usage in usages if usage.input_tokens or usage.output_tokens]
        return None if None in prices else sum(filter(None, prices))

    def account(self, *usages: Usage) -> Account:
        now = time.monotonic()
        started = self.begun.started
        return Account(
            input_tokens=sum(usage.input_tokens for usage in usages),
            output_tokens=sum(usage.output_tokens for usage in usages),
            first_delta_ms=None if self.first_delta is None else int((self.first_delta - started) * 1000),
            total_ms=int((now - started) * 1000),
            cost=self._cost(usages),
            basis=self.basis,
        )


def ask(running: Running, prompt: Prompt, plugins: Snapshot, fleet: Fleet, drafts: Drafts) -> tuple[Answer, Done]:
    """Ask, and show what may be shown. Raises :class:`Cancelled`, :class:`bot.fleet.FleetExhausted` and, when the model gives its
    instructions away, :class:`bot.canary.PromptLeaked`: what was shown until then must be replaced."""
    begun = running.begun
    prefer = _voice(begun) if len(fleet.models) > 1 else None
    return hear(
        running,
        prompt,
        fleet,
        lambda number: _restart_draft(running, drafts, begun.attempt + number - 1),
        prefer=prefer,
    )


def hear(
    running: Running,
    prompt: Prompt,
    fleet: Fleet,
    begin_again: Callable[[int], None],
    *,
    prefer: tuple[str, str] | None = None,
    pace: Pace | None = None,
) -> tuple[Answer, Done]:
    """What the fleet says, released piece by piece to ``running.show``. ``begin_again(n)``: attempt number ``n`` begins, and what was
    shown counts no more. Raises as :func:`ask`."""
    begun = running.begun
    prompt = replace(prompt, canary=new_canary())
    release, watch = _release(prompt, begun), Watch(prompt.canary)
    conclusion: Conclusion | None = None
    done: Done | None = None
    over_cap = begun.tokens_left is not None and begun.tokens_left <= 0

    def permit(provider: AIProvider) -> bool:
        return not (over_cap or prompt.economy == "quotes") or AICapability.QUOTES in provider.capabilities

    stream = running.stream = fleet.stream(prompt, permit=permit, prefer=prefer, pace=pace)
    try:
        for event in stream:
            if running.cancelled:
                raise Cancelled
            if isinstance(event, Text):
                piece = release.feed(watch.feed(event.text))
                if piece:
                    running.show(piece)
            elif isinstance(event, Attempt):
                running.asked = (event.provider, event.model)
                if event.number > 1:
                    begin_again(event.number)
                    release, conclusion = _release(prompt, begun), None
                    watch = Watch(prompt.canary)
            elif isinstance(event, ToolCall):
                Watch(prompt.canary).look(str(event.arguments))
                conclusion = _conclusion(event, prompt) or conclusion
            elif isinstance(event, Done):
                done = event
    finally:
        stream.close()
    if done is None:
        raise Cancelled
    rest = release.feed(watch.flush()) + release.flush()
    if rest:
        running.show(rest)
    return _answer(running.text, release, conclusion, done, begun.language), done


def _voice(begun: Begun) -> tuple[str, str] | None:
    """Provider and model of the last answer here: asked first again while they are well, so that a conversation has one voice."""
    statement = (
        "SELECT provider, model FROM turn WHERE conversation_id = ? AND state = 'done' AND provider <> ''"
        " ORDER BY started_at DESC LIMIT 1"
    )
    with contextlib.suppress(StoreUnavailable):
        row = read(lambda: sql(statement, (begun.conversation_id,)).fetchone())
        return (row[0], row[1]) if row else None
    return None


def _release(prompt: Prompt, begun: Begun) -> Release:
    hosts = split_hosts(str(begun.site_settings.get("link_hosts") or ""))
    with contextlib.suppress(StoreUnavailable):
        site = site_by_id(begun.site_id)
        hosts += [host_of(origin) for origin in site.origins if "." in origin] if site else []
    return Release(_readable(prompt), hosts=hosts, placeholders=prompt.placeholders)


def _readable(prompt: Prompt) -> list[Passage]:
    """The passages as people read them: personal data may have been taken out of them, too."""
    names = prompt.placeholders
    return [
        replace(
            one, title=restore(one.title, names), heading=restore(one.heading, names), text=restore(one.text, names),
            url=restore(one.url, names),
        )
        for one in prompt.passages
    ] if names else list(prompt.passages)  # fmt: skip


def _restart_draft(running: Running, drafts: Drafts, attempt: int) -> None:
    """Failover: the customer's draft is emptied and begun again; two models' words are never joined."""
    begun = running.begun
    # The number in the row helps who comes in the middle; with the database away the answer goes on without it.
    with contextlib.suppress(StoreUnavailable):
        write(lambda: note_attempt(begun, attempt))
    running.draft, running.held = drafts.open(begun.conversation_id, begun.turn_id, attempt), []
    running.draft.phase("thinking")


def _conclusion(call: ToolCall, prompt: Prompt) -> Conclusion | None:
    if call.name != "conclude":
        log.warning("unknown_tool_call", tool=call.name[:40])
        return None
    try:
        return _restored(Conclusion.model_validate(call.arguments), prompt)
    except ValidationError as error:
        log.warning("conclusion_not_usable", fields=[str(e["loc"]) for e in error.errors(include_input=False)])
        return None


def _restored(conclusion: Conclusion, prompt: Prompt) -> Conclusion:
    """With what the names stand for. After lengths were looked at: what was taken out may be longer than its name."""

    def back(text: str) -> str:
        return restore(text, prompt.placeholders)

    handoff = conclusion.handoff
    if handoff is not None:
        handoff = handoff.model_copy(update={"reason": back(handoff.reason), "summary": back(handoff.summary)})
    return conclusion.model_copy(
        update={"quick_replies": [back(reply) for reply in conclusion.quick_replies], "handoff": handoff}
    )


def _answer(text: str, release: Release, conclusion: Conclusion | None, done: Done, language: str) -> Answer:
    if done.end == "length":
        text += " …"
    choices = [reply.strip()[:80] for reply in (conclusion.quick_replies if conclusion else []) if reply.strip()]
    if done.end == "length" and PERSON not in choices:
        choices.append(PERSON)
    handoff = conclusion.handoff if conclusion else None
    if not text.strip() and handoff is not None:
        text = in_language(language, PASSED)
    return Answer(
        text=text,
        sources=release.sources,
        choices=tuple(choices[:MAX_CHOICES]),
        confidence=conclusion.confidence if conclusion else None,
        stated=conclusion.confidence if conclusion else None,
        type="offline" if done.quotes else "ai",
        handoff_reason=handoff.reason if handoff else "",
        handoff_summary=handoff.summary if handoff else "",
        handoff_code=Reason.AI if handoff else Reason.POLICY,
        provider=done.provider,
        model=done.model,
        unseen=done.blind,
    )
