"""A house with a desk, its agents and as many tickets as a test wants, seen through their inboxes."""

from __future__ import annotations

from typing import Any

import pytest

from bot import clock
from bot.desk import DeskAnswer, DeskEvent, DeskPost, Posted
from bot.desk_events import receive_desk
from bot.messages import Inbound, Profile, Receipt
from bot.outbox import DeskOutbox
from bot.pages import Choice, Page, Press, Presses, Row, Wanted, Words
from bot.receive import receive
from bot.workplace import inbox, inbox_lists, rooms
from bot.workplace.inbox_lists import LISTS
from tests.test_desks import Wall


class House:
    """Everybody's inbox at the desk ``wall``. Agents: ana, marko, vera (a viewer) and olga (switched off)."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.outbox = DeskOutbox(Wall())
        self.outbox.declare()
        self.number = 0

    def customer(
        self, text: str = "Where is my order?", *, name: str = "", person: str = "", kind: Any = "message"
    ) -> str:
        """Somebody writes; returns the conversation."""
        self.number += 1
        who = person or f"customer{self.number}"
        got = receive(
            [
                Inbound(
                    channel="widget", key=clock.new_id(), external_id=who, place=who, text=text, kind=kind, profile=Profile(name=name)
                )
            ]
        )[0]  # fmt: skip
        assert isinstance(got, Receipt), got
        return got.conversation_id

    def waits(self, text: str = "Where is my order?", *, name: str = "", person: str = "") -> str:
        """Somebody writes and wants a person; returns the conversation."""
        self.number += 1
        who = person or f"customer{self.number}"
        self.customer(text, name=name, person=who)
        return self.customer("", person=who, kind="handoff")

    def show(self, conversation_id: str, link: str = "https://wall.example/{}") -> list[DeskPost]:
        """The desk shows what is due of a conversation, and tells where."""
        shown = []
        while (claimed := self.outbox.claim(conversation_id)) is not None:
            assert isinstance(claimed.out, DeskPost)
            shown.append(claimed.out)
            thread = claimed.out.thread or clock.new_id()
            posted = Posted(thread if claimed.out.op == "card" else clock.new_id(), thread, link.format(thread))
            self.outbox.posted(claimed, posted)
        return shown

    # Looking ---------------------------------------------------------------------------------------------------------

    def page(self, name: str, who: str = "ana", conversation_id: str = "", **more: Any) -> Page:
        return rooms.page(Wanted(desk="wall", who=f"T1:{who}", name=name, conversation_id=conversation_id, **more))

    def home(self, who: str = "ana", **more: Any) -> Page:
        return self.page("inbox", who, **more)

    # Doing -----------------------------------------------------------------------------------------------------------

    def press(
        self, press: Press, who: str = "ana", *, page: Page | None = None, key: str = "", trusted: bool = True, **fields: str
    ) -> DeskAnswer:  # fmt: skip
        """What a desk sends when somebody presses this."""
        assert not press.url and not press.opens
        event = DeskEvent(
            desk="wall", key=key or clock.new_id(), kind="action" if press.action else "press", who=f"T1:{who}", who_name=who,
            trusted=trusted, action=press.action, what=press.what, value=press.value or (page.value if page else ""),
            page=page.name if page else "inbox", page_value=page.value if page else "",
            conversation_id=press.conversation_id or (page.conversation_id if page else ""), fields=fields,
        )  # fmt: skip
        return receive_desk([event])[0]

    def send(self, page: Page, who: str = "ana", *, key: str = "", **fields: str) -> DeskAnswer:
        """Send a form that was filled in."""
        assert page.submit and page.what, "this form cannot be sent"
        return self.press(Press(label=page.submit, what=page.what), who, page=page, key=key, **fields)

    def choose(self, tag: str, who: str = "ana") -> DeskAnswer:
        return self.press(Press(label="", what="inbox.tag", value=tag), who)

    def tab(self, which: str, who: str = "ana") -> Page:
        """Press a tab as the page shows it, and look again."""
        assert self.press(tabs(self.home(who))[which], who).code == "done"
        return self.home(who)

    def say(self, text: str, who: str = "ana", conversation_id: str = "", key: str = "") -> DeskAnswer:
        """``/desk …``, or ``!…`` in the thread of a conversation."""
        place, thread = "", ""
        if conversation_id:
            query = "SELECT place, thread FROM desk_thread WHERE conversation_id = ?"
            place, thread = self.store.read(lambda: self.store.sql(query, (conversation_id,)).fetchone())
        event = DeskEvent(
            desk="wall", key=key or clock.new_id(), kind="command", who=f"T1:{who}", text=text, place=place, thread=thread
        )  # fmt: skip
        return receive_desk([event])[0]

    def ticket(self, conversation_id: str) -> Any:
        table = self.store.Ticket
        return self.store.read(lambda: table.get(table.conversation == conversation_id))

    def set(self, conversation_id: str, **values: Any) -> None:
        """Change a ticket's row as time or another part would."""
        columns = ", ".join(f"{name} = ?" for name in values)
        self.store.write(
            lambda: self.store.sql(
                f"UPDATE ticket SET {columns} WHERE conversation_id = ?", (*values.values(), conversation_id)
            )
        )


def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three lines on a page."""
    for module in (inbox, inbox_lists):
        monkeypatch.setattr(module, "PAGE", 3)


def rows(page: Page) -> list[Row]:
    """The tickets on a page."""
    return [part for part in page.parts if isinstance(part, Row) and part.title.startswith("#")]


def numbers(page: Page) -> list[int]:
    return [int(one.title.partition(" ")[0].removeprefix("#")) for one in rows(page)]


def words(page: Page) -> str:
    return "\n".join(part.text for part in page.parts if isinstance(part, Words))


def presses(page: Page) -> dict[str, Press]:
    """Buttons beside the tickets, by their label."""
    found = [one for part in page.parts if isinstance(part, Presses) for one in part.presses]
    return {one.label: one for one in found}


def tabs(page: Page) -> dict[str, Press]:
    return {one.value: one for one in presses(page).values() if one.what == "inbox.tab"}


def labels(page: Page) -> list[str]:
    """Of the lists of tickets, with how many are in each."""
    return [one.label for which, one in tabs(page).items() if which in LISTS]


def tag_filter(page: Page) -> Choice | None:
    return next((part for part in page.parts if isinstance(part, Choice)), None)


def of(row: Row, label: str) -> Press:
    """A button or entry of a line."""
    (found,) = [one for one in (*row.presses, *row.menu) if one.label == label]
    return found


def offers(row: Row) -> list[str]:
    return [one.label for one in (*row.presses, *row.menu)]
