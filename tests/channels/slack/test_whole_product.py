"""The whole product with Slack as its desk: from the customer's wish for a person to an answer out of the thread."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from tests.fakes.slack import FakeSlack
from tests.fakes.slack_visits import labels, text_of
from tests.patience import patient
from tests.running import Deskhand
from tests.scenarios.talking import Customer
from tests.slack_words import told

from .conftest import CHANNEL


def env(slack: FakeSlack) -> dict[str, str]:
    return {
        "SLACK_BOT_TOKEN": slack.space.bot_token,
        "SLACK_APP_TOKEN": slack.space.app_token,
        "SLACK_CHANNEL": CHANNEL,
        "DESKHAND_SLACK_API_URL": slack.url,
    }


def of_agents(customer: Customer) -> list[dict[str, Any]]:
    return [one for one in customer.messages.values() if one["author"] == "agent"]


def test_from_a_wish_for_a_person_to_the_agents_answer(deskhand: Callable[..., Deskhand]) -> None:
    with FakeSlack() as slack:
        product = deskhand(**env(slack))
        slack.wait(lambda: slack.sockets.open, 20)
        made = product.run("agents", "add", "ana")
        assert made.returncode == 0, made.stderr
        with Customer(product.base_url) as customer:
            customer.say("My lamp <!channel> is broken.")
            customer.until(customer.answers)
            asked = time.monotonic()
            customer.tell({"t": "handoff", "cid": "h" * 32, "conv": customer.conv})
            card = slack.wait_for_message(CHANNEL, seconds=10)
            shown = time.monotonic() - asked
            thread = card["ts"]
            assert "Waiting" in card["blocks"][0]["text"]["text"]

            slack.click("U1", CHANNEL, thread, "Claim")
            aside = slack.wait(lambda: slack.space.ephemerals and slack.space.ephemerals[-1], 10)
            code = re.search(r"agents link (\w+) NAME", aside["text"])
            assert code is not None, aside
            linked = product.run("agents", "link", code[1], "ana")
            assert linked.returncode == 0, linked.stderr

            waiting = next(one for one in labels(slack.home("U1")) if one.startswith("Unassigned"))
            slack.press("U1", slack.home_of("U1"), waiting)
            slack.wait(lambda: "Claim" in labels(slack.home_of("U1")), 10)
            assert "not linked" in text_of(slack.home("U2")), "a stranger is told what to do"
            asked = time.monotonic()
            slack.press("U1", slack.home_of("U1"), "Claim")
            slack.wait(lambda: "is on it" in slack.space.message(CHANNEL, thread)["blocks"][0]["text"]["text"], 10)
            slack.wait(lambda: "Claim" not in labels(slack.home_of("U1")), 10)
            claimed = time.monotonic() - asked
            assert "/desk queue" in text_of(told(slack, "U1", "/desk help"))
            assert "Did you mean" in text_of(told(slack, "U1", "/desk qeue"))
            slack.reply("U1", CHANNEL, thread, "!hepl me")
            slack.wait(lambda: any("Nothing was sent to the customer" in one["text"] for one in slack.asides("U1")), 10)
            slack.reply("U1", CHANNEL, thread, "!help")
            slack.wait(lambda: any("!resolve" in text_of(one) for one in slack.asides("U1")), 10)
            reply = slack.reply("U1", CHANNEL, thread, "Hello, a new lamp is on its way :truck:")
            slack.reply("U1", CHANNEL, thread, "note: he was very patient")
            (answer,) = customer.until(lambda: of_agents(customer), 20)
            assert answer["text"] == "Hello, a new lamp is on its way 🚚"
            slack.wait(lambda: slack.space.message(CHANNEL, reply).get("reactions", {}).get("white_check_mark"), 10)
            customer.say("Thank you & goodbye")
            slack.wait(
                lambda: any("Thank you &amp; goodbye" in m["text"] for m in slack.space.messages(CHANNEL, thread)), 10
            )
            assert len(of_agents(customer)) == 1, "the note stayed inside"
        assert len(slack.space.messages(CHANNEL)) == 1
        assert not slack.space.noted("refused_blocks") and not slack.space.noted("too_fast")
        assert shown < patient(5) and claimed < patient(5)
        for trouble in ("answer_not_shown", "home_not_published", "event_not_committed", "page_not_read"):
            assert trouble not in product.log(), trouble
        for secret in (slack.space.bot_token, slack.space.app_token):
            assert secret not in product.log()


def test_a_revoked_token_loses_nothing_customers_are_told_and_a_new_one_mends_it_at_once(
    deskhand: Callable[..., Deskhand],
) -> None:
    with FakeSlack() as slack:
        product = deskhand(**env(slack))
        slack.wait(lambda: slack.sockets.open, 20)
        assert product.run("agents", "add", "ana", "--slack", "T0DESK:U1").returncode == 0
        with Customer(product.base_url) as first, Customer(product.base_url) as second:
            first.say("My lamp is broken.")
            first.until(first.answers)
            first.tell({"t": "handoff", "cid": "h" * 32, "conv": first.conv})
            thread = slack.wait_for_message(CHANNEL, seconds=10)["ts"]
            slack.click("U1", CHANNEL, thread, "Claim")
            first.until(lambda: [m for m in first.messages.values() if m.get("type") == "joined"], 20)

            slack.revoke(cut=True)
            first.say("Are you still there?")
            slack.wait(lambda: "channel_paused" in product.log(), 20)
            slack.wait(lambda: '"desk_cannot_listen"' in product.log(), 20)
            second.say("I want a person, too.")
            second.until(second.answers)
            second.tell({"t": "handoff", "cid": "i" * 32, "conv": second.conv})
            told = second.until(
                lambda: [m for m in second.messages.values() if m.get("type", "").startswith("handoff")], 20
            )
            assert told[0]["type"] == "handoff_no_desk", "nobody is promised"
            doctor = product.run("doctor").stdout
            assert "SLACK_BOT_TOKEN" in doctor and "revoked" in doctor and slack.space.bot_token not in doctor

            slack.space.bot_token, slack.space.revoked = "xoxb-new-5678-SECRET", False
            renewed = product.run("plugins", "set", "slack", f"bot_token={slack.space.bot_token}")
            assert renewed.returncode == 0, renewed.stderr
            slack.wait(lambda: [m for m in slack.space.messages(CHANNEL, thread) if "still there?" in m["text"]], 40)
            slack.wait(lambda: len(slack.space.messages(CHANNEL)) == 2, 40)
            slack.reply("U1", CHANNEL, thread, "Yes, I am")
            first.until(lambda: [m["text"] for m in of_agents(first)] == ["Yes, I am"], 30)
        assert "desk:slack" not in product.run("deadletters", "list").stdout
        assert "SECRET" not in product.log()
