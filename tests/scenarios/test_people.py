"""Everything that brings a person, through the whole product: real processes, a model server, and a Slack of ours over the wire."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.fakes.llm import FakeLLM, Script
from tests.fakes.slack import FakeSlack
from tests.patience import wait_for
from tests.running import Deskhand
from tests.scenarios.talking import Customer

ROOM = "C0HELP"
COUNTDOWN = 4
KNOWN = "How many days do I have to return something?"


@dataclass
class House:
    product: Deskhand
    slack: FakeSlack
    llm: FakeLLM

    def card(self, ticket: int) -> dict[str, Any]:
        """The card of a ticket in Slack, as it is now."""
        return self.slack.wait(
            lambda: next((m for m in self.slack.space.messages(ROOM) if f"#{ticket} " in str(m["blocks"][0])), None), 15
        )

    def shows(self, ticket: int, words: str) -> None:
        """Wait until the card shows these words."""
        self.slack.wait(lambda: words in str(self.card(ticket)["blocks"]) or None, 15)

    def site(self) -> dict[str, Any]:
        """What the site says to who comes now."""
        return dict(json.loads(self.product.get("/w/config?site=demo")[1]))

    def set(self, plugin: str, *values: str) -> None:
        done = self.product.run("plugins", "set", plugin, *values)
        assert done.returncode == 0, done.stderr + done.stdout


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with FakeSlack() as slack, FakeLLM() as llm:
        with contextlib.suppress(KeyError):
            slack.space.channels.pop(ROOM)
        slack.space.add_channel(ROOM, "help").members.update({"U1", "U2"})
        env = {
            "SLACK_BOT_TOKEN": slack.space.bot_token, "SLACK_APP_TOKEN": slack.space.app_token, "SLACK_CHANNEL": ROOM,
            "DESKHAND_SLACK_API_URL": slack.url, "OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": llm.openai_url,
            "DESKHAND_HANDOFF_SECONDS": str(COUNTDOWN),
        }  # fmt: skip
        server = database = None
        if os.environ.get("DESKHAND_TEST_DATABASE") == "postgresql":
            server = request.getfixturevalue("postgres")
            database = env["DATABASE_URL"] = server.fresh()
        product = Deskhand(tmp_path_factory.mktemp("people") / "data", env)
        try:
            product.start()
            done = product.run("agents", "add", "ana", "--slack", f"{slack.space.team}:U1")
            assert done.returncode == 0, done.stderr
            slack.wait(lambda: slack.space.noted("socket_open") or slack.sockets.open, 20)
            yield House(product, slack, llm)
        finally:
            product.end()
            if server is not None:
                server.drop(database)


@pytest.fixture
def customer(house: House) -> Iterator[Customer]:
    house.llm.clear()
    with Customer(house.product.base_url) as customer:
        yield customer


def kinds(customer: Customer) -> list[str]:
    found = [m for m in customer.messages.values() if m["author"] == "system"]
    return [m["type"] for m in sorted(found, key=lambda m: m["seq"])]


def queue(customer: Customer, **wanted: Any) -> dict[str, Any]:
    """The first queue frame with these fields."""
    return customer.frame(
        lambda f: f["t"] == "queue" and f["conv"] == customer.conv and all(f[k] == v for k, v in wanted.items()), 25
    )


def ask_for_a_person(customer: Customer) -> dict[str, Any]:
    customer.say(KNOWN)
    customer.until(customer.answers)
    customer.tell({"t": "handoff", "cid": os.urandom(16).hex(), "conv": customer.conv})
    return queue(customer)


def test_a_word_brings_a_person_before_the_ai_is_asked(house: House, customer: Customer) -> None:
    customer.say("I want to speak to a person about my order")
    frame = queue(customer)
    assert (frame["reason"], frame["people"], frame["form"]) == ("keyword", "here", False)
    assert frame["position"] >= 1 and frame["until"] == pytest.approx(frame["since"] + COUNTDOWN)
    assert kinds(customer)[0] == "handoff" and not customer.answers()
    assert not [f for f in customer.frames if f["t"] == "delta"], "no model was asked"
    house.shows(frame["ticket"], "a word that asks for a person: speak to a person")


def test_an_answer_that_the_ai_is_not_sure_of_is_shown_and_a_person_follows(house: House, customer: Customer) -> None:
    # The model is asked for summaries of other tickets meanwhile: only this question gets this answer.
    question = f"{KNOWN} Quickly, please."
    house.llm.script(Script(answer="Perhaps thirty days.", conclude={"confidence": 0.3}, contains="Quickly, please"))
    customer.say(question)
    frame = queue(customer, reason="low_confidence")
    (answer,) = customer.until(customer.answers)
    assert answer["text"] == "Perhaps thirty days [1]." and kinds(customer)[0] == "handoff"
    house.shows(frame["ticket"], "low (0.3")  # its own word, the search and the check together


def test_a_limit_of_answers_brings_a_person(house: House, customer: Customer) -> None:
    house.set("escalation_caps", "turns=1")
    try:
        customer.say(KNOWN)
        customer.until(customer.answers)
        customer.say("And how many weeks is that?")
        frame = queue(customer, reason="turn_cap")
        assert len(customer.answers()) == 1
        house.shows(frame["ticket"], "1 answers")
    finally:
        house.set("escalation_caps", "turns=50")


def test_no_answer_offers_a_person_and_passes_on_where_the_site_says_so(house: House, customer: Customer) -> None:
    unsure = Script(answer="I could not find this.", conclude={"confidence": 0.1}, contains="swallow", times=2)
    house.llm.script(unsure)
    question = "What is the airspeed velocity of an unladen swallow?"
    customer.say(question)
    (answer,) = customer.until(customer.answers)
    assert "Talk to a person" in answer["choices"] and not kinds(customer)
    house.set("escalation_no_answer", 'sites={"demo": "pass_on"}')
    try:
        customer.say(question)
        assert queue(customer)["reason"] == "nothing_found"
    finally:
        house.set("escalation_no_answer", "sites={}")


def test_the_place_in_the_queue_moves_when_the_one_before_is_claimed(house: House, customer: Customer) -> None:
    first = ask_for_a_person(customer)
    with Customer(house.product.base_url) as second:
        behind = ask_for_a_person(second)
        assert behind["position"] == first["position"] + 1
        house.slack.click("U1", ROOM, house.card(first["ticket"])["ts"], "Claim")
        customer.until(lambda: "joined" in kinds(customer), 20)
        assert queue(second, position=first["position"])["waiting"] >= 1
        frames = [f for f in second.frames if f["t"] == "queue"]
        assert len(frames) <= 6, "told when something has changed, not all the time"


def test_when_nobody_comes_an_address_is_asked_for_and_the_ticket_stays_open(house: House, customer: Customer) -> None:
    frame = ask_for_a_person(customer)
    customer.until(lambda: "offline_form" in kinds(customer), 20)
    asked = queue(customer, form=True)
    assert (asked["until"], asked["ticket"]) == (None, frame["ticket"])
    wrong = {"t": "contact", "cid": "0d" * 16, "conv": customer.conv, "name": "Anna", "email": "anna at home"}
    customer.tell(wrong)
    refusal = customer.frame(lambda f: f["t"] == "error" and f.get("cid") == "0d" * 16)
    assert (refusal["code"], refusal["field"], refusal["final"]) == ("bad_field", "email", True)
    customer.tell({**wrong, "cid": "0e" * 16, "email": "anna@shop.example", "text": "It is order 7"})
    customer.until(lambda: kinds(customer)[-1] == "contact_saved")
    assert queue(customer, form=False, email="anna@shop.example")["name"] == "Anna"
    house.shows(frame["ticket"], "anna@shop.example")
    assert kinds(customer).count("offline_form") == 1
    # The form is a ticket, and an agent still may come.
    house.slack.click("U1", ROOM, house.card(frame["ticket"])["ts"], "Claim")
    customer.until(lambda: "joined" in kinds(customer), 20)


def test_who_does_not_want_to_wait_goes_back_to_the_ai(house: House, customer: Customer) -> None:
    frame = ask_for_a_person(customer)
    customer.tell({"t": "cancel", "cid": "0c" * 16, "conv": customer.conv})
    customer.until(lambda: kinds(customer)[-1] == "handoff_cancelled")
    house.shows(frame["ticket"], "With the AI")
    customer.say("And the invoice?")
    customer.until(lambda: len(customer.answers()) == 2)


def test_a_chat_becomes_a_ticket(house: House, customer: Customer) -> None:
    customer.say(KNOWN)
    customer.until(customer.answers)
    customer.tell({"t": "ticket", "cid": "0b" * 16, "conv": customer.conv, "name": "Bo", "email": "bo@shop.example"})
    frame = queue(customer, reason="ticket")
    assert (frame["position"], frame["form"], frame["email"]) == (0, False, "bo@shop.example")
    assert kinds(customer) == ["ticket_made"]
    root = house.card(frame["ticket"])["ts"]
    house.slack.wait(lambda: KNOWN in str(house.slack.space.messages(ROOM, root)) or None, 15)
    shown = house.product.run("tickets", "show", str(frame["ticket"])).stdout
    assert "a ticket was asked for" in shown and KNOWN in shown


def test_closed_says_when_it_opens_and_the_ai_still_answers(house: House, customer: Customer) -> None:
    # A house that is open for one minute a year.
    house.set("business_hours", "hours=mon-sun 03:00-03:01", "zone=Asia/Kathmandu")
    try:
        wait_for(lambda: house.site()["people"] == "closed", 20)
        customer.say(KNOWN)
        customer.until(customer.answers)
        customer.tell({"t": "handoff", "cid": "0a" * 16, "conv": customer.conv})
        frame = queue(customer, people="closed")
        assert frame["form"] and frame["until"] is None and frame["opens"] > frame["since"]
        (said,) = [m["text"] for m in customer.messages.values() if m.get("type") == "handoff_closed"]
        assert "at 03:00 (Asia/Kathmandu time)" in said
        done = house.product.run("site", "hours", "demo", "open")
        assert "open now" in done.stdout
        wait_for(lambda: house.site()["people"] == "here", 20)
    finally:
        house.set("business_hours", "hours=", "zone=UTC")
        house.product.run("site", "hours", "demo", "schedule")
