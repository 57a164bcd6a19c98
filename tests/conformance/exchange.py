"""A platform with everything that a platform can have. Like some real ones it tells a bot its own messages, too."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from bot.testing import PlatformDouble, Shown
from tests.conformance.wire import TOKEN, Wire

UTF16_MAX = 500


class Exchange(Wire, PlatformDouble):
    secrets = (TOKEN,)
    acknowledged = PlatformDouble.acknowledged

    def __init__(self) -> None:
        super().__init__()
        self.posts: dict[str, list[dict[str, Any]]] = {}
        self.counts: dict[str, int] = {}
        self.nonces: dict[str, str] = {}
        self.typed: dict[str, int] = {}
        self.drafted: dict[str, list[str]] = {}
        self.changes = 0

    # The wire

    def _do_send(self, order: dict[str, Any]) -> dict[str, Any]:
        place, text = order["place"], order["text"]
        if len(text.encode("utf-16-le")) // 2 > UTF16_MAX:
            return {"error": "too long"}
        if order["key"] in self.nonces:
            return {"id": self.nonces[order["key"]]}
        post = {"id": self._number(place), **order, "reactions": []}
        self.posts.setdefault(place, []).append(post)
        self.nonces[order["key"]] = post["id"]
        self._tell(
            {"id": f"echo:{place}:{post['id']}", "kind": "message", "place": place, "person": "bot", "text": text},
            keep=False,
        )
        return {"id": post["id"]}

    def _number(self, place: str) -> str:
        self.counts[place] = self.counts.get(place, 0) + 1
        return str(self.counts[place])

    def _find(self, place: str, number: str) -> dict[str, Any] | None:
        return next((post for post in self.posts.get(place, []) if post["id"] == number), None)

    def _do_change(self, order: dict[str, Any]) -> dict[str, Any]:
        post = self._find(order["place"], order["id"])
        if post is None:
            return {"error": "no such message"}
        if order["how"] == "edit":
            post["text"] = order["text"]
        elif order["how"] == "bare":
            post["buttons"] = []
        elif order["how"] == "react":
            post["reactions"] = [order["text"]] if order["text"] else []
        else:
            self.posts[order["place"]].remove(post)
        return {"id": order["id"]}

    def _do_find(self, order: dict[str, Any]) -> dict[str, Any]:
        return {"id": self.nonces.get(order["key"], "")}

    def _do_typing(self, order: dict[str, Any]) -> dict[str, Any]:
        self.typed[order["place"]] = self.typed.get(order["place"], 0) + 1
        return {"id": ""}

    def _do_draft(self, order: dict[str, Any]) -> dict[str, Any]:
        self.drafted.setdefault(order["place"], []).append(order["text"])
        return {"id": ""}

    # People

    def place(self, number: int) -> str:
        """Two names differ in case only: ``roomA``, ``rooma``."""
        letter = chr(ord("a") + (number - 1) // 2)
        return f"room{letter.upper() if number % 2 else letter}"

    def write(self, place: str, text: str) -> str:
        return self._write(place, text)

    def _write(self, place: str, text: str, **more: Any) -> str:
        number = self._number(place)  # in each place from 1: not unique on the whole platform
        event = {
            "id": f"{place}:{number}",
            "number": number,
            "kind": "message",
            "place": place,
            "person": f"p-{place}",
            "text": text,
        }
        return self._tell({**event, **more})

    def write_file(self, place: str, text: str, name: str, content: bytes) -> str:
        return self._write(
            place, text, file={"name": name, "size": len(content), "bytes": base64.b64encode(content).decode()}
        )

    def again(self, message: str) -> None:
        self._tell(self.events[message])

    def oddity(self, place: str) -> None:
        self._tell({"id": f"{place}:odd", "kind": "hologram", "place": place, "person": "p", "shape": [1, None]})

    def _change(self, message: str, kind: str, text: str = "") -> None:
        self.changes += 1
        before = self.events[message]
        self._tell({**before, "id": f"{message}:c{self.changes}", "kind": kind, "text": text, "change": self.changes})

    def edit(self, message: str, text: str) -> None:
        self._change(message, "edit", text)

    def delete(self, message: str) -> None:
        self._change(message, "delete")

    def react(self, place: str, shown: str, emoji: str, gone: bool) -> None:
        self.changes += 1
        event = {
            "id": f"{place}:r{self.changes}",
            "kind": "reaction",
            "place": place,
            "person": f"p-{place}",
            "change": self.changes,
        }
        self._tell({**event, "subject": shown, "text": emoji, "gone": gone})

    def press(self, place: str, shown: str, label: str) -> None:
        self.changes += 1
        post = self._find(place, shown)
        assert post is not None
        (value,) = [one["value"] for one in post["buttons"] if one["label"] == label]
        event = {
            "id": f"{place}:b{self.changes}",
            "kind": "button",
            "place": place,
            "person": f"p-{place}",
            "change": self.changes,
        }
        self._tell({**event, "text": value, "under": shown})

    # What they see

    def shown(self, place: str) -> Sequence[Shown]:
        return [
            Shown(
                id=post["id"],
                text=post["text"],
                files=tuple((one["name"], base64.b64decode(one["bytes"])) for one in post["files"]),
                buttons=tuple(one["label"] for one in post["buttons"]),
                reactions=tuple(post["reactions"]),
            )
            for post in self.posts.get(place, [])
        ]

    def typing(self, place: str) -> int:
        return self.typed.get(place, 0)

    def drafts(self, place: str) -> Sequence[str]:
        return self.drafted.get(place, [])

    def unknown_message(self, shown: str) -> str:
        return "999"
