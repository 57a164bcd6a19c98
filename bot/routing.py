"""Which rule a conversation goes by, and so where its thread is opened. Inside a read or write.

Asked once, in the transaction that gives the conversation to people, and kept as long as the conversation: its thread stays where
it is, whatever rules say later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

import structlog

from bot import clock, hours, notices, routing_rules
from bot.crypto import reveal
from bot.language_names import base
from bot.opening import opening, zone_named
from bot.routing_rules import RoutingRule
from bot.routing_windows import inside, windows
from bot.store import sql
from bot.store.statements import last_messages
from bot.subjects import stems

log = structlog.get_logger("routing")

READ = 20
"""Messages of a conversation that topics are looked for in: the last ones."""
UNREADABLE = "it cannot be read"
AGAIN = 600.0
"""Seconds for which a place that could not be used is not tried."""


@dataclass(slots=True, kw_only=True)
class Case:
    """What rules are held against. ``texts`` is asked only when a rule has words: what the customer wrote, the reason, the summary."""

    site_id: str
    site: str
    channel: str
    language: str
    priority: str
    at: float
    texts: Callable[[], Sequence[str]]
    _read: tuple[str, frozenset[str]] | None = None
    _open: bool | None = None

    @property
    def open(self) -> bool:
        """Whether the site is open."""
        if self._open is None:
            self._open = opening(hours.hours_of(self.site_id), self.at).open
        return self._open

    @property
    def zone(self) -> str:
        """The site's time zone."""
        return hours.zone_of(self.site_id)

    def says(self, phrase: str) -> bool:
        """Whether the phrase stands there word for word, or all its words do in another form."""
        if self._read is None:
            texts = self.texts()
            found = frozenset(stem for text in texts for stem in stems(text, self.language))
            self._read = (" ".join(_plain(text) for text in texts), found)
        text, known = self._read
        plain, wanted = _phrase(phrase, self.language)
        return plain in text or (bool(wanted) and known.issuperset(wanted))


@lru_cache(maxsize=4_096)
def _phrase(phrase: str, language: str) -> tuple[str, frozenset[str]]:
    """A rule's words as they are looked for. Kept, because they are asked for inside a write."""
    return _plain(phrase), frozenset(stems(phrase, language))


def _plain(text: str) -> str:
    """Its words alone, with a blank around each."""
    return f" {' '.join(''.join(sign if sign.isalnum() else ' ' for sign in text.casefold()).split())} "


def why_not(rule: RoutingRule, case: Case) -> str:
    """Why a rule does not fit, as a sentence without its end; empty: it does. One that cannot be read fits nothing: whatever stands
    in it, nobody waits in vain for a person because of a rule."""
    try:
        return _why_not(rule, case)
    except (ValueError, TypeError, LookupError, ArithmeticError) as error:
        log.warning("routing_rule_unreadable", rule=rule.name, reason=str(error))
        return f"{UNREADABLE}: {error}"


def _why_not(rule: RoutingRule, case: Case) -> str:
    if not rule.enabled:
        return "it is switched off"
    if rule.site_id and rule.site_id != case.site_id:
        return f"it is for the site {rule.site or 'that is gone'}, not {case.site}"
    if rule.channels and case.channel.lower() not in rule.channels:
        return f"it is for {_or(rule.channels)}, not {case.channel}"
    if rule.languages:
        language = base(case.language)
        if language not in rule.languages:
            return f"it is for {_or(rule.languages)}, and the language is {language or 'not known'}"
    if rule.priorities and case.priority not in rule.priorities:
        return f"it is for the priority {_or(rule.priorities)}, not {case.priority}"
    if rule.hours:
        why = _other_hours(rule.hours, case)
        if why:
            return why
    if rule.words and not any(case.says(word) for word in rule.words):
        return f"nothing is said of {_or(rule.words)}"
    return ""


def _other_hours(wanted: str, case: Case) -> str:
    if wanted in {"open", "closed"}:
        return "" if case.open == (wanted == "open") else f"it is for when the site is {wanted}"
    zone = case.zone
    if inside(windows(wanted), case.at, zone):
        return ""
    local = datetime.fromtimestamp(case.at, zone_named(zone) or UTC)
    return f"it is for {wanted}, and it is {local:%a %H:%M} ({zone})".replace(f"{local:%a}", f"{local:%a}".lower())


