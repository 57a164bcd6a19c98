"""Two things at the same moment: an agent and a customer, the end of a hold and a change. Whoever comes second sees the first.

On SQLite one waits for the other anyway; on PostgreSQL every one of these has once gone wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bot import agents, amendments, claims, clock, handoff, replies
from bot.desk import DeskPost, Posted
from bot.desk_actions import Action
from bot.events import Reason
from bot.messages import Inbound, Receipt
from bot.receive import _store, receive
from tests.crossing import crossing
from tests.test_desks import World, world  # noqa: F401  the fixture


def act(world: World, who: str, action: Action) -> Callable[[], Any]:  # noqa: F811
    agent = agents.agent_named(who)
    assert agent is not None
    return lambda: claims.act(world.conversation, agent, "wall", action, "")


def message(text: str, *, external: str = "anna", place: str = "room", kind: Any = "message") -> Inbound:
    return Inbound(channel="widget", key=clock.new_id(), external_id=external, place=place, text=text, kind=kind)


def test_a_message_that_crosses_a_resolve_opens_it_again(world: World) -> None:  # noqa: F811
    world.do("T1:ana", "action", action=Action.CLAIM)
    world.pump()
    crossing(world.store, act(world, "ana", Action.RESOLVE), lambda: world.customer("wait, one more thing"))
    assert (world.row().state, world.ticket().state) == ("waiting", "open")
    assert [text for author, text in world.said() if author == "customer"][-1] == "wait, one more thing"
    assert "wait, one more thing" in [post.text for post in world.pump()]


def test_two_messages_into_a_resolved_conversation_are_both_kept(world: World) -> None:  # noqa: F811
    world.do("T1:ana", "action", action=Action.RESOLVE)
    crossing(
        world.store,
        lambda: receive_inside(message("first")),
        lambda: receive([message("second"), message("somebody else", external="bob", place="room2")]),
    )
    texts = [text for author, text in world.said() if author == "customer"]
    assert texts[-2:] == ["first", "second"] and world.row().state == "waiting"
    back = [text for author, text in world.said() if author == "system"]
    assert len([e for e in history(world) if e == "reopened"]) == 1, back


def test_a_message_that_crosses_the_handoff_is_shown_to_agents(world: World) -> None:  # noqa: F811
    (got,) = receive([message("hi", external="bob", place="room2")])
    assert isinstance(got, Receipt)

    def pump() -> list[DeskPost]:
        posts = []
        while (claimed := world.outbox.claim(got.conversation_id)) is not None:
            assert isinstance(claimed.out, DeskPost)
            posts.append(claimed.out)
            world.outbox.posted(claimed, Posted(clock.new_id(), claimed.out.thread or "z1"))
        return posts

    def first() -> None:
        handoff.hand_over(got.conversation_id, Reason.ASKED, asked=True)
        world.store.sql("UPDATE delivery SET state = 'sent', platform_id = key WHERE place = ?", (got.conversation_id,))
        world.store.sql("UPDATE desk_thread SET thread = 'z1' WHERE conversation_id = ?", (got.conversation_id,))

    crossing(world.store, first, lambda: receive([message("my order number is 77", external="bob", place="room2")]))
    assert "my order number is 77" in [post.text for post in pump() if post.op == "message"]


def test_a_message_that_crosses_a_new_beginning_goes_to_the_new_conversation(world: World) -> None:  # noqa: F811
    crossing(world.store, lambda: receive_inside(message("", kind="new")), lambda: receive([message("something else")]))
    assert world.row().state == "resolved"
    assert "something else" not in [text for _, text in world.said()]
    assert world.store.read(lambda: world.store.Conversation.select().count()) == 2


def test_a_change_at_the_end_of_the_hold_follows(world: World) -> None:  # noqa: F811
    reply(world, "old words")
    changed = crossing(
        world.store, lambda: send_all(world), lambda: world.do("T1:ana", "edit", text="new words", message="r1")
    )
    assert changed.code == "done" and world.said()[-1] == ("agent", "new words")


def test_a_deletion_at_the_end_of_the_hold_follows(world: World) -> None:  # noqa: F811
    reply(world, "old words")
    gone = crossing(world.store, lambda: send_all(world), lambda: world.do("T1:ana", "delete", message="r1"))
    assert gone.code == "done" and world.said()[-1] == ("agent", "")


def test_the_end_of_the_hold_and_a_change_leave_no_two_versions(world: World) -> None:  # noqa: F811
    reply(world, "old words")

    def change() -> None:
        amendments.hold(world.conversation)
        world.store.sql("UPDATE reply SET state = 'undone' WHERE state = 'held'")

    crossing(world.store, change, lambda: send_all(world, alone=True))
    assert [author for author, _ in world.said()].count("agent") == 0


def test_a_reply_that_crosses_a_resolve_is_not_sent_after_the_close(world: World) -> None:  # noqa: F811
    world.do("T1:ana", "action", action=Action.CLAIM)
    late = crossing(world.store, act(world, "marko", Action.RESOLVE), lambda: world.do("T1:ana", text="late"))
    world.later()
    assert late.code == "resolved" and world.row().state == "resolved"
    assert "late" not in [text for _, text in world.said()]


def test_a_held_reply_goes_out_before_the_customer_closes(world: World) -> None:  # noqa: F811
    world.do("T1:ana", text="Your code is 42")
    world.customer("", kind="resolve")
    world.later()
    assert [author for author, _ in world.said()][-2:] == ["agent", "system"]
    assert world.row().state == "resolved"


def test_a_held_reply_goes_out_before_the_return_and_the_block(world: World) -> None:  # noqa: F811
    for action in (Action.RETURN, Action.BLOCK):
        world.do("T1:ana", "action", action=Action.CLAIM)
        world.do("T1:ana", text=f"before {action}")
        assert world.do("T1:ana", "action", action=action).code == "done"
        assert world.said()[-2] == ("agent", f"before {action}")


def history(world: World) -> list[str]:  # noqa: F811
    return world.store.read(
        lambda: [row[0] for row in world.store.sql("SELECT event FROM ticket_event ORDER BY at, id").fetchall()]
    )


def receive_inside(event: Inbound) -> None:
    _store(event)


def reply(world: World, text: str) -> None:  # noqa: F811
    world.do("T1:ana", text=text, message="r1")


def send_all(world: World, *, alone: bool = False) -> None:  # noqa: F811
    (reply_id,) = world.store.sql("SELECT id FROM reply WHERE origin LIKE '%/r1'").fetchone()
    if alone:
        world.store.write(lambda: replies.send(reply_id))
    else:
        replies.send(reply_id)
