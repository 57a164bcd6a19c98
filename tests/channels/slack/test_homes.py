"""The inboxes of all: live within Slack's limits, published when they have changed, and never in the way of listening."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from bot import DeskAnswer, Page, Press, Presses, Words
from channels.slack import accounts, homes, presence
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_visits import text_of

from .conftest import CHANNEL, Running, a_thread


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks every 50 ms, and publishes for one person every 300 ms."""
    monkeypatch.setattr(homes, "EVERY", 0.05)
    monkeypatch.setattr(homes, "EACH", 0.0)
    monkeypatch.setattr(homes, "A_PERSON", 0.3)
    monkeypatch.setattr(homes, "SAID", 0.6)


@pytest.fixture
def live(quick: None, running: Running, slack: FakeSlack) -> Iterator[Running]:
    running.inbox.at_home = ["T0DESK:U1", "T0DESK:U2", "odd"]
    running.listen()
    slack.wait(lambda: {"U1", "U2"} <= set(slack.space.homes))
    yield running
    assert not slack.space.noted("refused_blocks")


def says(running: Running, text: str) -> None:
    running.inbox.pages["inbox"] = Page(
        name="inbox", kind="home", parts=(Words(text), Presses((Press(label="Go", what="inbox.go"),)))
    )


def published(slack: FakeSlack, user: str = "U1") -> list[dict[str, Any]]:
    return slack.space.noted("home", user=user)


def shows(slack: FakeSlack, text: str, user: str = "U1") -> None:
    slack.wait(lambda: text in text_of(slack.home_of(user)))


def test_all_are_published_at_the_start_and_again_only_when_something_has_changed(
    live: Running, slack: FakeSlack
) -> None:
    looks = len(live.inbox.wanted)
    slack.wait(lambda: len(live.inbox.wanted) > looks + 6)
    assert len(published(slack)) == 1 and len(published(slack, "U2")) == 1
    assert live.inbox.wanted[-1].again and live.inbox.wanted[-1].name == "inbox"
    says(live, "Two wait.")
    shows(slack, "Two wait.")
    shows(slack, "Two wait.", "U2")
    assert len(published(slack)) == 2


def test_a_person_is_published_for_now_and_then_however_much_changes(live: Running, slack: FakeSlack) -> None:
    for number in range(8):
        says(live, f"{number} wait.")
        time.sleep(0.08)
    shows(slack, "7 wait.")
    times = [one["at"] for one in published(slack)]
    assert len(times) <= 3 + (times[-1] - times[0]) / homes.A_PERSON, times


