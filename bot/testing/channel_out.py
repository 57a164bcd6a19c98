"""Promises about what goes out: whole, once, to the right place, within the platform's exact limits."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from bot.splitting import measure
from bot.testing.doubles import Trouble
from bot.testing.promises import promise
from bot.testing.texts import HARD, UNITS, full

if TYPE_CHECKING:
    from bot.testing.stage import Stage

PLACES = 20
BLOCKED = 0.5
"""Seconds for which the loop may stand still while the platform takes a second to answer."""


class Outgoing:
    """The way out. Mixed into :class:`bot.testing.ChannelConformance`."""

    @promise("send")
    async def test_an_answer_is_shown_once_at_its_place_and_nowhere_else(self, stage: Stage) -> None:
        """An answer is shown once, unchanged, at the place it was sent to, and nowhere else."""
        one, two = await stage.place(1), await stage.place(2)
        for place in (two, one):
            await stage.send(stage.out(place, f"for {place}"))
        await stage.shown(one)
        assert await stage.shows_now(one) == [f"for {one}"]
        assert await stage.shows_now(two) == [f"for {two}"]

    @promise("send")
    async def test_sent_names_the_message(self, stage: Stage) -> None:
        """send() returns the platform's id of the message, another one for each message of a place."""
        place = await stage.place(1)
        ids = [(await stage.send(stage.out(place, f"number {number}"))).platform_id for number in range(3)]
        shown = await stage.shown(place, 3)
        assert ids == [one.id for one in shown], f"send() returned {ids}, the platform has {[one.id for one in shown]}"
        assert len(set(ids)) == 3

    @promise("send")
    async def test_difficult_texts_are_shown_whole(self, stage: Stage) -> None:
        """Emoji, right-to-left and wide characters, markup and line breaks are shown exactly as they were sent."""
        place = await stage.place(1)
        for text in HARD:
            await stage.send(stage.out(place, text))
        found = [one.text for one in await stage.shown(place, len(HARD))]
        changed = [(a, b) for a, b in zip(HARD, found, strict=False) if a != b]
        assert not changed, f"sent was {changed[0][0]!r}, and people see {changed[0][1]!r}"
        assert found == list(HARD)

    @promise("send")
    async def test_a_full_message_is_taken(self, stage: Stage) -> None:
        """A message of exactly limits.max_text, counted in limits.unit, is taken whole, whatever it is made of."""
        limits = stage.channel.limits
        for number, (name, piece) in enumerate(UNITS.items(), 1):
            place = await stage.place(number)
            text = full(piece, limits)
            assert measure(text, limits) == limits.max_text
            error = await stage.fails(stage.out(place, text))
            assert error is None, f"{limits.max_text} {limits.unit} of {name} were not taken: {error!r:.300}"
            await stage.shown(place)
            assert await stage.shows_now(place) == [text], f"a full message of {name} was not shown whole"

    @promise("send")
    async def test_it_sends_without_listening(self, stage: Stage) -> None:
        """A new channel object that never listened sends."""
        await stage.renew()
        place = await stage.place(3)
        await stage.send(stage.out(place, "unasked"))
        await stage.shown(place)
        assert await stage.shows_now(place) == ["unasked"]

    @promise("send")
    async def test_twenty_places_are_sent_to_at_once(self, stage: Stage) -> None:
        """Answers to twenty places at once each reach theirs, in the order of each place."""
        places = [await stage.place(number) for number in range(1, PLACES + 1)]

        async def three(place: str) -> None:
            for number in range(3):
                await stage.send(stage.out(place, f"{number} for {place}"))

        await asyncio.gather(*(three(place) for place in places))
        for place in places:
            await stage.shown(place, 3)
            assert await stage.shows_now(place) == [f"{number} for {place}" for number in range(3)]

    @promise("send", troubles=[Trouble.SLOW])
    async def test_the_loop_is_never_blocked(self, stage: Stage) -> None:
        """While the platform takes its time, everything else in the loop goes on (no blocking calls)."""
        place = await stage.place(1)
        await stage.send(stage.out(place, "warm"))
        worst = []
        for _ in range(3):  # a busy machine may stop everybody once
            await stage.trouble(Trouble.SLOW, 1.0)
            gaps, sending = [0.0], asyncio.ensure_future(stage.fails(stage.out(place, "slow")))
            while not sending.done():
                began = time.monotonic()
                await asyncio.sleep(0.02)
                gaps.append(time.monotonic() - began)
            worst.append(max(gaps))
            if worst[-1] < BLOCKED:
                return
        raise AssertionError(f"the loop stood still for {min(worst):.1f} s while the platform took 1 s to answer")
