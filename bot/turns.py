"""A turn as rows: begin it under a lease, end it once. The thread that answers in between owns nothing but numbers.

Every ending is one transaction that changes rows only if the turn still runs in this attempt, the conversation's fence is
still ours and the AI still has the conversation. Whoever lost one of these three finds no row and stores nothing.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import Any

import structlog

from bot import answer_log, clock, deliver, desk_posts, forsaken, handoff, lease, spending
from bot.answer_log import Basis
from bot.config import config
from bot.crypto import keep
from bot.events import Answer, Reason
from bot.failpoints import failpoint
from bot.lease import Lease, LostLease
from bot.messages import MessageView
from bot.prompt_values import PromptValues
from bot.prompt_versions import in_force
from bot.store import is_sqlite, sql
from bot.store.json_columns import decoded_object
from bot.store.statements import Place, insert_message, last_messages

log = structlog.get_logger("turns")

MAX_CRASHES = 3
"""A turn that took so many processes with it goes to a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A turn that this process may answer."""

    lease: Lease
    turn_id: str
    attempt: int
    upto_seq: int
    rev: int = 0
    """The conversation's newest change when this began: a question that is changed or deleted later is newer."""
    answered: int = 0
    """Everything of the customer up to this ``seq`` has had its turn; what is later is asked now."""
    conversation_id: str
    site_id: str
    site_key: str
    site_name: str
    site_settings: dict[str, Any]
    channel: str
    language: str
    history: tuple[MessageView, ...]
    tokens_left: int | None
    """Of today's cap; ``None`` without a cap."""
    prompts: PromptValues = field(default_factory=PromptValues)
    """What admins tell the AI at this site, as it was published when this began."""
    turns: int = 0
    """Answers since the AI has this conversation (again), and what they cost."""
    tokens: int = 0
    reserved: int = 0
    """Tokens set aside of the day's cap for this turn."""
    had_people: bool = False
    """Agents had this conversation before: their threads show what the AI says."""
    put_off: int = 0
    """Seconds for which this turn was put off already."""
    poisoned: bool = False
    """Answering it killed processes before: it must end in a person."""
    stop: bool = False
    started: float = field(default_factory=time.monotonic)

    @property
    def prompt_version(self) -> str:
        """Numbers of the published prompts of the installation and of the site, such as ``3.1``."""
        return self.prompts.version


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What a commit did. ``more``: the lease is kept, because another turn is wanted."""

    stored: bool
    more: bool = False
    deliveries: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What an answer cost and how long it took."""

    input_tokens: int = 0
    output_tokens: int = 0
    first_delta_ms: int | None = None
    total_ms: int = 0
    cost: int | None = None
    """Millionths of a US dollar; ``None``: nobody knows the price."""
    basis: Basis = field(default_factory=Basis)


