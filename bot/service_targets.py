"""What the house promises: in how many open hours a ticket has its first reply and is resolved, by priority and, if wanted, by site.

A target is a row, for one site or for all; without one it is what the environment says, sooner for what presses more. What is done
about a promise that is about to be broken is one setting.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Literal, get_args

import orjson

from bot import audit, clock, jobs
from bot.config import config
from bot.events import Priority
from bot.store import sql

Kind = Literal["first_reply", "resolve"]
KINDS: tuple[Kind, ...] = get_args(Kind)
PRIORITIES: tuple[str, ...] = get_args(Priority)
HASTE = {"urgent": 0.25, "high": 0.5, "normal": 1.0, "low": 2.0}
WORDS: dict[str, str] = {"first_reply": "first reply", "resolve": "solution"}
LONGEST = 366 * 86_400.0
SHORTEST = 60.0
MOVE = "targets.move"
"""The job that moves the due times of open tickets after a change."""
_POLICY = "service.policy"
_UNITS = {"m": 60.0, "h": 3_600.0, "d": 86_400.0}
_LENGTH = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(m|h|d)")
Escalate = Literal["assignee", "admins", "both", "nobody"]
ESCALATE: tuple[str, ...] = get_args(Escalate)


class TargetError(ValueError):
    """What is wrong, as a sentence that names the field."""


@dataclass(frozen=True, slots=True)
class Target:
    """Open seconds, ``None``: never due. ``source``: ``site``, ``all`` or ``default``."""

    seconds: float | None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is done before and after a due time."""

    remind: str = "80%"
    """After such a part of the target, so long before the due time (``10m``), or ``off``."""
    escalate: Escalate = "assignee"
    """Who is alerted when it has passed. An assignee who is not there, or whom the desk does not know, is no one: then the admins."""
    raises: bool = False
    """Whether the ticket presses one step more then."""


def target(site_id: str, priority: str, kind: Kind) -> Target:
    """What is promised. Inside a read or write."""
    rows = sql(
        "SELECT site_id, seconds FROM service_target WHERE priority = ? AND kind = ? AND site_id IN ('', ?)",
        (priority, kind, site_id),
    ).fetchall()
    known = dict(rows)
    for place, source in ((site_id, "site"), ("", "all")):
        if place in known and (place or source == "all"):
            return Target(known[place] or None, source)
    settings = config()
    count = settings.first_reply_hours if kind == "first_reply" else settings.resolve_hours
    return Target(count * 3_600 * HASTE[priority] or None, "default")


def length(text: str, field: str) -> float:
    """``15m``, ``4h``, ``2d`` or ``never`` as seconds (0: never). Raises :class:`TargetError`."""
    word = text.strip().lower()
    if word == "never":
        return 0.0
    found = _LENGTH.fullmatch(word)
    if found is None:
        raise TargetError(
            f"{field}: say how long in minutes, hours or days, such as 15m, 4h or 2d, or never. Nothing was changed."
        )
    seconds = float(found[1]) * _UNITS[found[2]]
    if not SHORTEST <= seconds <= LONGEST:
        raise TargetError(
            f"{field}: a target is from 1 minute to 366 days; {text.strip()} is not. Nothing was changed."
        )
    return seconds


def in_short(seconds: float | None) -> str:
    """As one would write it: ``15m``, ``4h``, ``1h 30m``, ``2d``; open time, so a day has 24 hours of it."""
    if not seconds:
        return "never"
    minutes = round(seconds / 60)
    if minutes and minutes % 1_440 == 0:
        return f"{minutes // 1_440}d"
    hours, minutes = divmod(minutes, 60)
    return " ".join(
        part for part in (f"{hours}h" if hours else "", f"{minutes}m" if minutes or not hours else "") if part
    )


