"""Rules of routing as rows in an order: the only way commands and pages touch them. What is wrong with one is said by its field."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bot import audit, clock
from bot.declarations import desks
from bot.hidden import strip_hidden
from bot.routing_calls import look
from bot.routing_settings import ASSIGN, MENTIONS, NOT_ALLOWED, RoutingRefused, RoutingSettings, settings
from bot.routing_windows import windows
from bot.store import RoutingRule as Row
from bot.store import Site, sql, write
from bot.tickets import PRIORITIES

MOST_RULES = 200
MOST_VALUES, LONGEST, LONGEST_HOURS = 50, 80, 300
_NAME = re.compile(r"[\w.\-]{1,40}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_CHANNEL = re.compile(r"[a-z][a-z0-9_\-]{0,39}")
_PLACE = re.compile(r"[A-Za-z0-9_:.\-]{2,80}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingRule:
    """One rule. Empty conditions always hold."""

    name: str
    site: str = ""
    """Key of a site."""
    channels: tuple[str, ...] = ()
    """Names of channels customers write by."""
    words: tuple[str, ...] = ()
    """One of them stands in what the customer wrote, in the reason or in the summary."""
    languages: tuple[str, ...] = ()
    priorities: tuple[str, ...] = ()
    hours: str = ""
    """``open``, ``closed``, or windows such as ``mon-fri 18:00-22:00`` in the site's time zone."""
    desk: str = ""
    place: str = ""
    mention: str = ""
    """none, assignee, team (the rule's agents who are there) or channel; empty: as the settings say."""
    assign: str = ""
    """nobody or round-robin; empty: as the settings say."""
    agents: tuple[str, ...] = ()
    enabled: bool = True
    position: int = 0
    """From 1."""
    problem: str = ""
    problem_at: float | None = None
    id: str = ""
    site_id: str = ""


FIELDS = ("site", "channel", "words", "language", "priority", "hours", "desk", "place", "mention", "assign", "agents")
"""What can be set, as admins write it."""
_STORED = {"channel": "channels", "language": "languages", "priority": "priorities"}


def parse(values: Mapping[str, str]) -> dict[str, Any]:
    """Read what an admin wrote, by field. Raises :class:`RoutingRefused`."""
    found: dict[str, Any] = {}
    for field, value in values.items():
        if field not in FIELDS:
            raise RoutingRefused(field, f"A rule has no such field. There are: {', '.join(FIELDS)}.")
        read = _READ.get(field)
        found[_STORED.get(field, field)] = read(field, strip_hidden(value).strip()) if read else value.strip()
    return found


def _list(field: str, value: str) -> tuple[str, ...]:
    some = tuple(dict.fromkeys(filter(None, (" ".join(one.split()) for one in value.split(",")))))
    if len(some) > MOST_VALUES:
        raise RoutingRefused(field, f"These are {len(some)}; at most {MOST_VALUES} are taken.")
    long = next((one for one in some if len(one) > LONGEST), "")
    if long:
        raise RoutingRefused(field, f"{long[:30]!r}… has {len(long)} characters; at most {LONGEST} are taken.")
    return some


def _checked(pattern: re.Pattern[str], what: str) -> Callable[[str, str], tuple[str, ...]]:
    def read(field: str, value: str) -> tuple[str, ...]:
        some = _list(field, value.lower())
        wrong = next((one for one in some if not pattern.fullmatch(one)), "")
        if wrong:
            raise RoutingRefused(field, f"{wrong[:40]!r} is no {what}.")
        return some

    return read


def _words(field: str, value: str) -> tuple[str, ...]:
    some = _list(field, value)
    wrong = next((one for one in some if not re.search(r"\w", one)), "")
    if wrong:
        raise RoutingRefused(field, f"{wrong[:40]!r} has no word in it.")
    return some


def _priorities(field: str, value: str) -> tuple[str, ...]:
    some = _list(field, value.lower())
    wrong = next((one for one in some if one not in PRIORITIES), "")
    if wrong:
        raise RoutingRefused(field, f"{wrong[:40]!r} is not known. There are: {', '.join(PRIORITIES)}.")
    return some


