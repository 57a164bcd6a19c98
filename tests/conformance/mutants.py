"""Channels that are broken on purpose, each in one way. Beside each stand the promises that it must break."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from dataclasses import replace
from typing import Any

from bot import (
    Inbound,
    Inbox,
    Outbound,
    Sent,
    TemporaryFailure,
)
from tests.conformance.pager import Pager

BREAKS: dict[type[Pager], tuple[str, ...]] = {}


def breaks(*promises: str) -> Any:
    """Name the promises that a mutant breaks, without ``test_``."""

    def note(mutant: type[Pager]) -> type[Pager]:
        BREAKS[mutant] = tuple(f"test_{name}" for name in promises)
        return mutant

    return note


# In ---------------------------------------------------------------------------------------------------------------------


@breaks("what_somebody_writes_arrives")
class Deaf(Pager):
    async def listen(self, inbox: Inbox) -> None:
        await asyncio.Event().wait()


@breaks("our_own_messages_do_not_come_back")
class Echoing(Pager):
    async def heard(self, inbox: Inbox, event: dict[str, Any]) -> None:
        inbound = self.understood(event)
        if inbound is not None:
            await inbox.receive(inbound)


@breaks("difficult_texts_arrive_whole", "the_longest_message_arrives_whole")
class Trimming(Pager):
    def understood(self, event: dict[str, Any]) -> Inbound | None:
        inbound = super().understood(event)
        return inbound and replace(inbound, text=" ".join(inbound.text[:200].split()))


@breaks("difficult_texts_arrive_whole", "twenty_places_at_once")
class Folding(Pager):
    """Takes everything in small letters: texts, and names of rooms."""

    def understood(self, event: dict[str, Any]) -> Inbound | None:
        inbound = super().understood(event)
        return inbound and replace(inbound, text=inbound.text.lower(), place=inbound.place.lower())


@breaks("the_same_words_twice_are_two_messages")
class Mistaking(Pager):
    """Believes that the platform's numbers are unique everywhere."""

    def key(self, event: dict[str, Any]) -> str:
        return f"pager:{event.get('number')}"


@breaks("the_same_words_twice_are_two_messages")
class TakingEverybodyForOne(Pager):
    def understood(self, event: dict[str, Any]) -> Inbound | None:
        inbound = super().understood(event)
        return inbound and replace(inbound, external_id="somebody")


@breaks("a_message_delivered_again_is_stored_once")
class Doubling(Pager):
    """Makes a key of its own for each delivery."""

    numbers = itertools.count()

    def key(self, event: dict[str, Any]) -> str:
        return f"{super().key(event)}:{next(self.numbers)}"


@breaks("a_message_delivered_again_is_stored_once")
class Forgetting(Pager):
    """Knows what it had, until it is started anew."""

    def __init__(self, port: int, token: str) -> None:
        super().__init__(port, token)
        self.seen: dict[str, str] = {}
        self.me = str(id(self)) + str(time.monotonic())

    def key(self, event: dict[str, Any]) -> str:
        return self.seen.setdefault(event["id"], f"pager:{self.me}:{len(self.seen)}")


@breaks("messages_keep_their_order")
class Hasty(Pager):
    """Handles each message in a task of its own; the first waits longest."""

    left = 0.5

    async def heard(self, inbox: Inbox, event: dict[str, Any]) -> None:
        async def later(wait: float) -> None:
            await asyncio.sleep(wait)
            await Pager.heard(self, inbox, event)

        self.left = max(0.0, self.left - 0.05)
        self.task = asyncio.ensure_future(later(self.left))


@breaks(
    "nothing_is_acknowledged_before_it_is_on_disk",
    "what_could_not_be_stored_is_not_lost",
)
class Eager(Pager):
    """Acknowledges first and stores then."""

    async def listen(self, inbox: Inbox) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        try:
            writer.write(json.dumps({"do": "listen", "token": self.token}).encode() + b"\n")
            async for line in reader:
                event = json.loads(line)["event"]
                writer.write(json.dumps({"ack": event["id"]}).encode() + b"\n")
                await self.heard(inbox, event)
        finally:
            writer.close()


