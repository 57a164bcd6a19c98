"""What Slack tells, as :class:`bot.DeskEvent` with natural keys: equal for redeliveries, twins and catching up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot import Action, DeskEvent

from .buttons import read_carried
from .commands import read_command
from .people import People
from .reading import mentioned, readable

DESK = "slack"
_WRITTEN = {"", "file_share", "me_message", "thread_broadcast"}
"""Subtypes of messages that a person wrote."""
FILES_STAY = "Files do not reach the customer from Slack; send a link instead."


@dataclass(frozen=True, slots=True)
class Heard:
    """One thing somebody did. ``place``, ``user`` and ``thread`` say where a sentence for them goes."""

    place: str
    user: str
    thread: str
    event: DeskEvent | None = None
    words: str = ""
    """A sentence that needs no answer of the core."""


class Reader:
    """Reads payloads. ``bot_user`` and ``bot_id`` are ours: what we do ourselves is no news."""

    def __init__(self, people: People, bot_user: str, bot_id: str) -> None:
        self.people = people
        self.bot_user = bot_user
        self.bot_id = bot_id

    async def read(self, body: dict[str, Any]) -> list[Heard]:
        """What a payload means; empty for what does not concern us. Raises when a person cannot be looked up now."""
        if body.get("type") == "block_actions":
            return await self._clicks(body)
        if body.get("type") == "event_callback":
            event = body.get("event") or {}
            if event.get("type") == "message":
                return await self._message_event(event)
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
        user, ts, thread = str(message["user"]), str(message["ts"]), str(message["thread_ts"])
        raw = str(message.get("text") or "")
        person = await self.people.get(user)
        text = readable(raw, await self.people.names(mentioned(raw)))
        files = bool(message.get("files"))
        command = read_command(raw)
        if command is not None and command.words:
            return Heard(place, user, thread, words=command.words)
        if files and not raw.strip():
            return Heard(place, user, thread, words=f"{FILES_STAY} Nothing was sent.")
        value = ""
        if command is not None:
            value = (await self.people.get(command.person)).id if command.person else readable(command.value)
        event = DeskEvent(
            desk=DESK,
            key=self.key(place, ts),
            kind="reply" if command is None else "action",
            who=person.id,
            who_name=person.name,
            trusted=person.trusted,
            place=place,
            thread=thread,
            message=ts,
            text=text,
            action=command.action if command else None,
            value=value,
            at=_seconds(ts),
        )
        return Heard(place, user, thread, event, words=FILES_STAY if files else "")

    async def edited(self, place: str, message: dict[str, Any]) -> Heard | None:
        """A person changed their message. Slack says so as well for previews of links: those have no new ``edited.ts``."""
        stamp = str((message.get("edited") or {}).get("ts", ""))
        if not stamp or not self.concerns_us(message):
            return None
        user, ts, raw = str(message["user"]), str(message["ts"]), str(message.get("text") or "")
        person = await self.people.get(user)
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
            text=readable(raw, await self.people.names(mentioned(raw))),
            at=_seconds(stamp),
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

    async def _clicks(self, body: dict[str, Any]) -> list[Heard]:
        """Buttons, menus and the list of people."""
        user = str((body.get("user") or {}).get("id", ""))
        box = body.get("container") or {}
        message = body.get("message") or {}
        place = str((body.get("channel") or {}).get("id") or box.get("channel_id", ""))
        ts = str(box.get("message_ts") or message.get("ts", ""))
        thread = str(message.get("thread_ts") or box.get("thread_ts") or "")
        found: list[Heard] = []
        for one in body.get("actions") or []:
            read = await self._click(one)
            if read is None or not user:
                continue
            action, conversation, carried_thread, value = read
            person = await self.people.get(user)
            event = DeskEvent(
                desk=DESK,
                key=f"slackact:{self.people.team}:{place}:{ts}:{one.get('action_ts', '')}:{user}",
                kind="action",
                who=person.id,
                who_name=person.name,
                trusted=person.trusted,
                place=place,
                thread=carried_thread or thread or ("" if box.get("is_ephemeral") else ts),
                conversation_id=conversation,
                action=action,
                value=value,
                at=_seconds(str(one.get("action_ts", ""))),
            )
            # On a card the answer goes to the channel: Slack shows it in a thread only to those who have it open.
            found.append(Heard(place, user, "" if event.thread == ts else event.thread, event))
        return found

    async def _click(self, one: dict[str, Any]) -> tuple[Action, str, str, str] | None:
        if one.get("type") == "users_select":
            block = str(one.get("block_id", "")).split(":")
            chosen = str(one.get("selected_user") or "")
            if block[0] != "card" or len(block) < 2 or not chosen:
                return None
            return Action.TRANSFER, block[1], "", (await self.people.get(chosen)).id
        text = (one.get("selected_option") or {}).get("value") if one.get("type") == "overflow" else one.get("value")
        carried = read_carried(str(text or "")) if str(one.get("action_id", "")).startswith("deskhand:") else None
        return (carried.action, carried.conversation, carried.thread, carried.value) if carried else None


def _seconds(ts: str) -> float:
    try:
        return float(ts)
    except ValueError:
        return 0.0
