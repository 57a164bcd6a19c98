"""Promises about what comes in: everything that people write is on disk once, and only then acknowledged."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bot.testing.doubles import Trouble
from bot.testing.promises import promise
from bot.testing.texts import HARD

if TYPE_CHECKING:
    from bot.testing.stage import Stage

PLACES = 20
SLOW_DISK = 0.3


class Incoming:
    """The way in. Mixed into :class:`bot.testing.ChannelConformance`."""

    @promise()
    async def test_what_somebody_writes_arrives(self, stage: Stage) -> None:
        """What somebody writes arrives, with the place it was written at and who wrote it."""
        place = await stage.place(1)
        await stage.listen()
        await stage.write(place, "Where is my parcel?")
        (found,) = await stage.arrived(place)
        assert found.text == "Where is my parcel?", f"it arrived as {found.text!r}"
        assert found.person, "nobody knows who wrote it: Inbound.external_id"
        assert found.key, "it has no key: Inbound.key"

    @promise()
    async def test_difficult_texts_arrive_whole(self, stage: Stage) -> None:
        """Emoji, right-to-left and wide characters, markup and line breaks arrive exactly as they were written."""
        place = await stage.place(1)
        await stage.listen()
        for text in HARD:
            await stage.write(place, text)
        found = [one.text for one in await stage.arrived(place, len(HARD))]
        changed = [(a, b) for a, b in zip(HARD, found, strict=False) if a != b]
        assert not changed, f"written was {changed[0][0]!r}, and on disk is {changed[0][1]!r}"
        assert found == list(HARD)

    @promise()
    async def test_the_longest_message_arrives_whole(self, stage: Stage) -> None:
        """The longest message that a person can write there arrives whole."""
        place = await stage.place(1)
        await stage.listen()
        text = ("0123456789" * 400)[: min(stage.double.longest, 4_000) - 4] + " end"
        await stage.write(place, text)
        (found,) = await stage.arrived(place)
        assert found.text == text, f"{len(text)} characters were written, {len(found.text)} arrived"

    @promise()
    async def test_the_same_words_twice_are_two_messages(self, stage: Stage) -> None:
        """Two messages with the same words, at one place and at two, are as many messages, each with a key of its own."""
        one, two = await stage.place(1), await stage.place(2)
        await stage.listen()
        for place in (one, one, two):
            await stage.write(place, "Hello?")
        found = [*await stage.arrived(one, 2), *await stage.arrived(two)]
        assert len({message.key for message in found}) == 3, f"keys: {[message.key for message in found]}"
        if stage.strangers:
            assert found[0].person != found[2].person, "people at two places were taken for one (Inbound.external_id)"

    @promise()
    async def test_a_message_delivered_again_is_stored_once(self, stage: Stage) -> None:
        """A message that the platform delivers again, at once or to a new process, has the same key and is stored once."""
        place = await stage.place(1)
        await stage.listen()
        message = await stage.write(place, "Only once")
        (first,) = await stage.arrived(place)
        await stage.platform.again(message)
        await stage.platform.again(message)
        await stage.nothing_more(place, ["Only once"])
        await stage.stop()
        await stage.renew()
        await stage.listen()
        await stage.platform.again(message)
        await stage.write(place, "later")
        await stage.until(lambda: stage.disk.has("later"), "a message for the new process arrived")
        texts = [one.text for one in stage.on_disk(place)]
        assert texts.count("Only once") == 1, "a new process stored it again: the key must not depend on the process"
        assert stage.on_disk(place)[0].key == first.key

    @promise()
    async def test_messages_keep_their_order(self, stage: Stage) -> None:
        """Messages of one place are stored in the order in which they were written."""
        place = await stage.place(1)
        await stage.listen()
        texts = [f"number {number}" for number in range(PLACES)]
        for text in texts:
            await stage.write(place, text)
        await stage.arrived(place, len(texts))
        await stage.nothing_more(place, texts)

    @promise()
    async def test_twenty_places_at_once(self, stage: Stage) -> None:
        """Twenty people who write at the same time each get a conversation of their own, and nothing is lost."""
        places = [await stage.place(number) for number in range(1, PLACES + 1)]
        assert len(set(places)) == PLACES, "the double gave two places the same name"
        await stage.listen()
        for line in range(3):
            await asyncio.gather(*(stage.write(place, f"{line} of {place}") for place in places))
        conversations = set()
        for place in places:
            found = await stage.arrived(place, 3)
            assert [one.text for one in found] == [f"{line} of {place}" for line in range(3)]
            conversations |= {one.conversation for one in found}
        assert len(conversations) == PLACES, f"{PLACES} people share {len(conversations)} conversations"

    @promise("acknowledges")
    async def test_nothing_is_acknowledged_before_it_is_on_disk(self, stage: Stage) -> None:
        """The platform is told that we have a message only when it is on disk (await receive() first)."""
        place = await stage.place(1)
        stage.inbox.delay = SLOW_DISK
        await stage.listen()
        await stage.write(place, "Keep me safe")
        await stage.arrived(place)
        await stage.until(lambda: stage.acks, "the platform was told that the message was taken (acknowledged())")
        assert not stage.acked_too_early(), "the platform was told before the message was on disk"

    @promise("listens")
    async def test_what_could_not_be_stored_is_not_lost(self, stage: Stage) -> None:
        """When the disk is full (receive() raises) nothing is acknowledged, and the message arrives once there is room."""
        place = await stage.place(1)
        await stage.listen()
        await stage.write(place, "before")
        await stage.arrived(place)
        stage.inbox.full = 2
        message = await stage.write(place, "while the disk was full")
        await stage.until(lambda: stage.inbox.full < 2, "the channel gave the message to receive()")
        if not stage.disk.has("while the disk was full"):
            await stage.platform.again(message)
        await stage.arrived(place, 2)
        assert not stage.acked_too_early(), "a message was acknowledged although receive() had raised"
        await stage.nothing_more(place, ["before", "while the disk was full"])

    @promise("send")
    async def test_our_own_messages_do_not_come_back(self, stage: Stage) -> None:
        """What we send does not come back as if a customer had written it."""
        place = await stage.place(1)
        await stage.listen()
        await stage.write(place, "Hello")
        await stage.arrived(place)
        await stage.send(stage.out(place, "Our answer"))
        await stage.shown(place)
        await stage.nothing_more(place, ["Hello"])
        assert "Our answer" not in [one.text for one in stage.inbox.events], "our answer was given to receive()"

    @promise(writes=["oddity"])
    async def test_what_nobody_knows_does_no_harm(self, stage: Stage) -> None:
        """A sticker, a poll or an event of next year ends nothing: what is written afterwards arrives."""
        place = await stage.place(1)
        await stage.listen()
        await stage.platform.oddity(place)
        await stage.write(place, "still here?")
        await stage.until(lambda: stage.disk.has("still here?"), "a message after something unknown arrived")

    @promise()
    async def test_it_stops_and_starts_again_without_loss(self, stage: Stage) -> None:
        """Listening stops within 5 s; what is written meanwhile arrives after the next start, once."""
        place = await stage.place(1)
        await stage.listen()
        await stage.write(place, "one")
        await stage.arrived(place)
        await stage.stop()
        await stage.write(place, "two")
        await stage.renew()
        await stage.listen()
        await stage.arrived(place, 2)
        await stage.nothing_more(place, ["one", "two"])

    @promise("listens")
    async def test_a_stop_in_the_middle_loses_nothing(self, stage: Stage) -> None:
        """A stop while a message is being stored neither loses nor doubles it."""
        place = await stage.place(1)
        await stage.listen()
        await stage.write(place, "first")
        await stage.arrived(place)
        stage.inbox.delay = SLOW_DISK
        given = len(stage.acks)
        message = await stage.write(place, "in the middle")
        await asyncio.sleep(SLOW_DISK / 2)
        await stage.stop()
        stage.inbox.delay = 0.0
        await stage.renew()
        await stage.listen()
        if not any(one == message for one, _ in stage.acks[given:]):
            await stage.platform.again(message)
        await stage.arrived(place, 2)
        await stage.nothing_more(place, ["first", "in the middle"])

    @promise(troubles=[Trouble.OUTAGE])
    async def test_it_survives_an_outage_while_it_listens(self, stage: Stage) -> None:
        """When the platform goes away and comes back, what people wrote meanwhile arrives, once."""
        place = await stage.place(1)
        await stage.listen()
        await stage.write(place, "before")
        await stage.arrived(place)
        await stage.trouble(Trouble.OUTAGE)
        await stage.write(place, "during")
        await asyncio.sleep(0.2)
        await stage.platform.heal()
        await stage.arrived(place, 2)
        await stage.nothing_more(place, ["before", "during"])
