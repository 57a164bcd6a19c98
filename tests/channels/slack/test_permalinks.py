"""Where a thread is found: a card tells it, and never waits long for it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from channels.slack import permalinks
from tests.fakes.slack import FakeSlack
from tests.patience import patient

from .conftest import CHANNEL, Running, a_card, a_post


def asked(slack: FakeSlack) -> int:
    return len(slack.space.noted("call", method="auth.test"))


def test_a_card_tells_the_address_of_its_thread_and_nothing_else_does(running: Running, slack: FakeSlack) -> None:
    posted = running.post(a_post())
    address = f"https://acme.example/archives/{CHANNEL}/p{posted.id.replace('.', '')}"
    assert posted.link == address and asked(slack) == 1
    again = running.post(a_post(key="k2", subject=posted.id, thread=posted.thread, card=a_card(state="human")))
    assert again.link == address
    said = running.post(a_post(key="k3", op="message", thread=posted.thread, card=None, text="Hello"))
    assert said.link == "" and asked(slack) == 1, "Slack is asked once"


@pytest.mark.parametrize(
    "fault", [{"kind": "slow_after", "seconds": 3.0}, {"kind": "500"}, {"kind": "error", "error": "ratelimited"}]
)
def test_a_card_is_posted_though_the_workspace_is_not_known(
    running: Running, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch, fault: dict[str, Any]
) -> None:
    monkeypatch.setattr(permalinks, "PATIENCE", 0.3)
    slack.fail(method="auth.test", **fault)
    began = time.monotonic()
    posted = running.post(a_post())
    assert posted.link == "" and posted.id and time.monotonic() - began < patient(2.5)
    assert running.post(a_post(key="k2")).link == "" and asked(slack) == 1, "not with every card"
    running.desk.posting.links._next = 0.0  # minutes later
    assert running.post(a_post(key="k3")).link.startswith("https://acme.example/archives/")
