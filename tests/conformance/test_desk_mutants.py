"""Desks that are broken on purpose: the kit names the promise that each of them breaks."""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import replace
from typing import Any

import pytest

from bot import (
    ChannelDown,
    Desk,
    DeskEvent,
    DeskInbox,
    DeskPost,
    PermanentFailure,
    Posted,
    Resend,
    TemporaryFailure,
    Wanted,
)
from bot.testing import DeskConformance, channel_failures, stage
from bot.testing.desk_pages import Personal
from bot.testing.desk_promises import Working
from bot.testing.promises import promises_of
from tests.conformance.corkboard import Corkboard
from tests.conformance.whiteboard import Whiteboard
from tests.conformance.wire import TOKEN

BREAKS: dict[type[Corkboard], tuple[str, ...]] = {}


def breaks(*promises: str) -> Any:
    """Name the promises that a mutant breaks, without ``test_``."""

    def note(mutant: type[Corkboard]) -> type[Corkboard]:
        BREAKS[mutant] = tuple(f"test_{name}" for name in promises)
        return mutant

    return note


@breaks("what_somebody_writes_arrives", "it_says_whether_agents_can_be_reached", "a_button_does_what_the_core_says")
class Deaf(Corkboard):
    async def listen(self, inbox: DeskInbox) -> None:
        await asyncio.Event().wait()


@breaks("our_own_messages_do_not_come_back")
class Echoing(Corkboard):
    def read(self, event: dict[str, Any]) -> DeskEvent | None:
        read = super().read({**event, "who": "board:person1", "guest": False} if event["kind"] == "note" else event)
        return read


@breaks("a_message_delivered_again_is_stored_once")
class Doubling(Corkboard):
    numbers = itertools.count()

    def read(self, event: dict[str, Any]) -> DeskEvent | None:
        read = super().read(event)
        return read and replace(
            read, key=f"{read.key}:{next(self.numbers)}", message=f"{read.message}:{next(self.numbers)}"
        )


@breaks("nothing_is_acknowledged_before_it_is_on_disk")
class Eager(Corkboard):
    async def listen(self, inbox: DeskInbox) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        try:
            writer.write(json.dumps({"do": "listen", "token": self.token}).encode() + b"\n")
            async for line in reader:
                event = json.loads(line)["event"]
                writer.write(json.dumps({"ack": event["id"]}).encode() + b"\n")
                await self.heard(inbox, event)
        finally:
            writer.close()


@breaks("a_handoff_opens_one_thread_with_its_card")
class Empty(Corkboard):
    """A card that says nothing."""

    def face(self, post: DeskPost) -> tuple[str, list[dict[str, str]]]:
        text, buttons = super().face(post)
        return ("A conversation" if post.card else text), buttons


@breaks(
    "a_newer_card_replaces_the_older_in_place", "a_posted_message_can_be_changed", "a_posted_message_can_be_taken_away"
)
class Posting(Corkboard):
    """Whatever is to be changed is posted anew."""

    async def post(self, post: DeskPost) -> Posted:
        return await super().post(replace(post, subject="") if post.op not in {"mark", "react"} else post)


@breaks("what_a_customer_writes_is_shown_in_the_thread")
class Repeating(Corkboard):
    """To be on the safe side."""

    async def post(self, post: DeskPost) -> Posted:
        if post.op == "message":
            await super().post(replace(post, key=f"{post.key}-first"))
        return await super().post(post)


@breaks("an_answer_is_shown_once_at_its_place_and_nowhere_else")
class WrongThread(Corkboard):
    first = ""

    async def post(self, post: DeskPost) -> Posted:
        posted = await super().post(replace(post, thread=self.first) if post.op == "message" and self.first else post)
        self.first = self.first or posted.thread
        return posted


@breaks("a_desk_decides_nothing", "a_refusal_is_said_to_the_one_it_concerns")
class Deciding(Corkboard):
    """Listens to one person only."""

    def read(self, event: dict[str, Any]) -> DeskEvent | None:
        return super().read(event) if event.get("who") == "board:person1" else None


@breaks("outsiders_are_marked_as_such")
class Trusting(Corkboard):
    def read(self, event: dict[str, Any]) -> DeskEvent | None:
        read = super().read(event)
        return read and replace(read, trusted=True)


@breaks("a_refusal_is_said_to_the_one_it_concerns")
class Silent(Corkboard):
    async def heard(self, inbox: DeskInbox, event: dict[str, Any]) -> None:
        read = self.read(event)
        if read is not None:
            await inbox.receive(read)


@breaks("it_says_whether_agents_can_be_reached")
class AlwaysThere(Corkboard):
    async def listen(self, inbox: DeskInbox) -> None:
        class Yes:
            receive, threads = inbox.receive, inbox.threads

            async def connected(self, yes: bool) -> None:
                await inbox.connected(True)

        await super().listen(Yes())


