"""Promises of what a channel declares beyond text: files, buttons, edits, deletions, reactions, typing, drafts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.buttons import PERSON
from bot.channel import Capability, Channel, PermanentFailure, Resend
from bot.messages import Attachment, Button, Draft
from bot.splitting import split
from bot.testing.promises import promise
from bot.testing.texts import long_answer

if TYPE_CHECKING:
    from bot.testing.stage import Stage

PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da63fcffff3f0300050001ff"
    "89993d1d0000000049454e44ae426082"
)
"""A whole PNG of one pixel."""
HARD_NAME = "Račun „7“ & <1>.png"
LABELS = ("A person", "No")
CHOICES = (Button(label=LABELS[0], value=PERSON), Button(label=LABELS[1], value="kit:no"))
"""The first is one that the core knows: what it does not know it refuses, and then nothing is taken away."""
METHODS = {Capability.TYPING: "typing", Capability.DRAFT: "draft"}
OPS = {Capability.EDIT: "edit", Capability.DELETE: "delete", Capability.REACTIONS: "react"}


def declaration_faults(channel: type[Channel]) -> list[str]:
    """Where what is declared and what is written do not agree."""
    faults = []
    if not isinstance(channel.name, str) or not channel.name:
        faults.append("name is empty: it names the channel in every row")
    for capability, method in METHODS.items():
        if Capability.PULL in channel.capabilities:
            continue  # its clients draw them
        written = getattr(channel, method) is not getattr(Channel, method)
        if written and capability not in channel.capabilities:
            faults.append(
                f"{method}() is written, and Capability.{capability.name} is not declared: nobody will call it"
            )
        if not written and capability in channel.capabilities:
            faults.append(f"Capability.{capability.name} is declared, and {method}() is not written")
    finds = channel.find is not Channel.find
    if channel.resend is Resend.READBACK and not finds:
        faults.append("Resend.READBACK is declared, and find() is not written")
    if finds and channel.resend not in {Resend.READBACK, Resend.NONCE}:
        faults.append(f"find() is written, and resend is {channel.resend!s}: nobody will call it")
    if Capability.PULL not in channel.capabilities and channel.send is Channel.send:
        faults.append("send() is not written, and Capability.PULL is not declared")
    if channel.limits.max_text < 1 or channel.limits.timeout <= 0:
        faults.append("limits.max_text and limits.timeout must be more than 0")
    return faults


class Able:
    """One group for each declared capability. Mixed into :class:`bot.testing.ChannelConformance`."""

    @promise()
    def test_what_is_declared_is_written_and_the_other_way_round(self, stage: Stage) -> None:
        """Every declared capability has its method, and every method that is written is declared."""
        faults = declaration_faults(type(stage.channel))
        assert not faults, "; ".join(faults)

    @promise("send")
    async def test_what_is_not_declared_is_refused(self, stage: Stage) -> None:
        """send() refuses what was not declared (op edit, delete, react) for good and shows nothing for it."""
        place = await stage.place(1)
        sent = await stage.send(stage.out(place, "as it was"))
        for capability, op in OPS.items():
            if capability in stage.channel.capabilities:
                continue
            error = await stage.fails(stage.out(place, "changed", op=op, subject=sent.platform_id))
            assert isinstance(error, PermanentFailure), (
                f"Capability.{capability.name} is not declared, and send(op={op!r}) gave {error!r} instead of PermanentFailure"
            )
        assert await stage.shows_now(place) == ["as it was"]

    @promise("send")
    async def test_a_long_answer_arrives_in_parts_in_order(self, stage: Stage) -> None:
        """A long answer, split by the core for this channel, is taken part by part and shown in order, without a gap."""
        place = await stage.place(1)
        parts = split(long_answer(stage.channel.limits), stage.channel.limits)
        assert len(parts) > 3
        for number, part in enumerate(parts):
            await stage.send(stage.out(place, part, part=number, parts=len(parts)))
        await stage.shown(place, len(parts))
        assert await stage.shows_now(place) == parts

    @promise()
    async def test_a_link_to_start_with_needs_no_connection(self, stage: Stage) -> None:
        """start_link() gives an address that carries the code, or nothing; it never fails."""
        link = stage.channel.start_link("A1B2C3")
        assert isinstance(link, str), f"start_link() returned {link!r}"
        assert not link or ("A1B2C3" in link and "://" in link), f"the link {link!r} does not carry the code"

    # Edits ----------------------------------------------------------------------------------------------------------

    @promise("send", Capability.EDIT)
    async def test_an_edit_changes_the_message_in_place(self, stage: Stage) -> None:
        """An edit changes the message it names, posts nothing new, and may be done twice."""
        place = await stage.place(1)
        one = await stage.send(stage.out(place, "firts"))
        await stage.send(stage.out(place, "second"))
        edit = stage.out(place, "first", op="edit", subject=one.platform_id, version=1)
        await stage.send(edit)
        await stage.send(edit)
        await self.until_shown(stage, place, ["first", "second"])

    @promise("send", Capability.EDIT)
    async def test_an_edit_of_nothing_is_refused(self, stage: Stage) -> None:
        """An edit of a message that is not there fails for good and posts nothing."""
        place = await stage.place(1)
        sent = await stage.send(stage.out(place, "there"))
        subject = await stage.platform.unknown_message(sent.platform_id)
        error = await stage.fails(stage.out(place, "ghost", op="edit", subject=subject, version=1))
        assert isinstance(error, PermanentFailure), f"the message does not exist, and send() gave {error!r}"
        assert await stage.shows_now(place) == ["there"]

    @promise(Capability.EDIT, writes=["edit"])
    async def test_a_customers_edit_arrives(self, stage: Stage) -> None:
        """A customer's edit changes the stored message: Inbound(kind="edit") names it by the key it came with."""
        place = await stage.place(1)
        await stage.listen()
        message = await stage.write(place, "frist")
        (stored,) = await stage.arrived(place)
        await stage.platform.edit(message, "first 👍")
        await stage.until(lambda: stage.disk.ledger(stage.channel.name, "edit"), "the edit is in the ledger")
        for event in [one for one in stage.inbox.events if one.kind == "edit"]:
            assert (event.subject, event.text) == (stored.key, "first 👍"), f"it came as {event!r:.300}"
            assert event.key != stored.key, "the edit has the key of the message: it would be taken for a redelivery"
        await stage.until(
            lambda: [one.text for one in stage.on_disk(place)] == ["first 👍"],
            "the stored message says what the customer wrote last",
        )

    # Deletions ------------------------------------------------------------------------------------------------------

    @promise("send", Capability.DELETE)
    async def test_a_deletion_takes_away_one_message(self, stage: Stage) -> None:
        """A deletion takes away the message it names and no other; done twice it does no harm."""
        place = await stage.place(1)
        one = await stage.send(stage.out(place, "wrong"))
        await stage.send(stage.out(place, "right"))
        delete = stage.out(place, "", op="delete", subject=one.platform_id, version=1)
        await stage.send(delete)
        again = await stage.fails(delete)
        assert again is None or isinstance(again, PermanentFailure), f"it is gone already, and send() gave {again!r}"
        await self.until_shown(stage, place, ["right"])

    @promise(Capability.DELETE, writes=["delete"])
    async def test_a_customers_deletion_arrives(self, stage: Stage) -> None:
        """A customer's deletion arrives: Inbound(kind="delete") names the message by the key it came with."""
        place = await stage.place(1)
        await stage.listen()
        message = await stage.write(place, "forget this")
        (stored,) = await stage.arrived(place)
        await stage.platform.delete(message)
        await stage.until(lambda: stage.disk.ledger(stage.channel.name, "delete"), "the deletion is in the ledger")
        for event in [one for one in stage.inbox.events if one.kind == "delete"]:
            assert event.subject == stored.key, f"it names {event.subject!r}, and the message came as {stored.key!r}"

    # Reactions ------------------------------------------------------------------------------------------------------

    @promise("send", Capability.REACTIONS)
    async def test_a_reaction_is_put_on_and_taken_off(self, stage: Stage) -> None:
        """A reaction is put on the message it names; an empty one takes ours back; neither posts anything."""
        place = await stage.place(1)
        sent = await stage.send(stage.out(place, "nice"))
        await stage.send(stage.out(place, "👍", op="react", subject=sent.platform_id, version=1))
        await stage.until(lambda: self.reactions(stage, place, ("👍",)), "people see 👍 on the message")
        await stage.send(stage.out(place, "", op="react", subject=sent.platform_id, version=2))
        await stage.until(lambda: self.reactions(stage, place, ()), "the reaction is gone")
        assert await stage.shows_now(place) == ["nice"]

    @promise("listens", "send", Capability.REACTIONS, writes=["react"])
    async def test_a_customers_reaction_arrives(self, stage: Stage) -> None:
        """A customer's reaction to a message of ours arrives with its emoji, and so does its end."""
        place = await stage.place(1)
        await stage.listen()
        await stage.write(place, "hello")
        await stage.arrived(place)
        sent = await stage.send(stage.out(place, "nice"))
        await stage.platform.react(place, sent.platform_id, "👍", False)
        event = await stage.event("reaction")
        assert (event.subject, event.text, event.gone) == (sent.platform_id, "👍", False), f"it came as {event!r:.300}"
        await stage.platform.react(place, sent.platform_id, "👍", True)
        await stage.until(lambda: any(one.gone for one in stage.inbox.events), "the end of the reaction arrived (gone)")

    # Files ----------------------------------------------------------------------------------------------------------

    @promise("send", Capability.FILES)
    async def test_a_file_is_shown_with_its_bytes(self, stage: Stage) -> None:
        """A file goes out with its name and exactly its bytes, whatever the name is made of."""
        place = await stage.place(1)
        for name in ("receipt.png", HARD_NAME):
            file = Attachment(name=name, content=PICTURE, type="image/png", size=len(PICTURE), id=f"f{name[:1]}")
            await stage.send(stage.out(place, "", author="agent", files=(file,)))
        files = [file for one in await stage.shown(place, 2) for file in one.files]
        assert [content for _, content in files] == [PICTURE, PICTURE], "the bytes are not those that were sent"
        assert files[0][0] == "receipt.png", f"the file is called {files[0][0]!r} there"

    @promise("listens", Capability.FILES, writes=["write_file"])
    async def test_a_customers_file_arrives(self, stage: Stage) -> None:
        """A customer's file arrives with its bytes, and its caption as the text."""
        place = await stage.place(1)
        await stage.listen()
        await stage.platform.write_file(place, "Here it is", HARD_NAME, PICTURE)
        event = await stage.event("message")
        assert event.text == "Here it is", f"the caption arrived as {event.text!r}"
        assert [file.content for file in event.files] == [PICTURE], "the file's bytes did not arrive"
        await stage.platform.write_file(place, "", "second.png", PICTURE)
        await stage.until(
            lambda: [one.text for one in stage.inbox.events if one.files] == ["Here it is", ""],
            "a file without a caption arrived",
        )

    @promise("listens", Capability.FILES, writes=["write_file"])
    async def test_a_file_that_is_too_large_is_named(self, stage: Stage) -> None:
        """A customer's file above limits.max_file_bytes is not fetched but named (problem), and its caption arrives."""
        place = await stage.place(1)
        stage.channel.limits = replace(stage.channel.limits, max_file_bytes=1_000)  # type: ignore[misc]
        await stage.listen()
        await stage.platform.write_file(place, "a film", "film.mp4", b"\0" * 1_001)
        event = await stage.event("message")
        assert event.text == "a film"
        assert [(file.problem, file.content) for file in event.files] == [("too_large", b"")], (
            f"it came as {event.files!r:.300}"
        )

    # Buttons --------------------------------------------------------------------------------------------------------

    @promise("send", Capability.BUTTONS)
    async def test_buttons_are_shown_under_the_message(self, stage: Stage) -> None:
        """Buttons are shown under the message with their labels in order; values of 64 bytes are carried."""
        place = await stage.place(1)
        buttons = tuple(
            Button(label=label, value=f"{number}:".ljust(64, "x")) for number, label in enumerate(("Yes", "No <&> 👍"))
        )
        await stage.send(stage.out(place, "Did it help?", buttons=buttons))
        (shown,) = await stage.shown(place)
        assert (shown.text, shown.buttons) == ("Did it help?", ("Yes", "No <&> 👍"))

    @promise("listens", "send", Capability.BUTTONS, writes=["press"])
    async def test_a_press_brings_the_value_back(self, stage: Stage) -> None:
        """A button that is pressed brings its value back exactly: Inbound(kind="button", text=value)."""
        place = await stage.place(1)
        await stage.listen()
        await stage.write(place, "hello")
        await stage.arrived(place)
        value = "kit:".ljust(64, "v")
        sent = await stage.send(stage.out(place, "Well?", buttons=(Button(label="Yes", value=value),)))
        (shown,) = await stage.shown(place)
        assert shown.buttons == ("Yes",), f"the button is not there: {shown.buttons}"
        await stage.platform.press(place, sent.platform_id, "Yes")
        event = await stage.event("button")
        assert event.text == value, f"the button carried {value!r} and came back as {event.text!r}"
        assert event.place == place

    @promise("listens", "send", Capability.BUTTONS, writes=["press"])
    async def test_buttons_are_taken_away_after_a_press(self, stage: Stage) -> None:
        """When a press is on disk (a Receipt) all buttons under that message are taken away, and its words stay."""
        place = await stage.place(1)
        await stage.listen()
        await stage.write(place, "hello")
        await stage.arrived(place)
        sent = await stage.send(stage.out(place, "Well?", buttons=CHOICES))
        await self.until_buttons(stage, place, [LABELS])
        await stage.platform.press(place, sent.platform_id, LABELS[0])
        await self.until_buttons(stage, place, [()])
        (text,) = await stage.shows_now(place)
        assert "Well?" in text, f"with its buttons the message lost its words: people read {text!r}"

    @promise("listens", "send", Capability.BUTTONS, writes=["press"])
    async def test_buttons_that_may_be_pressed_again_stay(self, stage: Stage) -> None:
        """After a press whose receipt says stays the buttons under that message are left, and so are those of other messages."""
        place = await stage.place(1)
        await stage.listen()
        await stage.write(place, "hello")
        await stage.arrived(place)
        often, once = [await stage.send(stage.out(place, text, buttons=CHOICES)) for text in ("often", "once")]
        await self.until_buttons(stage, place, [LABELS, LABELS])
        stage.inbox.stays = True
        await stage.platform.press(place, often.platform_id, LABELS[0])
        await stage.event("button")
        stage.inbox.stays = False
        await stage.platform.press(place, once.platform_id, LABELS[0])
        await self.until_buttons(stage, place, [LABELS, ()])

    # While it is written --------------------------------------------------------------------------------------------

    @promise("send", Capability.TYPING, writes=["typing"])
    async def test_typing_is_shown_and_posts_nothing(self, stage: Stage) -> None:
        """typing() is seen at its place and posts nothing."""
        place = await stage.place(1)
        await stage.channel.typing(place)

        async def seen() -> bool:
            return bool(await stage.platform.typing(place))

        await stage.until(seen, "people saw that somebody writes")
        assert await stage.shows_now(place) == []

    @promise("send", Capability.DRAFT, writes=["drafts"])
    async def test_a_draft_grows_and_ends_in_the_answer(self, stage: Stage) -> None:
        """A draft is seen while it grows, and when the answer is sent there is the answer, once, and nothing else."""
        place = await stage.place(1)
        draft = Draft(place=place, turn="t1", text="We ship")
        await stage.channel.draft(draft)
        await asyncio.sleep(min(stage.channel.limits.draft_every, 3.0))
        await stage.channel.draft(Draft(place=place, turn="t1", text="We ship within"))

        async def seen() -> bool:
            return list(await stage.platform.drafts(place))[-1:] == ["We ship within"]

        await stage.until(seen, "people saw the longer draft")
        await stage.send(stage.out(place, "We ship within two days.", turn="t1"))
        await self.until_shown(stage, place, ["We ship within two days."])
        await stage.send(stage.out(place, "Anything else?", turn="t2"))
        await self.until_shown(stage, place, ["We ship within two days.", "Anything else?"])

    # ----------------------------------------------------------------------------------------------------------------

    async def until_shown(self, stage: Stage, place: str, texts: list[str]) -> None:
        async def same() -> bool:
            return await stage.shows_now(place) == texts

        await stage.until(same, f"people see exactly {texts}")

    async def until_buttons(self, stage: Stage, place: str, wanted: list[tuple[str, ...]]) -> None:
        async def found() -> list[tuple[str, ...]]:
            return [tuple(one.buttons) for one in await stage.platform.shown(place)]

        async def same() -> bool:
            return await found() == wanted

        await stage.until(same, f"the buttons under our messages are {wanted}")

    async def reactions(self, stage: Stage, place: str, wanted: tuple[str, ...]) -> bool:
        found = list(await stage.platform.shown(place))
        return bool(found) and tuple(found[0].reactions) == wanted
