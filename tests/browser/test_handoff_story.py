"""The whole story of a handoff: Chromium at one end, Slack's own SDK and a mail server at the other, and everything between them real."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import Starter, Visit
from tests.browser.widget import PATIENCE
from tests.fakes.llm import FakeLLM
from tests.fakes.llm_script import Script
from tests.fakes.slack import FakeSlack
from tests.fakes.smtp import FakeMail, Taken
from tests.patience import wait_for

ROOM = "C0HELP"
SLOW = 20_000
"""Milliseconds for what passes through Slack: an agent's words are held for five seconds first."""


def photo(colour: str, width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as fake:
        fake.space.channels.pop(ROOM, None)
        fake.space.add_channel(ROOM, "help").members.update({"U1", "U2"})
        yield fake


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[FakeMail]:
    with FakeMail(tmp_path, tls="starttls", auth=True) as server:
        yield server


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    with FakeLLM() as fake:
        fake.default = Script(answer=spoken)
        yield fake


def spoken(asked: object) -> str:
    prompt = str(getattr(asked, "prompt", ""))
    return (
        "The customer has a wet tent."
        if "Write the summary" in prompt
        else "You have **thirty days** to return it [1]."
    )


def test_from_a_question_to_a_rating_and_open_again(
    start: Starter, visit: Visit, slack: FakeSlack, mail: FakeMail, llm: FakeLLM
) -> None:
    product = start(
        "story", SLACK_BOT_TOKEN=slack.space.bot_token, SLACK_APP_TOKEN=slack.space.app_token, SLACK_CHANNEL=ROOM,
        DESKHAND_SLACK_API_URL=slack.url, SMTP_URL=mail.url, DESKHAND_MAIL_FROM="Fjord & Fern <help@shop.example>",
        DESKHAND_TEAM_MAIL="team@shop.example", OPENAI_API_KEY="k", OPENAI_BASE_URL=llm.openai_url,
    )  # fmt: skip
    for name, user in (("ana", "U1"), ("ben", "U2")):
        assert product.run("agents", "add", name, "--slack", f"{slack.space.team}:{user}").returncode == 0
    slack.wait(lambda: slack.space.noted("socket_open") or slack.sockets.open, 20)

    def arrived(to: str, subject: str) -> list[Taken]:
        return [one for one in mail.mails if one.to == [to] and subject in one.message["Subject"]]

    # A question, an answer with its source, and the wish for a person.
    chat = visit(product).open()
    answer = chat.ask("How long do I have to return a tent?")
    expect(answer.locator(".b")).to_contain_text("thirty days")
    expect(answer.locator(".sources li")).to_have_count(1)
    chat.input.fill("It came in soaking wet")
    chat.page.locator(".under").get_by_role("button", name="Talk to a person").click()
    expect(chat.page.locator(".wait")).to_contain_text("You are next in the queue.", timeout=PATIENCE)
    root = slack.wait_for_message(ROOM, seconds=10)["ts"]
    slack.wait(lambda: "The customer has a wet tent." in str(slack.space.message(ROOM, root)) or None, 20)
    told = slack.wait(lambda: [m for m in slack.space.messages(ROOM, root) if "thirty days" in str(m)], 10)
    assert told, "the thread begins with what was said"

    # The customer leaves an address, and proves it.
    chat.page.get_by_role("button", name="Leave a message instead").click()
    chat.page.get_by_label("Name").fill("Ada")
    chat.page.get_by_label("E-mail").fill("ada@example.com")
    chat.page.get_by_role("button", name="Send request").click()
    expect(chat.page.locator("article.ticket_made")).to_contain_text("#1001", timeout=PATIENCE)
    wait_for(lambda: arrived("team@shop.example", "#1001"), 20)
    (asked,) = wait_for(lambda: arrived("ada@example.com", "confirm your address"), 20)
    link = re.search(r"http://\S+?(/w/confirm/[\w-]+)", asked.text)
    assert link is not None
    page: Page = chat.page.context.new_page()
    page.goto(product.base_url + link[1])
    page.get_by_role("button").click()
    expect(page.get_by_text("is confirmed")).to_be_visible()
    page.close()

    # Two agents claim at the same moment; exactly one has it.
    slack.wait(lambda: "Claim" in str(slack.space.message(ROOM, root)["blocks"]) or None, 10)
    slack.click_at_once(("U1", "U2"), ROOM, root, "Claim")
    expect(chat.page.locator("article.joined")).to_have_count(1, timeout=PATIENCE)
    name = "Ana" if "Ana is here now." in chat.page.locator("article.joined").inner_text() else "Ben"
    winner = {"Ana": "U1", "Ben": "U2"}[name]
    expect(chat.page.locator(".head p")).to_have_text(f"{name} is answering")
    expect(chat.page.locator(".head .face")).to_have_text(name[0])
    slack.wait(lambda: slack.space.ephemerals or None, 10)
    assert slack.space.ephemerals[0]["user"] != winner, "the other one is told who was faster"

    # Words, a change, a deletion, a file, a note.
    theirs = chat.page.locator("article.agent")
    first = slack.reply(winner, ROOM, root, "You have 30 days, I am sure.")
    expect(theirs).to_have_count(1, timeout=SLOW)
    slack.reply(winner, ROOM, root, "note: she sounds upset")
    slack.edit(ROOM, first, "You have 30 days from delivery.")
    expect(theirs.first.locator(".b")).to_have_text("You have 30 days from delivery.", timeout=SLOW)
    expect(theirs.first.locator(".foot")).to_contain_text("Edited")
    slip = slack.reply(winner, ROOM, root, "Wrong window, sorry")
    expect(theirs).to_have_count(2, timeout=SLOW)
    slack.delete(ROOM, slip)
    expect(theirs.nth(1).locator(".b")).to_have_text("This message was deleted.", timeout=SLOW)
    slack.share(winner, ROOM, root, ("label.png", photo("#0b6e69", 400, 200), "image/png"), text="Stick this on it.")
    expect(chat.page.get_by_role("img", name="Picture label.png")).to_be_visible(timeout=SLOW)

    # And in the other direction.
    chat.page.locator("input[type=file]").set_input_files(
        {"name": "tent.png", "mimeType": "image/png", "buffer": photo("#7a4d00", 2400, 1600)}
    )
    chat.input.fill("This is how it looks")
    chat.input.press("Enter")
    expect(chat.page.get_by_role("img", name="Picture tent")).to_be_visible(timeout=PATIENCE)
    shown = slack.wait(lambda: [m for m in slack.space.messages(ROOM, root) if "tent" in str(m.get("files"))], 20)
    assert len(shown) == 1
    chat.mine.last.hover()
    chat.page.get_by_role("button", name="Change message").click()
    chat.page.get_by_role("textbox", name="Change message").fill("This is how it looked")
    chat.page.get_by_role("button", name="Save").click()
    expect(chat.mine.last).to_contain_text("Edited", timeout=PATIENCE)
    slack.wait(lambda: "This is how it looked" in str(slack.space.messages(ROOM, root)) or None, 20)
    theirs.first.hover()
    chat.page.get_by_role("button", name="React with 🙏").click()
    expect(theirs.first.locator(".react")).to_have_text("🙏", timeout=PATIENCE)
    slack.wait(lambda: slack.space.message(ROOM, first).get("reactions", {}).get("pray") or None, 20)

    # Resolved: a summary for colleagues, the transcript for the customer, a rating.
    slack.click(winner, ROOM, root, "Resolve")
    expect(chat.page.locator("article.resolved")).to_be_visible(timeout=PATIENCE)
    slack.wait(lambda: "resolved" in str(slack.space.message(ROOM, root)).lower() or None, 10)
    (transcript,) = wait_for(lambda: arrived("ada@example.com", "Your conversation with"), 30)
    assert "30 days from delivery" in transcript.text
    assert "upset" not in transcript.text and "Wrong window" not in transcript.text
    chat.panel.get_by_role("radio", name="Very good").check()
    chat.page.get_by_label("What was good").fill("Kind and quick")
    chat.page.get_by_role("button", name="Send rating").click()
    expect(chat.page.get_by_text("Thank you for your rating.")).to_be_visible()
    wait_for(lambda: "5 of 5" in (out := product.run("tickets", "show", "1001").stdout) and "wet tent" in out, 20)

    # She writes again: the same thread, and nothing that was for colleagues was ever shown.
    chat.say("It is wet again")
    slack.wait(lambda: [m for m in slack.space.messages(ROOM, root) if "wet again" in str(m)] or None, 20)
    assert len(slack.space.messages(ROOM)) == 1, "one conversation, one thread"
    expect(chat.panel.get_by_role("radio")).to_have_count(0)
    expect(chat.page.locator(".head p")).not_to_have_text("This conversation is closed. Write to open it again.")
    everything = chat.panel.inner_text() + chat.page.evaluate("JSON.stringify({ ...localStorage, ...sessionStorage })")
    assert "upset" not in everything
    assert chat.unsent_keys() == []
