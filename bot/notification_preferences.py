"""How agents want to be told: a way for each kind, quiet hours in their own zone, and a digest once a day if they like."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo

from bot import clock
from bot.opening import zone_named
from bot.store import sql

KINDS = {
    "assignment": "A conversation is given to me",
    "request": "A new conversation waits for somebody",
    "breach": "A reply of mine is due, or overdue",
    "mention": "A colleague mentions me",
}
"""What agents are told of, as the form asks."""
WAYS = {"direct": "Message here", "mail": "E-mail", "none": "Only in the list"}
USUAL = {"assignment": "direct", "request": "none", "breach": "direct", "mention": "direct"}
_TIME = re.compile(r"([01]?\d|2[0-3])(?::([0-5]\d))?")
_OFF = {"", "off", "none", "no"}
_LATE = 12 * 3_600.0
"""A digest that could not be made for so long is left out: the next one says what is still true."""


class PreferenceError(ValueError):
    """What is wrong, by the name of the field. Nothing was changed."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = dict(errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """Times of the day are minutes after midnight in ``zone``; ``None``: not wanted."""

    ways: Mapping[str, str] = field(default_factory=lambda: dict(USUAL))
    zone: str = "UTC"
    quiet: tuple[int, int] | None = None
    digest: int | None = None
    digest_way: str = "direct"
    changed_at: float = 0.0

    @property
    def where(self) -> tzinfo:
        """The zone; UTC if this machine does not know it any more."""
        return zone_named(self.zone) or UTC

    def quiet_until(self, at: float) -> float | None:
        """When the quiet hours end that ``at`` is in; ``None``: it is in none."""
        if self.quiet is None:
            return None
        begins, ends = self.quiet
        there = datetime.fromtimestamp(at, self.where)
        minute = there.hour * 60 + there.minute
        inside = begins <= minute < ends if begins < ends else minute >= begins or minute < ends
        if not inside:
            return None
        # An hour that comes twice ends twice, and one that is left out ends where the clock goes on.
        days = (there.date(), there.date() + timedelta(days=1))
        moments = (_moment(day, ends, self.where, fold) for day in days for fold in (0, 1))
        return min(moment for moment in moments if moment > at)

    def digest_due(self, at: float) -> str:
        """The day (``2026-11-21``) whose digest is due at ``at``; empty: none."""
        if self.digest is None:
            return ""
        today = datetime.fromtimestamp(at, self.where).date()
        for day in (today, today - timedelta(days=1)):
            moment = _moment(day, self.digest, self.where)
            if moment <= at:
                return day.isoformat() if moment > self.changed_at and at - moment < _LATE else ""
        return ""

    def in_words(self) -> str:
        """All of it, in one line."""
        ways = " ".join(f"{kind}={way}" for kind, way in self.ways.items())
        quiet = f"{shown(self.quiet[0])}-{shown(self.quiet[1])}" if self.quiet else "off"
        digest = f"{shown(self.digest)} digest-by={self.digest_way}" if self.digest is not None else "off"
        return f"{ways} quiet={quiet} digest={digest} zone={self.zone}"


def _moment(day: date, minute: int, where: tzinfo, fold: int = 0) -> float:
    return datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=where, fold=fold).timestamp()


def shown(minute: int | None) -> str:
    """``20:00``; empty for none."""
    return "" if minute is None else f"{minute // 60:02}:{minute % 60:02}"


_COLUMNS = "assignment, request, breach, mention, zone, quiet_from, quiet_to, digest_at, digest_way, changed_at"


def of(agent_id: str) -> Preferences:
    """How an agent wants to be told. Inside a read or write."""
    row = sql(f"SELECT {_COLUMNS} FROM notification_preference WHERE agent_id = ?", (agent_id,)).fetchone()  # noqa: S608
    if row is None:
        return Preferences()
    quiet = (row[5], row[6]) if row[5] is not None and row[6] is not None else None
    return Preferences(
        ways=dict(zip(KINDS, row[:4], strict=True)), zone=row[4], quiet=quiet, digest=row[7], digest_way=row[8], changed_at=row[9]
    )  # fmt: skip


def change(agent_id: str, wanted: Mapping[str, str]) -> Preferences:
    """Change what ``wanted`` names: a kind, ``quiet`` (``20:00-08:00``), ``quiet_from`` with ``quiet_to``, ``digest``, ``digest_way``,
    ``zone``; an empty time or ``off`` ends it. Inside a write. Raises :class:`PreferenceError`, and then nothing is changed."""
    now = of(agent_id)
    errors: dict[str, str] = {}
    ways = dict(now.ways)
    for name, value in wanted.items():
        if name in KINDS or name == "digest_way":
            way = value.strip().lower()
            if way not in WAYS or (name == "digest_way" and way == "none"):
                known = [one for one in WAYS if one != "none" or name in KINDS]
                errors[name] = f"Say {', '.join(known[:-1])} or {known[-1]}."
            elif name in KINDS:
                ways[name] = way
        elif name not in {"quiet", "quiet_from", "quiet_to", "digest", "zone"}:
            errors[name] = (
                f"There is no {name[:40]} to set. There are: {', '.join(KINDS)}, quiet, digest, digest-by, zone."
            )
    zone = wanted.get("zone", now.zone).strip() or "UTC"
    if zone_named(zone) is None:
        errors["zone"] = "This zone is not known. It is written like Europe/Berlin or America/New_York."
    quiet = _quiet(wanted, now.quiet, errors)
    digest = now.digest
    if "digest" in wanted:
        digest = _time(wanted["digest"], "digest", errors)
    if errors:
        raise PreferenceError(errors)
    found = Preferences(
        ways=ways, zone=zone, quiet=quiet, digest=digest, digest_way=wanted.get("digest_way", now.digest_way).strip().lower(),
        changed_at=clock.now(),
    )  # fmt: skip
    if digest is not None and quiet is not None and _within(digest, quiet):
        raise PreferenceError({"digest": f"At {shown(digest)} it is quiet. Take a time outside of your quiet hours."})
    _store(agent_id, found)
    return found


def parse(words: Sequence[str]) -> dict[str, str]:
    """``assignment=mail quiet=20:00-08:00`` as :func:`change` takes it. Raises :class:`PreferenceError`."""
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise PreferenceError({word: f"Say it like assignment=mail or quiet=20:00-08:00, and not {word[:40]}."})
        found[name.strip().lower().replace("-", "_").replace("digest_by", "digest_way")] = value
    return found


def _quiet(wanted: Mapping[str, str], now: tuple[int, int] | None, errors: dict[str, str]) -> tuple[int, int] | None:
    if "quiet" in wanted:
        if wanted["quiet"].strip().lower() in _OFF:
            return None
        begins, dash, ends = wanted["quiet"].partition("-")
        if not dash:
            errors["quiet"] = "Say from when to when, such as 20:00-08:00, or off."
            return now
        names, values = ("quiet", "quiet"), (begins, ends)
    elif "quiet_from" in wanted or "quiet_to" in wanted:
        usual = (shown(now[0]), shown(now[1])) if now else ("", "")
        names = ("quiet_from", "quiet_to")
        values = (wanted.get("quiet_from", usual[0]), wanted.get("quiet_to", usual[1]))
    else:
        return now
    first, last = (_time(value, name, errors) for value, name in zip(values, names, strict=True))
    if errors.keys() & set(names) or (first is None and last is None):
        return None
    if first is None or last is None:
        errors[names[0] if first is None else names[1]] = "Quiet hours need a beginning and an end."
        return None
    if first == last:
        errors[names[1]] = "Quiet hours that begin and end at the same time would never end. Take another time."
        return None
    return first, last


def _time(value: str, name: str, errors: dict[str, str]) -> int | None:
    if value.strip().lower() in _OFF:
        return None
    found = _TIME.fullmatch(value.strip())
    if found is None:
        errors[name] = "A time is written like 08:00 or 20:30."
        return None
    return int(found[1]) * 60 + int(found[2] or 0)


def _within(minute: int, quiet: tuple[int, int]) -> bool:
    begins, ends = quiet
    return begins <= minute < ends if begins < ends else minute >= begins or minute < ends


def _store(agent_id: str, one: Preferences) -> None:
    first, last = one.quiet or (None, None)
    sql(
        f"INSERT INTO notification_preference (agent_id, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
        " ON CONFLICT (agent_id) DO UPDATE SET assignment = excluded.assignment, request = excluded.request,"
        " breach = excluded.breach, mention = excluded.mention, zone = excluded.zone, quiet_from = excluded.quiet_from,"
        " quiet_to = excluded.quiet_to, digest_at = excluded.digest_at, digest_way = excluded.digest_way,"
        " changed_at = excluded.changed_at",
        (
            agent_id,
            *(one.ways[kind] for kind in KINDS),
            one.zone,
            first,
            last,
            one.digest,
            one.digest_way,
            one.changed_at,
        ),
    )
    # What waits for the end of quiet hours is looked at again: they may be others now.
    sql("UPDATE notification SET due_at = ? WHERE agent_id = ? AND state = 'waiting'", (clock.now(), agent_id))