def begin(conversation_id: str, *, restart: bool = False) -> Begun | None:
    """Take the conversation and open a turn for all that is unanswered; ``None``: nothing to do, or somebody else has it.

    Inside a write. ``restart`` goes on with a conversation that this process holds: a new message came before anything was
    shown, or the turn before has ended and kept the lease. Without it what another thread of this process works on is left alone.
    """
    _hold(conversation_id)
    at, owner = lease.now(), lease.owner()
    row = sql(
        "UPDATE conversation SET lease_owner = ?, lease_until = ?, fence = fence + 1"
        " WHERE id = ? AND needs AND due_at <= ? AND (lease_until < ? OR (? AND lease_owner = ?))"
        " RETURNING fence, seq, rev, answered, state, site_id, channel, language, had_people, turns_from,"
        " (SELECT max(m.seq) FROM message m WHERE m.conversation_id = conversation.id AND m.seq > conversation.answered"
        " AND m.author = 'customer' AND NOT m.deleted)",
        (owner, at + lease.LEASE, conversation_id, clock.now(), at, restart, owner),
    ).fetchone()
    if row is None:
        if restart:
            forsaken.leave(conversation_id, owner)
        return None
    fence, newest, rev, answered, state, site_id, channel, language, had_people, turns_from, upto = row
    if state != "ai" or upto is None:
        sql(
            "UPDATE conversation SET needs = ?, lease_until = 0, lease_owner = '' WHERE id = ? AND fence = ?",
            (False, conversation_id, fence),
        )
        spending.give_back(conversation_id)
        if state == "ai":  # the question was deleted while it was being answered
            sql(
                "UPDATE turn SET state = 'superseded', ended_at = ? WHERE conversation_id = ? AND state = 'running'",
                (clock.now(), conversation_id),
            )
        return None
    turn_id, attempt, crashes, stop, upto, reserved, put_off = _turn(conversation_id, upto, restart=restart)
    key, name, settings, cap, spent, answers, tokens = sql(
        "SELECT s.key, s.name, s.settings, s.daily_tokens, coalesce(p.tokens + p.held_tokens, 0), u.answers, u.tokens FROM site s"
        " CROSS JOIN (SELECT count(*) AS answers, coalesce(sum(input_tokens + output_tokens), 0) AS tokens FROM turn"
        " WHERE conversation_id = ? AND started_at >= ? AND state IN ('done', 'stopped')) u"
        " LEFT JOIN spend p ON p.id = ? WHERE s.id = ?",
        (conversation_id, turns_from, spending.cap_row(site_id), site_id),
    ).fetchone()
    site_settings = decoded_object(settings)
    prompts = in_force(site_id, site_settings)
    history = tuple(last_messages(conversation_id, newest, prompts.history or config().history, bare=True))
    left = spending.left(cap, spent)
    if left is not None:
        # What the turn itself has set aside is its own to spend; what others have is not.
        left += reserved
        if not reserved and left > 0:
            reserved = spending.set_aside(turn_id, site_id, history, prompts.max_tokens)
    failpoint("turn.after_claim")
    return Begun(
        lease=Lease(conversation_id, owner, fence),
        turn_id=turn_id,
        attempt=attempt,
        upto_seq=upto,
        rev=rev,
        answered=answered,
        conversation_id=conversation_id,
        site_id=site_id,
        site_key=key,
        site_name=name,
        site_settings=site_settings,
        channel=channel,
        language=language,
        history=history,
        tokens_left=left,
        prompts=prompts,
        turns=answers,
        tokens=tokens,
        reserved=reserved,
        had_people=bool(had_people),
        put_off=put_off,
        poisoned=crashes >= MAX_CRASHES,
        stop=stop,
    )


def _hold(conversation_id: str) -> None:
    """Lock the conversation before its unanswered messages are looked for. PostgreSQL waits for a message that is just being
    committed, but a statement that has begun by then does not see it: the question would never get its turn.
    """
    if not is_sqlite():
        sql("SELECT 1 FROM conversation WHERE id = ? FOR UPDATE", (conversation_id,))


def _turn(conversation_id: str, upto: int, *, restart: bool) -> tuple[str, int, int, bool, int, int, int]:
    """Open a turn, or take over the running one: after a restart, or after the process that ran it died."""
    running = sql(
        "SELECT id, attempt, crashes, stop, upto_seq, reserved, put_off FROM turn WHERE conversation_id = ? AND state = 'running'",
        (conversation_id,),
    ).fetchone()
    if running is None:
        turn_id = clock.new_id()
        sql(
            "INSERT INTO turn (id, conversation_id, upto_seq, state, attempt, crashes, stop, provider, model, input_tokens, output_tokens,"
            " draft, error, started_at) VALUES (?, ?, ?, 'running', 1, 0, ?, '', '', 0, 0, '', '', ?)",
            (turn_id, conversation_id, upto, False, clock.now()),
        )
        return turn_id, 1, 0, False, upto, 0, 0
    turn_id, attempt, crashes, stop, before, reserved, put_off = running
    if stop:
        upto = before  # who asked on after pressing stop wants an answer to that: the next turn gives it
    crashed = 0 if restart else 1
    # The number leaves room for the failovers of the attempt before, so that a higher one always means: start again.
    sql(
        "UPDATE turn SET upto_seq = ?, attempt = ?, crashes = crashes + ? WHERE id = ?",
        (upto, attempt + FAILOVERS, crashed, turn_id),
    )
    return turn_id, attempt + FAILOVERS, crashes + crashed, bool(stop), upto, reserved, put_off


FAILOVERS = 10
"""Attempt numbers one run may use for its failovers."""


