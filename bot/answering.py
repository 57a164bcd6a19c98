"""From what is unanswered to an answer: filter, search, prompt, fleet, release, conclude. One call, one attempt of one turn."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog
from pydantic import ValidationError

from bot.ai import AICapability, AIProvider, Conclusion, Prompt, PromptMessage, Text, ToolCall, Usage
from bot.drafts import Draft, Drafts
from bot.events import Answer, Escalation, Reason, TurnContext
from bot.failpoints import failpoint
from bot.file_words import with_files
from bot.fleet import Attempt, Done, Fleet, FleetExhausted, FleetStream
from bot.knowledge import Found, Passage, Question
from bot.messages import MessageView
from bot.release import Release
from bot.store import StoreUnavailable
from bot.turns import Account, Begun, note_attempt
from bot.waiting import site_hours

if TYPE_CHECKING:
    from bot.plugins import Snapshot

log = structlog.get_logger("answering")

MAX_PASSAGES = 8
MAX_TOKENS = 700
CONTEXT = 3
"""Earlier customer messages that help to understand a follow-up question."""

SYSTEM = "You are the support assistant of {name}. You answer customers of its website in a chat window."
FALLBACK = "I am sorry, I cannot answer this right now. Nothing you wrote is lost, and a person will look at it."
PERSON = "Talk to a person"
INSTEAD = "I am not sure enough about my answer, so I would rather let a person give you one."
THUMBS_DOWN = "\N{THUMBS DOWN SIGN}"


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
    stream: FleetStream | None = None

    def show(self, text: str) -> None:
        """Release a piece to the customer. Raises :class:`Cancelled` when somebody else goes on."""
        with self.lock:
            if self.cancelled:
                raise Cancelled
            self.released = True
        if self.first_delta is None:
            self.first_delta = time.monotonic()
            failpoint("turn.first_delta")
        else:
            failpoint("turn.mid_answer")
        self.draft.add(text)

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

    def account(self, *usages: Usage) -> Account:
        now = time.monotonic()
        started = self.begun.started
        return Account(
            input_tokens=sum(usage.input_tokens for usage in usages),
            output_tokens=sum(usage.output_tokens for usage in usages),
            first_delta_ms=None if self.first_delta is None else int((self.first_delta - started) * 1000),
            total_ms=int((now - started) * 1000),
        )


def answer(running: Running, plugins: Snapshot, fleet: Fleet, drafts: Drafts) -> tuple[Answer, Account]:
    """Answer everything unanswered. Always ends in an answer, if need be one that brings a person. Raises :class:`Cancelled`."""
    begun = running.begun
    if begun.poisoned:
        return fallback(begun, "answering failed several times"), running.account()
    turn = TurnContext(
        turn_id=begun.turn_id,
        conversation_id=begun.conversation_id,
        site=begun.site_id,
        site_key=begun.site_key,
        channel=begun.channel,
        language=begun.language,
        attempt=begun.attempt,
        turns=begun.turns,
        tokens=begun.tokens,
        unhappy=unhappy(begun.history),
        reachable=_reachable(begun.site_id),
    )
    history = _filtered(begun, plugins, turn)
    found = _search(begun, history, plugins)
    asked = "\n".join(message.text for message in history if _asked_now(message, begun))
    turn = replace(turn, passages=found.passages, question=asked, answerable=found.answerable)
    early = _escalation(plugins, turn, None)
    if early is not None and not early.answer_first:
        return passed_on(early), running.account()
    prompt = _prompt(begun, history, found)
    prompt = plugins.pipe("before_ai", "prompt", prompt, turn=turn)
    failpoint("turn.before_ai")
    try:
        said, done = _ask(running, prompt, plugins, fleet, drafts)
    except FleetExhausted as error:
        log.warning("no_provider_answered", conversation=begun.conversation_id, turn=begun.turn_id, reasons=str(error))
        return fallback(begun, "technical error"), running.account(error.wasted)
    failpoint("turn.after_ai")
    said = plugins.pipe("after_ai", "answer", said, turn=turn)
    if not said.text.strip() and not said.handoff_reason:
        said = fallback(begun, "empty answer")
    if not said.handoff_reason:
        reason = early or _escalation(plugins, turn, said)
        said = said if reason is None else passed_on(reason, said)
    return said, running.account(done.usage, done.wasted)


def _reachable(site_id: str) -> bool:
    # With the database away for a moment an answer is still possible; nobody is promised anything then.
    with contextlib.suppress(StoreUnavailable):
        return site_hours(site_id).people == "here"
    return False


def fallback(begun: Begun, reason: str) -> Answer:
    """The honest sentence when no answer can be had, with a person to follow."""
    text = str(begun.site_settings.get("fallback") or FALLBACK)
    return Answer(text=text, type="fallback", handoff_reason=reason, handoff_code=Reason.ERROR, confidence=0.0)


def _escalation(plugins: Snapshot, turn: TurnContext, said: Answer | None) -> Escalation | None:
    found = plugins.first("escalate", turn=turn, answer=said)
    return found[1] if found is not None else None


def passed_on(escalation: Escalation, said: Answer | None = None) -> Answer:
    """The answer with which a rule passes the conversation on. Without an answer of the AI and without words of the rule it is
    empty: then the customer is told only what happens next."""
    say = escalation.say.strip()
    if said is None:
        text, said = say, Answer(text="")
    elif escalation.answer_first:
        text = f"{said.text}\n\n{say}".rstrip()
    else:
        # What was shown of it must be replaced by something.
        text, said = (
            say or INSTEAD,
            Answer(text="", confidence=said.confidence, provider=said.provider, model=said.model),
        )
    detail = escalation.detail.strip()[:200]
    words = f"{escalation.reason.words}: {detail}" if detail else escalation.reason.words
    return replace(
        said,
        text=text,
        handoff_reason=words,
        handoff_code=escalation.reason,
        priority=escalation.priority or said.priority,
    )


def unhappy(history: Sequence[MessageView]) -> int:
    """Thumbs down of the customer."""
    return sum(
        mark.author == "customer" and mark.emoji.startswith(THUMBS_DOWN)
        for message in history
        for mark in message.reactions
    )


def _filtered(begun: Begun, plugins: Snapshot, turn: TurnContext) -> list[MessageView]:
    """What the AI sees: the conversation so far, then what is asked now. A question that came in the middle of an answer
    stands before that answer in the conversation, and still it is what this turn is about.
    """
    said = [
        plugins.pipe("filter_inbound", "message", message, turn=turn) if _asked_now(message, begun) else message
        for message in begun.history
        if not message.deleted and message.author != "note" and (message.text or message.files)
    ]
    return sorted(said, key=lambda message: (_asked_now(message, begun), message.seq))


def _asked_now(message: MessageView, begun: Begun) -> bool:
    return message.author == "customer" and message.seq > begun.answered


def _search(begun: Begun, history: Sequence[MessageView], plugins: Snapshot) -> Found:
    theirs = [m for m in history if m.author == "customer" and m.text]
    asked = [m.text for m in theirs if _asked_now(m, begun)] or [m.text for m in theirs[-1:]]
    earlier = [m.text for m in theirs if not _asked_now(m, begun)][-CONTEXT:]
    question = Question(
        site=begun.site_id, text="\n".join(asked)[-2_000:], language=begun.language, context="\n".join(earlier)[-1_000:]
    )
    return merge([result for _, result in plugins.each("search_knowledge", question=question) if result is not None])


def merge(results: Sequence[Found]) -> Found:
    """Merge by rank: the first of each source, then the second of each, and so on."""
    if len(results) == 1:
        return results[0]
    passages: list[Passage] = []
    seen: set[str] = set()
    for rank in range(max((len(found.passages) for found in results), default=0)):
        for found in results:
            if rank < len(found.passages) and found.passages[rank].id not in seen:
                seen.add(found.passages[rank].id)
                passages.append(found.passages[rank])
    return Found(passages=tuple(passages[:MAX_PASSAGES]), answerable=any(found.answerable for found in results))


def _prompt(begun: Begun, history: Sequence[MessageView], found: Found) -> Prompt:
    settings = begun.site_settings
    messages = tuple(
        PromptMessage("user" if m.author == "customer" else "assistant", with_files(m).text)
        for m in history
        if m.author != "system"
    )
    temperature = settings.get("temperature")
    return Prompt(
        system=str(settings.get("system_prompt") or SYSTEM.replace("{name}", begun.site_name)),
        messages=messages,
        passages=found.passages,
        answerable=found.answerable,
        language=begun.language,
        max_tokens=int(settings.get("max_tokens") or MAX_TOKENS),
        temperature=float(temperature) if temperature is not None else None,
    )


def _ask(running: Running, prompt: Prompt, plugins: Snapshot, fleet: Fleet, drafts: Drafts) -> tuple[Answer, Done]:
    begun = running.begun
    release = Release(prompt.passages)
    conclusion: Conclusion | None = None
    done: Done | None = None
    over_cap = begun.tokens_left is not None and begun.tokens_left <= 0

    def permit(provider: AIProvider) -> bool:
        if over_cap and AICapability.QUOTES not in provider.capabilities:
            return False
        return bool(plugins.still_on(provider.name))

    stream = running.stream = fleet.stream(prompt, permit=permit)
    try:
        for event in stream:
            if running.cancelled:
                raise Cancelled
            if isinstance(event, Text):
                piece = release.feed(event.text)
                if piece:
                    running.show(piece)
            elif isinstance(event, Attempt):
                if event.number > 1:
                    _restart_draft(running, drafts, begun.attempt + event.number - 1)
                    release, conclusion = Release(prompt.passages), None
            elif isinstance(event, ToolCall):
                conclusion = _conclusion(event) or conclusion
            elif isinstance(event, Done):
                done = event
    finally:
        stream.close()
    if done is None:
        raise Cancelled
    rest = release.flush()
    if rest:
        running.show(rest)
    return _answer(running.draft.text, release, conclusion, done), done


def _restart_draft(running: Running, drafts: Drafts, attempt: int) -> None:
    """Failover: the customer's draft is emptied and begun again; two models' words are never joined."""
    from bot.store import StoreUnavailable, write

    begun = running.begun
    # The number in the row helps who comes in the middle; with the database away the answer goes on without it.
    with contextlib.suppress(StoreUnavailable):
        write(lambda: note_attempt(begun, attempt))
    running.draft = drafts.open(begun.conversation_id, begun.turn_id, attempt)
    running.draft.phase("thinking")


def _conclusion(call: ToolCall) -> Conclusion | None:
    if call.name != "conclude":
        log.warning("unknown_tool_call", tool=call.name[:40])
        return None
    try:
        return Conclusion.model_validate(call.arguments)
    except ValidationError as error:
        log.warning("conclusion_not_usable", fields=[str(e["loc"]) for e in error.errors(include_input=False)])
        return None


def _answer(text: str, release: Release, conclusion: Conclusion | None, done: Done) -> Answer:
    if done.end == "length":
        text += " …"
    choices = [reply.strip()[:80] for reply in (conclusion.quick_replies if conclusion else []) if reply.strip()]
    if done.end == "length" and PERSON not in choices:
        choices.append(PERSON)
    handoff = conclusion.handoff if conclusion else None
    if not text.strip() and handoff is not None:
        text = "I am passing this to a colleague."
    return Answer(
        text=text,
        sources=release.sources,
        choices=tuple(choices[:5]),
        confidence=conclusion.confidence if conclusion else None,
        type="offline" if done.quotes else "ai",
        handoff_reason=handoff.reason if handoff else "",
        handoff_summary=handoff.summary if handoff else "",
        handoff_code=Reason.AI if handoff else Reason.POLICY,
        provider=done.provider,
        model=done.model,
    )
