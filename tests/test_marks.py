"""Marks from everywhere: buttons of chat platforms, the agents' thread, and the rows of agents' own answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bot import answer_log, audit, buttons, clock, lease, notices, replies, turns
from bot.channel import Capability, Channel, Limits, Resend
from bot.deliver import declare, forget_declarations
from bot.desk import DeskEvent, Posted
from bot.desk_actions import Action
from bot.desk_events import receive_desk
from bot.events import Answer
from bot.messages import Inbound, Receipt, Refused
from bot.outbox import Outbox
from bot.receive import receive
from bot.store.statements import last_messages
from tests.test_desks import World, world  # noqa: F401  the fixture


class Chat(Channel):
    name = "chat"
    limits = Limits(max_text=4_000, timeout=5)
    resend = Resend.NONE
    capabilities = frozenset({Capability.BUTTONS})


class Plain(Channel):
    name = "plain"
    limits = Limits(max_text=4_000, timeout=5)
    resend = Resend.NONE


@pytest.fixture
def site(store: Any) -> Iterator[None]:
    forget_declarations()
    lease.start("channels")
    store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now()))
    for channel in (Chat(), Plain()):
        store.write(lambda channel=channel: declare(channel))
    yield
    forget_declarations()


def tell(channel: str, **event: Any) -> Receipt | Refused:
    event = {"key": clock.new_id(), "external_id": "anna", "place": "room", **event}
    return receive([Inbound(channel=channel, **event)])[0]


def shown(store: Any, channel: str, **answer: Any) -> Any:
    """Ask, answer, and what the channel is given of the answer."""
    got = tell(channel, text="What does it cost?")
    assert isinstance(got, Receipt)
    begun = store.write(lambda: turns.begin(got.conversation_id))
    store.write(lambda: turns.end(begun, Answer(**{"text": "5 euros.", **answer}), turns.Account()))
    claimed = Outbox(Chat() if channel == "chat" else Plain()).claim("room")
    assert claimed is not None
    return claimed.out


def test_answers_have_thumbs_where_there_are_buttons(store: Any, site: None) -> None:
    out = shown(store, "chat")
    up, down = out.buttons[-2:]
    assert (up.label, down.label) == ("👍", "👎") and all(len(one.value.encode()) <= 64 for one in (up, down))
    got = tell("chat", kind="button", text=down.value)
    assert isinstance(got, Receipt) and got.aside.startswith("Thank you for telling") and got.stays
    row = store.read(store.AnswerLog.get)
    assert row.mark == "down"
    again = tell("chat", kind="button", text=up.value)
    assert isinstance(again, Receipt) and "good to know" in again.aside
    assert store.read(store.AnswerLog.get).mark == "up"
    message = store.read(lambda: last_messages(got.conversation_id, 99, 9))[-1]
    assert [one.emoji for one in message.reactions] == ["👍"]
    assert store.read(lambda: store.Message.select().where(store.Message.author == "customer").count()) == 1


def test_a_redelivered_press_counts_once(store: Any, site: None) -> None:
    value = shown(store, "chat").buttons[-1].value
    for _ in range(2):
        got = tell("chat", kind="button", text=value, key="same")
        assert isinstance(got, Receipt) and got.stays
    assert store.read(lambda: store.AnswerMark.select().count()) == 1


@pytest.mark.parametrize("kind", ["fallback", "stopped"])
def test_excuses_have_no_thumbs(store: Any, site: None, kind: str) -> None:
    assert "👍" not in [one.label for one in shown(store, "chat", type=kind).buttons]


def test_a_channel_without_buttons_gets_none(store: Any, site: None) -> None:
    assert shown(store, "plain").buttons == ()


def test_a_thumb_of_another_place_or_another_person_marks_nothing(store: Any, site: None) -> None:
    value = shown(store, "chat").buttons[-1].value
    for event in ({"place": "other"}, {"external_id": "eve"}):
        got = tell("chat", kind="button", text=value, **event)
        assert isinstance(got, Refused) and got.message
    assert store.read(store.AnswerLog.get).mark == ""
    got = tell("chat", kind="button", text="up:" + "a" * 24)
    assert isinstance(got, Refused) and "too old" in got.message


def test_a_waiting_customer_is_not_asked(store: Any, site: None) -> None:
    out = shown(store, "chat", handoff_reason="asked")
    assert "👍" not in [one.label for one in out.buttons] and buttons.PERSON not in [one.value for one in out.buttons]


# Agents --------------------------------------------------------------------------------------------------------------------


def given(world: World) -> None:  # noqa: F811
    """The assistant answered before people were asked for."""
    message = world.store.read(lambda: store_message(world))
    world.store.write(
        lambda: world.store.AnswerLog.create(
            id=clock.new_id(), conversation=world.conversation, message=message, type="ai", at=clock.now()
        )
    )


def store_message(world: World) -> str:  # noqa: F811
    return str(world.store.Message.select().order_by(world.store.Message.seq).get().id)


def test_an_agent_judges_the_last_answer_in_the_thread(world: World) -> None:  # noqa: F811
    assert world.do("T1:ana", "action", action=Action.MARK, value="right").code == "stale"
    given(world)
    done = world.do("T1:ana", "action", action=Action.MARK, value="wrong the price is 5 euros")
    assert (done.code, done.aside) == ("done", "The assistant's last answer is marked: wrong.")
    row = world.store.read(world.store.AnswerLog.get)
    assert (row.verdict, row.note, row.judged_by) == ("wrong", "the price is 5 euros", "ana")
    assert audit.entries(action="answer.mark")[0].actor == "ana"
    assert "already" in world.do("T1:ana", "action", action=Action.MARK, value="wrong").aside
    bad = world.do("T1:ana", "action", action=Action.MARK, value="meh")
    assert bad.code == "cannot" and "needs_work" in bad.aside
    assert world.do("T1:stranger", "action", action=Action.MARK, value="right").code == "not_linked"


def test_an_agents_reply_is_an_answer_of_a_person_with_its_time(world: World) -> None:  # noqa: F811
    world.do("T1:ana", text="It is on its way.")
    world.store.write(lambda: world.store.Reply.update(due_at=0).execute())
    replies.send_due()
    row = world.store.read(world.store.AnswerLog.get)
    assert (row.type, row.agent, row.cost, row.provider, row.turn) == (answer_log.PERSON, "ana", None, "", None)
    assert row.total_ms is not None and row.total_ms >= 0
    got = receive(
        [
            Inbound(
                channel="widget", key="t", external_id="anna", place="room", kind="mark", mark="up", subject=row.message
            )
        ]
    )
    assert isinstance(got[0], Receipt)
    assert world.store.read(world.store.AnswerLog.get).mark == "up"


def test_a_notice_is_a_post_of_its_own_at_the_desk(world: World) -> None:  # noqa: F811
    for _ in range(2):
        world.store.write(lambda: notices.tell("budget/today", "A budget", "The budget is nearly used up."))
    place = world.store.read(lambda: world.store.Delivery.get(world.store.Delivery.op == "event").place)
    row = world.store.read(
        lambda: world.store.Delivery.select().where(world.store.Delivery.message.startswith("notice:")).count()
    )
    assert row == 1, "once for each occasion"
    notice = world.store.read(
        lambda: world.store.Delivery.get(world.store.Delivery.message.startswith("notice:")).place
    )
    claimed = world.outbox.claim(notice)
    assert claimed is not None and claimed.out.op == "event" and claimed.out.thread == "" and claimed.out.place == "W1"  # type: ignore[union-attr]
    assert claimed.out.text == "The budget is nearly used up." and place
    world.outbox.posted(claimed, Posted("m90", "m90"))
    query = world.store.Delivery.select().where(world.store.Delivery.message.startswith("notice:"))
    assert world.store.read(lambda: [(one.state, one.platform_id) for one in query]) == [("sent", "m90")]
    event = DeskEvent(
        desk="wall", key="t", kind="reply", who="T1:ana", place="W1", thread="m90", message="r", text="who set this?"
    )
    (said,) = receive_desk([event])
    assert said.code == "unknown_thread", "talk under a notice is none of our business"


def test_an_address_that_is_none_keeps_nobody_from_being_told(world: World, environment: Any) -> None:  # noqa: F811
    environment(DESKHAND_TEAM_MAIL="ana@shop.example")
    world.store.write(lambda: notices.tell("x", "A budget\r\nBcc: eve@evil.example", "words"))
    mails = world.store.read(lambda: [(one.to_address, one.subject) for one in world.store.Mail.select()])
    assert mails == [("ana@shop.example", "A budget Bcc: eve@evil.example")]
    assert world.store.read(
        lambda: world.store.Delivery.select().where(world.store.Delivery.message.startswith("notice:")).count()
    )
    environment(DESKHAND_TEAM_MAIL=None)