def _or(some: Sequence[str]) -> str:
    return some[0] if len(some) == 1 else f"{', '.join(some[:-1])} or {some[-1]}"


def case_of(conversation_id: str) -> Case:
    """The conversation as rules see it now."""
    site_id, site, channel, language, priority, ticket_id, reason, summary = sql(
        "SELECT v.site_id, s.key, v.channel, v.language, coalesce(t.priority, 'normal'), coalesce(t.id, ''), coalesce(t.reason, ''),"
        " coalesce(t.summary, '') FROM conversation v JOIN site s ON s.id = v.site_id"
        " LEFT JOIN ticket t ON t.conversation_id = v.id WHERE v.id = ?",
        (conversation_id,),
    ).fetchone()

    def texts() -> Sequence[str]:
        said = [m.text for m in last_messages(conversation_id, 2**31 - 1, READ) if m.author == "customer" and m.text]
        about = [reveal("ticket", "reason", ticket_id, reason), reveal("ticket", "summary", ticket_id, summary)]
        return [*said, *filter(None, about)]

    return Case(
        site_id=site_id, site=site, channel=channel, language=language, priority=priority, at=clock.now(), texts=texts
    )


def route(conversation_id: str) -> RoutingRule | None:
    """The rule that a conversation goes by, found now if it is asked for the first time. Inside a write."""
    known = sql("SELECT rule_id FROM routed WHERE conversation_id = ?", (conversation_id,)).fetchone()
    if known is not None:
        return kept(conversation_id)
    rules = routing_rules.rules()
    if not rules:
        return None
    case = case_of(conversation_id)
    found = next((rule for rule in rules if _fits(rule, case)), None)
    sql(
        "INSERT INTO routed (conversation_id, rule_id, at) VALUES (?, ?, ?) ON CONFLICT (conversation_id) DO NOTHING",
        (conversation_id, found.id if found else "", clock.now()),
    )
    return found


def _fits(rule: RoutingRule, case: Case) -> bool:
    why = why_not(rule, case)
    if why.startswith(UNREADABLE):
        notices.tell(
            f"routing:{rule.id}:unreadable:{int(case.at // 86_400)}",
            f"Routing rule {rule.name} cannot be read",
            f"The routing rule {rule.name} fits nothing, because {why} Nothing is lost: conversations go by the rules after it."
            f" Put it right: deskhand routing list, then deskhand routing set {rule.name} …",
        )
    return not why


def kept(conversation_id: str) -> RoutingRule | None:
    """The rule that it went by, as that is now; ``None``: none, or one that is off or gone."""
    row = sql("SELECT rule_id FROM routed WHERE conversation_id = ?", (conversation_id,)).fetchone()
    return routing_rules.by_id(row[0]) if row and row[0] else None


def place_for(rule: RoutingRule | None, desk: str, own: str) -> str:
    """Where a desk opens the thread: the rule's place, or the desk's own one, also while the rule's cannot be used."""
    if rule is None or not rule.place or rule.desk != desk:
        return own
    broken = bool(rule.problem) and clock.now() - (rule.problem_at or 0.0) < AGAIN
    return own if broken else rule.place


def place_refused(desk: str, place: str, reason: str) -> None:
    """A desk cannot open a thread at the place of a rule: it goes to the desk's own one, and admins are told which rule it is,
    once a day. Inside a write."""
    at = clock.now()
    rows = sql(
        "UPDATE routing_rule SET problem = ?, problem_at = ? WHERE desk = ? AND place = ? RETURNING id, name",
        (reason[:500], at, desk, place),
    ).fetchall()
    for rule_id, name in rows:
        log.warning("routing_place_refused", rule=name, desk=desk, place=place, reason=reason)
        notices.tell(
            f"routing:{rule_id}:{place}:{int(at // 86_400)}",
            f"Routing rule {name}: its place cannot be used",
            f"The routing rule {name} opens threads in {place}, which cannot be used: {reason} Nothing is lost: until then its"
            f" conversations are opened here. Put it right, or run: deskhand routing set {name} place=",
        )


def place_works(desk: str, place: str) -> None:
    """A thread was opened there. Inside a write."""
    sql(
        "UPDATE routing_rule SET problem = '', problem_at = NULL WHERE desk = ? AND place = ? AND problem <> ''",
        (desk, place),
    )
