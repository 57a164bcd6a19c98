"""A customer and people in Slack who do not give up: they come back, and press again what did nothing."""

from __future__ import annotations

import contextlib
import secrets
import time
import urllib.error
import urllib.request
from typing import Any

import orjson
from websockets.exceptions import InvalidHandshake, WebSocketException

from tests.fakes.slack import FakeSlack
from tests.patience import patient
from tests.scenarios.talking import Customer

OVERDUE = 3.0
"""Seconds after which a frame without an answer is sent again, as the widget does it."""


class Patient(Customer):
    """Reconnects when the connection ends, and sends again under the same id what has no receipt."""

    def _read(self, seconds: float) -> None:
        try:
            super()._read(seconds)
        except (WebSocketException, OSError):
            self.come_back()

    def tell(self, frame: dict[str, Any]) -> None:
        try:
            super().tell(frame)
        except (WebSocketException, OSError):
            self.come_back()
            super().tell(frame)

    def come_back(self, seconds: float = 20.0) -> None:
        deadline = time.monotonic() + patient(seconds)
        while True:
            try:
                self.open()
                return
            except (WebSocketException, InvalidHandshake, OSError, AssertionError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def surely(self, kind: str, seconds: float = 30.0, **fields: Any) -> dict[str, Any]:
        """Send a frame until it has its receipt."""
        cid = secrets.token_hex(16)
        deadline = time.monotonic() + patient(seconds)
        while True:
            frame = {"t": kind, "cid": cid, **fields, **({"conv": self.conv} if self.conv else {})}
            with contextlib.suppress(AssertionError, WebSocketException, OSError):
                self.tell(frame)
                answer = self.frame(lambda f: f["t"] in {"ack", "error"} and f.get("cid") == cid, OVERDUE)
                if answer["t"] == "ack" or answer["final"]:
                    return answer
                self.frames.remove(answer)
            assert time.monotonic() < deadline, f"{kind} has no receipt after {seconds} s"

    def bring(self, name: str, content: bytes, kind: str, seconds: float = 30.0) -> str:
        """Upload a file; its id. Again while web is being started."""
        border = "a-border-of-ours"
        head = f'--{border}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: {kind}\r\n\r\n'
        body = head.encode() + content + f"\r\n--{border}--\r\n".encode()
        headers = {
            "Authorization": f"Bearer {self.token}", "Content-Type": f"multipart/form-data; boundary={border}", "Origin": self.origin,
        }  # fmt: skip
        deadline = time.monotonic() + patient(seconds)
        while True:
            try:
                request = urllib.request.Request(f"{self.base_url}/w/files", body, headers, method="POST")
                with urllib.request.urlopen(request, timeout=patient(10)) as answer:
                    return str(orjson.loads(answer.read())["id"])
            except urllib.error.HTTPError as error:
                raise AssertionError(error.read()) from None
            except OSError:
                assert time.monotonic() < deadline, "web did not come back"
                time.sleep(0.3)

    def fetch(self, path: str) -> bytes:
        """What is behind a file's address."""
        with urllib.request.urlopen(self.base_url + path, timeout=patient(10)) as answer:
            return bytes(answer.read())

    def of(self, author: str) -> list[dict[str, Any]]:
        """What is shown of one author, in order."""
        found = [m for m in self.messages.values() if m["author"] == author and not m.get("deleted")]
        return sorted(found, key=lambda m: m["seq"])

    def texts(self, author: str) -> list[str]:
        return [m["text"] for m in self.of(author)]

    def told(self, kind: str) -> list[dict[str, Any]]:
        """System messages of one kind."""
        return [m for m in self.messages.values() if m.get("type") == kind]


class Room:
    """One channel of the fake workspace, and the thread of one ticket in it."""

    def __init__(self, slack: FakeSlack, channel: str) -> None:
        self.slack, self.channel, self.thread = slack, channel, ""
        self.before = len(slack.space.messages(channel))

    def find(self, seconds: float = 20.0) -> None:
        """The card of the ticket that was opened since."""
        self.thread = self.slack.wait_for_message(self.channel, number=self.before + 1, seconds=seconds)["ts"]

    def title(self) -> str:
        return str(self.slack.space.message(self.channel, self.thread)["blocks"][0]["text"]["text"])

    def card(self) -> str:
        return str(self.slack.space.message(self.channel, self.thread)["blocks"])

    def shown(self) -> list[dict[str, Any]]:
        return self.slack.space.messages(self.channel, self.thread)[1:]

    def having(self, words: str) -> list[dict[str, Any]]:
        return [one for one in self.shown() if words in one["text"] or words in str(one.get("blocks", ""))]

    def write(self, user: str, text: str) -> str:
        return self.slack.reply(user, self.channel, self.thread, text)

    def press(self, user: str, label: str, until: Any, seconds: float = 25.0) -> None:
        """Press a button of the card; again when nothing came of it, as people do: Slack tells a click only once."""
        deadline = time.monotonic() + patient(seconds)
        while not until():
            with contextlib.suppress(AssertionError):  # the card has another face by now
                self.slack.click(user, self.channel, self.thread, label)
            with contextlib.suppress(AssertionError):
                self.slack.wait(until, 3.0)
            assert time.monotonic() < deadline, f"{label} did nothing within {seconds} s"
