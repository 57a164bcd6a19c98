"""The widget runs the kit that every channel runs: pages that write through the real web process, which is killed and comes back."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bot import Channel
from bot.testing import ChannelConformance, PlatformDouble, Shown, Trouble, fresh_store
from bot.testing.on_disk import OnDisk
from tests.web.conftest import EASY
from tests.web.webprocess import Web, new_cid
from web_widget import WidgetChannel


class Pages(PlatformDouble):
    """Visitors' pages. Each keeps what it has no receipt for, and sends it again."""

    troubles = frozenset({Trouble.OUTAGE})

    web: Web

    def __init__(self) -> None:
        self.tokens: dict[str, str] = {}
        self.places: dict[int, str] = {}
        self.sent: dict[str, tuple[str, str]] = {}
        self.ids: dict[str, str] = {}
        self.unsent: list[str] = []
        self.lock = threading.RLock()

    def start(self) -> None:
        """It runs already."""

    def stop(self) -> None:
        """It runs on."""

    def trouble(self, kind: Trouble, seconds: float = 0.0) -> None:
        self.web.end(signal.SIGKILL)

    def heal(self) -> None:
        if self.web.process is None or self.web.process.poll() is not None:
            self.web.start()
            for message in [*self.unsent]:
                self._deliver(message)

    def place(self, number: int) -> str:
        if number not in self.places:
            token, session = self.web.begin()
            self.places[number], self.tokens[session] = session, token
        return self.places[number]

    def write(self, place: str, text: str) -> str:
        message = new_cid()
        self.sent[message] = (place, text)
        self.unsent.append(message)
        self._deliver(message)
        return message

    def again(self, message: str) -> None:
        self._deliver(message)

    def _deliver(self, message: str) -> None:
        place, text = self.sent[message]
        body = {"session": place, "cid": message, "text": text}
        try:
            answer = self.web.post("/api/v1/chat/message", body, token=self.tokens[place])
        except OSError:
            return  # nobody is there: it stays in the page's outbox
        assert answer.status == 200, answer.body
        self.ids[message] = answer.json["ack"]["id"]
        if message in self.unsent:
            self.unsent.remove(message)
        self.acknowledged(message)

    def oddity(self, place: str) -> None:
        for body in ({"session": place, "hologram": 1}, {"session": place, "cid": "x" * 5000, "text": None}, []):
            answer = self.web.post("/api/v1/chat/message", body, token=self.tokens[place])
            assert 400 <= answer.status < 500, answer.body

    def edit(self, message: str, text: str) -> None:
        self._act(message, "edit", text)

    def delete(self, message: str) -> None:
        self._act(message, "delete", "")

    def _act(self, message: str, kind: str, text: str) -> None:
        place, _ = self.sent[message]
        body = {"session": place, "cid": new_cid(), "kind": kind, "message": self.ids[message], "text": text}
        answer = self.web.post("/api/v1/chat/action", body, token=self.tokens[place])
        assert answer.status == 200, answer.body

    def shown(self, place: str) -> Sequence[Shown]:
        answer = self.web.get(f"/api/v1/chat/history/{place}", token=self.tokens[place])
        return [Shown(id=one["id"], text=one["text"]) for one in answer.json["msgs"] if one["author"] != "customer"]


@pytest.fixture(scope="module", autouse=True)
def _one_web_process() -> Iterator[None]:
    """Starting it takes long: all promises share one, and its store."""
    with fresh_store() as TestWidget.disk:
        Pages.web = Web(Path(os.environ["DESKHAND_DATA"]), os.environ["DATABASE_URL"], **EASY).start()
        yield
        assert Pages.web.end() == 0
        assert not Pages.web.complaints()


class TestWidget(ChannelConformance):
    plugin = "web_widget"
    channel = WidgetChannel
    platform = Pages
    disk: ClassVar[OnDisk]

    def store(self) -> AbstractContextManager[OnDisk]:
        return nullcontext(self.disk)

    def make(self, platform: Any) -> Channel:
        return WidgetChannel()


def test_what_is_left_out_is_what_a_page_does_itself() -> None:
    reasons = set(TestWidget.not_declared.values())
    assert reasons <= {
        "clients pull (Capability.PULL): nothing is sent to them",
        "messages do not come in by listen()",
        "the platform has no tokens (the double names none in secrets)",
    }
