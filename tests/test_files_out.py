"""Files, edits, reactions and buttons on their way out: to a customer's channel and to desks, as each of them can."""

from __future__ import annotations

from typing import Any

import pytest

from bot import agents, clock, deliver, files, handoff, lease, turns
from bot.channel import Capability, Channel, Limits
from bot.desk import Action, Desk, DeskAnswer, DeskCapability, DeskEvent, DeskPost, Posted
from bot.desk_events import receive_desk
from bot.events import Answer
from bot.messages import Attachment, Inbound, Outbound, Receipt, Sent
from bot.outbox import DeskOutbox, Outbox
from bot.receive import receive
from bot.replies import send_due
from bot.store.statements import last_messages
from tests.test_files import on_disk, png


class Able(Channel):
    name = "able"
    capabilities = frozenset(Capability) - {Capability.PULL}
    limits = Limits(max_text=40, max_file_bytes=5_000)


class Roomy(Able):
    limits = Limits(max_text=400)


class Plain(Channel):
    name = "plain"
    limits = Limits(max_text=400)


class Puller(Channel):
    name = "puller"
    capabilities = frozenset({Capability.PULL})


class Wall(Desk):
    name = "wall"
    place = "W1"
    capabilities = frozenset(DeskCapability)
    limits = Limits(max_file_bytes=5_000)


class Paper(Desk):
    name = "paper"
    place = "P1"


class World:
    """A conversation on one channel, with one or two desks."""

    def __init__(self, store: Any, channel: Channel, *desks: Desk) -> None:
        self.store, self.channel = store, channel
        self.outbox = Outbox(channel)
        self.outbox.declare()
        self.desks = {desk.name: DeskOutbox(desk) for desk in desks}
        for desk in self.desks.values():
            desk.declare()
        self.count = 0
        self.conversation = self.customer("Hello").conversation_id

    def event(self, text: str = "", kind: Any = "message", key: str = "", **more: Any) -> Any:
        made = Inbound(
            channel=self.channel.name,
            key=key or clock.new_id(),
            external_id="anna",
            place="room",
            text=text,
            kind=kind,
            **more,
        )
        return receive([made])[0]

    def customer(self, *args: Any, **more: Any) -> Receipt:
        got = self.event(*args, **more)
        assert isinstance(got, Receipt), got
        return got

    def drain(self) -> list[Outbound]:
        """What the platform would have got."""
        got: list[Outbound] = []
        while (claimed := self.outbox.claim("room")) is not None:
            assert isinstance(claimed.out, Outbound)
            self.count += 1
            self.outbox.sent(claimed, Sent(claimed.out.subject or f"p{self.count}"))
            got.append(claimed.out)
        return got

    def posts(self, desk: str = "wall") -> list[DeskPost]:
        got: list[DeskPost] = []
        outbox = self.desks[desk]
        while (claimed := outbox.claim(self.conversation)) is not None:
            assert isinstance(claimed.out, DeskPost)
            self.count += 1
            outbox.posted(claimed, Posted(f"{desk}{self.count}", claimed.out.thread or f"{desk}-thread"))
            got.append(claimed.out)
        return got

    def waits(self) -> None:
        """Hand over and show it."""
        self.customer(kind="handoff")
        for desk in self.desks:
            self.posts(desk)
        self.drain()

    def agent(
        self, text: str = "", *sent: Attachment, kind: Any = "reply", desk: str = "wall", **more: Any
    ) -> DeskAnswer:
        place = {"wall": "W1", "paper": "P1"}[desk]
        made = {"message": clock.new_id(), **more}
        event = DeskEvent(
            desk=desk,
            key=clock.new_id(),
            kind=kind,
            who="T1:ana",
            place=place,
            thread=f"{desk}-thread",
            text=text,
            files=sent,
            **made,
        )
        return receive_desk([event])[0]

    def later(self) -> None:
        self.store.write(lambda: self.store.Reply.update(due_at=0).where(self.store.Reply.state == "held").execute())
        send_due()

    def last(self, author: str = "agent") -> Any:
        said = self.store.read(lambda: last_messages(self.conversation, 10**6, 100))
        return [message for message in said if message.author == author][-1]

    def answer(self, text: str, **more: Any) -> None:
        begun = self.store.write(lambda: turns.begin(self.conversation))
        self.store.write(lambda: turns.end(begun, Answer(text=text, **more), turns.Account()))


