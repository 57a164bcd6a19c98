"""What people do on pages (inbox, forms, asides), with ``/desk`` and with a message's menu, as :class:`Heard`."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from bot import Action, DeskEvent, Wanted

from .carried import (
    CALLBACK,
    LINK,
    MENU,
    PICK,
    PRESS,
    OnPage,
    chosen,
    filled_in,
    people_in,
    read_carried,
    read_metadata,
)
from .controls import read_choice
from .forms import HAVE_FORMS, form
from .heard import DESK, Heard, seconds
from .people import People, Person
from .reading import readable

INBOX = "inbox"
"""The page that is everybody's inbox."""
SHORTCUTS = {"deskhand:ticket": "ticket.make", "deskhand:canned": "canned.choose"}
"""Pages that a message's menu opens, by the shortcut's callback_id in slack-manifest.yaml."""
LONGEST = 3_000


class Visits:
    """Reads payloads about pages."""

    def __init__(self, people: People) -> None:
        self.people = people

    async def presses(self, body: dict[str, Any]) -> list[Heard]:
        """Buttons, menus and choices of pages. Buttons that lead somewhere are Slack's own business."""
        user = str((body.get("user") or {}).get("id", ""))
        actions = [one for one in body.get("actions") or [] if _ours(one)]
        if not user or not actions:
            return []
        where = _Where(body)
        person = await self.people.get(user)
        fields = await self._fields(where.values)
        found = []
        for one in actions:
            heard = self._press(one, where, user, person, fields)
            if heard is not None:
                found.append(heard)
        return found

    def _press(
        self, one: dict[str, Any], where: _Where, user: str, person: Person, fields: dict[str, str]
    ) -> Heard | None:
        key = f"slackact:{self.people.team}:{where.id}:{one.get('action_ts', '')}:{user}"
        if str(one["action_id"]).startswith(PICK):
            what, page, conversation = read_choice(str(one.get("block_id", "")))
            on = where.page or OnPage(name=page, conversation=conversation)
            name, value = str(one["action_id"]).removeprefix(PICK), chosen(one)
            if not what:
                return None
            event = self._event(
                key, person, where, on, on.conversation, what=what, value=value, fields={**fields, name: value}
            )
            return where.heard(user, on, event)
        option = one.get("selected_option") or {}
        carried = read_carried(str(option.get("value") or one.get("value") or ""))
        if carried is None:
            return None
        on = carried.page or where.page
        if on is None:
            return None
        conversation = carried.conversation or on.conversation
        if carried.opens:
            wanted = self._wanted(
                person, carried.opens, value=carried.value or on.value, conversation_id=conversation,
                place=where.place or on.place, thread=where.thread or on.thread, fields=fields,
            )  # fmt: skip
            return where.heard(user, on, wanted=wanted)
        if carried.action is not None:
            if carried.action in HAVE_FORMS and not carried.value:
                view = form(
                    carried.action.value, conversation=conversation, place=where.place or on.place, thread=where.thread or on.thread
                )  # fmt: skip
                return where.heard(user, on, view=view)
            event = self._event(key, person, where, on, conversation, action=carried.action, value=carried.value)
            return where.heard(user, on, event)
        value = carried.value or on.value
        event = self._event(key, person, where, on, conversation, what=carried.what, value=value, fields=fields)
        return where.heard(user, on, event)

    async def sent(self, body: dict[str, Any]) -> list[Heard]:
        """A form that was made of a page. What Slack repeats is the form, its state and what was filled in."""
        view = body.get("view") or {}
        user = str((body.get("user") or {}).get("id", ""))
        if view.get("callback_id") != CALLBACK or not user:
            return []
        on = read_metadata(str(view.get("private_metadata") or ""))
        where = _Where(body)
        person = await self.people.get(user)
        fields = await self._fields(where.values)
        digest = hashlib.sha256(orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
        key = f"slackform:{self.people.team}:{view.get('id', '')}:{view.get('hash', '')}:{digest}"
        event = self._event(key, person, where, on, on.conversation, what=on.what, value=on.value, fields=fields)
        blocks = {
            str(block["element"].get("action_id", "")).partition(":")[2]: str(block.get("block_id", ""))
            for block in view.get("blocks") or []
            if block.get("type") == "input"
        }
        return [
            Heard(
                on.place, user, on.thread, event, form=str(view.get("id", "")), blocks=blocks,
                surface="modal" if on.place else "home",
            )
        ]  # fmt: skip

    async def suggestions(self, body: dict[str, Any]) -> list[Heard]:
        """Somebody types in a list that is searched."""
        user = str((body.get("user") or {}).get("id", ""))
        where = _Where(body)
        on = where.page or OnPage(name=read_choice(str(body.get("block_id", "")))[1])
        name = str(body.get("action_id", "")).partition(":")[2]
        if not user or not name or not on.name:
            return []
        wanted = self._wanted(
            await self.people.get(user), on.name, value=name, conversation_id=on.conversation, place=where.place or on.place,
            thread=where.thread or on.thread, fields=await self._fields(where.values),
        )  # fmt: skip
        return [Heard("", user, "", wanted=wanted, query=str(body.get("value") or "")[:200])]

    async def shortcut(self, body: dict[str, Any]) -> list[Heard]:
        """An entry of a message's menu: opens a page about that message."""
        user = str((body.get("user") or {}).get("id", ""))
        name = SHORTCUTS.get(str(body.get("callback_id", "")))
        if name is None or not user:
            return []
        message = body.get("message") or {}
        place = str((body.get("channel") or {}).get("id", ""))
        thread = str(message.get("thread_ts") or message.get("ts") or body.get("message_ts") or "")
        wanted = self._wanted(
            await self.people.get(user), name, place=place, thread=thread, text=readable(str(message.get("text") or ""))[:LONGEST],
        )  # fmt: skip
        shown_in = thread if message.get("thread_ts") else ""
        return [Heard(place, user, shown_in, wanted=wanted, trigger=str(body.get("trigger_id", "")))]

    async def command(self, body: dict[str, Any]) -> list[Heard]:
        """``/desk …``, anywhere but in threads: Slack has no such commands there."""
        user, trigger = str(body.get("user_id", "")), str(body.get("trigger_id", ""))
        if not user:
            return []
        person = await self.people.get(user)
        place = str(body.get("channel_id", ""))
        event = DeskEvent(
            desk=DESK, key=f"slackcommand:{self.people.team}:{trigger}", kind="command", who=person.id, who_name=person.name,
            trusted=person.trusted, place=place, text=readable(str(body.get("text") or ""))[:LONGEST],
        )  # fmt: skip
        return [
            Heard(place, user, "", event, trigger=trigger, surface="command", later=str(body.get("response_url") or ""))
        ]  # fmt: skip

    def home_opened(self, event: dict[str, Any]) -> list[Heard]:
        """Somebody looks at their inbox (and not at the app's messages)."""
        if event.get("tab", "home") != "home" or not event.get("user"):
            return []
        return [Heard("", str(event["user"]), "", surface="home")]

    async def _fields(self, values: dict[str, Any]) -> dict[str, str]:
        fields = filled_in(values)
        for name, user in people_in(values).items():
            fields[name] = (await self.people.get(user)).id
        return fields

    def _wanted(self, person: Person, name: str, **more: Any) -> Wanted:
        return Wanted(
            desk=DESK, who=person.id, who_name=person.name, trusted=person.trusted, zone=person.zone, name=name, **more
        )  # fmt: skip

    def _event(
        self, key: str, person: Person, where: _Where, on: OnPage, conversation: str, *, what: str = "", action: Action | None = None,
        value: str, fields: dict[str, str] | None = None,
    ) -> DeskEvent:  # fmt: skip
        return DeskEvent(
            desk=DESK, key=key, kind="press" if action is None else "action", who=person.id, who_name=person.name,
            trusted=person.trusted, place=where.place or on.place,
            # Where a conversation is named, its thread may have moved since.
            thread="" if conversation else where.thread or on.thread, conversation_id=conversation, action=action, what=what,
            value=value, page=on.name, page_value=on.value, fields=fields or {}, at=where.at,
        )  # fmt: skip


class _Where:
    """Where a payload comes from: a message, a form or an inbox."""

    def __init__(self, body: dict[str, Any]) -> None:
        view, box, message = body.get("view") or {}, body.get("container") or {}, body.get("message") or {}
        self.trigger = str(body.get("trigger_id", ""))
        self.place = str((body.get("channel") or {}).get("id") or box.get("channel_id", ""))
        ts = str(box.get("message_ts") or message.get("ts", ""))
        self.thread = str(message.get("thread_ts") or box.get("thread_ts") or "")
        self.view = str(view.get("id", ""))
        self.hash = str(view.get("hash", ""))
        self.is_home = view.get("type") == "home"
        self.id = self.view or f"{self.place}:{ts}"
        self.page = (
            read_metadata(str(view.get("private_metadata") or "")) if view.get("callback_id") == CALLBACK else None
        )
        self.values: dict[str, Any] = ((view or body).get("state") or {}).get("values") or {}
        first = (body.get("actions") or [{}])[0]
        self.at = seconds(str(first.get("action_ts", "")))

    def heard(self, user: str, on: OnPage, event: DeskEvent | None = None, **more: Any) -> Heard:
        """With the way back for an answer."""
        if not self.view:
            return Heard(self.place, user, self.thread, event, trigger=self.trigger, **more)
        surface: Any = "home" if self.is_home else "modal"
        return Heard(
            on.place, user, on.thread, event, trigger=self.trigger, surface=surface, modal="" if self.is_home else self.view,
            modal_hash=self.hash, **more,
        )  # fmt: skip


def _ours(action: dict[str, Any]) -> bool:
    name = str(action.get("action_id", ""))
    return name.startswith((PRESS, MENU, PICK)) and not name.startswith(LINK)
