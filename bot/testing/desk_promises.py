"""Promises of desks alone: cards and threads, who did it, edits and marks, and that a desk decides nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot.channel import Resend
from bot.desk import Desk, DeskCapability
from bot.desk_actions import Action
from bot.messages import Attachment
from bot.testing.channel_abilities import HARD_NAME, PICTURE
from bot.testing.promises import promise

if TYPE_CHECKING:
    from bot.testing.desk_stage import DeskStage


class Working:
    """Mixed into :class:`bot.testing.DeskConformance`."""

    @promise()
    async def test_a_handoff_opens_one_thread_with_its_card(self, stage: DeskStage) -> None:
        """A conversation that needs people opens one thread, headed by its card with the customer's words in it."""
        thread = await stage.place(1)
        shown = list(await stage.platform.shown(thread))
        assert shown, "the thread is empty: the card comes first"
        everything = "\n".join(one.text for one in shown)
        assert "asked for a person" in everything.lower(), (
            f"the card does not say why a person is needed: {everything!r:.300}"
        )
        assert "I need a person" in everything, "the thread does not show what was said so far"

    @promise()
    async def test_a_newer_card_replaces_the_older_in_place(self, stage: DeskStage) -> None:
        """A newer card replaces the older one in place; nothing is posted, and it says who has the conversation."""
        thread = await stage.place(1)
        before = list(await stage.platform.shown(thread))
        card = stage.card(thread, 9, state="human", assignee="Marta Modrić")
        post = replace(stage.out(thread, ""), op="card", card=card, subject=before[0].id)
        await stage.send(post)
        await stage.send(replace(post, attempt=2))
        after = list(await stage.platform.shown(thread))
        assert len(after) == len(before), "a newer card was posted instead of replacing the older one"
        assert "Marta Modrić" in after[0].text, f"the card does not say who has it: {after[0].text!r:.300}"
        assert len(await stage.platform.threads()) == 1

    @promise()
    async def test_what_a_customer_writes_is_shown_in_the_thread(self, stage: DeskStage) -> None:
        """What a customer writes while people have the conversation is shown in its thread, once, and in no other."""
        one, two = await stage.place(1), await stage.place(2)
        said = await stage.customer(1, "Are you there?")
        await stage.pump(said.conversation_id)
        shown = await stage.shows_now(one)
        assert [text for text in shown if "Are you there?" in text] == ["Are you there?"], f"the thread shows {shown}"
        assert not any("Are you there?" in text for text in await stage.shows_now(two))

    @promise()
    async def test_a_button_does_what_the_core_says(self, stage: DeskStage) -> None:
        """A press on Claim reaches the core once: the conversation has that agent. A second press changes nothing."""
        thread = await stage.place(1)
        await stage.listen()
        await stage.platform.click(thread, stage.who, Action.CLAIM)
        await stage.until(lambda: stage.state(thread) == ("human", "ana"), "the press on Claim reached the core")
        await stage.pump(stage.conversations[thread])
        event = await stage.event("action")
        assert event.action is Action.CLAIM and event.who == stage.who, f"it came as {event!r:.300}"

    @promise()
    async def test_a_desk_decides_nothing(self, stage: DeskStage) -> None:
        """Who may act is the core's decision: what somebody writes who is no agent is brought in, and reaches no customer."""
        thread = await stage.place(1)
        nobody = await stage.platform.person(2)
        await stage.listen()
        await stage.platform.reply(thread, nobody, "I am no agent")
        event = await stage.event("reply")
        assert event.who == nobody, f"the desk says that {event.who!r} wrote it"
        await stage.until(
            lambda: [one for one in stage.inbox.answers if one.code == "not_linked"], "the core refused it"
        )
        await stage.nothing_more(thread, [])

    @promise(writes=["stranger"])
    async def test_outsiders_are_marked_as_such(self, stage: DeskStage) -> None:
        """Guests and people of other companies are brought in with trusted=False."""
        thread = await stage.place(1)
        outsider = await stage.platform.stranger()
        await stage.listen()
        await stage.platform.reply(thread, outsider, "Let me in")
        event = await stage.event("reply")
        assert (event.who, event.trusted) == (outsider, False), f"it came as {event!r:.300}"

    @promise(DeskCapability.ASIDE, writes=["asides"])
    async def test_a_refusal_is_said_to_the_one_it_concerns(self, stage: DeskStage) -> None:
        """What the core says to one person (aside) is seen by that person, and is not posted."""
        thread = await stage.place(1)
        nobody = await stage.platform.person(2)
        await stage.listen()
        await stage.platform.reply(thread, nobody, "Hello")

        async def told() -> bool:
            return any("Nothing was sent" in text for text in await stage.platform.asides(nobody))

        await stage.until(told, "the person was told that nothing was sent")
        assert await stage.shows_now(thread) == []

    @promise()
    async def test_it_says_whether_agents_can_be_reached(self, stage: DeskStage) -> None:
        """listen() says connected(True) once agents can be reached, and connected(False) when it ends."""
        await stage.place(1)
        await stage.listen()
        await stage.until(lambda: stage.inbox.connections[-1:] == [True], "listen() said connected(True)")
        await stage.stop()
        await stage.until(
            lambda: stage.inbox.connections[-1:] == [False], "it said connected(False) when it was stopped"
        )

    @promise()
    def test_what_is_declared_is_written(self, stage: DeskStage) -> None:
        """find() is written where read-back is declared, and nowhere else; there is a place for threads."""
        desk = type(stage.channel)
        finds = desk.find is not Desk.find
        assert finds == (desk.resend is Resend.READBACK), (
            f"resend is {desk.resend!s}, and find() is {'' if finds else 'not '}written"
        )
        assert desk.name, "the desk has no name"
        assert stage.channel.place, "place is empty: it says where threads are opened"

    # Edits and deletions ----------------------------------------------------------------------------------------------

    @promise(DeskCapability.EDIT)
    async def test_a_posted_message_can_be_changed(self, stage: DeskStage) -> None:
        """An edit changes the post it names, posts nothing, and may be done twice."""
        thread = await stage.place(1)
        sent = await stage.send(stage.out(thread, "firts"))
        edit = replace(stage.out(thread, "first"), op="edit", subject=sent.platform_id)
        await stage.send(edit)
        await stage.send(edit)
        assert await stage.shows_now(thread) == ["first"]

    @promise(DeskCapability.DELETE)
    async def test_a_posted_message_can_be_taken_away(self, stage: DeskStage) -> None:
        """A deletion takes away the post it names and no other."""
        thread = await stage.place(1)
        sent = await stage.send(stage.out(thread, "wrong"))
        await stage.send(stage.out(thread, "right"))
        await stage.send(replace(stage.out(thread, ""), op="delete", subject=sent.platform_id))
        assert await stage.shows_now(thread) == ["right"]

    @promise(writes=["edit"])
    async def test_an_agents_edit_reaches_the_customer(self, stage: DeskStage) -> None:
        """An agent's edit of a reply changes what the customer reads."""
        thread = await stage.place(1)
        await stage.listen()
        message = await stage.write(thread, "frist")
        await stage.arrived(thread)
        await stage.platform.edit(message, "first")
        await stage.until(
            lambda: [one.text for one in stage.on_disk(thread)] == ["first"], "the customer reads the new words"
        )

    @promise(writes=["delete"])
    async def test_an_agents_deletion_reaches_the_customer(self, stage: DeskStage) -> None:
        """An agent's deletion of a reply takes it from the customer."""
        thread = await stage.place(1)
        await stage.listen()
        message = await stage.write(thread, "oops")
        await stage.arrived(thread)
        await stage.platform.delete(message)
        await stage.until(
            lambda: [one.deleted for one in stage.on_disk(thread)] == [True], "the customer's message is gone"
        )

    # Marks, reactions and files ---------------------------------------------------------------------------------------

    @promise(DeskCapability.MARKS, writes=["marks"])
    async def test_marks_say_how_far_a_reply_is(self, stage: DeskStage) -> None:
        """A mark is put on the agent's own message, and a newer one takes its place."""
        thread = await stage.place(1)
        await stage.listen()
        message = await stage.write(thread, "Hello")
        await stage.arrived(thread)
        event = await stage.event("reply")
        wanted: Any
        for wanted in ("queued", "sent"):
            await stage.send(replace(stage.out(thread, ""), op="mark", subject=event.message, mark=wanted))

        async def seen() -> bool:
            return list(await stage.platform.marks(message)) == ["sent"]

        await stage.until(seen, "the message has the mark sent and no other")
        assert await stage.shows_now(thread) == []

    @promise(DeskCapability.REACTIONS)
    async def test_a_customers_reaction_is_shown(self, stage: DeskStage) -> None:
        """A customer's reaction is put on the post it belongs to, and taken off again."""
        thread = await stage.place(1)
        sent = await stage.send(stage.out(thread, "nice"))
        await stage.send(replace(stage.out(thread, "👍"), op="react", subject=sent.platform_id))
        shown = await stage.shown(thread)
        assert shown[0].reactions == ("👍",), f"people see {shown[0].reactions}"
        await stage.send(replace(stage.out(thread, ""), op="react", subject=sent.platform_id))
        shown = await stage.shown(thread)
        assert shown[0].reactions == (), f"people still see {shown[0].reactions}"

    @promise(DeskCapability.FILES)
    async def test_a_customers_file_is_shown(self, stage: DeskStage) -> None:
        """A customer's file is shown in the thread with exactly its bytes."""
        thread = await stage.place(1)
        file = Attachment(name=HARD_NAME, content=PICTURE, type="image/png", size=len(PICTURE), id="f1")
        await stage.send(stage.out(thread, "", files=(file,)))

        async def files() -> list[bytes]:
            return [content for one in await stage.shown(thread) for _, content in one.files]

        await stage.until(files, "the file is in the thread")
        assert await files() == [PICTURE], "the bytes are not those that were sent"

    @promise(DeskCapability.FILES, writes=["reply_file"])
    async def test_an_agents_file_arrives(self, stage: DeskStage) -> None:
        """A file that an agent sends comes in with its bytes and its words."""
        thread = await stage.place(1)
        await stage.listen()
        await stage.platform.reply_file(thread, stage.who, "The receipt", "receipt.png", PICTURE)
        event = await stage.event("reply")
        assert event.text == "The receipt", f"the words arrived as {event.text!r}"
        assert [file.content for file in event.files] == [PICTURE], "the file's bytes did not arrive"

    @promise()
    async def test_people_who_talk_elsewhere_are_let_alone(self, stage: DeskStage) -> None:
        """Two threads are kept apart: what is written in one reaches only its customer."""
        one, two = await stage.place(1), await stage.place(2)
        await stage.listen()
        await asyncio.gather(stage.write(one, "for one"), stage.write(two, "for two"))
        assert [found.text for found in await stage.arrived(one)] == ["for one"]
        assert [found.text for found in await stage.arrived(two)] == ["for two"]