@breaks("what_is_declared_is_written", "an_uncertain_send_is_settled_as_declared")
class Boasting(Corkboard):
    """Says that the board keeps one of two, which it does not."""

    resend = Resend.NONCE


@breaks("an_agents_edit_reaches_the_customer", "an_agents_deletion_reaches_the_customer")
class Conservative(Corkboard):
    def read(self, event: dict[str, Any]) -> DeskEvent | None:
        return super().read(event) if event["kind"] in {"note", "press"} else None


@breaks("marks_say_how_far_a_reply_is", "a_customers_reaction_is_shown", "a_customers_file_is_shown")
class Plain(Corkboard):
    async def post(self, post: DeskPost) -> Posted:
        if post.op in {"mark", "react"}:
            return Posted(post.subject, post.thread)
        return await super().post(replace(post, files=()))


@breaks("an_agents_file_arrives")
class Fileless(Corkboard):
    def read(self, event: dict[str, Any]) -> DeskEvent | None:
        read = super().read(event)
        return read and replace(read, files=())


@breaks("people_who_talk_elsewhere_are_let_alone")
class Mixing(Corkboard):
    """Takes everything for one thread."""

    def read(self, event: dict[str, Any]) -> DeskEvent | None:
        read = super().read(event)
        return read and replace(read, thread="1")


@breaks("an_outage_is_temporary")
class Despairing(Corkboard):
    async def ask(self, do: str, **more: Any) -> dict[str, Any]:
        try:
            return await super().ask(do, **more)
        except Exception as error:
            raise PermanentFailure(str(error)) from None


@breaks("a_revoked_token_needs_an_admin", "a_lost_answer_is_uncertain_and_sends_nothing_twice")
class Hoping(Corkboard):
    async def ask(self, do: str, **more: Any) -> dict[str, Any]:
        try:
            return await super().ask(do, **more)
        except Exception as error:
            raise TemporaryFailure(str(error)) from None


@breaks("listening_with_a_refused_token_needs_an_admin")
class Stubborn(Corkboard):
    """Asks again and again with the same token, and tells nobody."""

    async def listen(self, inbox: DeskInbox) -> None:
        while True:
            try:
                await super().listen(inbox)
            except ChannelDown:
                await asyncio.sleep(0.05)


@breaks("no_error_and_no_log_shows_a_token")
class Leaking(Corkboard):
    def judged(self, answer: dict[str, Any]) -> dict[str, Any]:
        if answer.get("error") == "fault":
            raise TemporaryFailure(f"asking with {self.token} failed")
        return super().judged(answer)


@breaks("an_inbox_shows_what_the_core_says")
class Nosy(Corkboard):
    """Shows everybody the inbox of the first who looked."""

    first = ""

    async def show(self, inbox: DeskInbox, who: str) -> None:
        self.first = self.first or who
        page = await inbox.page(Wanted(desk=self.name, who=self.first, name="inbox"))
        await self.ask("inbox", who=who, page=page.name, lines=self.lines(page), buttons=self.buttons(page))


@breaks("a_press_in_the_inbox_reaches_the_core_once")
class Numb(Corkboard):
    def read(self, event: dict[str, Any]) -> DeskEvent | None:
        return None if event["kind"] == "deed" else super().read(event)


@breaks("an_aside_is_shown_to_one_person", "a_direct_message_is_for_one_person_and_comes_once")
class Loud(Corkboard):
    """Says in the thread what is for one person."""

    async def post(self, post: DeskPost) -> Posted:
        loud = post.op in {"aside", "direct"}
        if loud and self.latest:
            await super().post(replace(post, op="message", thread=self.latest))
        posted = await super().post(post)
        self.latest = posted.thread if post.op == "card" else self.latest
        return posted

    latest = ""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What never happens is waited for less long: a mutant fails either way."""
    monkeypatch.setattr(stage, "PATIENCE", 0.6)
    monkeypatch.setattr(stage, "STOP", 0.5)
    monkeypatch.setattr(channel_failures, "STOP", 0.5)


def kit_for(mutant: type[Corkboard]) -> Any:
    def make(self: Any, surface: Any) -> Desk:
        return mutant(surface.port, TOKEN)

    return type(mutant.__name__, (DeskConformance,), {"desk": mutant, "surface": Whiteboard, "make": make})()


@pytest.mark.parametrize(
    ("mutant", "promise"),
    [pytest.param(mutant, name, id=f"{mutant.__name__}-{name}") for mutant, names in BREAKS.items() for name in names],
)
def test_a_broken_desk_breaks_its_promise(mutant: type[Corkboard], promise: str) -> None:
    with pytest.raises(AssertionError):
        getattr(kit_for(mutant), promise)()


def test_no_promise_of_desks_alone_is_left_that_nobody_breaks() -> None:
    assert {name for name, _ in (*promises_of(Working), *promises_of(Personal))} <= {
        name for names in BREAKS.values() for name in names
    }
