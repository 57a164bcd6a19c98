"""The chat as a visitor sees it: what a test may do with it and what it can read from it."""

from __future__ import annotations

import time
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.patience import patient

PATIENCE = patient(10_000)
"""Milliseconds for something that the server has to do. Two busy cores are slow, so this is generous."""


class Widget:
    """Playwright's selectors look through the open Shadow DOM."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.launcher = page.locator("button.l")
        self.panel = page.locator("section.panel")
        self.log = page.get_by_role("log")
        self.input = page.locator("#dh-text")
        self.button = page.locator("button.send")
        self.articles = page.locator(".log article")
        self.answers = page.locator("article.ai:not(.draft)")
        self.draft = page.locator("article.draft")
        self.mine = page.locator("article.customer")
        self.unsent = page.locator("article.unsent")
        self.voice = page.locator("div.vh[role=status]")
        self.banner = page.locator(".banner")

    def open(self) -> Widget:
        self.launcher.click()
        expect(self.panel).to_be_visible(timeout=PATIENCE)
        self.connected()
        return self

    def connected(self) -> None:
        self.until("() => ['open', 'rest'].includes(Deskhand.state.connection)")

    def until(self, condition: str, arg: Any = None) -> None:
        """Wait for an expression of the page (Playwright's own wait needs `unsafe-eval`, which the page forbids)."""
        deadline = time.monotonic() + PATIENCE / 1000
        while not self.page.evaluate(condition, arg):
            assert time.monotonic() < deadline, f"not within {PATIENCE} ms: {condition}"
            self.page.wait_for_timeout(50)

    def say(self, text: str) -> None:
        self.input.fill(text)
        self.input.press("Enter")

    def ask(self, text: str) -> Locator:
        """Say it and wait for the finished answer."""
        count = self.answers.count()
        self.say(text)
        expect(self.answers).to_have_count(count + 1, timeout=PATIENCE)
        return self.answers.nth(count)

    def texts(self) -> list[str]:
        """What stands in the bubbles, in the order in which it is shown."""
        return [text.strip() for text in self.page.locator(".log article .b").all_inner_texts()]

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.page.evaluate("({...Deskhand.state})")
        return found

    def menu(self, entry: str) -> None:
        self.page.get_by_role("button", name="Menu").click()
        self.page.locator(".menu").get_by_role("button", name=entry).click()

    def stored(self, key: str) -> str:
        """What the page keeps in localStorage under this site's ``key``."""
        found: str = self.page.evaluate("(key) => localStorage.getItem('deskhand:demo:' + key) ?? ''", key)
        return found

    def unsent_keys(self) -> list[str]:
        found: list[str] = self.page.evaluate("Object.keys(localStorage).filter((key) => key.includes(':out:'))")
        return found
