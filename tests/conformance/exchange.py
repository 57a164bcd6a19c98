"""A platform over TCP, one JSON object per line, with everything that a platform can have. Only for the tests of the kit.

A listener gets ``{"event": …}`` lines and answers ``{"ack": id}``; whatever it has not acknowledged it gets again when it connects
anew. All else is one request and one answer per line. Like some real ones it tells a bot its own messages, too.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Sequence
from typing import Any

from bot.testing import PlatformDouble, Shown, Trouble

TOKEN = "tok-5up3r-s3cret"
UTF16_MAX = 500


class Exchange(PlatformDouble):
    secrets = (TOKEN,)

    def __init__(self) -> None:
        self.port = 0
        self.server: asyncio.Server | None = None
        self.writers: set[asyncio.StreamWriter] = set()
        self.listeners: set[asyncio.StreamWriter] = set()
        self.waiting: dict[str, dict[str, Any]] = {}
        self.events: dict[str, dict[str, Any]] = {}
        self.posts: dict[str, list[dict[str, Any]]] = {}
        self.counts: dict[str, int] = {}
        self.nonces: dict[str, str] = {}
        self.typed: dict[str, int] = {}
        self.drafted: dict[str, list[str]] = {}
        self.next: tuple[Trouble, float] | None = None
        self.revoked = False
        self.changes = 0

    # Life

    async def start(self) -> None:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=2**20)
        self.port = self.server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self.server is not None:
            self.server.close()
            self.server = None
        for writer in list(self.writers):
            writer.transport.abort()

    async def trouble(self, kind: Trouble, seconds: float = 0.0) -> None:
        if kind is Trouble.OUTAGE:
            await self.stop()
        elif kind is Trouble.REVOKED:
            self.revoked = True
            for writer in list(self.listeners):
                writer.transport.abort()
        else:
            self.next = (kind, seconds)

    async def heal(self) -> None:
        self.revoked, self.next = False, None
        if self.server is None:
            await self.start()

    # The wire

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.add(writer)
        try:
            async for line in reader:
                order = json.loads(line)
                if "ack" in order:
                    self.waiting.pop(order["ack"], None)
                    self.acknowledged(order["ack"])
                elif self.revoked or order.get("token") != TOKEN:
                    self._say(writer, {"error": "token"})
                elif order["do"] == "listen":
                    self.listeners.add(writer)
                    for event in list(self.waiting.values()):
                        self._say(writer, {"event": event})
                else:
                    await self._answer(writer, order)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.writers.discard(writer)
            self.listeners.discard(writer)
            writer.close()

    def _say(self, writer: asyncio.StreamWriter, what: dict[str, Any]) -> None:
        with contextlib.suppress(ConnectionError):
            writer.write(json.dumps(what).encode() + b"\n")

    async def _answer(self, writer: asyncio.StreamWriter, order: dict[str, Any]) -> None:
        (kind, seconds), self.next = (
            (self.next if order["do"] == "send" else None) or ("", 0.0),
            (None if order["do"] == "send" else self.next),
        )
        if kind == Trouble.REFUSED:
            return self._say(writer, {"error": "blocked by the person"})
        if kind == Trouble.RATE_LIMITED:
            return self._say(writer, {"error": "slow down", "seconds": seconds})
        if kind == Trouble.BROKEN:
            return self._say(writer, {"error": "fault"})
        answer = getattr(self, f"_do_{order['do']}")(order)
        if kind == Trouble.LOST_ANSWER:
            writer.transport.abort()
            return None
        if kind == Trouble.SLOW:
            await asyncio.sleep(seconds)
        return self._say(writer, answer)

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

    def _tell(self, event: dict[str, Any], *, keep: bool = True) -> str:
        if keep:
            self.waiting[event["id"]] = self.events[event["id"]] = event
        for writer in self.listeners:
            self._say(writer, {"event": event})
        return str(event["id"])

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
        self._tell({**event, "text": value})

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
