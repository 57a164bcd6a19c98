"""The answer to the post of a customer's message is lost, and an agent puts an emoji on it at once: the customer sees it all the same.

The desk with the real core behind it, over the wire; each delivery is made by hand, as the host would.
"""

from __future__ import annotations

from typing import Any

from bot import clock
from bot.messages import Inbound, Receipt
from bot.receive import receive
from bot.store.statements import last_messages
from tests.fakes.slack import FakeSlack

from .conftest import CHANNEL
from .test_late_threads import House, house  # noqa: F401  the fixture


def open_thread(house: House) -> str:  # noqa: F811
    """A conversation whose thread has all that was said so far."""
    conversation = house.handoff()
    while (claimed := house.port.outbox.claim(conversation)) is not None:
        house.port.settle(claimed, house.run(house.port.send(claimed)))
    return conversation


def post_with_lost_answer(house: House, conversation: str) -> str:  # noqa: F811
    """The customer writes; the post arrives and its answer does not. Slack's id of it, which nobody knows."""
    event = Inbound(channel="widget", key=clock.new_id(), external_id="anna", place="anna", text="Goodbye")
    assert isinstance(receive([event])[0], Receipt)
    house.lose_answer(conversation)
    thread = house.store.read(lambda: house.store.DeskThread.get().thread)

    def posted() -> list[str]:
        return [one["ts"] for one in house.slack.space.messages(CHANNEL, thread) if "Goodbye" in one["text"]]

    (ts,) = house.slack.wait(posted, 10)
    return str(ts)


def acknowledged(house: House, kind: str, number: int = 1) -> None:  # noqa: F811
    """Wait until the desk has taken so many deliveries of a ``reaction_added`` or ``reaction_removed``."""

    def told() -> list[Any]:
        return [one for one in house.slack.space.noted("acked") if (one["event"] or {}).get("type") == kind]

    house.slack.wait(lambda: len(told()) >= number, 10)


def emoji(house: House, conversation: str) -> list[str]:  # noqa: F811
    said = house.store.read(lambda: last_messages(conversation, 10**6, 100))
    return [one.emoji for one in said[-1].reactions]


def test_an_emoji_on_a_post_whose_answer_was_lost_reaches_the_customer(house: House, slack: FakeSlack) -> None:  # noqa: F811
    one = open_thread(house)
    ts = post_with_lost_answer(house, one)
    slack.react("U1", CHANNEL, ts, "heart")
    acknowledged(house, "reaction_added")
    assert emoji(house, one) == []
    house.read_back(one)
    assert emoji(house, one) == ["❤️"]
    slack.unreact("U1", CHANNEL, ts, "heart")
    slack.wait(lambda: emoji(house, one) == [], 10)


def test_an_emoji_that_was_taken_back_before_the_post_was_found_is_not_shown(house: House, slack: FakeSlack) -> None:  # noqa: F811
    slack.sockets.retries = (0.0, 0.1, 0.1)
    slack.sockets.twins, slack.sockets.most_twins = 1.0, 3
    one = open_thread(house)
    ts = post_with_lost_answer(house, one)
    slack.react("U1", CHANNEL, ts, "heart")
    acknowledged(house, "reaction_added")
    slack.unreact("U1", CHANNEL, ts, "heart")
    acknowledged(house, "reaction_removed")
    house.read_back(one)
    assert emoji(house, one) == []
    for kind in ("reaction_added", "reaction_removed"):  # what comes twice changes nothing, however late
        acknowledged(house, kind, 1 + slack.sockets.most_twins)
    assert emoji(house, one) == []
    assert house.store.read(lambda: house.store.EarlyReaction.select().count()) == 0
