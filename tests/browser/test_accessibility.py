"""Everybody can use it: axe in every mode and state, the keyboard alone, and what a screen reader hears."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.widget import PATIENCE, Widget
from tests.fakes.llm import FakeLLM
from tests.fakes.llm_script import Script
from tests.running import Deskhand

MODES: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "forced colours": {"forced_colors": "active"},
    "375 px": {"viewport": {"width": 375, "height": 720}, "color_scheme": "light"},
    "320 px": {"viewport": {"width": 320, "height": 256}, "color_scheme": "dark"},
}


def no_violations(chat: Widget, state: str) -> None:
    chat.page.wait_for_timeout(250)  # the panel has risen
    found = Axe().run(chat.page).response["violations"]
    told = [f"{one['id']}: {node['target']} {node['failureSummary']}" for one in found for node in one["nodes"]]
    assert not told, f"{state}:\n" + "\n".join(told)


@pytest.mark.parametrize("mode", MODES)
def test_axe_finds_nothing_in_any_state(mode: str, product: Deskhand, visit: Visit) -> None:
    chat = visit(product, **MODES[mode])
    expect(chat.launcher).to_be_visible()
    no_violations(chat, "closed")
    chat.open()
    no_violations(chat, "welcome")
    answer = chat.ask("How long do I have to return a tent?")
    no_violations(chat, "answered")
    answer.locator("summary").click()
    no_violations(chat, "sources open")
    chat.page.get_by_role("button", name="Menu").click()
    expect(chat.page.locator(".menu")).to_be_visible()
    no_violations(chat, "menu")
    chat.page.keyboard.press("Escape")
    chat.input.fill("a" * 4001)
    no_violations(chat, "too long")
    chat.input.fill("")
    chat.page.locator(".under").get_by_role("button", name="Talk to a person").click()
    expect(chat.page.get_by_role("heading", name="Leave your address")).to_be_visible(timeout=PATIENCE)
    no_violations(chat, "form")
    chat.page.get_by_role("button", name="Send request").click()
    no_violations(chat, "form with an error")
    chat.menu("Your conversations")
    expect(chat.page.locator(".conv")).to_have_count(1)
    no_violations(chat, "list")
    chat.page.get_by_role("button", name="Delete conversation").click()
    no_violations(chat, "asked before deleting")


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_axe_finds_nothing_while_an_answer_comes_or_a_message_waits(
    mode: str, with_model: Deskhand, model: FakeLLM, visit: Visit
) -> None:
    visit.allowed += ["WebSocket", "ERR_"]
    model.script(Script(answer="word " * 200, tokens_per_second=20))
    chat = visit(with_model, **MODES[mode]).open()
    chat.say("Tell me about ferns")
    expect(chat.draft).to_contain_text("word", timeout=PATIENCE)
    no_violations(chat, "draft")
    chat.button.click()
    expect(chat.answers).to_have_count(1, timeout=PATIENCE)
    no_violations(chat, "stopped")
    chat.page.evaluate(
        """() => localStorage.setItem('deskhand:demo:out:1'.padEnd(51, '0'), JSON.stringify({ frame: { t: 'send', cid: '1'.padEnd(32, '0'),
        conv: Deskhand.state.conversationId, text: 'x' }, thread: '', at: 1, tries: 1, next: Date.now() + 60000, error: 'Busy' }))"""
    )
    chat.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    chat.say("behind it")
    expect(chat.unsent).to_have_count(2)
    no_violations(chat, "not sent yet")


def test_the_full_page_chat_is_clean(product: Deskhand, visit: Visit) -> None:
    chat = visit(product, "/chat/demo")
    expect(chat.panel).to_be_visible(timeout=PATIENCE)
    chat.connected()
    no_violations(chat, "full page")


def test_a_journey_with_the_keyboard_alone(product: Deskhand, visit: Visit) -> None:
    chat = visit(product)
    keys = chat.page.keyboard
    expect(chat.launcher).to_be_visible()

    def tab_to(reached: Callable[[], bool], way: str = "Tab", most: int = 40) -> None:
        seen = []
        for _ in range(most):
            if reached():
                return
            seen.append(focus())
            keys.press(way)
        raise AssertionError(f"the keyboard does not get there, only to {seen}")

    def focus() -> str:
        found: str = chat.page.evaluate(
            """() => { const at = document.querySelector('deskhand-chat').shadowRoot.activeElement;
            return at ? (at.getAttribute('aria-label') || at.id || at.textContent) : '' }"""
        )
        return found

    tab_to(
        lambda: focus() in {"Chat", "Open chat"}
    )  # with the focus the panel begins to load, and names the button anew
    keys.press("Enter")
    expect(chat.input).to_be_focused(timeout=PATIENCE)
    chat.connected()
    keys.type("How long do I have to return a tent?")
    keys.press("Enter")
    expect(chat.answers).to_have_count(1, timeout=PATIENCE)
    tab_to(lambda: focus() == "Source 1", "Shift+Tab")
    keys.press("Enter")
    expect(chat.answers.first.locator("details")).to_have_attribute("open", "")
    tab_to(lambda: focus() == "Conversation", "Shift+Tab")
    keys.press("Alt+PageUp")
    expect(chat.answers.first).to_be_focused()
    keys.press("Alt+PageUp")
    expect(chat.mine.first).to_be_focused()
    keys.press("Alt+PageDown")
    expect(chat.answers.first).to_be_focused()
    tab_to(lambda: focus() == "Menu", "Shift+Tab")
    keys.press("Enter")
    expect(chat.page.locator(".menu button").first).to_be_focused()
    keys.press("Escape")
    assert focus() == "Menu"
    expect(chat.panel).to_be_visible()
    tab_to(lambda: focus() == "Talk to a person")
    keys.press("Enter")
    form = chat.page.locator("form.card")
    expect(form).to_be_visible(timeout=PATIENCE)
    tab_to(lambda: focus() == "dh-name", "Shift+Tab")
    keys.type("Ada")
    keys.press("Tab")
    keys.type("ada@example.com")
    keys.press("Enter")
    expect(chat.page.locator("article.contact_saved")).to_contain_text("#", timeout=PATIENCE)
    keys.press("Escape")
    expect(chat.panel).to_be_hidden()
    expect(chat.launcher).to_be_focused()


def test_a_screen_reader_hears_the_beginning_and_the_whole_answer_once(
    with_model: Deskhand, model: FakeLLM, visit: Visit
) -> None:
    model.script(Script(answer="It is **thirty** days [1].", tokens_per_second=10))
    chat = visit(with_model).open()
    expect(chat.log).to_have_attribute("aria-live", "off")
    chat.page.evaluate(
        """() => { window.heard = []; const voice = document.querySelector('deskhand-chat').shadowRoot.querySelector('div.vh[role=status]');
        new MutationObserver(() => voice.textContent && heard.push(voice.textContent)).observe(voice, { childList: true, characterData: true, subtree: true }) }"""
    )
    chat.ask("How long do I have to return a tent?")
    chat.page.wait_for_timeout(300)
    assert chat.page.evaluate("heard") == ["The assistant is answering", "Answer: It is thirty days ."]


def test_a_long_answer_is_not_read_out_whole(with_model: Deskhand, model: FakeLLM, visit: Visit) -> None:
    model.script(Script(answer="The first sentence. " + "word " * 100))
    chat = visit(with_model).open()
    chat.ask("How long do I have to return a tent?")
    expect(chat.voice).to_have_text("The first sentence. Answer complete, 103 words.")


def test_every_target_is_large_enough(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    answer = chat.ask("How long do I have to return a tent?")
    answer.locator("summary").click()
    small = chat.page.evaluate(
        """() => [...document.querySelector('deskhand-chat').shadowRoot.querySelectorAll('button,summary,input,textarea')]
        .filter((one) => one.getClientRects().length).map((one) => [one.textContent || one.ariaLabel, one.getBoundingClientRect()])
        .filter(([, box]) => box.width < 23.9 || box.height < 23.9).map(([name, box]) => `${name} ${box.width} x ${box.height}`)"""
    )
    assert small == []


def test_nothing_moves_for_those_who_asked_for_it(product: Deskhand, visit: Visit) -> None:
    chat = visit(product, reduced_motion="reduce").open()
    assert chat.panel.evaluate("(panel) => getComputedStyle(panel).animationName") == "none"


def test_arabic_runs_from_right_to_left(product: Deskhand, visit: Visit) -> None:
    chat = visit(product)
    chat.page.evaluate("document.documentElement.dir = 'rtl'; Deskhand.setLocale('ar')")
    expect(chat.launcher).to_be_visible()
    box = chat.launcher.bounding_box()
    assert box is not None and box["x"] < 100
    chat.open()
    expect(chat.page.locator(".dh")).to_have_attribute("dir", "rtl")
    chat.say("مرحبا")
    bubble = chat.mine.first.locator(".b").bounding_box()
    log = chat.log.bounding_box()
    assert bubble is not None and log is not None and bubble["x"] - log["x"] < 30
    no_violations(chat, "right to left")
