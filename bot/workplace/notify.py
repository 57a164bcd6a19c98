"""Notifications of an agent: messages that tell them, the list of all, and the form that says how they want to be told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from bot import (
    agent_reactions,
    audit,
    clock,
    notification_preferences,
    notifications,
    notifications_shown,
    notifications_told,
)
from bot.agents import AgentView
from bot.claims import Done
from bot.desk_actions import Action
from bot.notification_preferences import KINDS, WAYS, PreferenceError, Preferences
from bot.notifications_shown import Message, Told
from bot.opening import zone_named
from bot.pages import Choice, Field, Heading, Option, Page, Part, Press, Presses, Row, Rule, Words
from bot.workplace.deeds import Command, Deed, Said, Visit

SHOWN = 15
STRANGER = "You are not linked as an agent, so there is nothing to be told. Write !link in a thread of Deskhand."
EMPTY = "No notifications in the last two weeks."
GONE = "There is nothing unread here any more. Nothing was changed."
NO_MAIL = "No e-mail address of yours is known. An admin sets it: deskhand agents notify NAME email=ADDRESS"
ZONE = "Such as Europe/Berlin. All times here are in it."
_LABELS = {"quiet_from": "Quiet from", "quiet_to": "Quiet until", "digest": "Digest every day at"}


# The list ---------------------------------------------------------------------------------------------------------------


def list_page(visit: Visit) -> Page:
    """The newest notifications of whoever looks."""
    if visit.agent is None:
        return Page(name="notify.list", kind="form", title="Notifications", parts=(Words(STRANGER),))
    parts = _list(visit.agent.id, visit.wanted.zone)
    return Page(name="notify.list", kind="form", title="Notifications", parts=parts, value=_now())


def _list(agent_id: str, zone: str, fresh: frozenset[str] = frozenset()) -> tuple[Part, ...]:
    preferences = notification_preferences.of(agent_id)
    found, left = notifications.listed(agent_id, SHOWN), notifications.unread(agent_id)
    if not found:
        return (Words(EMPTY), Presses((_settings(),)))
    rows = [_row(one, zone or preferences.zone, new=one.id in fresh or one.read_at is None) for one in found]
    all_read = (Press(label="Mark all as read", what="notify.read_all", value=_now()),) if left else ()
    counted = f"Unread: {left}" if left else "Nothing is unread."
    return (Words(counted, "quiet"), *rows, Presses((*all_read, _settings())))


def _settings() -> Press:
    return Press(label="How I am told", opens="notify.preferences")


def _now() -> str:
    return f"{clock.now():.6f}"


def _row(one: Told, zone: str, *, new: bool) -> Row:
    told = [f"told {_at(at, zone)} {how}" for at, how in ((one.direct_at, "here"), (one.mail_at, "by mail")) if at]
    state = "over" if one.moot else "new" if new else "read"
    quiet = " · ".join((state, _at(one.at, zone), *told, *filter(None, (one.problem,))))
    return Row(title=_title(one), text=one.words, quiet=quiet, presses=_presses(one, one.id))


def _title(one: Told) -> str:
    return f"#{one.ticket} · {one.customer}" if one.ticket else one.customer


def _presses(one: Told, value: str) -> tuple[Press, ...]:
    found = []
    if one.link:
        found.append(Press(label="Open", url=one.link, spoken=f"Open the thread of ticket {one.ticket}"))
    if one.kind == "request" and not one.moot:
        found.append(
            Press(label="Claim", action=Action.CLAIM, conversation_id=one.conversation_id, spoken=f"Claim ticket {one.ticket}")
        )  # fmt: skip
    if one.read_at is None and not one.moot and value:
        found.append(Press(label="Read", what="notify.read", value=value, spoken=f"Ticket {one.ticket}: mark as read"))
    return tuple(found)


def _at(at: float, zone: str) -> str:
    there = datetime.fromtimestamp(at, zone_named(zone) or UTC)
    return f"{there:%H:%M}" if clock.now() - at < 12 * 3_600 else f"{there.day} {there:%b %H:%M}"


def _open(deed: Deed) -> Done:
    """From the inbox: what is shown is read by that."""
    fresh = frozenset(one.id for one in notifications.listed(deed.agent.id, SHOWN) if one.read_at is None)
    for notification_id in fresh:
        notifications.read_one(deed.agent.id, notification_id)
    parts = _list(deed.agent.id, "", fresh)
    return Done(
        "done", _in_words(parts), page=Page(name="notify.list", kind="form", title="Notifications", parts=parts)
    )


def _read(deed: Deed) -> Done:
    """One notification, or all of one message."""
    agent_id, value = deed.agent.id, deed.event.value
    count = notifications.read_post(agent_id, value) or notifications.read_one(agent_id, value)
    return _after_reading(deed, count)


def _read_all(deed: Deed) -> Done:
    try:
        until = float(deed.event.value)
    except ValueError:
        until = clock.now()
    return _after_reading(deed, notifications.read_all(deed.agent.id, until))


def _after_reading(deed: Deed, count: int) -> Done:
    if not count:
        return Done("stale", GONE)
    said = f"Marked as read{f': {count}' if count > 1 else ''}."
    if deed.event.page != "notify.list":
        return Done("done", said)
    page = Page(name="notify.list", kind="form", title="Notifications", parts=_list(deed.agent.id, ""), value=_now())
    return Done("done", said, page=page)


def _list_command(deed: Deed) -> Done:
    parts = _list(deed.agent.id, "")
    return Done(
        "done", _in_words(parts), page=Page(name="notify.said", kind="aside", title="Notifications", parts=parts)
    )


def _in_words(parts: Sequence[Part]) -> str:
    lines = []
    for part in parts:
        if isinstance(part, Words):
            lines.append(part.text)
        elif isinstance(part, Row):
            lines.append(f"{part.title}: {part.text} ({part.quiet})")
    return "\n".join(lines)


# How they want to be told -----------------------------------------------------------------------------------------------


def preferences_page(visit: Visit) -> Page:
    """The form of whoever looks."""
    if visit.agent is None:
        return Page(name="notify.preferences", kind="form", title="Notifications", parts=(Words(STRANGER),))
    return _form(visit.agent, notification_preferences.of(visit.agent.id), visit.wanted.zone)


def _form(agent: AgentView, now: Preferences, zone: str) -> Page:
    known = now.zone if now.changed_at or not zone else zone
    options = tuple(Option(way, label) for way, label in WAYS.items())
    parts: list[Part] = [
        Choice(name=kind, label=label, options=options, chosen=(now.ways[kind],)) for kind, label in KINDS.items()
    ]
    begins, ends = now.quiet or (None, None)
    two = tuple(one for one in options if one.value != "none")
    parts += [
        Words(f"E-mails go to {agent.email}." if agent.email else NO_MAIL, "quiet"),
        Rule(),
        Heading("Quiet hours"),
        _time("quiet_from", begins, "Such as 20:00. What happens meanwhile is told when they end, as one message."),
        _time("quiet_to", ends, "Such as 08:00."),
        Field(name="zone", label="Time zone", value=known, longest=64, optional=True, hint=ZONE),
        _time("digest", now.digest, "Such as 08:30: what is yours, what waits, what is unread. Empty: none."),
        Choice(name="digest_way", label="Digest by", options=two, chosen=(now.digest_way,)),
    ]
    return Page(
        name="notify.preferences", kind="form", title="Notifications", parts=tuple(parts), submit="Save", what="notify.save"
    )  # fmt: skip


def _time(name: str, value: int | None, hint: str) -> Field:
    shown = notification_preferences.shown(value)
    return Field(name=name, label=_LABELS[name], value=shown, longest=5, optional=True, hint=hint)


def _save(deed: Deed) -> Done:
    """The form was sent. Fields that it does not have stay as they are."""
    try:
        now = notification_preferences.change(deed.agent.id, deed.event.fields)
    except PreferenceError as error:
        return Done("invalid", str(error), errors=error.errors)
    audit.record(f"agent:{deed.agent.name}", "agent.notify", f"agent:{deed.agent.name}", {"set": now.in_words()})
    return Done("done", f"Saved: {now.in_words()}")


def _command(deed: Deed) -> Done:
    """``/desk notify`` opens the form; ``/desk notify quiet=20:00-08:00`` changes at once."""
    if not deed.words:
        now = notification_preferences.of(deed.agent.id)
        return Done("done", now.in_words(), page=_form(deed.agent, now, ""))
    try:
        now = notification_preferences.change(deed.agent.id, notification_preferences.parse(deed.words.split()))
    except PreferenceError as error:
        return Done("cannot", f"{error} Nothing was changed.")
    audit.record(f"agent:{deed.agent.name}", "agent.notify", f"agent:{deed.agent.name}", {"set": now.in_words()})
    return Done("done", f"Saved: {now.in_words()}")


# Messages that tell -----------------------------------------------------------------------------------------------------


def _told(ref: str) -> Said | None:
    """A message as it is now. Its one button marks all of it as read."""
    found = notifications_shown.message(ref)
    return None if found is None else Said(page=_message_page(found))


def _not_shown(ref: str) -> Said | None:
    """That the customer does not see an emoji, to an agent who put it on the message ``ref`` before its post was known."""
    words = agent_reactions.not_shown(ref)
    return Said(words) if words else None


def _message_page(found: Message) -> Page:
    alone = len(found.told) == 1 and not found.remarks and not found.more
    rows = [
        Row(title=_title(one), text=one.words, quiet=_at(one.at, found.preferences.zone), presses=_presses(one, found.id if alone else ""))
        for one in found.told
    ]  # fmt: skip
    parts: list[Part] = [Words("\n".join(found.remarks))] if found.remarks else []
    parts += rows
    if found.more:
        parts.append(Words(f"And {found.more} more: /desk notifications", "quiet"))
    if not alone and found.told:
        parts.append(Presses((Press(label="Mark as read", what="notify.read", value=found.id),)))
    return Page(
        name=notifications_told.POST,
        kind="aside",
        title="" if alone else found.title,
        parts=tuple(parts),
        value=found.id,
    )


PAGES = {"notify.list": list_page, "notify.preferences": preferences_page}
PRESSES = {"notify.open": _open, "notify.read": _read, "notify.read_all": _read_all, "notify.save": _save}
COMMANDS = {
    "notifications": Command(run=_list_command, usage="notifications", about="what you were told of"),
    "notify": Command(run=_command, usage="notify", about="how you are told: here, by e-mail, quiet hours, a digest"),
}
POSTS = {notifications_told.POST: _told, agent_reactions.NOT_SHOWN: _not_shown}
ENDED = {notifications_told.POST: notifications_told.ended}
