"""A page with the strictest content policy and Trusted Types, on another origin: nothing of the chat breaks it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Host, Starter, Visit
from tests.browser.widget import PATIENCE
from tests.running import Deskhand

PAGE = """<!doctype html><html lang="en"><head><title>Strict</title>
<script async src="{base}/w/loader.js" data-deskhand data-site="strict"></script></head><body><h1>Strict</h1></body></html>"""


@pytest.fixture(scope="module")
def strict(start: Starter, host: Host) -> Deskhand:
    product = start("strict")
    made = product.run("site", "add", "Strict", "--key", "strict", "--origin", host.origin)
    assert made.returncode == 0, made.stderr
    socket = product.base_url.replace("http", "ws")
    host.page(
        "/strict",
        PAGE.format(base=product.base_url),
        Content_Security_Policy=(
            f"default-src 'none'; script-src {product.base_url}; connect-src {product.base_url} {socket}; base-uri 'none';"
            " form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
        ),
    )
    return product


def test_a_whole_conversation_without_one_violation(strict: Deskhand, host: Host, visit: Visit) -> None:
    chat = visit(host.origin, "/strict")
    chat.page.evaluate(
        "window.broken = []; addEventListener('securitypolicyviolation', (event) => broken.push(event.violatedDirective + ' ' + event.sample))"
    )
    chat.open()
    answer = chat.ask("How long do I have to return a tent?")
    answer.get_by_role("button", name="Source 1").first.click()
    chat.page.locator(".under").get_by_role("button", name="Talk to a person").click()
    expect(chat.page.locator("form.card")).to_be_visible(timeout=PATIENCE)
    chat.page.get_by_label("E-mail").fill("ada@example.com")
    chat.page.get_by_role("button", name="Send request").click()
    expect(chat.page.locator("article.contact_saved")).to_be_visible(timeout=PATIENCE)
    chat.menu("Your conversations")
    expect(chat.page.locator(".conv")).to_have_count(1)
    chat.page.evaluate("Deskhand.setLocale('de')")
    expect(chat.page.get_by_role("button", name="Menü")).to_be_visible()
    chat.page.evaluate("Deskhand.setTheme('dark')")
    chat.page.wait_for_timeout(300)
    assert chat.page.evaluate("broken") == []
    assert chat.page.context.cookies() == []


def test_a_page_that_is_not_on_the_list_gets_nothing(strict: Deskhand, host: Host, visit: Visit) -> None:
    visit.allowed += ["WebSocket", "403", "CORS", "ERR_"]
    host.page("/stranger", PAGE.format(base=strict.base_url).replace('"strict"', '"demo"'))
    chat = visit(host.origin, "/stranger")
    chat.launcher.click()
    expect(chat.panel).to_be_visible(timeout=PATIENCE)
    expect(chat.banner).to_be_visible(timeout=PATIENCE)
    assert chat.state()["connection"] not in {"open", "rest"}
