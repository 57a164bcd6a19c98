"""Drafts that the AI writes for agents: asked for, looked at, sent or thrown away. Nothing here is ever sent by itself.

A draft is a row, and every change of its words is another one (``parent``). What became of each is counted; the words go after a month,
and with their conversation. A job writes them (``bot.draft_writing``). Inside a write unless said otherwise.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import structlog

from bot import clock, jobs, personal_posts, spending
from bot.agents import AgentView
from bot.citations import recite
from bot.crypto import CryptoError, keep, reveal
from bot.desk_messages import customer_name
from bot.messages import Source
from bot.metrics import counter
from bot.states import NotAllowed
from bot.store import db, is_sqlite, read, sql, write

log = structlog.get_logger("drafts")

KIND, TIDY, SHOWN = "draft.write", "draft.tidy", "drafts.shown"
"""The job that writes one, the one that takes away what is old, and the personal post that shows one."""
LONGEST = 3_000
"""Characters of a draft: what a form takes."""
INSTRUCTION = 500
"""Characters of what an agent wants it to say."""
LATE = 240.0
"""Seconds after which nobody waits for it any more."""
DAY = 86_400.0
TEXT_DAYS, COUNT_DAYS, FAILED_DAYS = 30, 400, 1
LINKS = 5
"""Links of sources below a reply."""
WITH_PEOPLE = frozenset({"waiting", "human"})
TOO_LATE = "It could not be written in time. Nothing was sent; try again, or write the reply yourself."
_TEXTS = ("instruction", "text", "sources")
_WORD = re.compile(r"\w+|[^\w\s]")

NOW = "CASE WHEN d.state = 'sent' AND r.state = 'undone' THEN 'ready' ELSE d.state END"
"""What state a draft ``d`` is in: a reply ``r`` that was taken back is not sent."""


class Refused(Exception):
    """No draft can be asked for. A sentence for the agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftView:
    """One version of a draft, as its agent may see it. Times are Unix seconds."""

    id: str
    conversation_id: str
    """Empty: erased."""
    agent_id: str
    desk: str
    person: str
    way: str
    """new, shorter, friendlier or translate"""
    language: str
    parent: str
    state: str
    """writing, ready, failed, sent, discarded or replaced"""
    instruction: str
    text: str
    """A small Markdown with citations such as ``[1]``."""
    sources: tuple[Source, ...]
    why: str
    """Why it failed."""
    kind: str
    """ai, or quotes"""
    grounded: float | None
    answerable: bool
    seq: int
    started_at: float
    newest: int
    """The newest message of customer, agent or AI in the conversation."""
    number: int
    """The ticket's; 0: there is none."""
    conversation_state: str

    @property
    def older(self) -> bool:
        """Something was said after it was written."""
        return self.newest > self.seq

    @property
    def unproven(self) -> bool:
        """Some of what it claims stands in no article."""
        return self.grounded is not None and self.grounded < 1


# Asking for one ------------------------------------------------------------------------------------------------------


def ask(
    conversation_id: str, agent: AgentView, desk: str, instruction: str = "", *, way: str = "new", language: str = "", parent: str = ""
) -> str:  # fmt: skip
    """Have one written; returns its id. One that is being written for this agent here is given up. Raises :class:`NotAllowed` while
    people do not have the conversation, and :class:`Refused`."""
    row = sql("SELECT state FROM conversation WHERE id = ?", (conversation_id,)).fetchone()
    if row is None or row[0] not in WITH_PEOPLE:
        raise NotAllowed("draft")
    instruction = " ".join(instruction.split())
    if len(instruction) > INSTRUCTION:
        raise Refused(f"Say it in {INSTRUCTION} characters at most. Nothing was changed.")
    give_up(conversation_id, agent.id)
    person = sql(
        "SELECT external_id FROM agent_identity WHERE agent_id = ? AND desk = ? ORDER BY created_at DESC, id DESC LIMIT 1",
        (agent.id, desk),
    ).fetchone()
    draft_id = clock.new_id()
    sql(
        "INSERT INTO agent_draft (id, conversation_id, agent_id, desk, person, way, language, parent, state, instruction, text, sources,"
        " why, kind, answerable, seq, provider, model, input_tokens, output_tokens, held_tokens, held_cost, edited, reply, started_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'writing', ?, '', '', '', '', ?, 0, '', '', 0, 0, 0, 0, ?, '', ?)",
        (
            draft_id, conversation_id, agent.id, desk, person[0] if person else "", way, language, parent,
            keep("agent_draft", "instruction", draft_id, instruction), True, False, clock.now(),
        ),
    )  # fmt: skip
    jobs.enqueue(KIND, draft_id)
    return draft_id


def ask_again(view: DraftView, agent: AgentView, way: str, language: str = "") -> str:
    """Have another version written. This one stays until that is there. Raises as :func:`ask`."""
    return ask(view.conversation_id, agent, view.desk, view.instruction, way=way, language=language, parent=view.id)


