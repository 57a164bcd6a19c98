"""Rules and turns in Slack: threads in several channels, a channel that cannot be used, and who is mentioned."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bot import EVERYBODY, ThreadGone, accounts, crypto, deliver, store
from tests.commanding import command
from tests.fakes.slack import FakeSlack
from tests.running import Deskhand
from tests.scenarios.talking import Customer

from .conftest import CHANNEL, Running, a_card, a_post
from .test_whole_product import env, of_agents


def test_who_is_mentioned_is_alerted_by_id_and_everybody_only_by_our_own_word(running: Running) -> None:
    card = running.post(a_post(op="card", key="c1", card=a_card(offered="Ana <!here>")))
    shown = running.slack.space.message(CHANNEL, card.id)
    assert "offered to Ana <!here>" in str(shown["blocks"]) and "broadcast" not in str(shown["blocks"])
    told = running.post(
        a_post(op="event", key="e1", text="One waits <!channel>", thread=card.thread, mention=(EVERYBODY,))
    )
    posted = running.slack.space.message(CHANNEL, told.id)
    assert posted["blocks"][0]["elements"][0]["elements"][0] == {"type": "broadcast", "range": "channel"}
    assert posted["text"] == "<!channel> One waits &lt;!channel&gt;"
    one = running.post(a_post(op="event", key="e2", text="Offered", thread=card.thread, mention=("T0DESK:U1",)))
    assert running.slack.space.message(CHANNEL, one.id)["text"] == "<@U1> Offered"
    assert not running.slack.space.noted("refused_blocks")


def test_a_first_card_that_a_rules_channel_refuses_goes_elsewhere_whatever_slack_calls_it(running: Running) -> None:
    running.slack.space.add_channel("C0CLOSED", "closed", with_bot=False)
    running.slack.space.add_channel("C0OLD", "old", is_archived=True)
    for place in ("C0CLOSED", "C0OLD", "C0NOWHERE"):
        with pytest.raises(ThreadGone):
            running.post(a_post(op="card", key=f"c-{place}", card=a_card(), place=place))
        # Nobody knows whether it arrived, and it cannot be looked for either: the same.
        if place == "C0NOWHERE":
            with pytest.raises(ThreadGone):
                running.run(running.desk.find("k", place, ""))
    assert running.slack.space.messages(CHANNEL) == []


def texts(slack: FakeSlack, place: str, thread: str) -> list[str]:
    return [one["text"] for one in slack.space.messages(place, thread)]


def wants_a_person(customer: Customer, text: str) -> None:
    customer.say(text)
    customer.until(customer.answers)
    customer.tell({"t": "handoff", "cid": f"{abs(hash(text)):032x}"[:32], "conv": customer.conv})


def heads(slack: FakeSlack) -> list[dict[str, Any]]:
    """Threads in the desk's own channel."""
    return [one for one in slack.space.messages(CHANNEL) if "routing rule" not in one["text"]]


def is_marked(slack: FakeSlack, place: str, emoji: str, thread: str) -> bool:
    return any(emoji in one.get("reactions", {}) for one in slack.space.messages(place, thread))


@pytest.fixture
def admin(environment: Callable[..., None]) -> Iterator[Callable[[Deskhand, Sequence[Sequence[str]]], None]]:
    """Runs commands on the database of a product; a process for each of them would cost a second of a core."""

    def run(product: Deskhand, commands: Sequence[Sequence[str]]) -> None:
        for forget in (accounts.forget_sites, crypto.forget_keys, deliver.forget_declarations):
            forget()
        url = product.env.get("DATABASE_URL") or f"sqlite:///{product.data / 'deskhand.sqlite3'}"
        environment(DATABASE_URL=url, DESKHAND_DATA=str(product.data), REDIS_URL="none")
        store.open_database(url)
        for words in commands:
            done = command(store, *words)
            assert done.exit_code == 0, f"{words}: {done.output}"
        store.close_database()

    yield run
    environment(DATABASE_URL=None, DESKHAND_DATA=None, REDIS_URL=None)


