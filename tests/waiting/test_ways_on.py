"""How a wait ends otherwise: back to the AI, a ticket, opened again; and what the ticket remembers of it."""

from __future__ import annotations

import threading

import pytest

from bot import (
    buttons,
    desk_card,
    handoff,
    lease,
    states,
)
from bot.desk_actions import Action
from bot.events import Reason
from bot.messages import Receipt, Refused
from bot.store.statements import last_messages

from .conftest import HOUR, World


def test_the_customer_may_go_back_to_the_ai(world: World) -> None:
    conversation = world.waits()
    world.say(kind="cancel")
    assert (world.state(conversation), world.kinds(conversation)[-1]) == ("ai", "handoff_cancelled")
    row = world.ticket(conversation)
    assert (row.state, row.outcome, row.waiting_since) == ("resolved", "withdrawn by the customer", None)
    card = world.store.read(lambda: desk_card.card(conversation))
    assert card.state == "ai" and card.actions[0] is Action.CLAIM
    before = len(world.system(conversation))
    world.say(kind="cancel")
    assert len(world.system(conversation)) == before
    world.say(kind="handoff")
    assert world.state(conversation) == "waiting" and world.ticket(conversation).number == 1001
    assert [event for event, _ in world.history(conversation)] == ["opened", "cancelled", "opened"]


def test_what_was_written_while_nobody_came_is_asked_of_the_ai(world: World) -> None:
    def needs(conversation: str) -> bool:
        return bool(world.store.read(lambda: world.store.Conversation.get_by_id(conversation).needs))

    conversation = world.waits("anna")
    world.say("It is order 7", who="anna")
    world.say(kind="cancel", who="anna")
    assert needs(conversation)
    quiet = world.waits("bert")
    world.say(kind="cancel", who="bert")
    assert not needs(quiet)


def test_a_chat_platform_has_a_button_for_the_way_back(world: World) -> None:
    conversation = world.waits()
    (message,) = world.store.read(lambda: [m for m in last_messages(conversation, 99, 9) if m.type == "handoff"])
    (button,) = world.store.read(lambda: buttons.offered(message, conversation, "k"))
    assert button.label == "Back to the AI assistant"
    world.say(button.value, kind="button")
    assert world.state(conversation) == "ai"
    assert world.store.read(lambda: buttons.offered(message, conversation, "k")) == (), "nobody waits any more"


def test_of_a_claim_and_a_cancel_at_once_one_wins(world: World) -> None:
    for number in range(5):
        conversation = world.waits(f"c{number}")
        gate = threading.Barrier(2)

        def claim(conversation: str = conversation, gate: threading.Barrier = gate) -> None:
            gate.wait()
            world.act(conversation, Action.CLAIM)

        thread = threading.Thread(target=claim)
        thread.start()
        gate.wait()
        world.say(kind="cancel", who=f"c{number}")
        thread.join()
        kinds, state = world.kinds(conversation), world.state(conversation)
        # After a cancel an agent may still take over from the AI; a cancel after the claim changes nothing.
        assert state == "human" and kinds.count("joined") == 1 and kinds.count("handoff_cancelled") <= 1
        assert kinds[-1] == "joined"


def test_a_closed_conversation_is_not_opened_by_a_cancel(world: World) -> None:
    conversation = world.waits()
    world.say(kind="resolve")
    world.say(kind="cancel")
    assert world.state(conversation) == "resolved"


def test_a_running_chat_becomes_a_ticket_that_stands_in_no_queue(world: World) -> None:
    world.say("My lamp is broken")
    got = world.say(kind="ticket")
    assert isinstance(got, Receipt)
    conversation = got.conversation_id
    assert world.kinds(conversation) == ["ticket_form"] and world.state(conversation) == "waiting"
    queue = world.queue(conversation)
    assert (queue.position, queue.until, queue.form, queue.reason) == (0, None, True, "ticket")
    other = world.waits("bert")
    assert world.queue(other).position == 1
    world.say(kind="ticket")
    assert world.kinds(conversation) == ["ticket_form"], "a second wish says nothing"
    world.now += 500
    world.run_due()
    assert world.kinds(conversation) == ["ticket_form"]
    card = world.store.read(lambda: desk_card.card(conversation))
    assert [line.text for line in card.lines] == ["My lamp is broken"], "with everything that was said"


def test_a_ticket_with_an_address_says_so_at_once_and_a_wrong_one_is_refused(world: World) -> None:
    world.say("My lamp is broken")
    wrong = world.say(kind="ticket", email="anna at home")
    assert isinstance(wrong, Refused) and (wrong.code, wrong.field) == ("bad_field", "email")
    got = world.say("Order 7", kind="ticket", email="anna@shop.example", name="Anna")
    assert isinstance(got, Receipt)
    assert world.kinds(got.conversation_id) == ["ticket_made"]
    row = world.ticket(got.conversation_id)
    assert (row.email, row.name, row.reason_code) == ("anna@shop.example", "Anna", "ticket")