def give_up(conversation_id: str, agent_id: str = "", *, parent: str = "") -> None:
    """What is being written here (for one agent, of one version) is not waited for any more, and nothing stays set aside for it."""
    rows = sql(
        "SELECT id FROM agent_draft WHERE conversation_id = ? AND state = 'writing' AND (? = '' OR agent_id = ?)"
        " AND (? = '' OR parent = ?)",
        (conversation_id, agent_id, agent_id, parent, parent),
    ).fetchall()
    for (draft_id,) in rows:
        sql("UPDATE agent_draft SET state = 'replaced', ended_at = ? WHERE id = ?", (clock.now(), draft_id))
        spending.free(f"{spending.DRAFT}{draft_id}")


# Looking -------------------------------------------------------------------------------------------------------------

_SELECT = (
    "SELECT d.id, coalesce(d.conversation_id, ''), d.agent_id, d.desk, d.person, d.way, d.language, d.parent,"  # noqa: S608
    f" {NOW}, d.instruction, d.text, d.sources, d.why, d.kind, d.grounded, d.answerable, d.seq, d.started_at,"
    " coalesce((SELECT max(m.seq) FROM message m WHERE m.conversation_id = d.conversation_id AND NOT m.deleted"
    " AND m.author IN ('customer', 'agent', 'ai')), 0), coalesce(t.number, 0), coalesce(v.state, 'gone')"
    " FROM agent_draft d LEFT JOIN conversation v ON v.id = d.conversation_id LEFT JOIN ticket t ON t.conversation_id = d.conversation_id"
    " LEFT JOIN reply r ON r.id = d.reply"
)
_USABLE = (
    f"d.agent_id = ? AND v.state IN ('waiting', 'human') AND ({NOW} IN ('writing', 'ready')"
    " OR (d.state = 'failed' AND d.started_at > ?)) AND d.started_at > ?"
)
"""Drafts of an agent that something may still be done with; its values are those of :func:`_of`."""


def draft(draft_id: str) -> DraftView | None:
    """A version as it is now; ``None``: there is none, or it cannot be opened. Inside a read or write."""
    return next(iter(_views(sql(f"{_SELECT} WHERE d.id = ?", (draft_id,)).fetchall())), None)


def drafts_of(agent_id: str, limit: int = 30, skip: int = 0) -> list[DraftView]:
    """What an agent may still do something with, newest first: drafts of conversations that people have. Inside a read or write."""
    rows = sql(
        f"{_SELECT} WHERE {_USABLE} ORDER BY d.started_at DESC, d.id DESC LIMIT ? OFFSET ?",
        (*_of(agent_id), limit, skip),
    ).fetchall()
    return _views(rows)


def count_of(agent_id: str) -> tuple[int, int]:
    """How many of :func:`drafts_of` are ready, and how many there are. Inside a read or write."""
    row = sql(
        f"SELECT coalesce(sum(CASE WHEN {NOW} = 'ready' THEN 1 ELSE 0 END), 0), count(*)"  # noqa: S608
        " FROM agent_draft d JOIN conversation v ON v.id = d.conversation_id LEFT JOIN reply r ON r.id = d.reply"
        f" WHERE {_USABLE}",
        _of(agent_id),
    ).fetchone()
    return int(row[0]), int(row[1])


def _of(agent_id: str) -> tuple[str, float, float]:
    return agent_id, clock.now() - FAILED_DAYS * DAY, clock.now() - TEXT_DAYS * DAY


def _views(rows: Sequence[Sequence[Any]]) -> list[DraftView]:
    found = []
    for row in rows:
        try:
            found.append(_view(row))
        except CryptoError as error:  # one whose key is lost must not take all others along
            log.warning("draft_not_readable", draft=row[0], reason=str(error))
    return found


def _view(row: Sequence[Any]) -> DraftView:
    (
        draft_id, conversation_id, agent_id, desk, person, way, language, parent, state, instruction, text, sources, why, kind, grounded,
        answerable, seq, started_at, newest, number, conversation_state,
    ) = row  # fmt: skip
    listed = reveal("agent_draft", "sources", draft_id, sources)
    return DraftView(
        id=draft_id, conversation_id=conversation_id, agent_id=agent_id, desk=desk, person=person, way=way, language=language,
        parent=parent, state=state, instruction=reveal("agent_draft", "instruction", draft_id, instruction),
        text=reveal("agent_draft", "text", draft_id, text), sources=tuple(Source(**one) for one in orjson.loads(listed or "[]")),
        why=why, kind=kind, grounded=grounded, answerable=bool(answerable), seq=seq, started_at=started_at, newest=newest,
        number=number, conversation_state=conversation_state,
    )  # fmt: skip


