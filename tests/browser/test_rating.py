"""After a conversation is closed: asked once, in words, skippable, and never in the way."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.test_accessibility import no_violations
from tests.browser.widget import PATIENCE, Widget
from tests.running import Deskhand

QUESTION = "How was the help you got?"


def closed(chat: Widget) -> Widget:
    chat.ask("How long do I have to return a tent?")
    chat.menu("End conversation")
    expect(chat.page.get_by_role("group", name=QUESTION)).to_be_visible(timeout=PATIENCE)
    return chat


def test_five_words_a_comment_and_thanks(product: Deskhand, visit: Visit) -> None:
    chat = closed(visit(product).open())
    chat.page.evaluate("void Deskhand.on('csat:submitted', (detail) => { window.rated = detail })")
    radios = chat.panel.get_by_role("radio")
    expect(radios).to_have_count(5)
    assert [radios.nth(n).evaluate("(one) => one.labels[0].textContent") for n in range(5)] == [
        "Very bad", "Bad", "Fair", "Good", "Very good",
    ]  # fmt: skip
    chat.page.get_by_role("button", name="Send rating").click()
    expect(chat.page.get_by_role("alert").last).to_have_text("Choose one of the five.")
    expect(radios.first).to_be_focused()
    chat.page.keyboard.press("ArrowRight")
    chat.page.keyboard.press("ArrowRight")
    chat.page.keyboard.press("ArrowRight")
    expect(chat.panel.get_by_role("radio", name="Good", exact=True)).to_be_checked()
    chat.page.get_by_label("What was good").fill("Quick")
    chat.page.get_by_role("button", name="Send rating").click()
    expect(chat.page.get_by_text("Thank you for your rating.")).to_be_visible()
    chat.until("() => window.rated?.rating == 4 && rated.text == 'Quick'")
    assert chat.unsent_keys() == []
    chat.page.reload()
    chat.open()
    expect(chat.answers).to_have_count(1, timeout=PATIENCE)
    chat.page.wait_for_timeout(300)
    expect(chat.panel.get_by_role("radio")).to_have_count(0)


def test_skipped_is_skipped_also_after_a_reload_and_asked_again_after_the_next_close(
    product: Deskhand, visit: Visit
) -> None:
    chat = closed(visit(product).open())
    chat.page.get_by_role("button", name="Skip").click()
    expect(chat.panel.get_by_role("radio")).to_have_count(0)
    expect(chat.input).to_be_focused()
    chat.page.reload()
    chat.open()
    expect(chat.answers).to_have_count(1, timeout=PATIENCE)
    chat.page.wait_for_timeout(300)
    expect(chat.panel.get_by_role("radio")).to_have_count(0)
    chat.ask("What does shipping cost?")
    chat.menu("End conversation")
    expect(chat.panel.get_by_role("radio")).to_have_count(5, timeout=PATIENCE)


def test_writing_again_takes_the_question_away(product: Deskhand, visit: Visit) -> None:
    chat = closed(visit(product).open())
    chat.ask("What does shipping cost?")
    expect(chat.panel.get_by_role("radio")).to_have_count(0)


def test_nobody_is_asked_who_got_no_answer(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    chat.page.locator(".under").get_by_role("button", name="Talk to a person").click()
    expect(chat.page.locator("form.card")).to_be_visible(timeout=PATIENCE)
    chat.menu("End conversation")
    expect(chat.page.locator("article.resolved")).to_be_visible(timeout=PATIENCE)
    expect(chat.panel.get_by_role("radio")).to_have_count(0)


def test_a_comment_survives_a_reload(product: Deskhand, visit: Visit) -> None:
    chat = closed(visit(product).open())
    chat.panel.get_by_role("radio", name="Fair").check(force=True)
    chat.page.get_by_label("What was good").fill("Half a word")
    chat.page.reload()
    chat.open()
    expect(chat.page.get_by_label("What was good")).to_have_value("Half a word", timeout=PATIENCE)


def test_axe_likes_it_in_every_mode(product: Deskhand, visit: Visit) -> None:
    for mode in ({"color_scheme": "dark"}, {"forced_colors": "active"}, {"viewport": {"width": 320, "height": 480}}):
        chat = closed(visit(product, **mode).open())
        chat.panel.get_by_role("radio", name="Very good").check(force=True)
        no_violations(chat, f"rating {mode}")
