"""A conversation that waits for people, its customer, and what an agent does with canned replies at a desk without pages of its own."""

from __future__ import annotations

from typing import Any

import pytest

from bot import agents, canned, clock
from bot.canned import CannedReply
from bot.desk import DeskAnswer, DeskEvent
from bot.desk_events import receive_desk
from bot.pages import Choice, Field, Option, Page, Press, Presses, Row, Wanted, Words
from bot.workplace import rooms
from tests.test_desks import World
from tests.test_desks import world as _world

world = _world


class Shop:
    """What agents do, as a desk tells it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.store = world.store

    def add(self, shortcut: str, text: str, **more: Any) -> CannedReply:
        return self.store.write(lambda: canned.add(CannedReply(shortcut=shortcut, text=text, **more), actor="cli:test"))

    def change(self, shortcut: str, **more: Any) -> CannedReply:
        return self.store.write(lambda: canned.change(shortcut, actor="cli:test", **more))

    def uses(self, shortcut: str) -> int:
        return next(one.uses for one in canned.listed() if one.shortcut == shortcut)

    def named(self, name: str) -> None:
        self.store.write(lambda: self.store.Contact.update(name=name).execute())

    def say(self, text: str, who: str = "T1:ana", **more: Any) -> DeskAnswer:
        """``!text`` in the thread."""
        values: dict[str, Any] = {
            "key": clock.new_id(),
            "place": "W1",
            "thread": "m1",
            "message": clock.new_id(),
            **more,
        }
        return receive_desk([DeskEvent(desk="wall", kind="command", who=who, text=text, **values)])[0]

    def asks(self, text: str, who: str = "T1:ana") -> DeskAnswer:
        """``/desk text``, anywhere."""
        return self.say(text, who, thread="", message="", place="")

    def press(self, what: str, value: str = "", who: str = "T1:ana", **more: Any) -> DeskAnswer:
        values: dict[str, Any] = {"key": clock.new_id(), "conversation_id": self.world.conversation, **more}
        return receive_desk([DeskEvent(desk="wall", kind="press", who=who, what=what, value=value, **values)])[0]

    def send(self, text: str, page: Page | None = None, **more: Any) -> DeskAnswer:
        """The form is sent."""
        fields = {"text": text, **more.pop("fields", {})}
        return self.press("canned.send", page_value=page.value if page else "|", fields=fields, **more)

    def form(self, value: str = "", name: str = "canned.choose", who: str = "T1:ana", **more: Any) -> Page:
        values: dict[str, Any] = {"conversation_id": self.world.conversation, **more}
        return rooms.page(Wanted(desk="wall", who=who, name=name, value=value, **values))

    def find(self, query: str, who: str = "T1:ana", **more: Any) -> list[Option]:
        values: dict[str, Any] = {"conversation_id": self.world.conversation, **more}
        wanted = Wanted(desk="wall", who=who, name="canned.choose", value="reply", **values)
        return list(rooms.options(wanted, query))

    def sent(self) -> list[str]:
        """What the customer got of agents."""
        return [text for author, text in self.world.said() if author == "agent"]


def field(page: Page, name: str) -> Field | Choice:
    return next(one for one in page.parts if isinstance(one, Field | Choice) and one.name == name)


def words(page: Page | None) -> str:
    assert page is not None
    return "\n".join(
        part.text if isinstance(part, Words) else f"{part.title} {part.text} {part.quiet}"
        for part in page.parts
        if isinstance(part, Words | Row)
    )


def presses(page: Page | None) -> list[Press]:
    assert page is not None
    return [
        one
        for part in page.parts
        for one in (
            (*part.presses, *part.menu) if isinstance(part, Row) else part.presses if isinstance(part, Presses) else ()
        )
    ]


@pytest.fixture
def shop(world: World) -> Shop:
    agents.add_agent("boss", role="admin", actor="test")
    agents.link("boss", "wall", "T1:boss", actor="test")
    agents.add_agent("eve", role="viewer", actor="test")
    agents.link("eve", "wall", "T1:eve", actor="test")
    return Shop(world)
