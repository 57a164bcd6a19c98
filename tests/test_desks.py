"""Agents at a desk: claim, reply, note, undo, edit, delete, and who may not. Rows only; the Slack desk has its own tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from bot import agents, clock, deliver, desk_posts, lease, replies
from bot.channel import Limits, Resend
from bot.desk import Desk, DeskAnswer, DeskEvent, DeskPost, Posted
from bot.desk_actions import Action
from bot.desk_events import receive_desk
from bot.messages import Inbound, Receipt
from bot.outbox import DeskOutbox
from bot.receive import receive
from tests.declared import site_with


class Wall(Desk):
    name = "wall"
    place = "W1"
    limits = Limits(timeout=5)
    resend = Resend.READBACK

    async def find(self, key: str, place: str, thread: str) -> Posted | None:
        return None


class World:
    """One conversation that waits for people, and a desk that shows what it is told."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.outbox = DeskOutbox(Wall())
        self.outbox.declare()
        self.posts: list[DeskPost] = []
        self.count = 0
        got = self.customer("Where is my order?")
        self.conversation = got.conversation_id
        self.customer("", kind="handoff")

    def customer(self, text: str, kind: Any = "message") -> Receipt:
        event = Inbound(channel="widget", key=clock.new_id(), external_id="anna", place="room", text=text, kind=kind)
        got = receive([event])[0]
        assert isinstance(got, Receipt), got
        return got

    def pump(self) -> list[DeskPost]:
        """Show everything that is due, as the host would; returns what was new."""
        fresh = []
        while (claimed := self.outbox.claim(self.conversation)) is not None:
            assert isinstance(claimed.out, DeskPost)
            fresh.append(claimed.out)
            self.count += 1
            self.outbox.posted(claimed, Posted(f"m{self.count}", claimed.out.thread or f"m{self.count}"))
        self.posts += fresh
        return fresh

    def do(self, who: str, kind: Any = "reply", *, text: str = "", action: Action | None = None, value: str = "",
           message: str = "", key: str = "", trusted: bool = True) -> DeskAnswer:  # fmt: skip
        event = DeskEvent(
            desk="wall", key=key or clock.new_id(), kind=kind, who=who, place="W1", thread="m1", message=message or clock.new_id(),
            text=text, action=action, value=value, trusted=trusted,
        )  # fmt: skip
        return receive_desk([event])[0]

    def said(self) -> list[tuple[str, str]]:
        query = (
            self.store.Message.select()
            .where(self.store.Message.conversation == self.conversation)
            .order_by(self.store.Message.seq)
        )
        return self.store.read(lambda: [(m.author, "" if m.deleted else m.body) for m in query])

    def row(self) -> Any:
        return self.store.read(lambda: self.store.Conversation.get_by_id(self.conversation))

    def ticket(self) -> Any:
        return self.store.read(self.store.Ticket.get)

    def later(self) -> None:
        """Five seconds pass."""
        self.store.write(lambda: self.store.Reply.update(due_at=0).where(self.store.Reply.state == "held").execute())
        replies.send_due()


@pytest.fixture
def world(store: Any) -> Iterator[World]:
    deliver.forget_declarations()
    lease.start("channels")

    store.write(site_with)
    for name in ("ana", "marko"):
        agents.add_agent(name, actor="test")
        agents.link(name, "wall", f"T1:{name}", actor="test")
    made = World(store)
    made.pump()
    yield made
    deliver.forget_declarations()


def test_a_handoff_opens_one_thread_with_its_card_first(world: World) -> None:
    assert [(p.op, p.thread) for p in world.posts] == [("card", ""), ("event", "m1")]
    card = world.posts[0].card
    assert card is not None and card.state == "waiting" and card.reason == "asked for a person"
    assert card.actions[0] is Action.CLAIM and "Where is my order?" in world.posts[1].text
    world.customer("Hello?")
    (post,) = world.pump()
    assert (post.op, post.text, post.thread, post.author) == ("message", "Hello?", "m1", "customer")


def test_a_button_of_a_card_whose_post_is_not_known_yet_tells_its_thread(world: World) -> None:
    """People may be faster than the answer to the post, and it may be lost."""
    world.store.write(lambda: world.store.sql("UPDATE desk_thread SET thread = NULL"))

    def press(place: str) -> DeskAnswer:
        event = DeskEvent(
            desk="wall", key=clock.new_id(), kind="action", who="T1:ana", place=place, thread="m1", message="m1", action=Action.CLAIM,
            conversation_id=world.conversation, trusted=True,
        )  # fmt: skip
        return receive_desk([event])[0]

    assert press("elsewhere").code == "stale" and not world.row().assignee
    assert press("W1").code == "done" and world.row().assignee == "ana"
    assert world.do("T1:ana", text="Hello").code in {"sent", "held"}, "what is written there is for the customer"
    world.store.write(lambda: desk_posts.opened(world.conversation, "wall", "m1", "https://wall.example/m1"))
    rows = world.store.read(lambda: world.store.sql("SELECT place, thread, link FROM desk_thread").fetchall())
    assert [tuple(row) for row in rows] == [("W1", "m1", "https://wall.example/m1")]


