"""What Slack tells, as :class:`bot.DeskEvent` with natural keys: equal for redeliveries, twins and catching up."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from bot import Action, DeskEvent

from .accounts import ended
from .commands import Command, read_command
from .emoji import picture
from .heard import DESK, Heard, seconds
from .marks import EMOJI
from .people import People, Person
from .pressed import Pressed
from .reading import mentioned, readable
from .visits import Visits

_WRITTEN = {"", "file_share", "me_message", "thread_broadcast"}
"""Subtypes of messages that a person wrote."""
NO_FILES = "Files do not reach the customer: the app lacks the scope files:read. An admin can add it (docs/slack.md)."
FILES_OF_COMMANDS = "Files that come with a command stay here."


class Reader:
    """Reads payloads. ``bot_user`` and ``bot_id`` are ours: what we do ourselves is no news. ``files``: whether they can be read."""

    def __init__(self, people: People, bot_user: str, bot_id: str, *, files: bool = True) -> None:
        self.people = people
        self.bot_user = bot_user
        self.bot_id = bot_id
        self.files = files
        self.pressed = Pressed(people)
        self.visits = Visits(people)

    async def read(self, body: dict[str, Any]) -> list[Heard]:
        """What a payload means; empty for what does not concern us. Raises when a person cannot be looked up now."""
        if body.get("type") == "block_actions":
            return [*await self.pressed.clicks(body), *await self.visits.presses(body)]
        if body.get("type") == "view_submission":
            return [*await self.pressed.sent(body), *await self.visits.sent(body)]
        if body.get("type") == "block_suggestion":
            return await self.visits.suggestions(body)
        if body.get("type") == "message_action":
            return await self.visits.shortcut(body)
        if body.get("command"):
            return await self.visits.command(body)
        if body.get("type") == "event_callback":
            event = body.get("event") or {}
            if event.get("type") == "message":
                return await self._message_event(event)
            if event.get("type") in {"reaction_added", "reaction_removed"}:
                return await self._reaction(event)
            if event.get("type") == "user_change":
                return self._person_changed(event)
            if event.get("type") == "app_home_opened":
                return self.visits.home_opened(event)
        return []

    async def _message_event(self, event: dict[str, Any]) -> list[Heard]:
        place, subtype = str(event.get("channel", "")), str(event.get("subtype", ""))
        if subtype == "message_changed":
            heard = await self.edited(place, event.get("message") or {})
        elif subtype == "message_deleted":
            before = dict(event.get("previous_message") or {})
            before.setdefault("ts", event.get("deleted_ts", ""))
            heard = await self.deleted(place, before)
        else:
            heard = await self.written(place, event)
        return [heard] if heard else []

    def concerns_us(self, message: dict[str, Any]) -> bool:
        """Whether a person wrote it into a thread that may be ours."""
        thread, ts = str(message.get("thread_ts", "")), str(message.get("ts", ""))
        if not thread or not ts or thread == ts or message.get("subtype", "") not in _WRITTEN:
            return False
        if message.get("bot_id") or message.get("user") in {None, "", self.bot_user, "USLACKBOT"}:
            return False
        # Present in live events, not always when a thread is read.
        return str(message.get("parent_user_id") or self.bot_user) == self.bot_user

    def key(self, place: str, ts: str, suffix: str = "") -> str:
        return f"slack:{self.people.team}:{place}:{ts}{suffix}"

    async def written(self, place: str, message: dict[str, Any]) -> Heard | None:
        """A new message: a reply or a command."""
        if not self.concerns_us(message):
            return None
        user, thread = str(message["user"]), str(message["thread_ts"])
        raw = str(message.get("text") or "")
        person = await self.people.get(user)
        text = readable(raw, await self.people.names(mentioned(raw)))
        files = tuple(one for one in message.get("files") or [] if isinstance(one, dict))
        command = read_command(raw)
        if command is not None and command.ask:
            asked = await self._event(
                place, message, person, readable(command.ask, await self.people.names(mentioned(raw))), command
            )
            return Heard(place, user, thread, asked, words=FILES_OF_COMMANDS if files else "")
        if command is not None and command.words:
            return Heard(place, user, thread, words=command.words)
        words = ""
        if files and command is not None:
            files, words = (), FILES_OF_COMMANDS
        elif files and not self.files:
            if not raw.strip():
                return Heard(place, user, thread, words=f"{NO_FILES} Nothing was sent.")
            files, words = (), NO_FILES
        event = await self._event(place, message, person, text, command)
        event = replace(event, mentions=await self._named(raw))
        # Whoever may not answer customers has nothing fetched for them.
        return Heard(place, user, thread, event, words=words, files=files if person.trusted else ())

    async def _named(self, raw: str) -> tuple[str, ...]:
        """The people whom a text names, as the core knows them. Who cannot be asked for now is left out."""
        found = await asyncio.gather(
            *(self.people.get(user) for user in sorted(mentioned(raw))[:20]), return_exceptions=True
        )
        return tuple(one.id for one in found if isinstance(one, Person) and one.trusted)

    async def _event(
        self, place: str, message: dict[str, Any], person: Person, text: str, command: Command | None
    ) -> DeskEvent:
        kind, value, ts = "reply", "", str(message["ts"])
        if command is not None:
            kind = "command" if command.ask else "note" if command.note else "action"
            text = readable(command.note, await self.people.names(mentioned(command.note))) if command.note else text
            value = (await self.people.get(command.person)).id if command.person else readable(command.value)
        return DeskEvent(
            desk=DESK,
            key=self.key(place, ts),
            kind=kind,  # type: ignore[arg-type]
            who=person.id,
            who_name=person.name,
            trusted=person.trusted,
            place=place,
            thread=str(message["thread_ts"]),
            message=ts,
            text=text,
            action=command.action if command else None,
            value=value,
            at=seconds(ts),
        )

    async def _reaction(self, event: dict[str, Any]) -> list[Heard]:
        """An emoji on one of our messages. Our own marks are no news, by whomever: they say how far a message is."""
        item, user, name = event.get("item") or {}, str(event.get("user", "")), str(event.get("reaction", ""))
        if item.get("type") != "message" or not name or name.partition("::")[0] in EMOJI.values():
            return []
        if user in {"", self.bot_user, "USLACKBOT"} or str(event.get("item_user") or self.bot_user) != self.bot_user:
            return []
        place, ts, stamp = str(item.get("channel", "")), str(item.get("ts", "")), str(event.get("event_ts", ""))
        person = await self.people.get(user)
        told = DeskEvent(
            desk=DESK,
            key=f"slackemoji:{self.people.team}:{place}:{ts}:{user}:{name}:{stamp}",
            kind="reaction",
            who=person.id,
            who_name=person.name,
            trusted=person.trusted,
            place=place,
            message=ts,
            text=picture(name) or f":{name}:",
            gone=event.get("type") == "reaction_removed",
            at=seconds(stamp),
        )
        return [Heard(place, user, "", told)]

    def _person_changed(self, event: dict[str, Any]) -> list[Heard]:
        """Somebody's account was ended, or is another one now: what was known of them is asked for again."""
        user = event.get("user") or {}
        self.people.forget(str(user.get("id", "")))
        if not user.get("deleted"):
            return []
        told = ended(user, self.people.team, str(event.get("event_ts", "")))
        return [Heard("", "", "", told)]

    async def edited(self, place: str, message: dict[str, Any]) -> Heard | None:
        """A person changed their message. Slack says so as well for previews of links: those have no new ``edited.ts``."""
        stamp = str((message.get("edited") or {}).get("ts", ""))
        if not stamp or not self.concerns_us(message):
            return None
        user, ts, raw = str(message["user"]), str(message["ts"]), str(message.get("text") or "")
        person = await self.people.get(user)
        # A command counts only when it is new, and no customer reads one: a note stays one, the others only take back.
        command = read_command(raw)
        action, written = None, raw
        if command is not None:
            action = None if command.note else command.action or Action.UNDO
            written = f"note: {command.note}" if command.note else raw
        event = DeskEvent(
            desk=DESK,
            key=self.key(place, ts, f":e{stamp}"),
            kind="edit",
            who=person.id,
            who_name=person.name,
            trusted=person.trusted,
            place=place,
            thread=str(message["thread_ts"]),
            message=ts,
            text=readable(written, await self.people.names(mentioned(raw))),
            action=action,
            at=seconds(stamp),
            mentions=await self._named(written),
        )
        return Heard(place, user, event.thread, event)

    async def deleted(self, place: str, before: dict[str, Any]) -> Heard | None:
        """A person's message is gone."""
        if not self.concerns_us(before):
            return None
        user = str(before["user"])
        person = await self.people.get(user)
        thread, ts = str(before["thread_ts"]), str(before["ts"])
        event = self.gone(place, thread, ts, who=person.id, who_name=person.name, trusted=person.trusted)
        return Heard(place, user, event.thread, event)

    def gone(
        self, place: str, thread: str, ts: str, *, who: str = "", who_name: str = "", trusted: bool = True
    ) -> DeskEvent:
        """The event for a message that is not there any more. ``who`` is empty when only its absence was seen."""
        return DeskEvent(
            desk=DESK,
            key=self.key(place, ts, ":d"),
            kind="delete",
            who=who,
            who_name=who_name,
            trusted=trusted,
            place=place,
            thread=thread,
            message=ts,
        )
