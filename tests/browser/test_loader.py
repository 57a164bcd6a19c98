"""Before anybody clicks: what the one line in a page costs and what it must not do."""

from __future__ import annotations

import json

from playwright.sync_api import BrowserContext, Request, expect

from tests.browser.conftest import Host, Visit
from tests.browser.widget import PATIENCE
from tests.running import Deskhand

STRANGER = ["WebSocket", "403", "ERR_", "CORS"]
"""What the browser says of an origin that may show the chat, but not connect."""

PAGE = """<!doctype html><html lang="en"><head><title>Host</title>{stub}
<script async src="{base}/w/loader.js" data-deskhand data-site="demo" {more}></script></head>
<body><h1>Host</h1><main id="main">{body}</main></body></html>"""


def bare(host: Host, product: Deskhand, path: str, *, stub: str = "", more: str = "", body: str = "") -> None:
    """A page whose only script is the loader (the demo page has a script of its own)."""
    host.page(path, PAGE.format(base=product.base_url, stub=stub, more=more, body=body))


def test_one_request_no_cookie_and_no_other_origin_before_intent(product: Deskhand, host: Host, visit: Visit) -> None:
    bare(host, product, "/one")
    chat = visit(host.origin, "/empty")
    seen: list[Request] = []
    chat.page.on("request", lambda request: seen.append(request))  # noqa: PLW0108  builtins cannot be listeners
    chat.page.goto(host.origin + "/one")
    expect(chat.launcher).to_be_visible()
    chat.page.wait_for_timeout(1000)
    ours = [request.url for request in seen if not request.url.startswith(host.origin)]
    assert ours == [f"{product.base_url}/w/loader.js"]
    context: BrowserContext = chat.page.context
    assert context.cookies() == []
    assert chat.page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_the_chat_comes_from_one_origin_and_sets_no_cookie(product: Deskhand, visit: Visit) -> None:
    chat = visit(product)
    seen: list[Request] = []
    chat.page.on("request", lambda request: seen.append(request))  # noqa: PLW0108  builtins cannot be listeners
    chat.open().ask("How long do I have to return a tent?")
    assert all(request.url.startswith(product.base_url) for request in seen)
    assert all("token" not in request.url for request in seen)
    assert chat.page.context.cookies() == []


def test_the_launcher_is_a_real_button_of_a_fair_size(product: Deskhand, visit: Visit) -> None:
    chat = visit(product)
    box = chat.launcher.bounding_box()
    assert box is not None and box["width"] >= 44 and box["height"] >= 44
    expect(chat.launcher).to_have_attribute("aria-haspopup", "dialog")
    expect(chat.launcher).to_have_attribute("aria-expanded", "false")
    chat.open()
    expect(chat.launcher).to_have_attribute("aria-expanded", "true")


def test_the_panel_is_fetched_when_the_pointer_comes_near(product: Deskhand, visit: Visit) -> None:
    chat = visit(product)
    expect(chat.launcher).to_be_visible()
    with chat.page.expect_request("**/panel.js"):
        chat.launcher.hover()
    expect(chat.panel).to_be_hidden()


def test_a_panel_that_cannot_be_fetched_is_told_and_fetched_again(product: Deskhand, visit: Visit) -> None:
    visit.allowed += ["Failed to load resource", "net::ERR_FAILED"]
    chat = visit(product)
    chat.page.evaluate("void Deskhand.on('error', (detail) => { window.told = detail })")
    chat.page.route("**/panel.js*", lambda route: route.abort())
    chat.launcher.click()
    expect(chat.launcher).to_have_accessible_name("Chat could not load, try again")
    expect(chat.page.get_by_text("Chat could not load, try again")).to_be_visible()
    assert chat.page.evaluate("told.code") == "load_failed"
    chat.page.unroute("**/panel.js*")
    chat.open()


def test_calls_made_before_the_loader_came_are_kept(product: Deskhand, host: Host, visit: Visit) -> None:
    stub = """<script>window.Deskhand=window.Deskhand||function(){(Deskhand.q=Deskhand.q||[]).push([...arguments])};
    Deskhand('on', 'open', () => { window.opened = true }); Deskhand('prefill', 'Hello there'); Deskhand('open')</script>"""
    bare(host, product, "/stub", stub=stub)
    product.run("site", "add", "Other", "--key", "unused")
    chat = visit(host.origin, "/stub")
    visit.allowed += STRANGER
    expect(chat.panel).to_be_visible(timeout=PATIENCE)
    expect(chat.input).to_have_value("Hello there")
    assert chat.page.evaluate("window.opened") is True


def test_a_swapped_body_keeps_one_chat(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    chat.say("Do not lose me")
    expect(chat.mine).to_have_count(1)
    chat.page.evaluate(
        """() => { const body = document.createElement('body'); body.append(document.createElement('deskhand-chat'));
        document.documentElement.replaceChild(body, document.body) }"""
    )
    expect(chat.page.locator("deskhand-chat")).to_have_count(1)
    expect(chat.panel).to_be_visible()
    expect(chat.mine.first).to_contain_text("Do not lose me")


def test_the_page_cannot_cover_or_restyle_it(product: Deskhand, host: Host, visit: Visit) -> None:
    hostile = """<style>*{all:unset!important;font-size:60px!important;color:red!important;display:inline!important}
    body{transform:translateX(200px)!important}</style><div style="position:fixed;inset:0;z-index:2147483647;background:#eee"></div>"""
    bare(host, product, "/hostile", body=hostile)
    chat = visit(host.origin, "/hostile")
    box = chat.launcher.bounding_box()
    assert box is not None and box["x"] > 1100 and 54 <= box["width"] <= 60
    chat.launcher.click()
    visit.allowed += STRANGER
    expect(chat.panel).to_be_visible()
    assert chat.input.evaluate("(element) => getComputedStyle(element).fontSize") == "16px"


def test_news_are_counted_without_opening(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    chat.ask("How long do I have to return a tent?")
    conv = chat.state()["conversationId"]
    # An open chat notes with every frame that all of it was seen, also after the answer; a closed one notes nothing any more.
    chat.input.press("Escape")
    expect(chat.panel).to_be_hidden()
    assert chat.stored("seen") == f"{conv} 2"
    chat.page.evaluate("(seen) => localStorage.setItem('deskhand:demo:seen', seen)", f"{conv} 0")
    with chat.page.expect_response("**/w/state?*") as waiting:
        chat.page.reload()
    assert json.loads(waiting.value.text())["unread"] == 1
    expect(chat.launcher).to_have_accessible_name("Chat, 1 unread")
    assert (
        chat.page.evaluate(
            "performance.getEntriesByType('resource').filter((one) => one.name.includes('panel.js')).length"
        )
        == 0
    )
    chat.open()
    expect(chat.launcher).not_to_have_accessible_name("Chat, 1 unread")
