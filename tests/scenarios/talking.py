"""A customer at the other end of a WebSocket, as the widget speaks: hello, send, deltas, catch-up by cursor."""

from __future__ import annotations

import contextlib
import secrets
import time
from typing import Any

import orjson
from websockets.sync.client import ClientConnection, connect

from tests.patience import patient


class Customer:
    """One visitor with one socket. Keeps what a widget would show: messages by id, drafts by turn."""

    def __init__(self, base_url: str, *, site: str = "demo", token: str = "", origin: str = "") -> None:
        self.base_url, self.site, self.token = base_url, site, token
        self.origin = origin or base_url
        self.conv = ""
        self.cursor = 0
        self.messages: dict[str, dict[str, Any]] = {}
        self.drafts: dict[str, tuple[int, str]] = {}
        self.frames: list[dict[str, Any]] = []
        self.socket: ClientConnection | None = None
        self.closing = contextlib.ExitStack()

    def __enter__(self) -> Customer:
        self.open()
        return self

    def __exit__(self, *exc: object) -> None:
        self.closing.close()

    def open(self) -> None:
        """Connect and say hello; again after a disconnect, from the cursor."""
        url = self.base_url.replace("http", "ws", 1) + f"/w/ws?site={self.site}"
        self.closing.close()
        wire = connect(url, origin=self.origin, compression=None, open_timeout=patient(10))  # type: ignore[arg-type]
        self.socket = self.closing.enter_context(wire)
        hello: dict[str, Any] = {"t": "hello", "cursor": self.cursor}
        if self.token:
            hello["token"] = self.token
        if self.conv:
            hello["conv"] = self.conv
        self.tell(hello)
        self.until(lambda: any(f["t"] == "welcome" for f in self.frames))

    def tell(self, frame: dict[str, Any]) -> None:
        assert self.socket is not None
        self.socket.send(orjson.dumps(frame).decode())

    def say(self, text: str, *, cid: str = "") -> dict[str, Any]:
        """Send a message and wait for its ack."""
        cid = cid or secrets.token_hex(16)
        frame: dict[str, Any] = {"t": "send", "cid": cid, "text": text}
        if self.conv:
            frame["conv"] = self.conv
        self.tell(frame)
        return self.frame(lambda f: f["t"] in {"ack", "error"} and f.get("cid") == cid)

    def frame(self, fits: Any, seconds: float = 15.0) -> dict[str, Any]:
        """The first frame that fits, read already or still to come."""
        return next(f for f in self.until(lambda: [f for f in self.frames if fits(f)], seconds))

    def answers(self) -> list[dict[str, Any]]:
        return sorted((m for m in self.messages.values() if m["author"] == "ai"), key=lambda m: m["seq"])

    def until(self, condition: Any, seconds: float = 15.0) -> Any:
        """Read frames until ``condition`` holds; returns what it said."""
        deadline = time.monotonic() + patient(seconds)
        while not (found := condition()):
            left = deadline - time.monotonic()
            assert left > 0, f"not within {seconds} s; last frames: {self.frames[-5:]}"
            self._read(left)
        return found

    def _read(self, seconds: float) -> None:
        assert self.socket is not None
        try:
            frame = orjson.loads(self.socket.recv(timeout=min(seconds, 0.5)))
        except TimeoutError:
            return
        self.frames.append(frame)
        kind = frame["t"]
        if kind == "welcome":
            self.token = frame.get("token") or self.token
            self.conv = frame.get("conv") or self.conv
        elif kind == "ack":
            self.conv = frame["conv"]
        elif kind == "delta":
            self._delta(frame)
        elif kind == "msgs":
            assert frame["after"] <= self.cursor or frame["conv"] != self.conv, "a gap"
            for message in frame["msgs"]:
                self.messages[message["id"]] = message
            self.cursor = max(self.cursor, frame["cursor"])

    def _delta(self, frame: dict[str, Any]) -> None:
        attempt, text = self.drafts.get(frame["turn"], (0, ""))
        if frame["attempt"] > attempt:
            attempt, text = frame["attempt"], ""
        if frame["attempt"] == attempt:
            assert frame["off"] <= len(text), "a hole in the draft"
            text = text[: frame["off"]] + frame["text"]
        self.drafts[frame["turn"]] = (attempt, text)