def _hours(field: str, value: str) -> str:
    text = " ".join(value.lower().split())
    if text in {"", "open", "closed"}:
        return text
    if len(text) > LONGEST_HOURS:
        raise RoutingRefused(field, f"This has {len(text)} characters; at most {LONGEST_HOURS} are taken.")
    try:
        windows(text)
    except ValueError as error:
        raise RoutingRefused(field, f"{error} Or write open or closed for the site's opening hours.") from None
    return text


def _place(field: str, value: str) -> str:
    if value and not _PLACE.fullmatch(value):
        raise RoutingRefused(
            field, f"{value[:40]!r} is no place of a desk: give the channel's ID such as C0123456789, not its name."
        )
    return value


def _one_of(*known: str) -> Callable[[str, str], str]:
    def read(field: str, value: str) -> str:
        if value and value not in known:
            raise RoutingRefused(field, f"{value[:40]!r} is not known. There are: {', '.join(known)}.")
        return value

    return read


_READ: dict[str, Callable[[str, str], Any]] = {
    "channel": _checked(_CHANNEL, "name of a channel; they look like widget or telegram"),
    "words": _words,
    "language": _checked(_LANGUAGE, "language: write it as de"),
    "priority": _priorities,
    "hours": _hours,
    "place": _place,
    "mention": _one_of(*MENTIONS),
    "assign": _one_of(*ASSIGN),
    "agents": _list,
}


def rules() -> list[RoutingRule]:
    """All of them in their order. Inside a read or write."""
    keys = {id_: key for key, id_ in _sites().items()}
    return [_rule(row, keys) for row in _rows(Row.select().order_by(Row.position, Row.name).dicts())]


def by_id(rule_id: str) -> RoutingRule | None:
    """One that is there and on. Inside a read or write."""
    rows = _rows(Row.select().where((Row.id == rule_id) & Row.enabled).dicts())
    return _rule(rows[0], {}) if rows else None


def robin(rule: RoutingRule | None, now: RoutingSettings) -> bool:
    """Whether what goes by the rule is offered to one agent after the other."""
    return ((rule.assign if rule else "") or now.assign) == "round-robin"


def _rule(row: Mapping[str, Any], keys: Mapping[str, str]) -> RoutingRule:
    values: dict[str, Any] = {name: tuple(row[name]) for name in _LISTS} | {name: row[name] for name in _SAME}
    return RoutingRule(**values, site=keys.get(row["site_id"], ""))


_LISTS = ("channels", "words", "languages", "priorities", "agents")
_SET = ("site_id", "hours", "desk", "place", "mention", "assign")
_SAME = (*_SET, "id", "name", "position", "enabled", "problem", "problem_at")


def _rows(query: Any) -> list[Any]:
    return list(query)


def _sites() -> dict[str, str]:
    return {row[0]: row[1] for row in _rows(Site.select(Site.key, Site.id).tuples())}


def _right(rule: RoutingRule, changed: set[str]) -> RoutingRule:
    """The rule as it is stored; what others have to say about it is asked now. Inside a write."""
    if rule.site and rule.site not in _sites():
        raise RoutingRefused("site", f"There is no site {rule.site[:40]!r}. See: deskhand site list")
    if "agents" in changed:
        rule = replace(rule, agents=tuple(_agent(name) for name in rule.agents))
    if rule.mention == "channel" and "mention" in changed and not settings().mention_channel:
        raise RoutingRefused("mention", NOT_ALLOWED)
    known = [name for name, _ in desks()]
    if "desk" in changed and rule.desk and rule.desk not in known:
        raise RoutingRefused(
            "desk", f"There is no desk {rule.desk[:40]!r} now. There are: {', '.join(known) or 'none'}."
        )
    if rule.place and not rule.desk:
        if len(known) != 1:
            raise RoutingRefused(
                "desk", f"Say whose place {rule.place} is. There are: {', '.join(known) or 'none now'}."
            )
        rule = replace(rule, desk=known[0])
    return replace(rule, desk=rule.desk if rule.place else "", site_id=_sites().get(rule.site, ""))


def _agent(name: str) -> str:
    row = sql("SELECT name, role, active FROM agent WHERE lower(name) = lower(?)", (name,)).fetchone()
    if row is None:
        raise RoutingRefused("agents", f"There is no agent called {name[:40]!r}. See: deskhand agents list")
    if row[1] == "viewer":
        raise RoutingRefused("agents", f"{row[0]} may read and never answers, so nothing can be offered to them.")
    return str(row[0])