def test_an_address_without_a_handoff_before_it_is_not_asked_for_again(world: World) -> None:
    lease.resign("desk:wall")
    world.say("Call me")
    got = world.say("In the morning", kind="contact", email="anna@shop.example", name="Anna")
    assert isinstance(got, Receipt)
    assert world.kinds(got.conversation_id) == ["handoff_noted", "contact_saved"]
    assert [event for event, _ in world.history(got.conversation_id)] == ["opened", "address left"]


def test_a_form_may_begin_a_conversation(world: World) -> None:
    got = world.say("My lamp is broken", kind="ticket", email="anna@shop.example", name="Anna")
    assert isinstance(got, Receipt)
    assert world.state(got.conversation_id) == "waiting" and world.kinds(got.conversation_id) == ["ticket_made"]
    said = world.store.read(
        lambda: [m.text for m in last_messages(got.conversation_id, 99, 9) if m.author == "customer"]
    )
    assert said == ["My lamp is broken"]


def test_an_agent_turns_a_chat_into_a_ticket_and_keeps_it(world: World) -> None:
    conversation = world.waits()
    world.act(conversation, Action.CLAIM)
    assert world.act(conversation, Action.TICKET).code == "done"
    assert world.state(conversation) == "human" and world.kinds(conversation)[-1] == "ticket_form"
    assert world.act(conversation, Action.TICKET).code == "stale"
    assert ("ticket made", "ana") in world.history(conversation)


def test_who_writes_again_after_people_closed_it_hears_what_happens(world: World) -> None:
    conversation = world.waits()
    world.act(conversation, Action.CLAIM)
    world.act(conversation, Action.RESOLVE)
    world.say("It is broken again")
    assert world.state(conversation) == "waiting"
    kind, text = world.system(conversation)[-1]
    assert kind == "handoff" and "opened ticket #1001 again" in text
    world.say("Hello?")
    assert world.system(conversation)[-1] == (kind, text), "said once"
    world.say(kind="resolve")
    world.say(kind="handoff")
    assert world.system(conversation)[-1][0] == "handoff" and world.state(conversation) == "waiting"
    world.say(kind="resolve")
    world.hours((10, 18))
    world.say("And now?")
    assert world.system(conversation)[-1][0] == "handoff_closed"


def test_every_step_of_a_ticket_is_in_its_history(world: World) -> None:
    conversation = world.waits()
    for action, value in ((Action.CLAIM, ""), (Action.PRIORITY, "urgent"), (Action.RELEASE, ""), (Action.CLAIM, ""),
                          (Action.SNOOZE, "60"), (Action.RESOLVE, ""), (Action.REOPEN, ""), (Action.RETURN, "")):  # fmt: skip
        world.now += 1
        assert world.act(conversation, action, value).code == "done", action
    assert world.history(conversation) == [
        ("opened", "customer"), ("claimed", "ana"), ("priority", "ana"), ("released", "ana"), ("claimed", "ana"), ("snoozed", "ana"),
        ("resolved", "ana"), ("reopened", "ana"), ("returned", "ana"),
    ]  # fmt: skip
    assert world.act(conversation, Action.PRIORITY, "very").code == "cannot"


def test_due_times_follow_priority_and_open_hours(world: World) -> None:
    conversation = world.waits()
    row = world.ticket(conversation)
    opened = row.first_reply_due - 4 * HOUR
    assert opened == pytest.approx(world.now, abs=1) and row.resolve_due == pytest.approx(opened + 48 * HOUR)
    world.act(conversation, Action.PRIORITY, "urgent")
    row = world.ticket(conversation)
    assert (row.first_reply_due, row.resolve_due) == (pytest.approx(opened + HOUR), pytest.approx(opened + 12 * HOUR))
    world.hours((0, 1), (10, 18), (34, 42))
    assert world.store.read(lambda: desk_card.card(conversation)).due == row.first_reply_due
    other = world.ticket(world.waits("bert"))
    assert other.first_reply_due == pytest.approx(world.now + 13 * HOUR, abs=5)


def test_the_reason_is_typed_and_seen_on_ticket_and_card(world: World) -> None:
    world.say("Where is my order?")
    got = world.say("And now?")
    assert isinstance(got, Receipt)
    conversation = got.conversation_id
    world.store.write(
        lambda: handoff.hand_over(conversation, Reason.KEYWORD, detail="lawyer", priority="urgent", confidence=0.3)
    )
    row, card = world.ticket(conversation), world.store.read(lambda: desk_card.card(conversation))
    assert (row.reason_code, row.priority, row.confidence) == ("keyword", "urgent", 0.3)
    assert card.reason == "a word that asks for a person: lawyer" and card.priority == "urgent"
    assert world.queue(conversation).reason == "keyword"


def test_limits_count_from_when_the_ai_has_it_again(world: World) -> None:
    conversation = world.waits()
    world.now += 100
    world.say(kind="cancel")
    row = world.store.read(lambda: world.store.Conversation.get_by_id(conversation))
    assert row.turns_from == pytest.approx(world.now, abs=1)


def test_the_state_table_knows_the_way_back() -> None:
    assert states.TABLE["handoff_cancelled"] == states.Step(frozenset({"waiting"}), "ai", "resolved")
