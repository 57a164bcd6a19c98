"""Waiting for a person: who is there, how long it takes in truth, and when the customer is asked for an address instead.

A wait begins with a handoff (or a release) and ends with a claim. Numbers are real or they are not told: the place in the queue
is counted from rows, the expected time is what others waited who stood as this one does (:mod:`bot.expected_waits`), and with too
few of them nobody guesses. Somebody is there if they are linked at a desk that is connected, and it says so, or says nothing
(:mod:`bot.presence`).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot import clock, hours, jobs, lease, presence
from bot.config import config
from bot.expected_waits import SAMPLES, Sample, expected, load
from bot.handoff_words import People
from bot.opening import Opening, in_words
from bot.store import StoreUnavailable, read, sql

KIND = "queue.form"
"""The job that asks for an address when the countdown has ended."""
SAMPLE_DAYS = 30
NEWEST = 400
BUSY = 900.0
"""A conversation in which nobody has written for so long is in nobody's hands."""
KNOWN_SECONDS = 2.0
FARTHEST = 500
"""Nobody is told a place beyond this one at the handoff: counting is work inside a write."""
PART = 200


@dataclass(frozen=True, slots=True)
class Staffing:
    """Who could take over at a site now."""

    people: People
    opening: Opening


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueView:
    """A conversation that waits, as its customer may know it. Times are Unix seconds, lengths seconds."""

    conversation_id: str
    ticket: int
    reason: str
    """A value of :class:`bot.Reason`."""
    position: int
    """1 is next. 0: it does not stand in the queue (a ticket that is answered later)."""
    waiting: int
    """How many wait at this site."""
    since: float
    expected: float | None
    """How much longer it usually takes from here on; ``None``: nobody can say."""
    until: float | None
    """End of the countdown; ``None``: there is none (any more)."""
    people: People
    opens: float | None
    zone: str
    reply: float | None
    """In how long a first answer usually comes, for who leaves an address."""
    form: bool
    """An address is asked for and not there yet."""
    name: str
    email: str
    """What is known of the customer already, to fill the form with."""


def staffing(site_id: str) -> Staffing:
    """Inside a read or write."""
    opening = hours.opening_of(site_id)
    if not opening.open:
        return Staffing("closed", opening)
    reachable = presence.reachable() if lease.led("desk:") else frozenset()
    if not reachable:
        return Staffing("none", opening)
    return Staffing("here" if reachable & set(presence.staff().there) else "away", opening)


@dataclass(frozen=True, slots=True)
class SiteHours:
    """What a page may know before anybody waits. ``opening``: the next one in words, empty if it is open or nobody knows."""

    people: People
    opens: float | None
    zone: str
    opening: str


_known: dict[tuple[str, str], tuple[float, Staffing]] = {}


def site_hours(site_id: str, visitor_zone: str = "", language: str = "") -> SiteHours:
    """Who is there now, at most 2 s old. Blocks: in web call it by ``offload``."""
    place = (config().database, site_id)
    until, staff = _known.get(place, (0.0, None))
    if staff is None or time.monotonic() >= until:
        try:
            staff = read(lambda: staffing(site_id))
        except StoreUnavailable:
            if staff is None:
                raise
        _known[place] = (time.monotonic() + KNOWN_SECONDS, staff)
    opening = staff.opening
    words = ""
    if opening.next is not None:
        words = in_words(opening.next, clock.now(), zone=opening.zone, visitor=visitor_zone, language=language)
    return SiteHours(staff.people, opening.next, opening.zone, words)


def begin(conversation_id: str, people: People, *, ask_now: bool = False) -> None:
    """The customer waits from now on. Inside a write. ``ask_now``: they are being asked for an address already."""
    at, patience = clock.now(), config().handoff_seconds
    due = at + patience if people == "here" and patience and not ask_now else None
    sql(
        "UPDATE ticket SET waiting_since = ?, form_due = ?, form_at = ? WHERE conversation_id = ?",
        (at, due, at if ask_now else None, conversation_id),
    )
    # How it stands now: what this wait will tell of others that begin like it.
    place = place_in_line(conversation_id) if due is not None else 0
    stands = (place - 1, *_at_work()) if place else (None, None, None)
    sql(
        "UPDATE ticket SET wait_ahead = ?, wait_busy = ?, wait_there = ? WHERE conversation_id = ?",
        (*stands, conversation_id),
    )
    if due is not None:
        jobs.enqueue(KIND, conversation_id, f"{at:.6f}", at=due)