@pytest.fixture
def world(store: Any) -> Any:
    deliver.forget_declarations()
    lease.start("channels")
    store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now()))
    agents.add_agent("ana", actor="test")
    for desk in ("wall", "paper"):
        agents.link("ana", desk, "T1:ana", actor="test")
    yield lambda channel, *desks: World(store, channel, *desks)
    deliver.forget_declarations()


def note(text: bytes = b"hello", name: str = "note.txt") -> Attachment:
    return Attachment(name=name, content=text)


# To the customer ---------------------------------------------------------------------------------------------------------


def test_an_agents_files_are_deliveries_of_their_own_after_the_text(world: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    held = w.agent("Two pages for you.", note(), Attachment(name="photo.png", content=png()), message="r1")
    assert held.code == "held" and held.aside.startswith("You claimed this. Sent in 5 seconds.")
    w.later()
    w.posts()
    got = [out for out in w.drain() if out.author == "agent"]
    assert [(out.op, out.text, [file.name for file in out.files]) for out in got] == [
        ("send", "Two pages for you.", []), ("send", "", ["note.txt"]), ("send", "", ["photo.png"]),
    ]  # fmt: skip
    assert [(out.part, out.parts) for out in got] == [(0, 3), (1, 3), (2, 3)]
    assert (
        got[1].files[0].content == b"hello"
        and got[2].files[0].type == "image/png"
        and len({out.key for out in got}) == 3
    )
    assert [post.mark for post in w.posts() if post.op == "mark"] == ["sent"], "when all of it has arrived"
    assert [file.name for file in w.last().files] == ["note.txt", "photo.png"]


def test_a_reply_may_be_only_a_file(world: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    assert w.agent("", note()).code == "held"
    w.later()
    (out,) = [out for out in w.drain() if out.author == "agent"]
    assert out.text == "" and out.files[0].name == "note.txt"


def test_an_undone_reply_takes_its_files_along(world: Any, store: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    held = w.agent("oops", note())
    assert w.agent(kind="action", action=Action.UNDO, value=held.value).code == "done"
    assert not store.read(lambda: store.StoredFile.select().count())
    (job,) = store.read(lambda: list(store.Job.select().where(store.Job.kind == "files.remove")))
    files.remove(job.ref)
    assert not on_disk()
    w.later()
    assert not [out for out in w.drain() if out.files]


def test_a_forbidden_file_is_refused_aloud_and_the_words_go(world: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    held = w.agent("See the attachment.", note(b"MZ", "setup.exe"))
    assert held.code == "held" and "setup.exe was not taken: this kind of file is not possible" in held.aside
    alone = w.agent("", note(b"MZ", "setup.exe"))
    assert alone.code == "cannot" and alone.aside.startswith("Nothing was sent. setup.exe was not taken")
    w.later()
    (out,) = [out for out in w.drain() if out.author == "agent"]
    assert out.text == "See the attachment." and not out.files


def test_a_stranger_at_the_desk_leaves_no_file(world: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    assert w.agent("hi", note(), who_name="x").code == "held"
    event = DeskEvent(desk="wall", key="s", kind="reply", who="T1:stranger", place="W1", thread="wall-thread", message="s1",
                      text="hi", files=(note(),))  # fmt: skip
    assert receive_desk([event])[0].code == "not_linked"
    assert len(on_disk()) == 1


@pytest.mark.parametrize("channel", [Plain(), Able()])
def test_what_a_channel_cannot_take_becomes_a_link(world: Any, environment: Any, channel: Channel) -> None:
    environment(DESKHAND_PUBLIC_URL="https://help.example")
    w = world(channel, Wall())
    w.waits()
    assert "cannot" not in w.agent("Here.", note(b"x" * 6_000, "list.txt")).aside
    w.later()
    _, out = [out for out in w.drain() if out.author == "agent"]
    assert not out.files and out.text.startswith("list.txt (6 KB): https://help.example/f/")
    assert [post.mark for post in w.posts() if post.op == "mark"][-1] == "sent"


@pytest.mark.parametrize(("channel", "why"), [(Plain(), "takes no files"), (Able(), "takes 5 KB at most")])
def test_without_a_public_address_the_agent_hears_that_it_could_not(world: Any, channel: Channel, why: str) -> None:
    w = world(channel, Wall())
    w.waits()
    held = w.agent("Here.", note(b"x" * 6_000, "list.txt"))
    assert (
        f"list.txt cannot be sent: the customer's channel {why}" in held.aside and "DESKHAND_PUBLIC_URL" in held.aside
    )
    w.later()
    assert [out.text for out in w.drain() if out.author == "agent"] == ["Here."]
    assert [post.mark for post in w.posts() if post.op == "mark"][-1] == "failed"


def test_a_page_reads_files_by_itself(world: Any) -> None:
    w = world(Puller(), Wall())
    w.waits()
    assert "cannot" not in w.agent("Here.", note()).aside
    w.later()
    assert w.last().files[0].url and w.drain() == []


def test_bytes_that_are_gone_stop_nothing_and_are_told(world: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    w.agent("Here.", note())
    w.later()
    on_disk()[0].unlink()
    w.agent("And more.")
    w.later()
    assert [out.text for out in w.drain() if out.author == "agent"] == ["Here.", "And more."]
    assert "failed" in [post.mark for post in w.posts() if post.op == "mark"]


def test_an_edit_may_make_a_message_longer_and_shorter(world: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    w.agent("short", note(), message="r1")
    w.later()
    w.drain()
    w.agent("one two three four five six seven eight nine ten", kind="edit", message="r1")
    longer = w.drain()
    assert [(out.op, bool(out.subject)) for out in longer] == [("edit", True), ("send", False)]
    assert "".join(out.text for out in longer).replace(" ", "").endswith("ten")
    w.agent("short again", kind="edit", message="r1")
    shorter = w.drain()
    assert [(out.op, out.text) for out in shorter] == [("edit", "short again"), ("edit", "…")]
    assert shorter[1].subject and shorter[1].subject != shorter[0].subject


def test_words_may_be_added_to_a_file_and_taken_away_again(world: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    w.agent("", note(), message="r1")
    w.later()
    w.drain()
    assert w.agent("The list you asked for.", kind="edit", message="r1").code == "done"
    (added,) = w.drain()
    assert (added.op, added.text) == ("send", "The list you asked for.")
    assert w.agent("", kind="edit", message="r1").code == "done"
    assert [(out.op, out.text, bool(out.subject)) for out in w.drain()] == [("edit", "…", True)]
    assert w.last().text == "" and [file.name for file in w.last().files] == ["note.txt"]


def test_a_deleted_message_goes_with_all_its_parts(world: Any, store: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    w.agent("one two three four five six seven eight nine ten", note(), message="r1")
    w.later()
    assert len([out for out in w.drain() if out.author == "agent"]) == 3
    w.agent(kind="delete", message="r1")
    gone = w.drain()
    assert [out.op for out in gone] == ["delete"] * 3 and len({out.subject for out in gone}) == 3
    assert w.last().deleted and not w.last().files and not store.read(lambda: store.StoredFile.select().count())


def test_what_was_deleted_before_it_was_sent_is_never_sent(world: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    w.agent("wrong person", note(), message="r1")
    w.later()
    w.agent(kind="delete", message="r1")
    assert [out for out in w.drain() if out.author == "agent"] == []


# Buttons -----------------------------------------------------------------------------------------------------------------


def test_answers_offer_their_choices_and_a_person(world: Any) -> None:
    w = world(Able(), Wall())
    w.answer("Which one do you mean, exactly, please?", choices=("Red", "Blue"), type="offline")
    (out,) = w.drain()
    assert [button.label for button in out.buttons] == ["Red", "Blue", "Talk to a person", "👍", "👎"]
    assert out.buttons[0].value == f"c0:{out.key}" and out.buttons[2].value == "person"
    assert all(len(button.value.encode()) <= 64 for button in out.buttons)
    w.event(out.buttons[1].value, kind="button")
    assert w.last("customer").text == "Blue"
    w.answer("Blue it is, see the list [1].", type="ai", sources=())
    w.event("person", kind="button")
    assert w.drain()[-1].author == "system"


@pytest.mark.parametrize(("channel", "asks"), [(Able(), False), (Roomy(), True)])
def test_a_closed_conversation_asks_for_a_rating_by_buttons(
    world: Any, store: Any, channel: Channel, asks: bool
) -> None:
    w = world(channel, Wall())
    w.waits()
    store.write(lambda: handoff.resolve(w.conversation, by="ana"))
    out = w.drain()[-1]
    assert [button.value for button in out.buttons] == [f"rate:{n}" for n in range(1, 6)]
    assert ("from 1 (bad) to 5" in out.text) is asks, "as far as there is room for it"
    got = w.event("rate:5", kind="button")
    assert isinstance(got, Receipt) and got.aside
    plain = world(Plain())
    store.write(lambda: handoff.resolve(plain.conversation, by="customer"))
    assert all(not out.buttons and "from 1" not in out.text for out in plain.drain())


# To desks ----------------------------------------------------------------------------------------------------------------


def test_a_customers_files_come_into_the_thread(world: Any) -> None:
    w = world(Able(), Wall(), Paper())
    w.waits()
    w.customer("Look", files=(note(), note(b"x" * 6_000, "large.txt"), note(b"MZ", "bad.exe")))
    text, file, large = w.posts("wall")
    assert (text.op, text.author) == ("message", "customer")
    assert text.text.splitlines() == ["Look", text.text.splitlines()[1]] and "bad.exe was not taken" in text.text
    assert (file.op, file.text, file.files[0].name, file.files[0].content) == ("message", "", "note.txt", b"hello")
    assert not large.files and large.text.startswith("large.txt (6 KB, text/plain) cannot be shown here")
    assert [bool(post.files) for post in w.posts("paper")] == [False] * 3


def test_a_file_alone_needs_no_empty_post(world: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    w.customer(files=(note(),))
    (post,) = w.posts()
    assert post.files[0].name == "note.txt" and post.author == "customer" and post.author_name


def test_files_from_before_the_handoff_are_in_the_new_thread(world: Any) -> None:
    w = world(Able(), Wall())
    w.customer("My receipt", files=(note(name="receipt.txt"),))
    w.customer(kind="handoff")
    posts = w.posts()
    assert [(post.op, [file.name for file in post.files]) for post in posts] == [
        ("card", []),
        ("event", []),
        ("message", ["receipt.txt"]),
    ]
    assert "[file: receipt.txt, text/plain]" in posts[1].text


def test_a_customers_edit_and_deletion_follow(world: Any) -> None:
    w = world(Able(), Wall(), Paper())
    w.waits()
    w.customer("helo", key="m1", files=(note(),))
    posted = w.posts("wall")
    w.posts("paper")
    w.customer("hello", kind="edit", subject="m1")
    (edit, *cards) = sorted(w.posts("wall"), key=lambda post: post.op != "edit")
    assert (edit.op, edit.text) == ("edit", "hello") and edit.subject and [card.op for card in cards] == ["card"]
    (line, *_) = sorted(w.posts("paper"), key=lambda post: post.op == "card")
    assert line.op == "event" and line.text.endswith("changed a message. It is now: hello")
    w.customer(kind="delete", subject="m1")
    gone = [post for post in w.posts("wall") if post.op == "delete"]
    assert len(gone) == len(posted) == 2 and len({post.subject for post in gone}) == 2
    lines = [post for post in w.posts("paper") if post.op == "event"]
    assert [post.text.endswith("deleted a message.") for post in lines] == [True]


def test_a_file_without_words_is_deleted_and_reacted_to_like_any_message(world: Any) -> None:
    w = world(Able(), Wall(), Paper())
    w.waits()
    w.customer(files=(note(), note(name="second.txt")), key="m1")
    first, _ = w.posts("wall")
    w.posts("paper")
    w.customer("👍", kind="reaction", subject="m1")
    (post,) = w.posts("wall")
    assert (
        (post.op, post.text) == ("react", "👍")
        and post.subject.startswith("wall")
        and first.files[0].name == "note.txt"
    )
    w.posts("paper")
    w.customer(kind="delete", subject="m1")
    assert [post.op for post in w.posts("wall") if post.op != "card"] == ["delete", "delete"]
    lines = [post.text for post in w.posts("paper") if post.op == "event"]
    assert len(lines) == 1 and lines[0].endswith("deleted a message.")


def test_a_change_of_what_only_the_transcript_has_is_a_line(world: Any) -> None:
    w = world(Able(), Wall())
    w.customer("helo", key="m1")
    w.waits()
    w.customer("hello", kind="edit", subject="m1")
    assert next(post.text for post in w.posts() if post.op == "event").endswith("It is now: hello")


def test_a_customers_reaction_is_put_on_the_agents_own_message(world: Any) -> None:
    w = world(Able(), Wall(), Paper())
    w.waits()
    w.agent("All done.", message="r1")
    w.later()
    sent = w.drain()[-1]
    w.posts("wall"), w.posts("paper")
    platform_id = w.store.read(lambda: w.store.Delivery.get(w.store.Delivery.key == sent.key)).platform_id
    w.customer("❤️", kind="reaction", subject=platform_id)
    (post,) = w.posts("wall")
    assert (post.op, post.subject, post.text) == ("react", "r1", "❤️")
    (line,) = w.posts("paper")
    assert line.op == "event" and line.text.endswith("reacted with ❤️ to: All done.")
    w.customer("❤️", kind="reaction", subject=platform_id, gone=True)
    (post,) = w.posts("wall")
    assert (post.op, post.text) == ("react", "") and w.posts("paper") == []


# Agents' reactions and notes ---------------------------------------------------------------------------------------------


def mirrored(w: World, key: str = "m1") -> str:
    w.customer("Is it there?", key=key)
    w.posts()
    return str(w.store.read(lambda: w.store.Delivery.select().order_by(w.store.Delivery.ord.desc()).get()).platform_id)


def test_an_agents_reaction_reaches_the_customers_message(world: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    copy = mirrored(w)
    assert w.agent("👍", kind="reaction", message=copy).code == "done"
    (out,) = w.drain()
    assert (out.op, out.subject, out.text) == ("react", "m1", "👍")
    w.agent("🎉", kind="reaction", message=copy)
    assert [(r.emoji, r.author, r.name) for r in w.last("customer").reactions] == [("🎉", "agent", "Ana")], (
        "one of each agent"
    )
    assert w.agent("👍", kind="reaction", message=copy, gone=True).code == "ignored", "a newer one is shown"
    assert [out.text for out in w.drain()] == ["🎉"]
    w.agent("🎉", kind="reaction", message=copy, gone=True)
    assert [out.text for out in w.drain()] == [""] and not w.last("customer").reactions


def test_a_channel_without_reactions_is_said_once_and_nothing_is_kept(world: Any) -> None:
    w = world(Plain(), Wall())
    w.waits()
    copy = mirrored(w)
    answer = w.agent("👍", kind="reaction", message=copy)
    assert answer.code == "cannot" and "cannot show reactions" in answer.aside and not w.last("customer").reactions
    assert w.agent("👍", kind="reaction", message=copy, gone=True).aside == ""


def test_what_a_platform_refuses_to_change_is_said_in_the_thread(world: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    assert w.agent("🦖", kind="reaction", message=mirrored(w)).code == "done"
    claimed = w.outbox.claim("room")
    assert claimed is not None
    w.outbox.refused(claimed, "Telegram has no reaction 🦖.")
    (post,) = w.posts()
    assert post.op == "event" and post.text.endswith(
        "did not take a reaction, so they do not see it. Telegram has no reaction 🦖."
    )


def test_a_message_from_another_channel_cannot_be_reacted_to_any_more(world: Any, store: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    copy = mirrored(w)
    store.write(lambda: store.sql("UPDATE ledger SET channel = 'before' WHERE key = 'm1'"))
    answer = w.agent("👍", kind="reaction", message=copy)
    assert (
        answer.code == "cannot"
        and "another channel" in answer.aside
        and not w.drain()
        and not w.last("customer").reactions
    )


def test_pages_see_reactions_as_a_change(world: Any) -> None:
    w = world(Puller(), Wall())
    w.waits()
    copy = mirrored(w)
    before = w.last("customer").rev
    assert w.agent("👍", kind="reaction", message=copy).code == "done"
    assert w.last("customer").rev > before and w.last("customer").reactions[0].emoji == "👍"


def test_only_agents_reactions_on_the_customers_messages_count(world: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    copy = mirrored(w)
    event = DeskEvent(
        desk="wall",
        key="x",
        kind="reaction",
        who="T1:nobody",
        place="W1",
        thread="wall-thread",
        message=copy,
        text="👎",
    )
    (answer,) = receive_desk([event])
    assert (answer.code, answer.aside) == ("ignored", "")
    assert w.agent("👍", kind="reaction", message="some card").code == "ignored"
    agents.set_active("ana", False, actor="test")
    assert w.agent("👍", kind="reaction", message=copy).code == "ignored"
    assert not w.last("customer").reactions and not w.drain()


def test_notes_by_a_button_stay_inside_whatever_they_begin_with(world: Any, store: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    for text in ("He is right, refund him.", "and again"):
        assert w.agent(text, kind="note", message="").code == "note"
    assert w.agent("note: with a page", note(), message="n3").code == "note"
    assert w.last("note").text == "with a page" and w.last("note").files[0].name == "note.txt"
    notes = [m.text for m in store.read(lambda: last_messages(w.conversation, 10**6, 100)) if m.author == "note"]
    assert notes == ["He is right, refund him.", "and again", "with a page"]
    w.later()
    assert not w.drain() and {post.author for post in w.posts()} <= {"note"}
