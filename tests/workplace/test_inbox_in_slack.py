"""The inbox where agents see it: the real Slack desk against the fake workspace, and the core behind it as it is."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from bot import agents, deliver, erase, tags
from bot.desk import DeskPost
from bot.outbox import DeskOutbox
from bot.testing.desk_stage import KitDeskInbox
from channels.slack import homes
from channels.slack.workspace import SlackDesk
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_visits import labels, text_of
from tests.patience import patient
from tests.workplace.inboxes import House

CHANNEL = "C0SUPPORT"


class Office:
    """Agents in Slack (U1 is ana, U2 is marko, U3 is nobody) and customers who wait."""

    def __init__(self, house: House, slack: FakeSlack) -> None:
        self.house, self.slack = house, slack
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="desk", daemon=True)
        self.thread.start()
        self.begin()

    def begin(self) -> None:
        """A process of channels starts."""
        space = self.slack.space
        self.desk = SlackDesk(
            bot_token=space.bot_token, app_token=space.app_token, place=CHANNEL, api_url=self.slack.url
        )
        self.outbox = DeskOutbox(self.desk)
        self.outbox.declare()
        self.inbox = KitDeskInbox(self.outbox)

        async def listen() -> asyncio.Task[None]:
            return asyncio.ensure_future(self.desk.listen(self.inbox))

        self.listening = self.run(listen())
        self.slack.wait(lambda: self.inbox.connections and self.inbox.connections[-1])

    def end(self) -> None:
        """The process of channels ends."""

        async def stop() -> None:
            self.listening.cancel()
            await asyncio.gather(self.listening, return_exceptions=True)
            await self.desk.close()

        self.run(stop())

    def run(self, what: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(20)

    def over(self) -> None:
        self.end()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(patient(5))
        self.loop.close()

    def pump(self, conversation: str) -> None:
        """Post what is due, as the host would."""
        while (claimed := self.outbox.claim(conversation)) is not None:
            assert isinstance(claimed.out, DeskPost)
            self.outbox.posted(claimed, self.run(self.desk.post(claimed.out)))

    def sees(self, user: str, check: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """What the person's inbox shows as soon as it is like this."""
        return dict(self.slack.wait(lambda: (view := self.slack.home_of(user)) and check(view) and view))

    def press(self, user: str, what: str, then: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        self.slack.press(user, self.slack.home_of(user), what)
        return self.sees(user, then)

    def window(self, title: str) -> dict[str, Any]:
        opened = self.slack.space.opened
        return dict(
            self.slack.wait(lambda: next((v for v in list(opened.values()) if v["title"]["text"] == title), None))
        )


def has(*wanted: str) -> Callable[[dict[str, Any]], bool]:
    return lambda view: set(wanted) <= set(labels(view))


def says(words: str) -> Callable[[dict[str, Any]], bool]:
    return lambda view: words in text_of(view)


def small(view: dict[str, Any]) -> None:
    shown = {key: value for key, value in view.items() if key in {"type", "blocks", "private_metadata", "callback_id"}}
    assert len(view["blocks"]) <= 100 and len(json.dumps(shown)) < 250_000 and len(view["private_metadata"]) <= 3_000


@pytest.fixture
def office(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setattr(homes, "A_PERSON", 0.2)
    monkeypatch.setattr(homes, "EVERY", 0.2)
    house.store.write(lambda: house.store.sql("DELETE FROM setting WHERE key = 'desk.wall'"))
    for name, user in (("ana", "U1"), ("marko", "U2")):
        agents.link(name, "slack", f"T0DESK:{user}", actor="test")
    with FakeSlack() as slack:
        made = Office(house, slack)
        yield made
        made.over()
        assert not slack.space.noted("refused_blocks"), "everything was within Slack's limits"
    deliver.forget_declarations()


def test_a_morning_in_app_home(office: Office) -> None:
    house, slack = office.house, office.slack
    hostile = "<!channel> *bold* <https://evil.example|here> & " + "\u202e" + "n" * 300
    conversations = [house.waits("<@U2> `x` " + "z" * 3_000, name=hostile) for _ in range(31)]
    office.pump(conversations[0])
    (card,) = slack.space.messages(CHANNEL)[:1]
    slack.reply("U1", CHANNEL, card["ts"], "!tag Refund -none")
    tagged = slack.wait(lambda: house.store.read(lambda: tags.tags_of(conversations[0])))
    assert tagged == ("refund",) and house.ticket(conversations[0]).state == "open", (
        "a tag claims nothing and goes to nobody"
    )
    office.pump(conversations[0])
    assert "Tags: refund" in text_of(slack.space.message(CHANNEL, card["ts"]))
    slack.home("U1")
    office.sees("U1", has("I am away", "Mine (0)", "Unassigned (31)", "Resolved (0)"))
    view = office.press("U1", "Unassigned (31)", has("Next page"))
    small(view)
    assert labels(view).count("Claim") == 30 and "page 1 of 2" in text_of(view)
    assert "#1001 · <!channel> *bold*" in text_of(view)
    assert "mrkdwn" not in json.dumps(view["blocks"]), "nobody's name is read as Slack's language"
    links = [one["url"] for block in view["blocks"] for one in block.get("elements", []) if one.get("url")]
    assert links == [f"https://acme.example/archives/{CHANNEL}/p{card['ts'].replace('.', '')}"], (
        "one thread is open so far"
    )
    view = office.press("U1", "Next page", says("page 2 of 2"))
    assert labels(view).count("Claim") == 1 and "#1031" in text_of(view)

    office.press("U1", "Claim", has("Mine (1)", "Unassigned (30)"))
    assert house.ticket(conversations[30]).assignee == "ana"
    assert "page" not in text_of(slack.home_of("U1")).partition("#1001")[0].partition("Unassigned: 30")[2], (
        "one page is left"
    )
    office.press("U1", "Mine (1)", says("In progress since"))

    slack.home("U2")
    office.sees("U2", has("Unassigned (30)"))
    old = office.press("U2", "Unassigned (30)", has("Claim"))
    assert house.press(_claim(conversations[0])).code == "done"
    slack.press("U2", old, "Claim")
    view = office.sees("U2", says("Ana has it"))
    assert "#1001" not in text_of(view).partition("Ana has it")[2], "and the list is right afterwards"
    office.sees("U1", has("Mine (2)", "Unassigned (29)"))


def _claim(conversation: str) -> Any:
    from bot.desk_actions import Action
    from bot.pages import Press

    return Press(label="Claim", action=Action.CLAIM, conversation_id=conversation)


def test_forms_tags_presence_and_a_restart(office: Office) -> None:
    house, slack = office.house, office.slack
    first, second = house.waits(name="Anna"), house.waits(name="Ben")
    slack.home("U1")
    office.sees("U1", has("Unassigned (2)"))
    office.press("U1", "Unassigned (2)", has("Tags…"))

    slack.press("U1", slack.home_of("U1"), "Tags…")
    slack.submit("U1", office.window("Tags of #1001"), {"new": "not!good"})
    (refused,) = slack.wait(
        lambda: [e for e in slack.space.noted("submitted") if (e.get("answer") or {}).get("errors")]
    )
    assert "cannot be a tag" in str(refused)
    slack.submit("U1", office.window("Tags of #1001"), {"new": "VIP"})
    # The lines are read after the filter: on PostgreSQL they may know the tag one view earlier.
    view = office.sees("U1", lambda view: says("tags: vip")(view) and "All tags" in json.dumps(view))
    slack.pick("U1", view, "tag", "vip")
    office.sees("U1", has("Unassigned (1)"))
    assert "Ben" not in text_of(slack.home_of("U1"))

    slack.press("U1", slack.home_of("U1"), "Assign…")
    form = office.window("Assign #1001")
    offered = slack.suggest("U1", form, "agent", "mar")
    assert [one["text"]["text"] for one in offered] == ["Marko (marko)"]
    slack.submit("U1", form, {"agent": offered[0]["value"]})
    office.sees("U1", has("Mine (0)", "Unassigned (0)"))
    assert house.ticket(first).assignee == "marko"

    office.press("U1", "I am away", says("You are away"))
    row = house.store.read(lambda: agents.agent_named("ana"))
    assert not row.available and row.available_since > time.time() - 60

    before = text_of(slack.home_of("U1"))
    office.end()
    slack.space.homes.pop("U1")
    office.begin()
    assert text_of(office.sees("U1", says("You are away"))) == before, "shown again by itself, and as it was"
    slack.pick("U1", slack.home_of("U1"), "tag", "*")
    office.sees("U1", has("Unassigned (1)"))
    slack.press("U1", slack.home_of("U1"), "Snooze…")
    slack.submit("U1", office.window("Snooze #1002"), {"minutes": "180"})
    office.sees("U1", says("Snoozed until"))
    erase.erase_conversation(second)
    office.sees("U1", has("Unassigned (0)"))
    assert "Ben" not in text_of(slack.home_of("U1"))


def test_somebody_who_is_not_linked_is_told_how_and_then_sees_everything(office: Office) -> None:
    house, slack = office.house, office.slack
    house.waits(name="Anna")
    slack.space.add_user("U3", "nina")
    slack.home("U3")
    view = office.sees("U3", has("Link me"))
    assert "Anna" not in text_of(view)
    view = office.press("U3", "Link me", says("agents link"))
    code = text_of(view).split("agents link ")[1].split()[0]
    agents.add_agent("nina", actor="test")
    agents.redeem(code, "nina", actor="test")
    office.sees("U3", has("Unassigned (1)"))
