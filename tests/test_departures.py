"""An account at a desk was ended: its agent may not act any more, and what was theirs waits for somebody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bot import agents, clock, deliver, lease, presence
from bot.desk import DeskEvent, Posted
from bot.desk_actions import Action
from bot.desk_events import receive_desk
from bot.messages import Inbound, Receipt
from bot.outbox import DeskOutbox
from bot.receive import receive
from tests.test_desks import Wall


def event(kind: Any, who: str, **more: Any) -> DeskEvent:
    return DeskEvent(desk="wall", key=more.pop("key", "") or clock.new_id(), kind=kind, who=who, place="W1", **more)


@pytest.fixture
def conversation(store: Any) -> Iterator[str]:
    deliver.forget_declarations()
    lease.start("channels")
    store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now()))
    outbox = DeskOutbox(Wall())
    outbox.declare()
    agents.add_agent("ana", actor="test")
    agents.link("ana", "wall", "T1:U1", actor="test")
    got = [
        receive(
            [Inbound(channel="widget", key=clock.new_id(), external_id="anna", place="room", text="Help", kind=kind)]
        )[0]
        for kind in ("message", "handoff")
    ]  # type: ignore[misc]
    assert isinstance(got[0], Receipt)
    claimed = outbox.claim(got[0].conversation_id)
    assert claimed is not None
    outbox.posted(claimed, Posted("m1", "m1"))
    receive_desk([event("action", "T1:U1", thread="m1", action=Action.CLAIM)])
    yield got[0].conversation_id
    deliver.forget_declarations()


def state(store: Any, conversation: str) -> tuple[str, str]:
    return tuple(
        store.read(
            lambda: store.sql("SELECT state, assignee FROM conversation WHERE id = ?", (conversation,)).fetchone()
        )
    )


def test_their_conversations_wait_for_others_and_they_may_not_act_until_they_are_linked_again(
    store: Any, conversation: str
) -> None:
    assert state(store, conversation) == ("human", "ana")
    left = event("left", "T1:U1", key="slackuser:T1:U1:7")
    assert receive_desk([left])[0].code == "done"
    assert receive_desk([left])[0].code == "duplicate"
    assert state(store, conversation) == ("waiting", "")
    refused = receive_desk([event("reply", "T1:U1", thread="m1", message="m9", text="I am still here")])[0]
    assert refused.code == "not_linked" and "deskhand agents link" in refused.aside
    agents.link("ana", "wall", "T1:U1", actor="test")
    refused = receive_desk([event("action", "T1:U1", thread="m1", action=Action.CLAIM)])[0]
    assert refused.code == "not_allowed", "a link alone lets nobody in whom Deskhand has switched off"
    agents.set_active("ana", True, actor="test")
    assert receive_desk([event("action", "T1:U1", thread="m1", action=Action.CLAIM)])[0].code == "done"


def notices(store: Any) -> list[str]:
    query = "SELECT message FROM delivery WHERE message LIKE 'notice:%' ORDER BY ord"
    return [row[0] for row in store.read(lambda: store.sql(query).fetchall())]


def test_they_are_switched_off_and_the_admins_are_told_once(store: Any, conversation: str) -> None:
    agents.add_agent("eva", role="owner", actor="test")
    agents.link("eva", "wall", "T1:U2", actor="test")
    receive_desk([event("left", "T1:U1")])
    receive_desk([event("left", "T1:U1")])
    ana = store.read(lambda: agents.agent_named("ana"))
    assert not ana.active and store.read(lambda: presence.staff().there) == ("eva",), "nobody counts on who has left"
    (told,) = notices(store)
    assert "agent ana at wall was ended" in told and "One conversation of theirs waits" in told
    assert "deskhand agents on ana" in told and "Help" not in told, "no word of a customer"
    trail = store.Audit.select().where(store.Audit.object == "agent:ana").order_by(store.Audit.id)
    actions = store.read(lambda: [row.action for row in trail])
    assert actions[-2:] == ["agent.left", "agent.off"]
    agents.link("ana", "wall", "T1:U9", actor="test")
    agents.set_active("ana", True, actor="test")
    receive_desk([event("left", "T1:U9")])
    assert len(notices(store)) == 2, "they came back, and left once more"


def test_who_was_switched_off_before_is_no_news(store: Any, conversation: str) -> None:
    agents.set_active("ana", False, actor="test")
    receive_desk([event("left", "T1:U1")])
    assert state(store, conversation) == ("waiting", "") and notices(store) == []


def test_who_can_be_reached_elsewhere_keeps_what_is_theirs(store: Any, conversation: str) -> None:
    agents.link("ana", "other", "ana@example", actor="test")
    receive_desk([event("left", "T1:U1")])
    assert state(store, conversation) == ("human", "ana")
    assert store.read(lambda: agents.agent_named("ana")).active and notices(store) == []


def test_an_account_that_nobody_knows_changes_nothing(store: Any, conversation: str) -> None:
    assert receive_desk([event("left", "T1:U2")])[0].code == "done"
    assert state(store, conversation) == ("human", "ana")
