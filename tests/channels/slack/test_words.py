"""``/desk`` and the form of a ticket with the whole product and Slack as its desk: queue, admins' words, and asking back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fakes.slack import FakeSlack
from tests.fakes.slack_visits import labels, text_of
from tests.running import Deskhand
from tests.scenarios.talking import Customer
from tests.slack_words import told

from .conftest import CHANNEL
from .test_whole_product import env

pytestmark = pytest.mark.once


def test_an_admin_works_by_words_and_does_not_cut_the_branch_they_sit_on_by_accident(
    deskhand: Callable[..., Deskhand],
) -> None:
    with FakeSlack() as slack:
        product = deskhand(**env(slack))
        slack.wait(lambda: slack.sockets.open, 20)
        assert "linked" in told(slack, "U1", "/desk queue")["text"]
        for name, role, person in (("ana", "agent", "U1"), ("ben", "admin", "U2")):
            done = product.run("agents", "add", name, "--role", role, "--slack", f"T0DESK:{person}")
            assert done.returncode == 0, done.stderr
        with Customer(product.base_url) as customer:
            customer.say("My lamp <!channel> hums.")
            customer.until(customer.answers)
            customer.tell({"t": "handoff", "cid": "h" * 32, "conv": customer.conv})
            thread = slack.wait_for_message(CHANNEL, seconds=10)["ts"]
            queue = told(slack, "U1", "/desk queue", "C0ELSE")
            assert queue["response_type"] == "ephemeral" and "#1001" in text_of(queue) and "Claim" in labels(queue)
            found = told(slack, "U1", "/desk search lamp hums")
            assert "hums" in text_of(found) and "<!channel>" not in found["text"]

            slack.shortcut("U1", CHANNEL, thread, "deskhand:ticket")
            form = slack.wait(lambda: next(iter(list(slack.space.opened.values())), None), 10)
            slack.submit("U1", form["id"], {"subject": "Humming lamp", "priority": "high"})
            slack.wait(lambda: "Humming lamp" in str(slack.space.message(CHANNEL, thread)["blocks"]), 10)
            customer.until(lambda: [m for m in customer.messages.values() if "1001" in m["text"]], 10)

        assert "Only admins" in told(slack, "U1", "/desk plugins off offer_person")["text"]
        listed = told(slack, "U2", "/desk plugins")
        assert "offer_person: on" in text_of(listed)
        assert told(slack, "U2", "/desk plugins off offer_person")["text"] == "offer_person is off."
        assert "offer_person: off — switched off" in text_of(told(slack, "U2", "/desk plugins list"))
        assert "desk:ben" in product.run("audit", "list").stdout
        assert "needs" in told(slack, "U2", "/desk plugins on openai")["text"]

        asked = told(slack, "U2", "/desk plugins off slack")
        assert "you cut off the branch you sit on" in text_of(asked) and labels(asked) == ["Switch off"]
        assert "Nothing was changed yet" in text_of(asked) and slack.sockets.open
        providers = told(slack, "U2", "/desk providers")
        assert "offline" in text_of(providers)
        status = told(slack, "U2", "/desk status")
        assert (
            "Processes: " in text_of(status)
            and "channels for" in text_of(status)
            and "Not running" not in text_of(status)
        )
        assert told(slack, "U2", "/desk plugins off slack yes")["text"] == "slack is off."
        slack.wait(lambda: not slack.sockets.open, 20)
        assert not slack.space.noted("refused_blocks")
