"""Whether an answer helped: thumbs under the assistant's answers, a reason after a thumb down, by pointer, keyboard and voice."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Visit
from tests.browser.test_accessibility import MODES, no_violations
from tests.browser.widget import PATIENCE, Widget
from tests.patience import wait_for
from tests.running import Deskhand

QUESTION = "How long do I have to return a tent?"
UP, DOWN = "This helped", "This did not help"


def thumb(answer: Locator, name: str) -> Locator:
    return answer.get_by_role("button", name=name, exact=True)


def logged(product: Deskhand, chat: Widget, conversation: str = "", **wanted: str) -> dict[str, Any]:
    """The row of the answer in the conversation (that is shown), once it says so."""
    conversation = conversation or chat.state()["conversationId"]

    def look() -> dict[str, Any] | None:
        done = product.run("answers", "export", "--format", "jsonl", "--conversation", conversation)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return next((row for row in rows if all(row[key] == value for key, value in wanted.items())), None)

    found: dict[str, Any] = wait_for(look, 15, f"the log says {wanted}")
    return found


def asked(product: Deskhand, visit: Visit, **options: Any) -> tuple[Widget, Locator]:
    chat = visit(product, **options).open()
    answer = chat.ask(QUESTION)
    expect(thumb(answer, UP)).to_be_visible(timeout=PATIENCE)
    return chat, answer


def test_a_thumb_up_is_kept_over_a_reload_and_can_be_taken_back(product: Deskhand, visit: Visit) -> None:
    chat, answer = asked(product, visit)
    thumb(answer, UP).click()
    expect(thumb(answer, UP)).to_have_attribute("aria-pressed", "true")
    expect(chat.voice).to_contain_text("Marked: this helped.")
    expect(answer.locator(".why")).to_have_count(0)
    row = logged(product, chat, mark="up")
    assert (row["type"], row["reason"]) == ("offline", "")
    conversation = row["conversation_id"]
    expect(answer.locator(".reacts")).to_have_count(0)
    chat.page.reload()
    chat.open()
    answer = chat.answers.last
    expect(thumb(answer, UP)).to_have_attribute("aria-pressed", "true", timeout=PATIENCE)
    thumb(answer, UP).click()
    expect(thumb(answer, UP)).to_have_attribute("aria-pressed", "false")
    logged(product, chat, conversation, mark="")
    assert chat.unsent_keys() == []


def test_a_thumb_down_asks_why_and_takes_words(product: Deskhand, visit: Visit) -> None:
    chat, answer = asked(product, visit)
    thumb(answer, UP).click()
    thumb(answer, DOWN).click()
    expect(thumb(answer, UP)).to_have_attribute("aria-pressed", "false")
    expect(answer.get_by_role("group", name="What was wrong?")).to_be_visible()
    expect(answer.get_by_label("It is wrong")).to_be_focused()
    answer.get_by_label("Out of date").check()
    answer.get_by_label("In your words, if you like").fill("That was last year")
    answer.get_by_role("button", name="Send", exact=True).click()
    expect(answer.locator(".why")).to_have_count(0)
    expect(chat.voice).to_contain_text("Thank you.")
    row = logged(product, chat, mark="down", reason="outdated")
    assert row["words"] == "That was last year"


def test_all_of_it_works_by_keyboard_and_the_focus_stays(product: Deskhand, visit: Visit) -> None:
    chat, answer = asked(product, visit)
    thumb(answer, DOWN).focus()
    chat.page.keyboard.press("Enter")
    expect(answer.get_by_label("It is wrong")).to_be_focused()
    logged(product, chat, mark="down")
    expect(answer.get_by_label("It is wrong")).to_be_focused()
    chat.page.keyboard.press("Escape")
    expect(answer.locator(".why")).to_have_count(0)
    expect(thumb(answer, DOWN)).to_be_focused()
    chat.page.keyboard.press("Enter")
    logged(product, chat, mark="")
    expect(thumb(answer, DOWN)).to_be_focused()
    expect(thumb(answer, DOWN)).to_have_attribute("aria-pressed", "false")
    chat.page.keyboard.press("Enter")
    chat.page.keyboard.press("ArrowDown")
    chat.page.keyboard.press("ArrowDown")
    expect(answer.get_by_label("Not what I asked")).to_be_checked()
    chat.page.keyboard.press("Tab")
    chat.page.keyboard.press("Tab")
    chat.page.keyboard.press("Enter")
    logged(product, chat, mark="down", reason="not_asked")


def test_a_mark_made_without_a_connection_goes_out_later(product: Deskhand, visit: Visit) -> None:
    visit.allowed.append("ERR_INTERNET_DISCONNECTED")
    chat, answer = asked(product, visit)
    chat.page.context.set_offline(True)
    thumb(answer, UP).click()
    expect(thumb(answer, UP)).to_have_attribute("aria-pressed", "true")
    chat.page.context.set_offline(False)
    logged(product, chat, mark="up")


def test_german_visitors_are_asked_in_german(product: Deskhand, visit: Visit) -> None:
    chat = visit(product)
    chat.page.evaluate("document.documentElement.lang = 'de'")
    chat.open()
    answer = chat.ask(QUESTION)
    thumb(answer, "Das hat nicht geholfen").click(timeout=PATIENCE)
    expect(answer.get_by_role("group", name="Was war falsch?")).to_be_visible()


@pytest.mark.parametrize("mode", MODES)
def test_axe_finds_nothing_in_the_form(product: Deskhand, visit: Visit, mode: str) -> None:
    chat, answer = asked(product, visit, **MODES[mode])
    no_violations(chat, "thumbs")
    thumb(answer, DOWN).click()
    expect(answer.locator(".why")).to_be_visible()
    no_violations(chat, "why")