def customer_of(view: DraftView) -> str:
    """The customer's name, or a stand-in. Foreign text. Inside a read or write."""
    return customer_name(view.conversation_id)


def as_reply(view: DraftView) -> str:
    """The text as it goes to the customer: without the numbers of its sources, and with their links below it."""
    text = recite(view.text, ()).text.strip()
    links = list(dict.fromkeys(one.url for one in view.sources if one.url.startswith(("https://", "http://"))))
    fresh = [url for url in links[:LINKS] if url not in text]
    return "\n\n".join(filter(None, (text, "\n".join(fresh))))


# What becomes of it --------------------------------------------------------------------------------------------------


def sent(view: DraftView, reply_id: str, text: str) -> None:
    """It became this reply, with these words. A version of it that is still being written would only say the same again."""
    give_up(view.conversation_id, parent=view.id)
    meant = as_reply(view)
    same = " ".join(text.split()) == " ".join(meant.split())
    sql(
        "UPDATE agent_draft SET state = 'sent', edited = ?, similarity = ?, reply = ?, ended_at = ? WHERE id = ?",
        (not same, 1.0 if same else alike(meant, text), reply_id, clock.now(), view.id),
    )
    note(view.id, "edited" if not same else "as_it_is")


def discarded(view: DraftView) -> None:
    """The agent does not want it, nor a version of it that is still being written."""
    give_up(view.conversation_id, parent=view.id)
    sql("UPDATE agent_draft SET state = 'discarded', ended_at = ? WHERE id = ?", (clock.now(), view.id))
    note(view.id, "discarded")


def alike(before: str, after: str) -> float:
    """How much of the words of ``before`` is left in ``after``, from 0 to 1."""
    first, second = _WORD.findall(before.lower()), _WORD.findall(after.lower())
    return round(difflib.SequenceMatcher(None, first, second, autojunk=False).ratio(), 3)


def note(draft_id: str, became: str) -> None:
    """Count it for ``/metrics`` once the transaction is on disk."""
    row = sql("SELECT provider, model FROM agent_draft WHERE id = ?", (draft_id,)).fetchone()
    if row is not None:
        numbers = counter(
            "agent_drafts_total", "AI drafts for agents, by what became of them", ("provider", "model", "became")
        )
        db.after_commit(lambda: numbers.labels(*row, became).inc())


def show(view: DraftView) -> None:
    """Show it in the thread to its agent alone. It may vanish there; :func:`drafts_of` keeps it."""
    if view.person and view.conversation_id:
        personal_posts.put(
            view.desk, view.person, SHOWN, view.id, op="aside", conversation_id=view.conversation_id, version=1
        )


# The end -------------------------------------------------------------------------------------------------------------


def forget(conversation_id: str) -> None:
    """The conversation is being erased: its texts go, what became of them is only counted."""
    give_up(conversation_id)
    sql(
        "UPDATE agent_draft SET conversation_id = NULL, instruction = '', text = '', sources = '', reply = '', person = ''"
        " WHERE conversation_id = ?",
        (conversation_id,),
    )


def tidy(_ref: str = "") -> None:
    """Texts go after a month and rows after a year; what nobody came to write in time is told so. A job."""

    late = "SELECT id FROM agent_draft WHERE state = 'writing' AND started_at < ?"
    for (draft_id,) in read(lambda: sql(late, (clock.now() - LATE,)).fetchall()):
        write(lambda which=draft_id: fail(which, TOO_LATE))  # type: ignore[misc]

    def work() -> None:
        old = clock.now() - TEXT_DAYS * DAY
        filled = " OR ".join(f"{name} <> ''" for name in _TEXTS)
        sql(
            f"UPDATE agent_draft SET instruction = '', text = '', sources = '' WHERE started_at < ? AND ({filled})",  # noqa: S608
            (old,),
        )
        sql("DELETE FROM agent_draft WHERE started_at < ?", (clock.now() - COUNT_DAYS * DAY,))

    write(work)


def fail(draft_id: str, why: str) -> bool:
    """It will not be written: tell its agent. False: nobody waits for it."""
    hold(draft_id)
    moved = sql(
        "UPDATE agent_draft SET state = 'failed', why = ?, ended_at = ? WHERE id = ? AND state = 'writing'",
        (why, clock.now(), draft_id),
    ).rowcount
    if not moved:
        return False
    spending.free(f"{spending.DRAFT}{draft_id}")
    view = draft(draft_id)
    if view is not None:
        show(view)
    note(draft_id, "failed")
    return True


def hold(draft_id: str) -> None:
    """Lock its conversation, as everybody does first who changes something of it."""
    if not is_sqlite():
        sql(
            "SELECT 1 FROM conversation WHERE id = (SELECT conversation_id FROM agent_draft WHERE id = ?) FOR NO KEY UPDATE",
            (draft_id,),
        )