_MORE = (
    "(EXISTS (SELECT 1 FROM message m WHERE m.conversation_id = conversation.id AND m.seq > ? AND m.author = 'customer'"
    " AND NOT m.deleted))"
)


def end(begun: Begun, answer: Answer, account: Account, *, state: str = "done") -> Ended:
    """Store the answer, end the turn, plan its deliveries and hand over if it says so: all or nothing. Inside a write.

    Raises :class:`LostLease` when the conversation belongs to another process by now.
    """
    failpoint("turn.before_commit")
    done = sql(
        "UPDATE turn SET state = ?, provider = ?, model = ?, input_tokens = ?, output_tokens = ?, confidence = ?, first_delta_ms = ?,"
        " total_ms = ?, ended_at = ?, error = ?, reserved = 0 WHERE id = ? AND state = 'running'",
        (state, answer.provider, answer.model, account.input_tokens, account.output_tokens, answer.confidence,
         account.first_delta_ms, account.total_ms, clock.now(), answer.handoff_reason if state == "failed" else "", begun.turn_id),
    ).rowcount  # fmt: skip
    if not done:
        raise LostLease(begun.turn_id)
    handing_over = bool(answer.handoff_reason)
    # A rule may pass the conversation on without a word of its own: then there is no answer to store.
    speaks = bool(answer.text.strip()) or not handing_over
    step = 1 if speaks else 0
    failpoint("turn.before_release")
    # The lease is given back at once, unless there is more to answer.
    _hold(begun.conversation_id)
    row = sql(
        f"UPDATE conversation SET seq = seq + ?, rev = rev + ?, active_at = ?, answered = CASE WHEN answered < ? THEN ? ELSE answered END,"  # noqa: S608
        f" needs = {_MORE}, lease_until = CASE WHEN {_MORE} THEN lease_until ELSE 0 END,"
        f" lease_owner = CASE WHEN {_MORE} THEN lease_owner ELSE '' END"
        " WHERE id = ? AND fence = ? AND lease_owner = ? AND state = 'ai' RETURNING seq, rev, needs",
        (step, step, clock.now(), *[begun.upto_seq] * 5, begun.conversation_id, begun.lease.fence, begun.lease.owner),
    ).fetchone()
    # Locks come in the order of begin: the conversation, then the day's rows.
    tokens = account.input_tokens + account.output_tokens
    spending.settle(begun.turn_id, begun.site_id, tokens, account.cost or 0, reserved=begun.reserved)
    if row is None:
        return _too_late(begun, answer)
    deliveries = _store(begun, answer, account, Place(row[0], row[1])) if speaks else False
    if handing_over:
        handoff.hand_over(
            begun.conversation_id,
            answer.handoff_reason,
            summary=answer.handoff_summary,
            code=answer.handoff_code,
            priority=answer.priority,
            confidence=answer.confidence,
        )
    more = bool(row[2])
    if more and handing_over:
        more = False
        release(begun)
    return Ended(stored=True, more=more, deliveries=deliveries or handing_over or begun.had_people)


def _store(begun: Begun, answer: Answer, account: Account, place: Place) -> bool:
    """The answer at its place, with its deliveries; whether there are any."""
    message_id = clock.new_id()
    insert_message(
        message_id,
        begun.conversation_id,
        place,
        author="ai",
        body=answer.text,
        created_at=clock.now(),
        turn=begun.turn_id,
        kind=answer.type,
        extra=_extra(answer),
    )
    answer_log.record(begun, answer, account, message_id)
    deliveries = deliver.plan(begun.conversation_id, message_id, answer.text)
    if begun.had_people:
        desk_posts.show(begun.conversation_id, message_id)
    return deliveries


def _extra(answer: Answer) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if answer.sources:
        extra["sources"] = [asdict(source) for source in answer.sources]
    if answer.choices and not answer.handoff_reason:
        extra["choices"] = list(answer.choices)
    return extra


