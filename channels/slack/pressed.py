"""Buttons, menus and forms, as :class:`bot.DeskEvent`. What a control carried says what was meant; the core decides what it means."""

from __future__ import annotations

from typing import Any

from bot import Action, DeskEvent

from .buttons import read_carried
from .forms import FIELD, HAVE_FORMS, NOTE, explained, form, read_form
from .heard import DESK, Heard, seconds
from .people import People


class Pressed:
    """Reads what was pressed. A control that needs more words opens a form instead of doing something."""

    def __init__(self, people: People) -> None:
        self.people = people

    async def clicks(self, body: dict[str, Any]) -> list[Heard]:
        """Buttons and menus of a message."""
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
            what, conversation, carried_thread, value = read
            thread_of_it = carried_thread or thread or ("" if box.get("is_ephemeral") else ts)
            # On a card the answer goes to the channel: Slack shows it in a thread only to those who have it open.
            shown_in = "" if thread_of_it == ts else thread_of_it
            if what in HAVE_FORMS and not value:
                view = form(what, conversation=conversation, place=place, thread=thread_of_it)
                found.append(Heard(place, user, shown_in, view=view, trigger=str(body.get("trigger_id", ""))))
                continue
            key = f"slackact:{self.people.team}:{place}:{ts}:{one.get('action_ts', '')}:{user}"
            at = seconds(str(one.get("action_ts", "")))
            event = await self._event(key, user, place, thread_of_it, conversation, what, value, at)
            found.append(Heard(place, user, shown_in, event))
        return found

    async def sent(self, body: dict[str, Any]) -> list[Heard]:
        """A form that was sent. Its id is its identity: it can be sent once."""
        view = body.get("view") or {}
        user = str((body.get("user") or {}).get("id", ""))
        read = read_form(view)
        if read is None or not user:
            return []
        what, conversation, place, thread, value = read
        if what != Action.BLOCK and not value.strip():
            return [Heard(place, user, thread, answer=explained(FIELD, "Nothing is in here yet. Nothing was changed."))]
        if what == Action.TRANSFER:
            value = (await self.people.get(value)).id
        key = f"slackform:{self.people.team}:{view.get('id', '')}"
        event = await self._event(key, user, place, thread, conversation, what, value, 0.0)
        return [Heard(place, user, thread, event, form=str(view.get("id", "")), surface="message" if place else "home")]

    async def _event(
        self, key: str, user: str, place: str, thread: str, conversation: str, what: str, value: str, at: float
    ) -> DeskEvent:
        person = await self.people.get(user)
        note = what == NOTE
        return DeskEvent(
            desk=DESK,
            key=key,
            kind="note" if note else "action",
            who=person.id,
            who_name=person.name,
            trusted=person.trusted,
            place=place,
            thread=thread,
            conversation_id=conversation,
            text=value if note else "",
            action=None if note else Action(what),
            value="" if note else value,
            at=at,
        )

    async def _click(self, one: dict[str, Any]) -> tuple[str, str, str, str] | None:
        if one.get("type") == "users_select":  # cards that were posted by an earlier version
            block = str(one.get("block_id", "")).split(":")
            chosen = str(one.get("selected_user") or "")
            if block[0] != "card" or len(block) < 2 or not chosen:
                return None
            return Action.TRANSFER.value, block[1], "", (await self.people.get(chosen)).id
        text = (one.get("selected_option") or {}).get("value") if one.get("type") == "overflow" else one.get("value")
        carried = read_carried(str(text or "")) if str(one.get("action_id", "")).startswith("deskhand:") else None
        if carried is None:
            return None
        return carried.action.value if carried.action else NOTE, carried.conversation, carried.thread, carried.value