def test_threads_in_several_channels_are_offered_in_turn_and_answered_also_after_an_outage(
    deskhand: Callable[..., Deskhand],
    admin: Callable[[Deskhand, Sequence[Sequence[str]]], None],
    tmp_path: Path,
) -> None:
    # The worker is killed in the middle of its first offer, and right after it.
    kills = {
        "DESKHAND_FAILPOINTS": "desk.before_offer_commit=kill;desk.after_offer_commit=kill",
        "DESKHAND_FAILPOINTS_ONCE": str(tmp_path / "once"),
    }
    (tmp_path / "once").mkdir()
    with FakeSlack() as slack:
        slack.space.add_channel("C0LAMPS", "lamps")
        product = deskhand(**env(slack), **kills)
        slack.wait(lambda: slack.sockets.open, 20)
        admin(
            product,
            [
                ("agents", "add", "ana", "--slack", "T0DESK:U1"),
                ("agents", "add", "ben", "--slack", "T0DESK:U2"),
                ("routing", "settings", "assign=round-robin"),
                ("agents", "mode", "slack", CHANNEL, "direct"),
                ("agents", "mode", "slack", "C0LAMPS", "direct"),
                ("routing", "add", "lamps", "words=lamp", "place=C0LAMPS", "desk=slack"),
                ("routing", "add", "wrong", "words=chair", "place=C0NOWHERE", "desk=slack", "agents=ben"),
            ],
        )
        with Customer(product.base_url) as first, Customer(product.base_url) as second:
            wants_a_person(first, "My lamp is broken.")
            wants_a_person(second, "My chair is broken.")
            thread = slack.wait_for_message("C0LAMPS", seconds=15)["ts"]
            slack.wait(
                lambda: any("<@U1> This is offered to Ana" in text for text in texts(slack, "C0LAMPS", thread)), 20
            )
            slack.wait(lambda: "offered to Ana" in str(slack.space.message("C0LAMPS", thread)["blocks"]), 20)
            slack.wait(lambda: any("routing rule wrong" in one["text"] for one in slack.space.messages(CHANNEL)), 20)
            other = slack.wait(lambda: heads(slack), 20)[0]["ts"]
            slack.wait(lambda: any("<@U2> This is offered to Ben" in text for text in texts(slack, CHANNEL, other)), 20)
            slack.reply("U2", CHANNEL, other, "A chair is on its way")
            second.until(lambda: [one["text"] for one in of_agents(second)] == ["A chair is on its way"], 20)

            # Who talks to Slack and who offers are killed; what was written meanwhile in another channel than the desk's own arrives.
            pids = product.pids()
            for name in ("channels", "quick"):
                os.kill(pids[name], signal.SIGKILL)
            slack.wait(lambda: not slack.sockets.open, 10)
            slack.reply("U1", "C0LAMPS", thread, "A lamp is on its way")
            assert not slack.sockets.open, "nobody has heard it"
            first.until(lambda: [one["text"] for one in of_agents(first)] == ["A lamp is on its way"], 40)
            slack.wait(lambda: is_marked(slack, "C0LAMPS", "white_check_mark", thread), 10)
            assert len(heads(slack)) == 1 and len(slack.space.messages("C0LAMPS")) == 1, "one thread each"
        for place, top, who in (
            ("C0LAMPS", thread, "<@U1> This is offered to Ana"),
            (CHANNEL, other, "<@U2> This is offered to Ben"),
        ):
            assert [text for text in texts(slack, place, top) if "<@" in text] == [
                f"{who}: claim it or answer within 5 minutes, or it goes to the next one."
            ], "mentioned once, with kills and a restart in between"
        assert len(list((tmp_path / "once").iterdir())) == 2
        assert not slack.space.noted("refused_blocks")