def _too_late(begun: Begun, answer: Answer) -> Ended:
    """The row was not ours: a person took over (the draft is kept for the agent), or another process did."""
    row = sql("SELECT fence, lease_owner, state FROM conversation WHERE id = ?", (begun.conversation_id,)).fetchone()
    if row is None or row[0] != begun.lease.fence or row[1] != begun.lease.owner:
        raise LostLease(begun.conversation_id)
    draft = seal_draft(answer.text, begun.turn_id)
    sql("UPDATE turn SET state = 'superseded', draft = ? WHERE id = ?", (draft, begun.turn_id))
    if answer.text and row[2] in {"waiting", "human"}:
        desk_posts.show_draft(begun.conversation_id, begun.turn_id)
    sql("UPDATE conversation SET needs = ? WHERE id = ?", (False, begun.conversation_id))
    release(begun)
    return Ended(stored=False, why=row[2])


def seal_draft(text: str, turn_id: str) -> str:
    """A draft as it is stored: sealed when message texts are."""
    return keep("turn", "draft", turn_id, text)


def spend(begun: Begun, account: Account) -> None:
    """Book tokens of an attempt that was thrown away: they were paid all the same. Inside a write."""
    if tokens := account.input_tokens + account.output_tokens:
        spending.settle(begun.turn_id, begun.site_id, tokens, account.cost or 0, over=False, free=False)


def note_attempt(begun: Begun, attempt: int) -> None:
    """Remember that the draft was emptied and begun again, so that whoever reads in the middle reads the right one.
    Inside a write. Raises :class:`LostLease`.
    """
    if not sql(
        "UPDATE turn SET attempt = ? WHERE id = ? AND state = 'running' AND attempt <= ?",
        (attempt, begun.turn_id, attempt),
    ).rowcount:
        raise LostLease(begun.turn_id)


def release(begun: Begun) -> None:
    """Give the conversation back. Inside a write; harmless when it is not ours any more."""
    failpoint("turn.before_release")
    sql(
        "UPDATE conversation SET lease_until = 0, lease_owner = '' WHERE id = ? AND fence = ? AND lease_owner = ?",
        (begun.conversation_id, begun.lease.fence, begun.lease.owner),
    )


def let_go(begun: Begun) -> None:
    """Give an unfinished turn back, to be run again elsewhere without counting as a crash (shutdown). Inside a write."""
    sql("UPDATE turn SET crashes = crashes - 1 WHERE id = ? AND state = 'running'", (begun.turn_id,))
    release(begun)


def wanted(limit: int = 500) -> list[str]:
    """Conversations that wait for a turn nobody works on, longest waiting first. Inside a read."""
    rows = sql(
        "SELECT id FROM conversation WHERE needs AND due_at <= ? AND lease_until < ? ORDER BY due_at LIMIT ?",
        (clock.now(), lease.now(), limit),
    ).fetchall()
    return [row[0] for row in rows]


def running_turn(conversation_id: str) -> tuple[str, int] | None:
    """Id and attempt of the running turn. Inside a read."""
    row = sql(
        "SELECT id, attempt FROM turn WHERE conversation_id = ? AND state = 'running'", (conversation_id,)
    ).fetchone()
    return (row[0], row[1]) if row else None


def stop_asked(turn_id: str) -> bool:
    """Whether somebody asked to stop it. Inside a read."""
    row = sql("SELECT stop FROM turn WHERE id = ?", (turn_id,)).fetchone()
    return bool(row and row[0])


def news(begun: Begun) -> tuple[bool, int, bool]:
    """Whether it shall stop, the newest ``seq`` of the customer that is not deleted, and whether a question was changed or deleted
    since it began. What is said to people is no news. Inside a read."""
    newest, changed = sql(
        "SELECT max(CASE WHEN m.deleted THEN 0 ELSE m.seq END), max(CASE WHEN m.seq > ? AND m.seq <= ? THEN m.rev ELSE 0 END)"
        " FROM message m JOIN conversation c ON c.id = m.conversation_id"
        " WHERE c.id = ? AND c.state = 'ai' AND m.author = 'customer'",
        (begun.answered, begun.upto_seq, begun.conversation_id),
    ).fetchone()
    return stop_asked(begun.turn_id), newest or 0, (changed or 0) > begun.rev


def give_up(conversation_id: str) -> None:
    """No turn can even be begun: pass the conversation to people instead of trying for ever. Inside a write."""
    handoff.hand_over(conversation_id, Reason.ERROR)
    sql("UPDATE conversation SET needs = ?, answered = seq WHERE id = ?", (False, conversation_id))