def test_what_somebody_did_themselves_is_shown_at_once_and_the_sentence_goes_by_itself(
    live: Running, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(live, "One waits.")
    shows(slack, "One waits.")
    monkeypatch.setattr(homes, "A_PERSON", 60)
    says(live, "Nobody waits.")
    live.inbox.answer = lambda event: DeskAnswer(key=event.key, code="done", aside="Claimed.")
    slack.press("U1", slack.home_of("U1"), "Go")
    shows(slack, "Claimed.\nNobody waits.")
    monkeypatch.setattr(homes, "A_PERSON", 0.1)
    slack.wait(lambda: "Claimed." not in text_of(slack.home_of("U1")))
    shows(slack, "Nobody waits.", "U2")


def test_everything_is_published_again_after_the_connection_was_lost(live: Running, slack: FakeSlack) -> None:
    slack.drop_sockets()
    slack.wait(lambda: len(published(slack)) == 2 and len(published(slack, "U2")) == 2)


def test_slack_may_ask_for_a_pause_and_whoever_opens_theirs_waits_no_longer_than_that(
    live: Running, slack: FakeSlack
) -> None:
    slack.fail("429", "views.publish", retry_after=1)
    says(live, "Later.")
    at = slack.wait(lambda: slack.space.noted("fault", kind="429"))[0]["at"]
    shows(slack, "Later.")
    shows(slack, "Later.", "U2")
    late = [one["at"] for user in ("U1", "U2") for one in published(slack, user)[1:]]
    assert max(late) - at >= 0.9, "at most the other one was on its way already"


def test_trouble_with_inboxes_never_disturbs_listening(live: Running, slack: FakeSlack) -> None:
    thread = a_thread(live)
    slack.fail("error", "views.publish", times=3, error="internal_error")
    live.inbox.pages["inbox"] = Page(name="inbox", kind="home", parts=(Presses((Press(label="broken"),)),))
    slack.home("U1", wait=False)
    live.inbox.at_home = ["T0DESK:UNOBODY", "T0DESK:U1"]
    slack.reply("U1", CHANNEL, thread, "Hello")
    assert live.wait_for_events(1)[0].text == "Hello"
    says(live, "Well again.")
    shows(slack, "Well again.")

    def refused() -> list[dict[str, Any]]:
        return slack.space.noted("refused", method="views.publish", error="user_not_found")

    slack.wait(lambda: len(refused()) == 2)
    time.sleep(0.4)
    assert live.trouble == []
    assert len(refused()) == 2, "whom Slack does not know is let alone: the odd one and nobody, once each"


def test_an_app_without_a_home_tab_is_left_alone(live: Running, slack: FakeSlack) -> None:
    slack.space.home_tab = False
    says(live, "Anybody?")
    slack.wait(lambda: slack.space.noted("refused", error="not_enabled"))
    time.sleep(0.5)
    assert len(slack.space.noted("refused", error="not_enabled")) <= 2, "nobody knocks at a wall for ever"


def test_an_old_inbox_never_covers_a_newer_one(live: Running, slack: FakeSlack) -> None:
    live.inbox.at_home = []
    slack.fail("slow_after", "views.publish", seconds=0.4)
    says(live, "old")
    slack.home("U1", wait=False)
    slack.wait(lambda: slack.space.noted("fault", kind="slow_after"))
    says(live, "new")
    for _ in range(3):
        slack.home("U1", wait=False)
    shows(slack, "new")
    time.sleep(0.5)
    assert "new" in text_of(slack.home_of("U1"))


def test_forty_agents_keep_slacks_limit(
    quick: None, running: Running, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(homes, "A_PERSON", 0.05)
    for number in range(40):
        slack.space.add_user(f"UA{number}", f"a{number}")
    running.inbox.at_home = [f"T0DESK:UA{number}" for number in range(40)]
    began = time.monotonic()
    running.listen()
    for number in range(25):
        says(running, f"{number}")
        time.sleep(0.08)
    calls = len(slack.space.noted("call", method="views.publish"))
    given_back = (time.monotonic() - began) * homes.A_MINUTE / 60
    assert homes.BURST <= calls <= homes.BURST + 2 + given_back and not slack.space.noted("too_fast"), calls
    monkeypatch.setattr(homes, "A_MINUTE", 1_500)
    running.stop_listening()
    running.listen()
    for number in range(100, 125):
        says(running, f"{number}")
        time.sleep(0.08)
    late = {
        user: [one for one in published(slack, user) if "10" in text_of(one["view"]) or "11" in text_of(one["view"])]
        for user in slack.space.homes
    }
    most = 2 + 2 * sum(map(len, late.values())) / 40
    assert len(slack.space.homes) == 40 and all(len(found) <= most for found in late.values()), "each has its turn"


# Who is there --------------------------------------------------------------------------------------------------------------


def test_the_core_is_told_who_is_there(running: Running, slack: FakeSlack) -> None:
    running.inbox.staff = ["T0DESK:U1", "T0DESK:U2", "T0DESK:UGUEST", "T0DESK:UGONE", "T0ELSE:USTRANGER"]
    slack.space.presence["U2"] = "away"
    now = time.time()
    slack.space.quiet = {"UGUEST": (now - 60, now + 60), "U1": (now + 60, now + 120)}
    running.listen()
    slack.wait(lambda: running.inbox.present)
    assert running.inbox.present == [{"T0DESK:U1": "here", "T0DESK:U2": "away", "T0DESK:UGUEST": "quiet"}]
    assert len(slack.space.noted("call", method="dnd.teamInfo")) == 1, "all at once"


def test_an_account_that_was_ended_while_nobody_listened_is_told_of_once(
    running: Running, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "EVERY", 0.0)
    monkeypatch.setattr(presence, "EVERY", 0.1)
    slack.space.users["U2"] |= {"deleted": True, "updated": 1_700_000_000}
    running.inbox.staff = ["T0DESK:U1", "T0DESK:UGONE", "T0DESK:U2", "T0ELSE:USTRANGER"]
    slack.fail("500", "users.info")
    running.listen()
    slack.wait(lambda: running.inbox.deliveries > 1)
    (told,) = running.inbox.events
    assert (told.kind, told.who, told.key) == ("left", "T0DESK:U2", "slackuser:T0DESK:U2:1700000000")
    assert slack.space.noted("call", method="users.info") and running.trouble == []


def test_without_the_scope_for_do_not_disturb_only_presence_is_told(running: Running, slack: FakeSlack) -> None:
    slack.space.scopes.discard("dnd:read")
    slack.space.quiet = {"U1": (1, time.time() + 60)}
    running.inbox.staff = ["T0DESK:U1"]
    running.listen()
    slack.wait(lambda: running.inbox.present == [{"T0DESK:U1": "here"}])
    assert not slack.space.noted("call", method="dnd.teamInfo")


def test_a_minute_asks_about_forty_and_the_next_about_the_others(slack: FakeSlack, running: Running) -> None:
    for number in range(50):
        slack.space.add_user(f"UA{number}", f"a{number}")
    running.inbox.staff = [f"T0DESK:UA{number}" for number in range(50)]

    async def twice() -> list[dict[str, Any]]:
        watch = presence.PresenceWatch(running.desk.client(), running.inbox, "T0DESK", {})
        return [dict(await watch.look()), dict(await watch.look())]

    first, second = running.run(twice())
    assert len(first) == 40 and not {f"T0DESK:UA{number}" for number in range(40, 50)} - second.keys()


def test_one_agent_who_cannot_be_asked_about_hides_no_others(
    slack: FakeSlack, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        slack.space.add_user(f"UA{number}", f"a{number}")
    ours = running.inbox.staff = [f"T0DESK:UA{number}" for number in range(3)]

    async def thrice() -> list[set[str]]:
        client = running.desk.client()
        asked = client.users_getPresence

        async def ask(*, user: str) -> Any:
            if user == "UA1":
                raise TimeoutError
            return await asked(user=user)

        monkeypatch.setattr(client, "users_getPresence", ask)
        watch = presence.PresenceWatch(client, running.inbox, "T0DESK", {})
        return [set(await watch.look()) for _ in range(3)]

    assert running.run(thrice()) == [{ours[0]}, {ours[2], ours[0]}, {ours[2], ours[0]}]


def test_presence_that_cannot_be_read_is_not_told_and_disturbs_nobody(
    running: Running, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "EVERY", 0.1)
    slack.fail("500", "users.getPresence", times=2)
    running.inbox.staff = ["T0DESK:U1"]
    running.listen()
    slack.wait(lambda: running.inbox.present)
    assert running.trouble == [] and running.inbox.connections[-1]
    running.run(asyncio.sleep(0))
