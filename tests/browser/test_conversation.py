"""Asking and being answered: streaming, sources, stop, suggested replies, honest words."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.widget import PATIENCE
from tests.fakes.llm import FakeLLM
from tests.fakes.llm_script import Script
from tests.patience import patient
from tests.running import Deskhand

LONG = " ".join(f"word{n}" for n in range(200))


def test_a_question_is_answered_with_a_source_that_can_be_opened(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    answer = chat.ask("How long do I have to return a tent?")
    expect(answer.locator(".who")).to_contain_text("Offline assistant")
    expect(answer.locator("details")).not_to_have_attribute("open", "")
    answer.get_by_role("button", name="Source 1").first.click()
    expect(answer.locator("details")).to_have_attribute("open", "")
    expect(answer.locator("details li").first).to_be_focused()
    expect(chat.mine.first).to_contain_text("Sent")


def test_what_the_articles_do_not_know_is_said_and_a_person_is_offered(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    answer = chat.ask("Can I book a flight to the moon with you?")
    expect(answer.locator("details")).to_have_count(0)
    answer.get_by_role("button", name="Talk to a person").click()
    expect(chat.page.get_by_role("heading", name="Leave your address")).to_be_visible(timeout=PATIENCE)


def test_an_answer_is_shown_while_it_is_written(with_model: Deskhand, model: FakeLLM, visit: Visit) -> None:
    model.script(Script(answer="First part. " + LONG, tokens_per_second=40))
    chat = visit(with_model).open()
    chat.say("Tell me everything about tents")
    expect(chat.draft).to_contain_text("First part.", timeout=PATIENCE)
    expect(chat.draft).to_have_attribute("aria-busy", "true")
    seen = len(chat.draft.inner_text())
    expect(chat.draft).to_contain_text("word30", timeout=PATIENCE)
    assert len(chat.draft.inner_text()) > seen


WRONG = "You can send it back within 30 days [1]. The label for it costs €49 in every country of the world [1]."


def test_a_check_that_fails_at_the_end_replaces_what_was_shown(
    with_model: Deskhand, model: FakeLLM, visit: Visit
) -> None:
    model.script(Script(answer=WRONG, tokens_per_second=15))
    chat = visit(with_model).open()
    chat.say("How long do I have to return a tent?")
    expect(chat.draft).to_contain_text("€49", timeout=PATIENCE)
    expect(chat.answers.first).to_contain_text("I left out what I could not confirm", timeout=PATIENCE)
    shown = chat.answers.first.inner_text()
    assert "30 days" in shown and "€49" not in shown and chat.answers.count() == 1


def test_a_checked_site_shows_nothing_before_it_passed(with_model: Deskhand, model: FakeLLM, visit: Visit) -> None:
    assert with_model.run("site", "set", "demo", "answers=checked").returncode == 0
    try:
        model.script(Script(answer=WRONG, tokens_per_second=15))
        chat = visit(with_model).open()
        chat.say("How many days do I have to send back a tent?")  # another one: answers are remembered
        expect(chat.draft).to_contain_text("The assistant is answering", timeout=PATIENCE)
        while not chat.answers.count():
            drafts = " ".join(chat.page.locator(".draft").all_inner_texts())
            assert "30 days" not in drafts or "I left out" in drafts, "at most the finished answer"
            chat.page.wait_for_timeout(50)
        expect(chat.answers.first).to_contain_text("I left out what I could not confirm", timeout=PATIENCE)
        assert "€49" not in chat.answers.first.inner_text()
    finally:
        assert with_model.run("site", "set", "demo", "answers=").returncode == 0


def test_stop_keeps_what_was_shown_and_the_focus(with_model: Deskhand, model: FakeLLM, visit: Visit) -> None:
    model.script(Script(answer=LONG, tokens_per_second=25))
    chat = visit(with_model).open()
    chat.say("Tell me everything about stoves")
    expect(chat.draft).to_contain_text("word5", timeout=PATIENCE)
    box = chat.button.bounding_box()
    chat.button.focus()
    expect(chat.button).to_have_accessible_name("Stop answering")
    chat.page.keyboard.press("Enter")
    expect(chat.answers.first).to_contain_text("Stopped", timeout=PATIENCE)
    expect(chat.answers.first).to_contain_text("word5")
    assert "word199" not in chat.answers.first.inner_text()
    expect(chat.button).to_be_focused()
    expect(chat.button).to_have_accessible_name("Send")
    assert chat.button.bounding_box() == box


def test_a_suggested_reply_is_sent_and_the_suggestions_go(with_model: Deskhand, model: FakeLLM, visit: Visit) -> None:
    model.script(Script(conclude={"confidence": 0.9, "quick_replies": ["How do I pack it?", "Thank you"]}))
    chat = visit(with_model).open()
    chat.ask("How do I return a tent?")
    replies = chat.page.get_by_role("group", name="Suggested replies").get_by_role("button")
    expect(replies).to_have_count(2)
    replies.first.click()
    expect(chat.mine.last).to_contain_text("How do I pack it?")
    expect(chat.answers).to_have_count(2, timeout=PATIENCE)


def test_a_question_to_start_with_is_sent_by_one_press(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    starters = chat.page.get_by_role("group", name="Questions to start with").get_by_role("button")
    text = starters.first.inner_text()
    starters.first.click()
    expect(chat.mine.first).to_contain_text(text)
    expect(chat.answers).to_have_count(1, timeout=PATIENCE)
    expect(starters).to_have_count(0)


def test_a_message_may_be_written_while_an_answer_comes(with_model: Deskhand, model: FakeLLM, visit: Visit) -> None:
    model.script(Script(answer=LONG, tokens_per_second=40))
    chat = visit(with_model).open()
    chat.say("Tell me about ferns")
    expect(chat.draft).to_contain_text("word3", timeout=PATIENCE)
    chat.input.fill("And about moss?")
    expect(chat.button).to_have_accessible_name("Send")
    chat.input.press("Enter")
    expect(chat.mine).to_have_count(2)
    expect(chat.answers.last).to_contain_text("And about moss?", timeout=patient(30_000))


def test_markdown_from_the_model_is_shown_and_never_obeyed(with_model: Deskhand, model: FakeLLM, visit: Visit) -> None:
    model.script(
        Script(
            answer="**Bold** and `code`.\n\n- one\n- two\n\n<img src=x onerror=alert(name)> [go](javascript:alert(name))"
        )
    )
    chat = visit(with_model).open()
    answer = chat.ask("How do I clean a tent?")  # another one than above: answers are remembered
    expect(answer.locator("strong")).to_have_text("Bold")
    expect(answer.locator("li")).to_have_text(["one", "two"])
    expect(answer.locator(".b img")).to_have_count(0)
    assert answer.locator(".b a[href^=javascript]").count() == 0


def test_the_answer_can_be_copied(product: Deskhand, visit: Visit) -> None:
    chat = visit(product, permissions=["clipboard-read", "clipboard-write"]).open()
    answer = chat.ask("How long do I have to return a tent?")
    answer.get_by_role("button", name="Copy").click()
    expect(answer.get_by_role("button", name="Copied")).to_be_visible()
    assert "30 days" in chat.page.evaluate("navigator.clipboard.readText()")


def test_the_length_is_counted_near_its_end_only_and_too_much_is_not_sent(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    hint = chat.page.locator("#dh-hint")
    chat.input.fill("a" * 3000)
    expect(hint).to_have_text("")
    chat.input.fill("a" * 3990)
    expect(hint).to_have_text("10 characters left")
    chat.input.fill("a" * 4001)
    expect(hint).to_contain_text("1 character too long")
    expect(chat.input).to_have_attribute("aria-invalid", "true")
    chat.input.press("Enter")
    expect(chat.input).to_have_value("a" * 4001)
    expect(chat.mine).to_have_count(0)


def test_enter_sends_and_shift_enter_begins_a_line(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    chat.input.press_sequentially("one")
    chat.input.press("Shift+Enter")
    chat.input.press_sequentially("two")
    chat.input.press("Enter")
    expect(chat.mine.first.locator(".plain")).to_have_text("one\ntwo")
