"""Typing ``/desk …`` into the Slack of a whole product, which may be slower than an acknowledgement can wait."""

from __future__ import annotations

from typing import Any

from channels.slack.showing import UNDER_WAY
from tests.fakes.slack import FakeSlack


def told(slack: FakeSlack, user: str, text: str, channel: str = "C0SUPPORT") -> dict[str, Any]:
    """What the person is told in the end: in the acknowledgement, or, when that says that the answer follows, what followed."""
    trigger = slack.command(user, text, channel, wait=False)["trigger"]
    (said,) = slack.wait(lambda: slack.space.noted("answered", trigger=trigger))
    assert said["acked"], f"{text}: Slack waited for nothing"
    answer: dict[str, Any] = said["answer"]
    if answer.get("text") != UNDER_WAY:
        return answer
    return dict(slack.wait(lambda: slack.space.noted("hook", token=trigger))[0]["answer"])
