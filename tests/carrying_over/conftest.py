"""Two channels and a desk, between which a conversation is carried over by a code."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from bot import clock, deliver, lease, throttle, whereabouts
from bot.channel import Channel, Limits
from bot.desk import Desk
from bot.messages import Inbound, Receipt, Refused
from bot.outbox import DeskOutbox, Outbox
from bot.receive import receive


class Post(Channel):
    name: ClassVar[str] = "post"
    limits = Limits(max_text=400, timeout=5)

    def start_link(self, code: str) -> str:
        return f"https://post.example/start?c={code}" if self.name == "post" else ""


class Pigeon(Post):
    name = "pigeon"
    where = "by pigeon"


class Table(Desk):
    name = "table"
    place = "round"


@pytest.fixture(autouse=True)
def house(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "_current", None)  # what was counted in the test before
    deliver.forget_declarations()
    store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now()))
    lease.start("channels")
    for channel in (Post(), Pigeon()):
        Outbox(channel).declare()
        whereabouts.announce(channel)
    DeskOutbox(Table()).declare()


_number = 0


def said(channel: str, who: str, text: str = "hello", **more: Any) -> Inbound:
    global _number
    _number += 1
    return Inbound(channel=channel, key=f"k{_number}", external_id=who, place=f"{channel}-{who}", text=text, **more)


def comes(event: Inbound) -> Receipt:
    outcome = receive([event])[0]
    assert isinstance(outcome, Receipt), outcome
    return outcome


def refused(event: Inbound) -> Refused:
    outcome = receive([event])[0]
    assert isinstance(outcome, Refused), outcome
    return outcome


def asked(channel: str, who: str) -> str:
    aside = comes(said(channel, who, "", kind="continue")).aside
    return aside.partition("Your code is ")[2].split(".")[0]


def shows(channel: str, who: str, code: str, **more: Any) -> Inbound:
    return said(channel, who, code, kind="continue", **more)


def rows(store: Any, statement: str, *values: Any) -> list[Any]:
    return store.read(lambda: store.sql(statement, values).fetchall())


def now_at(store: Any, conversation: str) -> list[tuple[str, str]]:
    found = rows(store, "SELECT channel, place FROM route WHERE conversation_id = ? AND current", conversation)
    return [tuple(row) for row in found]


def texts(store: Any, channel: str, place: str) -> list[str]:
    """What is on its way to one place."""
    found = rows(
        store,
        "SELECT message FROM delivery WHERE channel = ? AND place = ? AND op = 'send' ORDER BY ord",
        channel,
        place,
    )
    return [rows(store, "SELECT body FROM message WHERE id = ?", row[0])[0][0] for row in found]