def test_of_many_claims_at_once_exactly_one_wins(world: World) -> None:
    answers: list[DeskAnswer] = []
    gate = threading.Barrier(6)

    def claim(who: str) -> None:
        gate.wait()
        answers.append(world.do(who, "action", action=Action.CLAIM))

    threads = [threading.Thread(target=claim, args=(who,)) for who in ("T1:ana", "T1:marko") * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winner = world.row().assignee
    assert winner in {"ana", "marko"} and world.ticket().state == "in_progress"
    assert sum(a.code == "stale" and winner.title() in a.aside for a in answers) == 3
    assert [a for a, _ in world.said()].count("system") == 2, "the customer hears once who is there"
    (card,) = [p.card for p in world.pump() if p.op == "card"]
    assert card is not None and card.state == "human" and card.assignee == winner.title()


def test_the_first_reply_claims_and_is_held_for_five_seconds(world: World) -> None:
    held = world.do("T1:ana", text="It left yesterday.", message="r1")
    assert held.code == "held" and "You claimed this" in held.aside and held.offer == (Action.UNDO,)
    assert world.row().state == "human" and ("agent", "It left yesterday.") not in world.said()
    assert [p.mark for p in world.pump() if p.op == "mark"] == ["queued"]
    world.later()
    assert world.said()[-1] == ("agent", "It left yesterday.")
    marks = [p for p in world.pump() if p.op == "mark"]
    assert [(p.mark, p.subject) for p in marks] == [("sent", "r1")]
    world.later()
    assert [a for a, _ in world.said()].count("agent") == 1


def test_an_undo_in_time_takes_it_back_and_one_too_late_says_so(world: World) -> None:
    held = world.do("T1:ana", text="oops")
    assert world.do("T1:ana", "action", action=Action.UNDO, value=held.value).code == "done"
    world.later()
    assert "oops" not in [text for _, text in world.said()]
    world.do("T1:ana", text="fine")
    world.later()
    assert world.do("T1:ana", "action", action=Action.UNDO).code == "stale"


@pytest.mark.parametrize("text", ["note: he is angry", "NOTE: x", "// not for him", "🔒 secret", "  note:  spaced"])
def test_notes_never_reach_the_customer(world: World, text: str) -> None:
    assert world.do("T1:ana", text=text).code == "note"
    world.later()
    assert [a for a, _ in world.said()].count("agent") == 0
    assert world.said()[-1][0] == "note"
    assert world.row().state == "waiting", "a note claims nothing"


@pytest.mark.parametrize(
    ("who", "trusted", "code"),
    [("T1:stranger", True, "not_linked"), ("T9:guest", False, "not_allowed"), ("T1:gone", True, "not_allowed")],
)
def test_who_is_no_agent_is_refused_with_a_way_out(world: World, who: str, trusted: bool, code: str) -> None:
    agents.add_agent("gone", actor="test")
    agents.link("gone", "wall", "T1:gone", actor="test")
    agents.set_active("gone", False, actor="test")
    answer = world.do(who, text="hello", trusted=trusted)
    assert answer.code == code and "Nothing was sent" in answer.aside
    world.later()
    assert [a for a, _ in world.said()].count("agent") == 0


def test_a_stranger_is_linked_by_the_code_once(world: World) -> None:
    code = world.do("T1:new", text="hello").aside.split("link ")[1].split()[0]
    assert agents.redeem(code, "marko", actor="test")[1] == "T1:new"
    with pytest.raises(agents.AgentError):
        agents.redeem(code, "ana", actor="test")
    assert world.do("T1:new", text="now it works").code == "held"


def test_a_redelivery_changes_nothing(world: World) -> None:
    assert world.do("T1:ana", text="once", key="k1", message="r1").code == "held"
    assert world.do("T1:ana", text="once", key="k1", message="r1").code == "duplicate"
    assert world.do("T1:ana", text="once", key="k2", message="r1").code == "duplicate", "a twin under another id"
    world.later()
    assert [text for a, text in world.said() if a == "agent"] == ["once"]


def test_edits_and_deletes_follow(world: World) -> None:
    world.do("T1:ana", text="helo", message="r1")
    world.do("T1:ana", "edit", text="hello", message="r1")
    world.later()
    assert world.said()[-1] == ("agent", "hello")
    rev = world.row().rev
    assert world.do("T1:ana", "edit", text="hello!", message="r1").code == "done"
    assert world.said()[-1] == ("agent", "hello!") and world.row().rev == rev + 1
    assert world.do("T1:marko", "edit", text="hacked", message="r1").code == "not_allowed"
    assert world.do("T1:ana", "delete", message="r1").code == "done"
    assert world.said()[-1] == ("agent", "")


def test_release_transfer_return_and_reopen(world: World) -> None:
    world.do("T1:ana", "action", action=Action.CLAIM)
    assert world.do("T1:ana", "action", action=Action.TRANSFER, value="@marko").code == "done"
    assert world.row().assignee == "marko"
    assert world.do("T1:ana", "action", action=Action.TRANSFER, value="nobody").code == "cannot"
    assert world.do("T1:marko", "action", action=Action.RELEASE).code == "done"
    assert (world.row().state, world.row().assignee, world.ticket().state) == ("waiting", "", "open")
    assert world.do("T1:ana", "action", action=Action.RETURN).code == "done"
    assert (world.row().state, world.ticket().outcome) == ("ai", "returned to the AI")
    refused = world.do("T1:ana", text="wait")
    assert refused.code == "not_claimed" and refused.offer == (Action.CLAIM,)
    world.do("T1:ana", "action", action=Action.CLAIM)
    assert world.do("T1:ana", "action", action=Action.RESOLVE).code == "done"
    late = world.do("T1:ana", text="one more thing")
    assert late.code == "resolved" and late.offer == (Action.REOPEN,)
    assert world.do("T1:ana", "action", action=Action.CLAIM).code == "resolved"
    assert world.do("T1:ana", "action", action=Action.REOPEN).code == "done"
    assert world.row().state == "waiting"


def test_a_reply_and_a_click_on_resolve_go_out_in_that_order(world: World) -> None:
    world.do("T1:ana", text="Done!")
    world.do("T1:ana", "action", action=Action.RESOLVE)
    assert [a for a, _ in world.said()][-2:] == ["agent", "system"]
    assert world.ticket().state == "resolved"


def test_a_blocked_visitor_is_told_and_stores_nothing(world: World) -> None:
    assert world.do("T1:ana", "action", action=Action.BLOCK).code == "done"
    before = len(world.said())
    refused = receive([Inbound(channel="widget", key="x", external_id="anna", place="room", text="again")])[0]
    assert getattr(refused, "code", "") == "blocked" and len(world.said()) == before


def test_modes_of_a_place(world: World) -> None:
    world.store.write(lambda: replies.set_mode("wall", "W1", "direct"))
    assert world.do("T1:ana", text="at once").code == "sent"
    assert world.said()[-1] == ("agent", "at once")
    world.store.write(lambda: replies.set_mode("wall", "W1", "alerts-only"))
    assert world.do("T1:ana", text="never").code == "cannot"


def test_a_card_that_waited_shows_the_newest_state(world: World) -> None:
    world.do("T1:ana", "action", action=Action.CLAIM)
    world.do("T1:ana", "action", action=Action.RELEASE)
    world.do("T1:marko", "action", action=Action.CLAIM)
    cards = [p.card for p in world.pump() if p.op == "card"]
    assert len(cards) == 1 and cards[0] is not None and cards[0].assignee == "Marko"


def test_the_same_thread_serves_a_conversation_that_is_opened_again(world: World) -> None:
    world.do("T1:ana", "action", action=Action.RESOLVE)
    world.customer("It is broken again")
    world.pump()
    assert world.row().state == "waiting"
    assert world.store.read(lambda: world.store.DeskThread.select().count()) == 1
    assert world.posts[-1].thread == "m1"


def test_the_ticket_remembers_who_did_what(world: World) -> None:
    world.do("T1:ana", "action", action=Action.CLAIM)
    world.do("T1:ana", "action", action=Action.SNOOZE, value="60")
    assert world.do("T1:ana", "action", action=Action.SNOOZE, value="soon").code == "cannot"
    events = world.store.read(
        lambda: [(e.actor, e.event) for e in world.store.TicketEvent.select().order_by(world.store.TicketEvent.id)]
    )
    assert events == [("customer", "opened"), ("ana", "claimed"), ("ana", "snoozed")]
    assert world.ticket().snoozed_until > clock.now()


def test_nothing_waits_for_a_desk_that_is_not_there(store: Any) -> None:
    store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now()))
    got = receive([Inbound(channel="x", key="k", external_id="a", place="r", text="hi"),
                   Inbound(channel="x", key="k2", external_id="a", place="r", kind="handoff")])  # fmt: skip
    assert isinstance(got[1], Receipt)
    assert store.read(desk_posts.declared) == []
    assert store.read(lambda: store.DeskThread.select().count()) == 0


def test_a_card_that_is_taken_while_the_ticket_changes_shows_the_change_or_another_follows(
    world: World, store: Any
) -> None:
    desk_posts_refresh = lambda: desk_posts.refresh_card(world.conversation)  # noqa: E731
    store.write(desk_posts_refresh)  # a card waits
    changed, taken = threading.Event(), threading.Event()

    def change() -> None:
        with store.db.connection_context(), store.db.atomic():
            store.sql("UPDATE ticket SET priority = 'urgent' WHERE conversation_id = ?", (world.conversation,))
            desk_posts_refresh()  # it sees the card that waits, and plans no other
            changed.set()
            taken.wait(0.5)  # on PostgreSQL the card is taken meanwhile

    thread = threading.Thread(target=change)
    thread.start()
    changed.wait(5)
    shown = world.pump()
    taken.set()
    thread.join()
    shown += world.pump()
    assert shown[-1].card is not None
    assert shown[-1].card.priority == "urgent"
