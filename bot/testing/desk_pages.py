"""Promises of desks that show pages or write to one agent alone: an inbox, presses on it, asides, direct messages."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bot.channel import Resend
from bot.desk import DeskCapability
from bot.pages import Page, Press, Presses, Row, Wanted, Words
from bot.testing.promises import promise

if TYPE_CHECKING:
    from bot.testing.desk_stage import DeskStage

FOREIGN = "Is <!here> *really* yours & mine?"
"""A customer's words: to be shown exactly."""


class Personal:
    """Mixed into :class:`bot.testing.DeskConformance`."""

    @promise(DeskCapability.PAGES, writes=["home"])
    async def test_an_inbox_shows_what_the_core_says(self, stage: DeskStage) -> None:
        """Whoever opens their inbox sees the words and the buttons that the core has for them now, and nobody else's."""
        await stage.place(1)
        nobody = await stage.platform.person(2)
        await stage.listen()
        for who in (stage.who, nobody):
            words, labels = _on(await stage.inbox.page(_inbox(stage, who)))
            shown = "\n".join(await stage.platform.home(who))
            missing = [one for one in (*words, *labels) if one not in shown]
            assert not missing, f"the inbox of {who!r} does not show {missing!r:.300}; it shows {shown!r:.600}"

    @promise(DeskCapability.PAGES, writes=["home", "press"])
    async def test_a_press_in_the_inbox_reaches_the_core_once(self, stage: DeskStage) -> None:
        """A press in the inbox comes in as kind press, once, with the deed and the page; the inbox then shows what it is now."""
        await stage.place(1)
        await stage.listen()
        page = await stage.inbox.page(_inbox(stage, stage.who))
        press = next(one for one in _presses(page) if one.what)
        await stage.platform.home(stage.who)
        await stage.platform.press(stage.who, press.label)
        event = await stage.event("press")
        got = (event.what, event.value, event.page, event.who)
        assert got == (press.what, press.value or page.value, page.name, stage.who), f"it came as {event!r:.400}"
        words, labels = _on(await stage.inbox.page(_inbox(stage, stage.who)))

        async def follows() -> bool:
            shown = "\n".join(await stage.platform.home(stage.who))
            return all(one in shown for one in (*words, *labels))

        await stage.until(follows, "the inbox shows what came of the press")
        assert [one.kind for one in stage.inbox.events].count("press") == 1

    @promise(DeskCapability.ASIDE, writes=["asides"])
    async def test_an_aside_is_shown_to_one_person(self, stage: DeskStage) -> None:
        """An aside is seen by its person with exactly its words, and by nobody else; it is not posted into the thread."""
        thread = await stage.place(1)
        page = Page(name="kit.aside", kind="aside", parts=(Words(FOREIGN),))
        await stage.send(replace(stage.out(thread, FOREIGN), op="aside", author="system", person=stage.who, page=page))

        async def told() -> bool:
            return any(text.count(FOREIGN) == 1 for text in await stage.platform.asides(stage.who))

        await stage.until(told, "the person sees the aside")
        assert not await stage.platform.asides(await stage.platform.person(2)), "somebody else sees it"
        assert await stage.shows_now(thread) == []

    @promise(DeskCapability.DIRECT, writes=["directs"])
    async def test_a_direct_message_is_for_one_person_and_comes_once(self, stage: DeskStage) -> None:
        """A direct message reaches its person alone, once; where messages can be read back, it is found by its key."""
        thread = await stage.place(1)
        post = replace(stage.out("", "Yours now"), op="direct", author="system", place=stage.who, person=stage.who)
        await stage.send(post)
        found = [text for text in await stage.platform.directs(stage.who) if "Yours now" in text]
        assert len(found) == 1, f"the person got {found}"
        assert not await stage.platform.directs(await stage.platform.person(2)), "somebody else got it"
        assert await stage.shows_now(thread) == [], "it is in the thread"
        if stage.channel.resend is Resend.READBACK:
            assert await stage.channel.find(post.key, stage.who, "") is not None, "find() does not find it"
            assert await stage.channel.find(stage.new_key(), stage.who, "") is None, "find() finds what was never sent"


def _inbox(stage: DeskStage, who: str) -> Wanted:
    return Wanted(desk=stage.channel.name, who=who, name="inbox", again=True)


def _presses(page: Page) -> list[Press]:
    found: list[Press] = []
    for part in page.parts:
        if isinstance(part, (Presses, Row)):
            found += part.presses
    return found


def _on(page: Page) -> tuple[list[str], list[str]]:
    """Words and labels of a page that everybody can compare: those of one line."""
    words = [part.text for part in page.parts if isinstance(part, Words)]
    words += [part.title for part in page.parts if isinstance(part, Row)]
    return [one for one in words if one and "\n" not in one], [one.label for one in _presses(page)]
