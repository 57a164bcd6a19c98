"""The whole story with real processes: widget protocol, the Slack SDK, and a Slack of ours at the other end."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.fakes.slack import FakeSlack
from tests.patience import wait_for
from tests.running import Deskhand
from tests.scenarios.talking import Customer

ROOM = "C0HELP"


@pytest.fixture(scope="module")
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as fake:
        with contextlib.suppress(KeyError):
            fake.space.channels.pop(ROOM)
        fake.space.add_channel(ROOM, "help").members.update({"U1", "U2", "U9"})
        yield fake


@pytest.fixture(scope="module")
def product(deskhands: Callable[..., Deskhand], slack: FakeSlack) -> Deskhand:
    started = deskhands(
        SLACK_BOT_TOKEN=slack.space.bot_token,
        SLACK_APP_TOKEN=slack.space.app_token,
        SLACK_CHANNEL=ROOM,
        DESKHAND_SLACK_API_URL=slack.url,
    )
    for name, user in (("ana", "U1"), ("ben", "U2")):
        done = started.run("agents", "add", name, "--slack", f"{slack.space.team}:{user}")
        assert done.returncode == 0, done.stderr
    slack.wait(lambda: slack.space.noted("socket_open") or slack.sockets.open, 20)
    return started


def system(customer: Customer, kind: str) -> list[dict[str, Any]]:
    return [m for m in customer.messages.values() if m.get("type") == kind]


def agent_texts(customer: Customer) -> list[str]:
    found = [m for m in customer.messages.values() if m["author"] == "agent" and not m.get("deleted")]
    return [m["text"] for m in sorted(found, key=lambda m: m["seq"])]


def header(message: dict[str, Any]) -> str:
    return str(message["blocks"][0]["text"]["text"])


def pass_on(customer: Customer, slack: FakeSlack) -> dict[str, Any]:
    """Ask for a person; the card of this conversation, in a room that the tests share."""
    before = len(slack.space.messages(ROOM))
    customer.tell({"t": "handoff", "cid": secrets.token_hex(16), "conv": customer.conv})
    return slack.wait_for_message(ROOM, number=before + 1, seconds=10)


def test_from_a_question_to_a_resolved_ticket(product: Deskhand, slack: FakeSlack) -> None:
    with Customer(product.base_url) as customer:
        customer.say("How many days do I have to return something?")
        customer.until(customer.answers)
        root = pass_on(customer, slack)["ts"]
        customer.until(lambda: system(customer, "handoff"))
        cards = len(slack.space.messages(ROOM))
        assert "How many days" in slack.wait_for_message(ROOM, root, 1, 10)["text"]

        slack.click_at_once(("U1", "U2"), ROOM, root, "Claim")
        customer.until(lambda: system(customer, "joined"))
        assert len(system(customer, "joined")) == 1, "exactly one of the two claims wins"
        slack.wait(lambda: "Claim" not in str(slack.space.message(ROOM, root)["blocks"][-2:]) or None, 10)

        first = slack.reply("U1", ROOM, root, "You have 30 days, <@U2> says so.")
        customer.until(lambda: agent_texts(customer), 20)
        assert agent_texts(customer) == ["You have 30 days, @Ben says so."]
        slack.reply("U1", ROOM, root, "note: he sounds friendly")
        slack.edit(ROOM, first, "You have 30 days from delivery.")
        customer.until(lambda: agent_texts(customer) == ["You have 30 days from delivery."], 20)
        customer.say("Thank you <!channel> & goodbye")
        shown = slack.wait(lambda: [m for m in slack.space.messages(ROOM, root) if "goodbye" in str(m)], 10)[0]
        assert "<!channel>" not in shown["text"], "nobody is pinged by a customer"
        assert {block["type"] for block in shown["blocks"]} == {"rich_text"}, "whose text Slack never reads as markup"

        slack.click("U1", ROOM, root, "Resolve")
        customer.until(lambda: system(customer, "resolved"), 20)
        assert "friendly" not in str(customer.messages)
        assert len(slack.space.messages(ROOM)) == cards, "one thread"
        customer.say("It is broken again")
        slack.wait(lambda: [m for m in slack.space.messages(ROOM, root) if "broken again" in str(m)], 10)
        assert len(slack.space.messages(ROOM)) == cards, "the same thread again"


def test_strangers_cannot_answer_customers(product: Deskhand, slack: FakeSlack) -> None:
    slack.space.add_user("U9", "zoe")
    with Customer(product.base_url) as customer:
        customer.say("Hello")
        customer.until(customer.answers)
        root = pass_on(customer, slack)["ts"]
        slack.reply("U9", ROOM, root, "I am not an agent")
        aside = slack.wait(lambda: [one for one in slack.space.ephemerals if "agents link" in one["text"]], 10)[0]
        code = aside["text"].split("agents link ")[1].split()[0]
        assert product.run("agents", "link", code, "ana").returncode == 0
        slack.reply("U9", ROOM, root, "Now I am")
        customer.until(lambda: agent_texts(customer) == ["Now I am"], 20)


def test_what_was_written_while_deskhand_was_away_arrives_once(product: Deskhand, slack: FakeSlack) -> None:
    with Customer(product.base_url) as customer:
        customer.say("Hello")
        customer.until(customer.answers)
        root = pass_on(customer, slack)["ts"]
        slack.wait_for_message(ROOM, root, 1, 10)
    product.stop()
    written = slack.reply("U1", ROOM, root, "Written while you slept")
    product.start()
    with Customer(product.base_url, token=customer.token) as back:
        back.until(lambda: agent_texts(back) == ["Written while you slept"], 40)
        wait_for(lambda: slack.space.message(ROOM, written).get("reactions"), 10)
        assert agent_texts(back) == ["Written while you slept"]
