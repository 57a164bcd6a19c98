"""A phone: the whole screen, a way back, nothing behind it."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.running import Deskhand

PHONE: dict[str, Any] = {"viewport": {"width": 375, "height": 720}, "has_touch": True, "is_mobile": True}


def test_it_fills_the_screen_and_is_modal(product: Deskhand, visit: Visit) -> None:
    chat = visit(product, **PHONE).open()
    chat.page.wait_for_timeout(300)
    assert chat.panel.bounding_box() == {"x": 0, "y": 0, "width": 375, "height": 720}
    expect(chat.panel).to_have_attribute("aria-modal", "true")
    expect(chat.launcher).to_be_hidden()
    assert chat.page.evaluate("document.documentElement.style.overflow") == "hidden"
    assert chat.input.evaluate("(element) => parseFloat(getComputedStyle(element).fontSize)") >= 16


def test_back_closes_it_and_the_page_stays(product: Deskhand, visit: Visit) -> None:
    chat = visit(product, **PHONE).open()
    address = chat.page.url
    chat.page.go_back()
    expect(chat.panel).to_be_hidden()
    expect(chat.launcher).to_be_visible()
    assert chat.page.url == address
    assert chat.page.evaluate("document.documentElement.style.overflow") == ""


def test_closing_by_its_button_leaves_no_entry_behind(product: Deskhand, visit: Visit) -> None:
    chat = visit(product, "/readyz", **PHONE)
    chat.page.goto(product.base_url)
    chat.open()
    chat.page.get_by_role("button", name="Close chat").click()
    expect(chat.panel).to_be_hidden()
    chat.page.wait_for_timeout(200)
    chat.page.go_back()
    assert chat.page.url.endswith("/readyz")


def test_tab_stays_inside(product: Deskhand, visit: Visit) -> None:
    chat = visit(product, **PHONE).open()
    for way in ("Tab", "Shift+Tab"):
        for _ in range(14):
            chat.page.keyboard.press(way)
            assert chat.page.evaluate("document.activeElement.localName") == "deskhand-chat"


def test_nothing_is_wider_than_a_small_screen(product: Deskhand, visit: Visit) -> None:
    chat = visit(product, viewport={"width": 320, "height": 256}).open()
    chat.ask("How long do I have to return a tent?")
    assert chat.page.evaluate("document.documentElement.scrollWidth") <= 320
    assert chat.log.evaluate("(log) => log.scrollWidth <= log.clientWidth")
    assert chat.log.evaluate("(log) => log.clientHeight") > 60, "there is room to read"