def end(conversation_id: str, *, claimed: bool = False) -> None:
    """Nobody waits any more. Inside a write, before the conversation's assignee is told of it. What was waited until a claim counts
    for what others are told, if somebody could have come all the while."""
    row = sql(
        "SELECT t.waiting_since, t.form_due, v.site_id, t.deferred, t.wait_ahead, t.wait_busy, t.wait_there"
        " FROM ticket t JOIN conversation v ON v.id = t.conversation_id"
        " WHERE v.id = ?",
        (conversation_id,),
    ).fetchone()
    if row is None or row[0] is None:
        return
    since, due, site_id, deferred, *stood = row
    sql("UPDATE ticket SET waiting_since = NULL, form_due = NULL WHERE conversation_id = ?", (conversation_id,))
    if claimed and due is not None and not deferred:
        at = clock.now()
        sql("INSERT INTO waited (id, site_id, hour, seconds, at, ahead, busy, there) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (clock.new_id(), site_id, _hour(at), max(0.0, at - since), at, *stood))  # fmt: skip
        sql("DELETE FROM waited WHERE site_id = ? AND at < ?", (site_id, at - SAMPLE_DAYS * 86_400))


def _hour(at: float) -> int:
    return datetime.fromtimestamp(at, UTC).hour


def usual(site_id: str, ahead: int | None = None) -> float | None:
    """How long it usually takes for who comes now and stands behind ``ahead`` others. ``None``: nobody can say. Inside a read or
    write."""
    now = None if ahead is None else load(ahead, *_at_work())
    return expected(_samples(site_id), hour=_hour(clock.now()), now=now)


def _samples(site_id: str) -> list[Sample]:
    """What others waited in 30 days, the newest."""
    return [
        Sample(seconds, hour, None if ahead is None or busy is None or there is None else load(ahead, busy, there))
        for seconds, hour, ahead, busy, there in sql(
            "SELECT seconds, hour, ahead, busy, there FROM waited WHERE site_id = ? AND at > ? ORDER BY at DESC LIMIT ?",
            (site_id, clock.now() - SAMPLE_DAYS * 86_400, NEWEST),
        ).fetchall()
    ]


def _at_work() -> tuple[int, int]:
    """Conversations that agents have in hand, and agents who are there."""
    row = sql(
        "SELECT count(*) FROM conversation WHERE state = 'human' AND active_at > ?", (clock.now() - BUSY,)
    ).fetchone()
    return int(row[0]), len(presence.staff().there)


def usual_reply(site_id: str) -> float | None:
    """In how long a first answer to a ticket usually comes: the median of the newest. ``None`` with fewer than five. Inside a read
    or write."""
    rows = sql(
        "SELECT t.first_reply_at - coalesce(t.opened_at, t.created_at) FROM ticket t JOIN conversation v ON v.id = t.conversation_id"
        " WHERE v.site_id = ? AND t.first_reply_at IS NOT NULL AND t.created_at > ? ORDER BY t.created_at DESC LIMIT ?",
        (site_id, clock.now() - SAMPLE_DAYS * 86_400, NEWEST),
    ).fetchall()
    return statistics.median(row[0] for row in rows) if len(rows) >= SAMPLES else None


_STANDS = "v.state = 'waiting' AND NOT t.deferred AND (t.snoozed_until IS NULL OR t.snoozed_until <= ?)"
_LINE = (
    f"SELECT v.id, v.site_id FROM conversation v JOIN ticket t ON t.conversation_id = v.id WHERE {_STANDS}"  # noqa: S608  fixed text
    " ORDER BY coalesce(t.waiting_since, t.created_at), v.id"
)
_ABOUT = (
    "SELECT v.id, v.site_id, t.number, t.reason_code, t.deferred, coalesce(t.waiting_since, t.created_at), t.form_due, t.form_at,"
    " t.name, t.email, k.name, k.email, t.wait_ahead, t.wait_busy, t.wait_there"
    " FROM conversation v JOIN ticket t ON t.conversation_id = v.id"
    " JOIN contact k ON k.id = v.contact_id WHERE v.state = 'waiting' AND v.id IN ({})"
)


def queues(conversation_ids: Iterable[str]) -> dict[str, QueueView]:
    """How those of these conversations stand that wait; the others are missing. One look for all of them. Blocks: in web call it
    by ``offload``."""
    wanted = list(conversation_ids)
    return read(lambda: _queues(wanted)) if wanted else {}


def place_in_line(conversation_id: str) -> int:
    """1 is next at its site; 0: it does not stand there, or behind so many that a number says nothing. Inside a read or write."""
    at = clock.now()
    row = sql(
        "SELECT v.site_id, coalesce(t.waiting_since, t.created_at) FROM conversation v JOIN ticket t ON t.conversation_id = v.id"  # noqa: S608
        f" WHERE v.id = ? AND {_STANDS}",
        (conversation_id, at),
    ).fetchone()
    if row is None:
        return 0
    site_id, since = row
    found = sql(
        "SELECT count(*) FROM (SELECT 1 FROM conversation v JOIN ticket t ON t.conversation_id = v.id"  # noqa: S608
        f" WHERE {_STANDS} AND v.site_id = ? AND (coalesce(t.waiting_since, t.created_at) < ?"
        " OR (coalesce(t.waiting_since, t.created_at) = ? AND v.id <= ?)) LIMIT ?) before",
        (at, site_id, since, since, conversation_id, FARTHEST + 1),
    ).fetchone()[0]
    return int(found) if found <= FARTHEST else 0


def _queues(wanted: Sequence[str]) -> dict[str, QueueView]:
    rows: list[Any] = []
    for start in range(0, len(wanted), PART):
        part = wanted[start : start + PART]
        rows += sql(_ABOUT.format(",".join("?" * len(part))), part).fetchall()
    if not rows:
        return {}
    lines: dict[str, dict[str, int]] = {}
    for conversation_id, site_id in sql(_LINE, (clock.now(),)).fetchall():
        line = lines.setdefault(site_id, {})
        line[conversation_id] = len(line) + 1
    about = {
        site_id: (staffing(site_id), usual_reply(site_id), _samples(site_id)) for site_id in {row[1] for row in rows}
    }
    at_work = _at_work()
    return {row[0]: _view(row, lines.get(row[1], {}), at_work, *about[row[1]]) for row in rows}


def _longer(
    ahead: int, at_work: tuple[int, int], stood: list[int | None], waited: float, samples: list[Sample]
) -> float | None:
    """How much longer it usually takes. Who has moved up since is told what somebody hears who comes to that place now; who stands
    where they stood, what is left of it for those who waited as long: as it stands now, if agents have left since."""
    hour = _hour(clock.now())
    before, busy, there = stood
    if before is None or busy is None or there is None or (ahead >= before and at_work[1] < there):
        return expected(samples, hour=hour, now=load(ahead, *at_work), waited=waited)
    if ahead < before:
        return expected(samples, hour=hour, now=load(ahead, *at_work))
    return expected(samples, hour=hour, now=load(before, busy, there), waited=waited)


def _view(
    row: Any,
    line: dict[str, int],
    at_work: tuple[int, int],
    staff: Staffing,
    reply: float | None,
    samples: list[Sample],
) -> QueueView:
    conversation_id, _, number, reason, deferred, since, due, asked, name, email, known_name, known_email, *stood = row
    place = line.get(conversation_id, 0)
    longer = None
    if staff.people == "here" and not deferred and place:
        longer = _longer(place - 1, at_work, stood, max(0.0, clock.now() - since), samples)
    return QueueView(
        conversation_id=conversation_id,
        ticket=number,
        reason=reason,
        position=place,
        waiting=len(line),
        since=since,
        expected=longer,
        until=due if due is not None and asked is None else None,
        people=staff.people,
        opens=staff.opening.next,
        zone=staff.opening.zone,
        reply=reply,
        form=asked is not None and not email,
        name=name or known_name,
        email=email or known_email,
    )