@breaks("what_could_not_be_stored_is_not_lost")
class Swallowing(Pager):
    """Does not let anything disturb it."""

    async def heard(self, inbox: Inbox, event: dict[str, Any]) -> None:
        try:
            await super().heard(inbox, event)
        except Exception:
            pass


@breaks("a_stop_in_the_middle_loses_nothing")
class LettingGo(Pager):
    """Acknowledges when it is stopped, so that nothing is left over."""

    async def listen(self, inbox: Inbox) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        try:
            writer.write(json.dumps({"do": "listen", "token": self.token}).encode() + b"\n")
            async for line in reader:
                event = json.loads(line)["event"]
                try:
                    await self.heard(inbox, event)
                finally:
                    writer.write(json.dumps({"ack": event["id"]}).encode() + b"\n")
        finally:
            writer.close()


@breaks("what_nobody_knows_does_no_harm")
class Strict(Pager):
    def understood(self, event: dict[str, Any]) -> Inbound | None:
        assert event["kind"] in {"message", "edit", "delete", "reaction", "button"}
        return super().understood(event)


@breaks("it_survives_an_outage_while_it_listens")
class GivingUp(Pager):
    """Says nothing when the connection ends, and sits there."""

    async def listen(self, inbox: Inbox) -> None:
        await super().listen(inbox)
        await asyncio.Event().wait()


@breaks("it_stops_and_starts_again_without_loss")
class Unstoppable(Pager):
    async def listen(self, inbox: Inbox) -> None:
        while True:
            try:
                await super().listen(inbox)
                await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                pass


@breaks("nothing_is_left_running")
class Littering(Pager):
    async def listen(self, inbox: Inbox) -> None:
        self.task = asyncio.ensure_future(asyncio.sleep(20))
        await super().listen(inbox)


# Out --------------------------------------------------------------------------------------------------------------------


@breaks("an_answer_is_shown_once_at_its_place_and_nowhere_else", "twenty_places_are_sent_to_at_once")
class WrongThread(Pager):
    """Answers where it answered first."""

    first = ""

    async def send(self, out: Outbound) -> Sent:
        self.first = self.first or out.place
        return await super().send(replace(out, place=self.first))


@breaks("sent_names_the_message")
class Nameless(Pager):
    async def send(self, out: Outbound) -> Sent:
        await super().send(out)
        return Sent("")


@breaks("difficult_texts_are_shown_whole", "a_full_message_is_taken", "a_long_answer_arrives_in_parts_in_order")
class Escaping(Pager):
    """Encodes for a platform that wants no encoding, and folds lines."""

    async def send(self, out: Outbound) -> Sent:
        text = out.text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", " ")
        return await super().send(replace(out, text=text))


@breaks("a_full_message_is_taken")
class CountingWrong(Pager):
    """Counts characters where the platform counts units of UTF-16."""

    limits = replace(Pager.limits, unit="chars")


@breaks("it_sends_without_listening")
class OnlyWhileListening(Pager):
    listening = False

    async def listen(self, inbox: Inbox) -> None:
        self.listening = True
        await super().listen(inbox)

    async def send(self, out: Outbound) -> Sent:
        if not self.listening:
            raise TemporaryFailure("not connected")
        return await super().send(out)


@breaks("the_loop_is_never_blocked")
class Blocking(Pager):
    async def send(self, out: Outbound) -> Sent:
        if out.text == "slow":
            time.sleep(0.8)
        return await super().send(out)


@breaks("a_link_to_start_with_needs_no_connection")
class Linkless(Pager):
    def start_link(self, code: str) -> str:
        return "https://exchange.example/start"
