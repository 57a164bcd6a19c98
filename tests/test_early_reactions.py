"""An agent's emoji on a post whose id is not known yet: it is kept until it is, is done once, and leaves nothing behind. Rows only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bot import agents, clock, housekeeping
from bot.deliver import Claimed
from bot.desk import DeskAnswer, DeskEvent, DeskPost, Posted
from bot.desk_events import receive_desk
from bot.erase import erase_conversation
from bot.messages import Inbound, Receipt
from bot.receive import receive
from bot.store.statements import last_messages
from tests.crossing import crossing
from tests.test_desks import World, world  # noqa: F401  the fixture


class Early:
    """A customer's message that is on its way into the thread, and agents who see it there already."""

    def __init__(self, world: World) -> None:  # noqa: F811
        self.world, self.store = world, world.store
        world.customer("Thank you")
        self.claimed = self.claim()

    def claim(self, conversation: str = "") -> Claimed:
        claimed = self.world.outbox.claim(conversation or self.world.conversation)
        assert claimed is not None and isinstance(claimed.out, DeskPost)
        return claimed

    def told(self, emoji: str = "👍", **more: Any) -> DeskAnswer:
        made: dict[str, Any] = {"key": clock.new_id(), "who": "T1:ana", "place": "W1", "message": "p1", **more}
        return receive_desk([DeskEvent(desk="wall", kind="reaction", text=emoji, **made)])[0]

    def recorded(self, post_id: str = "p1") -> None:
        self.world.outbox.posted(self.claimed, Posted(post_id, "m1"))

    def shown(self) -> list[tuple[str, str]]:
        """The emoji on what the customer wrote last."""
        said = self.store.read(lambda: last_messages(self.world.conversation, 10**6, 100))
        last = [message for message in said if message.author == "customer"][-1]
        return [(one.emoji, one.name) for one in last.reactions]

    def kept(self) -> int:
        return int(self.store.read(lambda: self.store.EarlyReaction.select().count()))

    def ledger(self) -> int:
        return int(
            self.store.read(lambda: self.store.Ledger.select().where(self.store.Ledger.kind == "reaction").count())
        )

    def change(self, statement: str, *values: object) -> None:
        self.store.write(lambda: self.store.sql(statement, values))


@pytest.fixture
def early(world: World) -> Early:  # noqa: F811
    return Early(world)


def test_an_emoji_that_is_faster_than_the_posts_answer_reaches_the_customer_once(early: Early) -> None:
    before = early.world.row().rev
    assert early.told(key="k1").code == "done" and early.shown() == []
    assert early.told(key="k1").code == "duplicate" and early.kept() == 1
    early.recorded()
    assert early.shown() == [("👍", "Ana")] and early.kept() == 0
    assert early.world.row().rev == before + 1, "who pulls sees it"
    assert early.told(key="k1").code == "duplicate" and early.world.row().rev == before + 1
    row = early.store.read(lambda: early.store.Ledger.get(early.store.Ledger.key == "k1"))
    assert row.conversation == early.world.conversation


def test_a_lost_answer_is_settled_by_looking_and_the_emoji_with_it(early: Early) -> None:
    early.world.outbox.perhaps(early.claimed, "the answer was lost")
    assert early.told().code == "done"
    early.change("UPDATE delivery SET next_at = 0 WHERE state = 'uncertain'")
    early.claimed = early.claim()
    assert early.world.outbox.step(early.claimed) == "find"
    assert early.told("🎉", who="T1:marko").code == "done", "while it is looked for"
    early.recorded()
    assert sorted(early.shown()) == [("🎉", "Marko"), ("👍", "Ana")] and early.kept() == 0


def test_what_was_settled_as_not_there_and_was_there_after_all_is_not_lost(early: Early) -> None:
    """A process that was paused comes back with the answer when another one has put the post in line again."""
    late = early.claimed
    early.world.outbox.missing(early.claimed)
    assert early.told().code == "done"
    early.claimed = late
    early.recorded()
    assert early.shown() == [("👍", "Ana")]


def test_what_was_put_and_taken_back_ends_as_the_last_says(early: Early) -> None:
    early.told("👍")
    early.told("👍", gone=True)
    early.told("👍", who="T1:marko", gone=True)
    early.told("🎉", who="T1:marko")
    early.recorded()
    assert early.shown() == [("🎉", "Marko")]
    early.told("🎉", who="T1:marko", gone=True)
    assert early.shown() == [] and early.kept() == 0


def test_one_before_the_post_is_known_and_its_removal_after_it(early: Early) -> None:
    early.told("👍")
    early.recorded()
    assert early.told("👍", gone=True).code == "done" and early.shown() == []


