"""Waiting for a person: what the customer hears, where they stand, how long it takes in truth, and every way in which it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bot import (
    agents,
    buttons,
    claims,
    clock,
    deliver,
    desk_posts,
    handoff,
    hours,
    housekeeping,
    jobs,
    lease,
    states,
    tickets,
    waiting,
)
from bot.desk import Action
from bot.events import OpeningHours, Reason
from bot.messages import Inbound, Profile, Receipt, Refused
from bot.receive import receive
from bot.store.statements import last_messages

HOUR = 3_600.0


class World:
    """One site, whose desk is connected and whose agent is there, unless a test says otherwise."""

    def __init__(self, store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store = store
        self.now = clock.now()
        monkeypatch.setattr(clock, "now", lambda: self.now)

    def say(self, text: str = "", kind: Any = "message", who: str = "anna", **profile: str) -> Receipt | Refused:
        self.now += 0.01
        event = Inbound(channel="test", key=clock.new_id(), external_id=who, place=who, text=text, kind=kind,
                        profile=Profile(**profile))  # fmt: skip
        return receive([event])[0]

    def waits(self, who: str = "anna", **profile: str) -> str:
        """Somebody asks for a person; returns the conversation."""
        self.say("Where is my order?", who=who, **profile)
        got = self.say(kind="handoff", who=who, **profile)
        assert isinstance(got, Receipt), got
        return got.conversation_id

    def system(self, conversation: str) -> list[tuple[str, str]]:
        model = self.store.Message
        query = (
            model.select().where((model.conversation == conversation) & (model.author == "system")).order_by(model.seq)
        )
        return [(row.kind, row.body) for row in self.store.read(lambda: list(query))]

    def kinds(self, conversation: str) -> list[str]:
        return [kind for kind, _ in self.system(conversation)]

    def ticket(self, conversation: str) -> Any:
        return self.store.read(lambda: self.store.Ticket.get(self.store.Ticket.conversation == conversation))

    def state(self, conversation: str) -> str:
        return str(self.store.read(lambda: self.store.Conversation.get_by_id(conversation).state))

    def history(self, conversation: str) -> list[tuple[str, str]]:
        return [(event, who) for _, who, event, _ in self.store.read(lambda: tickets.history_of(conversation))]

    def act(self, conversation: str, action: Action, value: str = "") -> claims.Done:
        def work() -> claims.Done:
            agent = agents.agent_named("ana")
            assert agent is not None
            return claims.act(conversation, agent, "wall", action, value)

        done: claims.Done = self.store.write(work)
        return done

    def run_due(self) -> None:
        """Run the countdowns that are due, as the worker does."""
        specs = {kind: spec for kind, spec in housekeeping.core_jobs().items() if kind == waiting.KIND}
        for job_id, kind, _ in self.store.read(jobs.due):
            if kind in specs:
                jobs.claim_and_run(job_id, specs)

    def queue(self, conversation: str) -> waiting.QueueView:
        return waiting.queues([conversation])[conversation]

    def hours(self, *spans: tuple[float, float]) -> None:
        """Opening hours, in hours from now."""
        open_ = tuple((self.now + a * HOUR, self.now + b * HOUR) for a, b in spans)
        self.store.write(lambda: hours._store("s1", OpeningHours(zone="Europe/Berlin", open=open_)))


@pytest.fixture
def world(store: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World(store, monkeypatch)
    waiting._known.clear()

    def site() -> None:
        store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now())
        value = '{"pull": true, "max_text": 4000, "unit": "chars", "timeout": 15}'
        store.sql("INSERT INTO setting (key, value, changed_at) VALUES ('channel.test', ?, 0)", (value,))
        store.sql(
            "INSERT INTO setting (key, value, changed_at) VALUES ('desk.wall', ?, 0)",
            ('{"place": "W1", "timeout": 5}',),
        )

    store.write(site)
    lease.start("channels")
    assert lease.lead("desk:wall", seconds=10_000)
    agents.add_agent("ana", actor="test")
    yield made
    deliver.forget_declarations()


# What is heard ---------------------------------------------------------------------------------------------------------


def test_with_somebody_there_the_place_in_the_queue_is_told_and_no_time_is_guessed(world: World) -> None:
    first, second = world.waits("anna"), world.waits("bert")
    assert world.system(first) == [("handoff", "I have passed this to my colleagues. One of them will answer here.")]
    assert world.system(second)[0][1].endswith("You are number 2 in the queue.")
    queue = world.queue(second)
    assert (queue.position, queue.waiting, queue.people, queue.expected, queue.form) == (2, 2, "here", None, False)
    assert queue.until == pytest.approx(queue.since + 180)


def test_positions_move_when_somebody_before_is_claimed_or_gives_up(world: World) -> None:
    a, b, c = (world.waits(who) for who in ("anna", "bert", "cleo"))
    assert world.act(a, Action.CLAIM).code == "done"
    assert [world.queue(x).position for x in (b, c)] == [1, 2]
    assert waiting.queues([a]) == {}, "who is talked to waits no longer"
    world.say(kind="cancel", who="bert")
    assert world.queue(c).position == 1


def test_a_snoozed_one_does_not_stand_in_the_way(world: World) -> None:
    a, b = world.waits("anna"), world.waits("bert")
    world.act(a, Action.SNOOZE, "60")
    assert world.queue(b).position == 1
    assert world.queue(a).position == 0
    world.now += 2 * HOUR
    assert [world.queue(x).position for x in (a, b)] == [1, 2]


def test_closed_says_when_it_opens_in_the_visitors_time_and_asks_for_an_address(world: World) -> None:
    world.hours((10, 18))
    conversation = world.waits(zone="Asia/Tokyo")
    ((kind, text),) = world.system(conversation)
    assert kind == "handoff_closed" and "(your time)" in text and "#1001" in text and "e-mail" in text
    queue = world.queue(conversation)
    assert (queue.people, queue.form, queue.until, queue.zone) == ("closed", True, None, "Europe/Berlin")
    assert queue.opens == pytest.approx(world.now + 10 * HOUR, abs=1)
    other = world.waits("bert", zone="no/zone")
    assert "(Europe/Berlin time)" in world.system(other)[0][1]


def test_an_admins_word_goes_before_the_schedule(world: World) -> None:
    world.hours((10, 18))
    world.store.write(lambda: hours.set_mode("s1", "open"))
    assert world.kinds(world.waits("anna")) == ["handoff"]
    world.store.write(lambda: hours.set_mode("s1", "closed"))
    ((kind, text),) = world.system(world.waits("bert"))
    assert kind == "handoff_closed" and "open again" not in text, "nobody knows when"
    world.store.write(lambda: hours.set_mode("s1", "schedule"))
    assert "open again" in world.system(world.waits("cleo"))[0][1]
    with pytest.raises(ValueError, match="no 'now and then'"):
        world.store.write(lambda: hours.set_mode("s1", "now and then"))


def test_everybody_away_is_not_closed(world: World) -> None:
    agents.set_available("ana", False, actor="test")
    ((kind, text),) = world.system(world.waits("anna"))
    assert kind == "handoff_away" and "away" in text and "usually takes" not in text, "nobody knows how long yet"
    agents.set_available("ana", True, actor="test")
    for number in range(5):
        conversation = world.waits(f"c{number}")
        reply_at = world.now + (number + 1) * 600
        world.store.write(lambda c=conversation, at=reply_at: world.store.sql(
            "UPDATE ticket SET first_reply_at = ? WHERE conversation_id = ?", (at, c)))  # fmt: skip
    agents.set_available("ANA", False, actor="test")
    assert "An answer usually takes about 30 minutes." in world.system(world.waits("bert"))[0][1]


def test_without_a_desk_it_is_a_ticket(world: World) -> None:
    lease.resign("desk:wall")
    ((kind, text),) = world.system(world.waits())
    assert kind == "handoff_no_desk" and text.startswith("Nobody from the team is connected here right now")


def test_who_left_an_address_is_not_asked_again(world: World) -> None:
    world.hours((10, 18))
    conversation = world.waits()
    world.say(kind="contact", email="anna@shop.example", name="Anna")
    world.say(kind="cancel")
    world.say(kind="handoff")
    assert world.kinds(conversation)[-1] == "handoff_noted"
    assert not world.queue(conversation).form


# How long it takes -------------------------------------------------------------------------------------------------------


def claimed_after(world: World, seconds: float, who: str) -> None:
    conversation = world.waits(who)
    world.now += seconds
    world.act(conversation, Action.CLAIM)


def test_the_time_is_the_median_of_what_others_waited_and_of_nothing_else(world: World) -> None:
    for number, seconds in enumerate((60, 120, 180, 240)):
        claimed_after(world, seconds, f"c{number}")
    assert world.queue(world.waits("anna")).expected is None, "four are too few to say"
    world.store.write(lambda: world.store.Waited.delete().execute())
    for number, seconds in enumerate((60, 120, 180, 240, 300)):
        claimed_after(world, seconds, f"d{number}")
    conversation = world.waits("bert")
    assert world.queue(conversation).expected == pytest.approx(180, abs=1)
    assert "It usually takes about" in world.system(conversation)[0][1]
    world.now += 100
    # Of the four who waited longer than that: too few again, and nobody promises anything.
    assert world.queue(conversation).expected is None


def test_waits_of_other_hours_and_other_months_do_not_count(world: World) -> None:
    at = world.now

    def samples(hour: int, when: float) -> None:
        for number in range(6):
            world.store.Waited.create(id=clock.new_id(), site="s1", hour=hour % 24, seconds=60 + number, at=when)

    now = waiting._hour(at)
    world.store.write(lambda: samples(now + 12, at))
    world.store.write(lambda: samples(now, at - 40 * 86_400))
    assert world.store.read(lambda: waiting.usual("s1")) is None
    world.store.write(lambda: samples(now + 1, at))
    assert world.store.read(lambda: waiting.usual("s1")) == pytest.approx(62.5)
    assert world.store.read(lambda: waiting.usual("s2")) is None


def test_a_wait_while_nobody_could_come_is_no_example(world: World) -> None:
    agents.set_available("ana", False, actor="test")
    conversation = world.waits()
    world.now += HOUR
    world.act(conversation, Action.CLAIM)
    assert world.store.read(lambda: world.store.Waited.select().count()) == 0


# The countdown -----------------------------------------------------------------------------------------------------------


def test_when_nobody_comes_an_address_is_asked_for_once_and_the_ticket_stays_open(world: World) -> None:
    conversation = world.waits()
    world.now += 170
    world.run_due()
    assert world.kinds(conversation) == ["handoff"]
    world.now += 20
    world.run_due()
    world.run_due()
    assert world.kinds(conversation) == ["handoff", "offline_form"]
    queue = world.queue(conversation)
    assert queue.form and queue.until is None and queue.position == 1, "they still stand in the queue"
    assert world.ticket(conversation).state == "open" and ("not claimed in time", "") in world.history(conversation)
    world.say(kind="contact", email="anna@shop.example", name="Anna", text="It is order 7")
    assert world.kinds(conversation)[-1] == "contact_saved" and not world.queue(conversation).form
    assert world.queue(conversation).email == "anna@shop.example"
    assert ("address left", "customer") in world.history(conversation)


def test_the_countdown_of_a_claimed_conversation_asks_nothing(world: World) -> None:
    conversation = world.waits()
    world.act(conversation, Action.CLAIM)
    world.now += 200
    world.run_due()
    assert world.kinds(conversation) == ["handoff", "joined"]


def test_a_released_conversation_counts_down_anew(world: World) -> None:
    conversation = world.waits()
    world.now += 100
    world.act(conversation, Action.CLAIM)
    world.act(conversation, Action.RELEASE)
    world.now += 100
    world.run_due()
    assert "offline_form" not in world.kinds(conversation), "the first countdown is void"
    world.now += 100
    world.run_due()
    assert world.kinds(conversation)[-1] == "offline_form"


def test_the_countdown_can_be_switched_off(world: World, environment: Callable[..., None]) -> None:
    import os

    environment(DESKHAND_HANDOFF_SECONDS="0", REDIS_URL=os.environ["REDIS_URL"])
    conversation = world.waits()
    assert world.queue(conversation).until is None
    world.now += 10_000
    world.run_due()
    assert world.kinds(conversation) == ["handoff"]


def test_where_there_is_no_form_an_address_alone_is_taken_for_one(world: World) -> None:
    conversation = world.waits()
    world.say("bert@shop.example")
    assert world.ticket(conversation).email == "", "nobody has asked for it yet"
    world.now += 200
    world.run_due()
    world.say("write to me at anna@shop.example please")
    assert world.ticket(conversation).email == "", "only an address and nothing else"
    world.say(" anna@shop.example ")
    assert world.ticket(conversation).email == "anna@shop.example"
    assert world.kinds(conversation)[-1] == "contact_saved"
    world.say("other@shop.example")
    assert world.ticket(conversation).email == "anna@shop.example"


# Going back, tickets, opening again -----------------------------------------------------------------------------------------


def test_the_customer_may_go_back_to_the_ai(world: World) -> None:
    conversation = world.waits()
    world.say(kind="cancel")
    assert (world.state(conversation), world.kinds(conversation)[-1]) == ("ai", "handoff_cancelled")
    row = world.ticket(conversation)
    assert (row.state, row.outcome, row.waiting_since) == ("resolved", "withdrawn by the customer", None)
    card = world.store.read(lambda: desk_posts.card(conversation))
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
    card = world.store.read(lambda: desk_posts.card(conversation))
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


# The ticket ------------------------------------------------------------------------------------------------------------------


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
    assert world.store.read(lambda: desk_posts.card(conversation)).due == row.first_reply_due
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
    row, card = world.ticket(conversation), world.store.read(lambda: desk_posts.card(conversation))
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