def add(name: str, values: Mapping[str, str], *, actor: str) -> RoutingRule:
    """Make a rule, the last one. Raises :class:`RoutingRefused`. Blocks."""
    read = parse(values)

    def work() -> RoutingRule:
        known = _lock()
        if not _NAME.fullmatch(name):
            raise RoutingRefused("name", "A rule's name has 1 to 40 letters, digits, dots or dashes, such as: refunds")
        if name.lower() in {one.lower() for one in known}:
            raise RoutingRefused("name", f"There is a rule {name} already. Change it: deskhand routing set {name} …")
        if len(known) >= MOST_RULES:
            raise RoutingRefused(
                "name", f"There are {len(known)} rules already, and no more are kept. Remove some first."
            )
        rule = _right(RoutingRule(name=name, id=clock.new_id(), position=len(known) + 1, **read), set(read))
        Row.insert(
            id=rule.id, name=name, position=rule.position, enabled=True, created_at=clock.now(), **_columns(rule)
        ).execute()
        audit.record(actor, "routing.add", f"routing:{name}", {"set": sorted(values)})
        look()
        return rule

    return write(work)


def change(name: str, values: Mapping[str, str], *, actor: str) -> RoutingRule:
    """Change some fields of a rule; an empty value makes a condition hold always. Raises :class:`RoutingRefused`. Blocks."""
    read = parse(values)

    def work() -> RoutingRule:
        _lock()
        before = _find(name)
        if "place" in read and "desk" not in read:
            read["desk"] = before.desk if before.place else ""
        rule = _right(replace(before, **read), set(read))
        Row.update(problem="", problem_at=None, **_columns(rule)).where(Row.id == before.id).execute()
        audit.record(actor, "routing.set", f"routing:{before.name}", {"changed": sorted(values)})
        look()
        return rule

    return write(work)


def _columns(rule: RoutingRule) -> dict[str, Any]:
    lists = {name: list(getattr(rule, name)) for name in _LISTS}
    return {**lists, **{name: getattr(rule, name) for name in _SET}, "changed_at": clock.now()}


def switch(name: str, on: bool, *, actor: str) -> None:
    """Switch a rule. Raises :class:`RoutingRefused`. Blocks."""

    def work() -> None:
        _lock()
        found = _find(name)
        Row.update(enabled=on, problem="", problem_at=None, changed_at=clock.now()).where(Row.id == found.id).execute()
        audit.record(actor, "routing.on" if on else "routing.off", f"routing:{found.name}")
        look()

    write(work)


def remove(name: str, *, actor: str) -> None:
    """Remove a rule; threads that it opened stay where they are. Raises :class:`RoutingRefused`. Blocks."""

    def work() -> None:
        _lock()
        found = _find(name)
        Row.delete().where(Row.id == found.id).execute()
        _number([one.id for one in rules()])
        audit.record(actor, "routing.remove", f"routing:{found.name}")
        look()

    write(work)


def move(name: str, position: int, *, actor: str) -> None:
    """Make a rule the ``position``-th, from 1. Raises :class:`RoutingRefused`. Blocks."""

    def work() -> None:
        count = len(_lock())
        found = _find(name)
        if not 1 <= position <= count:
            raise RoutingRefused("position", f"Give a number from 1 to {count}.")
        order = [one.id for one in rules() if one.id != found.id]
        order.insert(position - 1, found.id)
        _number(order)
        audit.record(actor, "routing.move", f"routing:{found.name}", {"position": position})

    write(work)


def _number(order: list[str]) -> None:
    for position, rule_id in enumerate(order, 1):
        sql("UPDATE routing_rule SET position = ? WHERE id = ? AND position <> ?", (position, rule_id, position))


def _find(name: str) -> RoutingRule:
    found = next((one for one in rules() if one.name.lower() == name.lower()), None)
    if found is None:
        raise RoutingRefused("name", f"There is no rule {name[:40]!r}. See: deskhand routing list")
    return found


def _lock() -> list[str]:
    """Keep out others who change rules until the end of this write; the names there are."""
    sql(
        "INSERT INTO setting (key, value, changed_at) VALUES ('routing.changed', '{}', ?)"
        " ON CONFLICT (key) DO UPDATE SET changed_at = excluded.changed_at",
        (clock.now(),),
    )
    return [one.name for one in rules()]