def test_a_record_that_was_rolled_back_takes_no_emoji_with_it(early: Early) -> None:
    early.told()
    with early.store.db.connection_context(), early.store.db.atomic() as ending:
        early.recorded()
        ending.rollback()  # the process is killed before the commit
    assert early.kept() == 1 and early.shown() == []
    early.recorded()
    assert early.shown() == [("👍", "Ana")] and early.kept() == 0


def test_an_emoji_told_with_its_thread_waits_for_its_post_as_well(early: Early) -> None:
    assert early.told(thread="m1").code == "done"
    assert early.told("🎉", who="T1:marko", place="", conversation_id=early.world.conversation).code == "done"
    early.recorded()
    assert sorted(early.shown()) == [("🎉", "Marko"), ("👍", "Ana")]


@pytest.mark.parametrize("told_first", [True, False])
@pytest.mark.parametrize("where", [{}, {"thread": "m1"}])
def test_an_emoji_at_the_moment_in_which_its_post_is_recorded(early: Early, told_first: bool, where: Any) -> None:
    def told() -> DeskAnswer:
        return early.told(**where)

    steps: list[Callable[[], Any]] = [told, early.recorded]
    crossing(early.store, *(steps if told_first else reversed(steps)))
    assert early.shown() == [("👍", "Ana")] and early.kept() == 0


def test_a_redelivery_at_the_moment_in_which_its_post_is_recorded(early: Early) -> None:
    early.told(key="k1")
    again = crossing(early.store, early.recorded, lambda: early.told(key="k1"))
    assert again.code == "duplicate" and early.shown() == [("👍", "Ana")]


def test_an_erasure_at_the_moment_in_which_its_post_is_recorded(early: Early) -> None:
    early.told()
    crossing(early.store, early.recorded, lambda: erase_conversation(early.world.conversation))
    assert early.kept() == 0
    assert early.store.read(lambda: early.store.Delivery.select().where(early.store.Delivery.op == "send").count()) == 0


def test_what_nobody_waits_for_leaves_no_trace(early: Early) -> None:
    early.recorded("p9")
    assert [early.told(key="k").code for _ in range(2)] == ["unknown_thread"] * 2, "nothing is under way"
    early.world.customer("One more")
    assert early.told().code == "unknown_thread", "nothing was tried yet"
    early.claimed = early.claim()
    assert early.told(place="W2").code == "unknown_thread", "elsewhere"
    assert early.told(who="T1:stranger").code == "unknown_thread"
    assert early.told(trusted=False).code == "unknown_thread"
    assert early.told("").code == "unknown_thread"
    agents.set_active("ana", False, actor="test")
    assert early.told().code == "unknown_thread"
    early.world.outbox.refused(early.claimed, "no")
    assert early.told(who="T1:marko").code == "unknown_thread", "given up"
    assert (early.kept(), early.ledger()) == (0, 0)


def test_an_emoji_on_something_else_does_nothing_and_goes_after_a_day(early: Early) -> None:
    assert early.told(message="somebody's own words").code == "done"
    early.recorded()
    assert early.shown() == [] and early.kept() == 1
    early.change("UPDATE early_reaction SET at = ?", clock.now() - 86_000)
    housekeeping.retention()
    assert early.kept() == 1
    early.change("UPDATE early_reaction SET at = ?", clock.now() - 86_500)
    housekeeping.retention()
    assert early.kept() == 0


def test_who_may_not_act_any_more_has_no_say_when_the_post_is_known(early: Early) -> None:
    early.told()
    agents.set_active("ana", False, actor="test")
    early.recorded()
    assert early.shown() == [] and early.kept() == 0


def test_an_erased_conversation_leaves_no_emoji(early: Early) -> None:
    early.told()
    erase_conversation(early.world.conversation)
    assert early.kept() == 0


def test_an_erasure_leaves_what_waits_for_others_and_its_own_goes_with_the_answer(early: Early) -> None:
    other = another(early)
    waiting = early.claim(other)
    early.told()
    early.told("🎉", message="p2")
    erase_conversation(early.world.conversation)
    assert early.kept() == 2, "nobody knows yet on which of the two"
    early.recorded()
    assert early.kept() == 1
    early.world.outbox.posted(waiting, Posted("p2", "z1"))
    early.world.conversation = other
    assert early.shown() == [("🎉", "Ana")] and early.kept() == 0


def another(early: Early) -> str:
    """A second conversation with a thread in the same place, and a message on its way there; its id."""
    for kind in ("message", "handoff", "message"):
        event = Inbound(
            channel="widget", key=clock.new_id(), external_id="ben", place="room2", text="Hi" if kind == "message" else "",
            kind=kind,  # type: ignore[arg-type]
        )  # fmt: skip
        got = receive([event])[0]
        assert isinstance(got, Receipt)
        if kind == "handoff":
            while (claimed := early.world.outbox.claim(got.conversation_id)) is not None:
                early.world.outbox.posted(claimed, Posted(f"z{claimed.ord}", "z1"))
    return got.conversation_id