def set_targets(site_id: str, priority: str, wanted: dict[Kind, float], *, actor: str, site_key: str = "") -> None:
    """Promise something else, from now on and for open tickets. Raises :class:`TargetError`. Inside a write."""
    _check_priority(priority)
    seconds = {
        kind: wanted[kind] if kind in wanted else target(site_id, priority, kind).seconds or 0.0 for kind in KINDS
    }
    if seconds["resolve"] and seconds["first_reply"] > seconds["resolve"]:
        raise TargetError(
            f"first-reply: {in_short(seconds['first_reply'])} is longer than the solution may take"
            f" ({in_short(seconds['resolve'])}). Nothing was changed."
        )
    for kind, value in wanted.items():
        sql(
            "INSERT INTO service_target (id, site_id, priority, kind, seconds, changed_at) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (site_id, priority, kind) DO UPDATE SET seconds = excluded.seconds, changed_at = excluded.changed_at",
            (clock.new_id(), site_id, priority, kind, value, clock.now()),
        )
    detail: dict[str, str] = {kind: in_short(value) for kind, value in wanted.items()}
    audit.record(actor, "targets.set", f"targets:{priority}", {**detail, **({"site": site_key} if site_key else {})})
    jobs.enqueue(MOVE, "", clock.new_id())


def reset(site_id: str, priority: str, *, actor: str, site_key: str = "") -> int:
    """Forget what was set, of one priority or (empty) of all; how many rows that were. Inside a write."""
    if priority:
        _check_priority(priority)
    gone = int(
        sql(
            "DELETE FROM service_target WHERE site_id = ? AND (? = '' OR priority = ?)", (site_id, priority, priority)
        ).rowcount
    )
    if gone:
        detail = {"site": site_key} if site_key else {}
        audit.record(actor, "targets.reset", f"targets:{priority or 'all'}", detail)
        jobs.enqueue(MOVE, "", clock.new_id())
    return gone


def _check_priority(priority: str) -> None:
    if priority not in PRIORITIES:
        raise TargetError(
            f"priority: there is no {priority[:40]}. There are: {', '.join(PRIORITIES)}. Nothing was changed."
        )


def policy() -> Policy:
    """What is done now. Inside a read or write."""
    row = sql("SELECT value FROM setting WHERE key = ?", (_POLICY,)).fetchone()
    if row is None:
        return Policy()
    known = orjson.loads(row[0]) if isinstance(row[0], str | bytes) else dict(row[0])
    return Policy(**{name: known[name] for name in ("remind", "escalate", "raises") if name in known})


def set_policy(
    *, remind: str | None = None, escalate: str | None = None, raises: bool | None = None, actor: str
) -> Policy:
    """Change what is done. Raises :class:`TargetError`. Inside a write."""
    now = policy()
    if remind is not None:
        remind = remind.strip().lower()
        share = remind[:-1] if remind.endswith("%") else ""
        if share.isascii() and share.isdecimal():
            if not 10 <= int(share) <= 95:
                raise TargetError(
                    f"remind: a part of the target is from 10% to 95%; {remind} is not. Nothing was changed."
                )
        elif remind != "off" and length(remind, "remind") == 0:
            raise TargetError("remind: say off, and nobody is reminded. Nothing was changed.")
    if escalate is not None and escalate not in ESCALATE:
        raise TargetError(
            f"escalate: there is no {escalate[:40]}. There are: {', '.join(ESCALATE)}. Nothing was changed."
        )
    new = Policy(
        remind=now.remind if remind is None else remind,
        escalate=now.escalate if escalate is None else escalate,  # type: ignore[arg-type]  # looked at above
        raises=now.raises if raises is None else raises,
    )
    sql(
        "INSERT INTO setting (key, value, changed_at) VALUES (?, ?, ?)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at",
        (_POLICY, orjson.dumps(asdict(new)).decode(), clock.now()),
    )
    audit.record(actor, "targets.policy", "targets:policy", asdict(new))
    return new


def remind_before(rules: Policy, seconds: float) -> float | None:
    """How many open seconds before the due time somebody is reminded of a target of ``seconds``; ``None``: not at all."""
    if rules.remind == "off":
        return None
    if rules.remind.endswith("%"):
        return seconds * (1 - int(rules.remind[:-1]) / 100)
    ahead = length(rules.remind, "remind")
    return ahead if ahead < seconds else None
