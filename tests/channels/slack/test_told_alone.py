"""Whom a message names, and messages to one agent alone: how Slack brings the first, and shows and unsays the second."""

from __future__ import annotations

from bot import Press, Row
from bot.notification_preferences import Preferences
from bot.notifications_shown import Message, Told
from bot.workplace import notify
from tests.channels.slack.conftest import CHANNEL, Running, a_post, a_thread
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_visits import labels, text_of


def test_people_whom_a_message_names_are_told_to_the_core_and_strangers_are_not(
    running: Running, slack: FakeSlack
) -> None:
    root = a_thread(running)
    running.listen()
    ts = slack.reply("U1", CHANNEL, root, "<@U2> and <@USTRANGER> and <@U404>, see <https://x.example|@ben>")
    slack.reply("U1", CHANNEL, root, "note: @ben")
    slack.edit(CHANNEL, ts, "<@U1> <@U2|ben>")
    events = running.wait_for_events(3)
    team = slack.space.team
    assert {event.kind + event.text[:4]: event.mentions for event in events} == {
        "reply@Ben": (f"{team}:U2",), "replynote": (), "edit@Ana": (f"{team}:U1", f"{team}:U2"),
    }  # fmt: skip


def test_a_notification_is_a_message_of_its_own_that_reads_names_as_names_and_can_be_unsaid(
    running: Running, slack: FakeSlack
) -> None:
    nasty = "*Anna* <!channel> <https://evil.example|x> " + "a" * 300
    told = tuple(
        Told(
            id=f"n{number}", kind="request", conversation_id=f"c{number}", ticket=1040 + number, customer=nasty,
            words="This waits for somebody.", link="https://desk.slack.com/archives/C0/p1", at=0.0,
        )
        for number in range(15)
    )  # fmt: skip
    found = Message(id="p1", agent_id="a", title="40 notifications", told=told, more=25, preferences=Preferences())
    person = f"{slack.space.team}:U1"
    post = a_post(op="direct", card=None, place=person, person=person, page=notify._message_page(found))
    posted = running.run(running.desk.post(post))
    (shown,) = slack.directs("U1")
    assert "&lt;!channel&gt;" not in text_of(shown) and "<!channel>" not in str(shown["text"])
    assert len(shown["blocks"]) <= 50 and {"Open", "Claim"} <= set(labels(shown)) and "Mark as read" in labels(shown)
    assert all(
        block["text"]["type"] == "plain_text" or "evil" not in str(block)
        for block in shown["blocks"]
        if "text" in block
    )
    assert isinstance(post.page.parts[0], Row) and isinstance(post.page.parts[0].presses[0], Press)  # type: ignore[union-attr]
    running.run(
        running.desk.post(a_post(key="k2", op="delete", card=None, place=person, person=person, subject=posted.id))
    )
    assert slack.directs("U1") == []
