"""A place where agents work, in memory and over a wire: threads of notes with buttons. Only for the tests of the kit."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from typing import Any

from bot.testing import Shown, SurfaceDouble
from tests.conformance.wire import TOKEN, Wire

OUTSIDER = "other-company:eve"


class Whiteboard(Wire, SurfaceDouble):
    secrets = (TOKEN,)
    acknowledged = SurfaceDouble.acknowledged

    def __init__(self) -> None:
        super().__init__()
        self.notes: dict[str, list[dict[str, Any]]] = {}
        self.keys: dict[str, tuple[str, str]] = {}
        self.whispers: dict[str, list[str]] = {}
        self.marked: dict[str, list[str]] = {}
        self.letters: dict[str, list[str]] = {}
        self.inboxes: dict[str, dict[str, Any]] = {}
        self.changed = asyncio.Event()
        self.last = 0

    # The wire

    def _number(self) -> str:
        self.last += 1
        return str(self.last)

    def _do_send(self, order: dict[str, Any]) -> dict[str, Any]:
        if len(order["text"]) > 1_000:
            return {"error": "too long"}
        number = self._number()
        thread = order["thread"] or number
        if order["thread"] and order["thread"] not in self.notes:
            return {"error": "no such thread"}
        self.notes.setdefault(thread, []).append({**order, "id": number, "reactions": []})
        self.keys[order["key"]] = (number, thread)
        self._tell(
            {"id": f"echo{number}", "kind": "note", "thread": thread, "who": "board:bot", "text": order["text"]},
            keep=False,
        )
        return {"id": number, "thread": thread}

    def _do_change(self, order: dict[str, Any]) -> dict[str, Any]:
        notes = self.notes.get(order["thread"], [])
        note = next((one for one in notes if one["id"] == order["id"]), None)
        if note is None:
            return {"error": "no such note"}
        if order["how"] == "delete":
            notes.remove(note)
        elif order["how"] == "react":
            note["reactions"] = [order["text"]] if order["text"] else []
        else:
            note |= {"text": order["text"], "buttons": order["buttons"]}
        return {"id": order["id"], "thread": order["thread"]}

    def _do_mark(self, order: dict[str, Any]) -> dict[str, Any]:
        self.marked[order["id"]] = [order["text"]] if order["text"] else []
        return {"id": order["id"], "thread": order["thread"]}

    def _do_find(self, order: dict[str, Any]) -> dict[str, Any]:
        number, thread = self.keys.get(order["key"], ("", ""))
        return {"id": number, "thread": thread}

    def _do_whisper(self, order: dict[str, Any]) -> dict[str, Any]:
        self.whispers.setdefault(order["who"], []).append(order["text"])
        return {"id": "", "thread": order["thread"]}

    def _do_letter(self, order: dict[str, Any]) -> dict[str, Any]:
        number = self._number()
        self.letters.setdefault(order["who"], []).append(order["text"])
        self.keys[order["key"]] = (number, number)
        return {"id": number, "thread": number}

    def _do_inbox(self, order: dict[str, Any]) -> dict[str, Any]:
        self.inboxes[order["who"]] = order
        self.changed.set()
        return {"id": "", "thread": ""}

    # People

    def person(self, number: int) -> str:
        return f"board:person{number}"

    def stranger(self) -> str:
        return OUTSIDER

    def threads(self) -> Sequence[str]:
        return list(self.notes)

    def shown(self, thread: str) -> Sequence[Shown]:
        return [
            Shown(
                id=note["id"],
                text=note["text"],
                buttons=tuple(one["label"] for one in note["buttons"]),
                files=tuple((one["name"], base64.b64decode(one["bytes"])) for one in note["files"]),
                reactions=tuple(note["reactions"]),
            )
            for note in self.notes[thread]
        ]

    def reply(self, thread: str, who: str, text: str) -> str:
        return self._write(thread, who, text)

    def _write(self, thread: str, who: str, text: str, **more: Any) -> str:
        number = self._number()
        guest = who == OUTSIDER
        return self._tell(
            {"id": number, "kind": "note", "thread": thread, "who": who, "guest": guest, "text": text, **more}
        )

    def reply_file(self, thread: str, who: str, text: str, name: str, content: bytes) -> str:
        return self._write(thread, who, text, file={"name": name, "bytes": base64.b64encode(content).decode()})

    def again(self, message: str) -> None:
        self._tell(self.events[message])

    def oddity(self, thread: str) -> None:
        self._tell({"id": self._number(), "kind": "earthquake", "thread": thread, "strength": 4.1})

    def edit(self, message: str, text: str) -> None:
        self._tell(
            {**self.events[message], "id": f"{message}.{self._number()}", "of": message, "kind": "edit", "text": text}
        )

    def delete(self, message: str) -> None:
        self._tell(
            {**self.events[message], "id": f"{message}.{self._number()}", "of": message, "kind": "delete", "text": ""}
        )

    def click(self, thread: str, who: str, action: str) -> None:
        (button,) = [one for one in self.notes[thread][0]["buttons"] if one["action"] == action]
        event = {"id": self._number(), "kind": "press", "thread": thread, "who": who, "guest": False}
        self._tell({**event, "action": button["action"], "text": ""})

    def marks(self, message: str) -> Sequence[str]:
        return self.marked.get(message, [])

    async def home(self, who: str) -> Sequence[str]:
        self.changed.clear()
        self._tell({"id": self._number(), "kind": "visit", "thread": "", "who": who, "guest": False, "text": ""})
        async with asyncio.timeout(2):
            await self.changed.wait()
        shown = self.inboxes[who]
        return [*shown["lines"], *(one["label"] for one in shown["buttons"])]

    def press(self, who: str, label: str) -> None:
        shown = self.inboxes[who]
        (button,) = [one for one in shown["buttons"] if one["label"] == label]
        event = {"id": self._number(), "kind": "deed", "thread": "", "who": who, "guest": False, "text": ""}
        self._tell({**event, "page": shown["page"], "what": button["what"], "value": button["value"]})

    def directs(self, who: str) -> Sequence[str]:
        return self.letters.get(who, [])

    def asides(self, who: str) -> Sequence[str]:
        return self.whispers.get(who, [])
