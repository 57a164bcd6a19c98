"""Waiting for a person: a countdown, a true place in the queue, two ways out, and a form that knows what was typed."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Starter, Visit
from tests.browser.test_accessibility import MODES, no_violations
from tests.browser.widget import PATIENCE, Widget
from tests.fakes.slack import FakeSlack
from tests.running import Deskhand

ROOM = "C0HELP"
HEARD = """() => { window.heard = []; const voice = document.querySelector('deskhand-chat').shadowRoot.querySelector('div.vh[role=status]');
new MutationObserver(() => voice.textContent && heard.push(voice.textContent)).observe(voice, { childList: true, characterData: true, subtree: true }) }"""


@pytest.fixture(scope="module")
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as fake:
        with contextlib.suppress(KeyError):
            fake.space.channels.pop(ROOM)
        fake.space.add_channel(ROOM, "help").members.update({"U1", "U2"})
        yield fake


def with_slack(start: Starter, slack: FakeSlack, name: str, **env: str) -> Deskhand:
    product = start(
        name,
        SLACK_BOT_TOKEN=slack.space.bot_token,
        SLACK_APP_TOKEN=slack.space.app_token,
        SLACK_CHANNEL=ROOM,
        DESKHAND_SLACK_API_URL=slack.url,
        **env,
    )
    done = product.run("agents", "add", "ana", "--slack", f"{slack.space.team}:U1")
    assert done.returncode == 0, done.stderr
    slack.wait(lambda: slack.space.noted("socket_open") or slack.sockets.open, 20)
    return product


@pytest.fixture(scope="module")
def patient(start: Starter, slack: FakeSlack) -> Deskhand:
    """People come within 180 s, says the house."""
    return with_slack(start, slack, "patient")


@pytest.fixture(scope="module")
def impatient(start: Starter) -> Iterator[Deskhand]:
    """A countdown of three seconds, and a desk of its own."""
    with FakeSlack() as fake:
        fake.space.channels.pop(ROOM, None)
        fake.space.add_channel(ROOM, "help").members.update({"U1"})
        yield with_slack(start, fake, "impatient", DESKHAND_HANDOFF_SECONDS="3")


def ask_for_a_person(chat: Widget) -> Widget:
    chat.page.locator(".under").get_by_role("button", name="Talk to a person").click()
    expect(chat.page.locator(".wait")).to_be_visible(timeout=PATIENCE)
    return chat


def test_the_countdown_and_the_place_are_shown_and_said(patient: Deskhand, visit: Visit) -> None:
    first = ask_for_a_person(visit(patient).open())
    chat = visit(patient).open()
    chat.page.evaluate(HEARD)
    ask_for_a_person(chat)
    timer = chat.page.get_by_role("timer")
    expect(timer).to_have_text(re.compile(r"^2:\d\d$"), timeout=PATIENCE)
    expect(chat.page.locator(".wait")).to_contain_text("You are number 2 in the queue.")
    expect(chat.page.locator(".wait")).to_contain_text("Nobody can say yet how long it takes.")
    expect(chat.page.locator(".head p")).to_have_text("You are number 2 in the queue.")
    chat.until("() => heard.some((one) => one.includes('Connecting you to a person. About 3 minutes left.'))")
    for _ in range(4):
        expect(timer).not_to_have_text(timer.inner_text(), timeout=PATIENCE)
    said = [one for one in chat.page.evaluate("heard") if "left." in one]
    assert len(said) <= 2, "a screen reader does not hear every second"
    first.page.locator(".wait").get_by_role("button", name="Stop waiting").click()
    expect(chat.page.locator(".wait")).to_contain_text("You are next in the queue.", timeout=2 * PATIENCE)


def test_stop_waiting_gives_it_back_to_the_assistant(patient: Deskhand, visit: Visit) -> None:
    chat = visit(patient).open()
    chat.page.evaluate("void Deskhand.on('handoff:cancelled', (detail) => { window.cancelled = detail })")
    ask_for_a_person(chat)
    chat.page.locator(".wait").get_by_role("button", name="Stop waiting").click()
    expect(chat.page.locator("article.handoff_cancelled")).to_be_visible(timeout=PATIENCE)
    expect(chat.page.locator(".wait")).to_have_count(0)
    expect(chat.page.locator(".head p")).to_have_text("AI assistant, answers at once")
    assert chat.page.evaluate("cancelled.conversationId") == chat.state()["conversationId"]
    chat.ask("How long do I have to return a tent?")


def test_a_message_instead_takes_over_what_was_typed(patient: Deskhand, visit: Visit) -> None:
    chat = ask_for_a_person(visit(patient).open())
    chat.input.fill("My parcel is wet")
    chat.page.locator(".wait").get_by_role("button", name="Leave a message instead").click()
    expect(chat.page.get_by_label("Name")).to_be_focused(timeout=PATIENCE)
    expect(chat.page.get_by_label("What should they know?")).to_have_value("My parcel is wet")
    chat.page.get_by_role("button", name="Keep waiting").click()
    expect(chat.page.get_by_role("timer")).to_be_visible()
    chat.page.locator(".wait").get_by_role("button", name="Leave a message instead").click()
    chat.page.get_by_label("E-mail").fill("ada@example.com")
    chat.page.get_by_role("button", name="Send request").click()
    expect(chat.page.locator("article.ticket_made")).to_contain_text("#", timeout=PATIENCE)
    expect(chat.mine.last).to_contain_text("My parcel is wet")
    assert chat.input.input_value() == "", "it is not sent a second time"
    expect(chat.page.locator("form.card")).to_have_count(0)
    expect(chat.page.locator(".wait")).to_have_count(0)


def test_from_the_menu_a_running_chat_becomes_a_ticket(patient: Deskhand, visit: Visit) -> None:
    chat = visit(patient).open()
    chat.ask("How long do I have to return a tent?")
    chat.menu("Leave a message instead")
    expect(chat.page.get_by_role("heading", name="Leave a message instead")).to_be_visible(timeout=PATIENCE)
    chat.page.get_by_role("button", name="Back to the chat").click()
    expect(chat.page.locator("form.card")).to_have_count(0)
    chat.menu("Leave a message instead")
    chat.page.get_by_label("E-mail").fill("ada@example.com")
    chat.page.get_by_role("button", name="Send request").click()
    expect(chat.page.locator("article.ticket_made")).to_be_visible(timeout=PATIENCE)


def test_when_the_time_is_over_the_form_comes_with_what_was_typed(impatient: Deskhand, visit: Visit) -> None:
    chat = visit(impatient).open()
    chat.page.locator(".under").get_by_role("button", name="Talk to a person").click()
    chat.input.fill("It rained in")
    expect(chat.page.locator("article.offline_form")).to_be_visible(timeout=3 * PATIENCE)
    expect(chat.page.get_by_label("What should they know?")).to_have_value("It rained in", timeout=PATIENCE)
    expect(chat.page.locator("form.card")).to_contain_text("You are next in the queue. Your place is kept")
    chat.page.get_by_label("E-mail").fill("ada@example.com")
    chat.page.get_by_role("button", name="Send request").click()
    expect(chat.page.locator("article.contact_saved")).to_be_visible(timeout=PATIENCE)
    expect(chat.page.locator("form.card")).to_have_count(0)
    expect(chat.page.locator(".wait")).to_contain_text("A person will come")
    expect(chat.page.get_by_role("timer")).to_be_hidden()


def test_a_closed_house_says_so_before_and_after_one_asks(impatient: Deskhand, visit: Visit) -> None:
    assert impatient.run("site", "hours", "demo", "closed").returncode == 0
    chat = visit(impatient).open()
    expect(chat.page.locator(".intro")).to_contain_text("No people are here right now.", timeout=PATIENCE)
    chat.page.locator(".under").get_by_role("button", name="Talk to a person").click()
    expect(chat.page.locator("article.handoff_closed")).to_be_visible(timeout=PATIENCE)
    expect(chat.page.get_by_role("heading", name="Leave your address")).to_be_visible()


def test_the_next_opening_is_told_in_the_visitors_own_time(patient: Deskhand, visit: Visit) -> None:
    chat = visit(patient, timezone_id="America/New_York").open()
    tell = """async (hours) => { const at = new Date(); at.setHours(9, 0, 0, 0);
      return (await import('/w/hours.js')).back({ people: 'closed', opens: at.getTime() / 1000 + hours * 3600 }) }"""
    assert chat.page.evaluate(tell, 0) == "People are back today at 09:00 AM, your time."
    assert chat.page.evaluate(tell, 24).startswith("People are back tomorrow at ")
    weekday = chat.page.evaluate("new Intl.DateTimeFormat('en', { weekday: 'long' }).format(Date.now() + 3 * 86400000)")
    assert chat.page.evaluate(tell, 72).startswith(f"People are back {weekday} at ")


@pytest.mark.parametrize("mode", ["dark", "forced colours", "320 px"])
def test_axe_finds_nothing_while_one_waits(mode: str, patient: Deskhand, visit: Visit) -> None:
    chat = ask_for_a_person(visit(patient, **MODES[mode]).open())
    expect(chat.page.get_by_role("timer")).to_be_visible()
    no_violations(chat, "waiting")
    chat.page.locator(".wait").get_by_role("button", name="Leave a message instead").click()
    expect(chat.page.get_by_label("Name")).to_be_focused(timeout=PATIENCE)
    no_violations(chat, "a message instead")
    chat.page.get_by_role("button", name="Keep waiting").click()
    chat.page.locator(".wait").get_by_role("button", name="Stop waiting").click()
    expect(chat.page.locator("article.handoff_cancelled")).to_be_visible(timeout=PATIENCE)
