"""The page's own calls and events, and the ways to embed."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Host, Visit
from tests.browser.widget import PATIENCE
from tests.running import Deskhand

ALL_EVENTS = [
    "ready",
    "open",
    "close",
    "unread",
    "message:sent",
    "message:received",
    "message:failed",
    "conversation:started",
    "connection",
]


def test_both_forms_of_a_call_do_the_same(product: Deskhand, visit: Visit) -> None:
    chat = visit(product)
    chat.page.evaluate("Deskhand('open')")
    expect(chat.panel).to_be_visible(timeout=PATIENCE)
    chat.page.evaluate("Deskhand.close()")
    expect(chat.panel).to_be_hidden()
    chat.page.evaluate("Deskhand.toggle()")
    expect(chat.panel).to_be_visible()
    chat.page.evaluate("Deskhand('hide')")
    expect(chat.panel).to_be_hidden()
    expect(chat.launcher).to_be_hidden()
    chat.page.evaluate("Deskhand.show()")
    expect(chat.launcher).to_be_visible()


def test_events_tell_what_happens_to_listeners_and_to_the_document(product: Deskhand, visit: Visit) -> None:
    chat = visit(product)
    chat.page.evaluate(
        """(names) => { window.told = []; window.heard = [];
        for (const name of names) { Deskhand.on(name, (detail) => { told.push([name, detail]) });
          document.addEventListener('deskhand:' + name, () => heard.push(name)) } }""",
        ALL_EVENTS,
    )
    chat.open()
    chat.ask("How long do I have to return a tent?")
    chat.page.keyboard.press("Escape")
    told = dict(chat.page.evaluate("told"))
    assert {"open", "connection", "conversation:started", "message:sent", "message:received", "close"} <= set(told)
    assert told["message:sent"]["text"] == "How long do I have to return a tent?"
    assert told["message:received"]["author"] == "ai"
    assert told["message:sent"]["conversationId"] == told["conversation:started"]["conversationId"]
    assert set(told) == set(chat.page.evaluate("heard"))


def test_a_page_can_change_or_stop_what_is_sent(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    chat.page.evaluate(
        """() => void Deskhand.on('before:send', (detail) => { if (detail.text.includes('secret')) return false;
        detail.text = detail.text.replace('4711', '****') })"""
    )
    chat.say("this is secret")
    expect(chat.input).to_have_value("this is secret")
    expect(chat.mine).to_have_count(0)
    chat.say("order 4711")
    expect(chat.mine.first).to_contain_text("order ****")


def test_a_listener_can_be_taken_off_again(product: Deskhand, visit: Visit) -> None:
    chat = visit(product)
    chat.page.evaluate(
        "() => { window.n = 0; window.count = () => { n++ }; window.off = Deskhand.on('open', count); Deskhand.on('close', count) }"
    )
    chat.open()
    chat.page.keyboard.press("Escape")
    chat.page.evaluate("() => { off(); return Deskhand.off('close', count) }")
    chat.page.wait_for_timeout(200)
    chat.open()
    chat.page.keyboard.press("Escape")
    assert chat.page.evaluate("n") == 2


def test_send_prefill_and_any_element_that_opens(product: Deskhand, visit: Visit) -> None:
    chat = visit(product)
    assert chat.page.evaluate("Deskhand.send('How long do I have to return a tent?', { silent: true })") is True
    expect(chat.panel).to_be_hidden()
    chat.until("() => Deskhand.state.unread > 0")
    chat.page.get_by_role("button", name="Ask a question").click()
    expect(chat.panel).to_be_visible()
    assert chat.state()["unread"] == 0
    chat.page.evaluate("Deskhand.prefill('Hello there')")
    expect(chat.input).to_have_value("Hello there")
    chat.page.evaluate("Deskhand.open({ view: 'new', text: 'Another matter' })")
    expect(chat.articles).to_have_count(0)
    expect(chat.input).to_have_value("Another matter")


def test_a_name_that_is_no_call_is_named(product: Deskhand, visit: Visit) -> None:
    chat = visit(product)
    said = chat.page.evaluate("Deskhand('opne').catch((error) => error.message)")
    assert '"opne"' in said


def test_logout_forgets_the_visitor(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    chat.ask("How long do I have to return a tent?")
    token = chat.stored("token")
    chat.page.evaluate("Deskhand.logout()")
    expect(chat.panel).to_be_hidden()
    assert chat.page.evaluate("Object.keys(localStorage).length") == 0
    chat.open()
    expect(chat.articles).to_have_count(0)
    assert chat.stored("token") not in {"", token}


def test_shutdown_takes_everything_off_and_boot_brings_it_back(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    chat.ask("How long do I have to return a tent?")
    chat.page.evaluate("Deskhand.shutdown()")
    expect(chat.page.locator("deskhand-chat")).to_have_count(0)
    assert chat.state()["connection"] == "idle"
    chat.page.evaluate("Deskhand.boot({})")
    chat.open()
    expect(chat.answers).to_have_count(1)


def test_german_words_and_a_dark_theme_at_any_time(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    chat.ask("How long do I have to return a tent?")
    chat.page.evaluate("Deskhand.setLocale('de')")
    expect(chat.button).to_have_accessible_name("Senden")
    expect(chat.answers.first.locator("summary")).to_contain_text("Quelle")
    light = chat.panel.evaluate("(panel) => getComputedStyle(panel).backgroundColor")
    chat.page.evaluate("Deskhand.setTheme('dark')")
    assert chat.panel.evaluate("(panel) => getComputedStyle(panel).backgroundColor") != light


def test_the_pages_own_colours_reach_inside(product: Deskhand, visit: Visit) -> None:
    chat = visit(product)
    chat.page.evaluate("document.documentElement.style.setProperty('--dh-accent', 'rgb(120, 20, 60)')")
    expect(chat.launcher).to_have_css("background-color", "rgb(120, 20, 60)")


def test_the_element_stands_in_the_page(product: Deskhand, host: Host, visit: Visit) -> None:
    host.page(
        "/inline",
        f"""<!doctype html><html lang="en"><title>Inline</title><style>deskhand-chat{{height:500px;width:420px}}</style><h1>Inline</h1>
        <deskhand-chat mode="inline" site="inline" theme="dark"></deskhand-chat>
        <script async src="{product.base_url}/w/loader.js" data-deskhand></script>""",
    )
    product.run("site", "add", "Inline", "--key", "inline", "--origin", host.origin)
    chat = visit(host.origin, "/inline")
    expect(chat.panel).to_be_visible(timeout=PATIENCE)
    expect(chat.launcher).to_be_hidden()
    box = chat.panel.bounding_box()
    assert box is not None and (box["width"], box["height"]) == (420, 500)
    chat.connected()
    chat.ask("How long do I have to return a tent?")
    chat.page.keyboard.press("Escape")
    expect(chat.panel).to_be_visible()


def test_the_full_page_chat(product: Deskhand, visit: Visit) -> None:
    chat = visit(product, "/chat/demo")
    expect(chat.panel).to_be_visible(timeout=PATIENCE)
    box = chat.panel.bounding_box()
    assert box is not None and (box["width"], box["height"]) == (1280, 860)
    chat.connected()
    chat.ask("How long do I have to return a tent?")


def test_names_of_other_messengers_work(product: Deskhand, host: Host, visit: Visit) -> None:
    host.page(
        "/intercom",
        f"""<!doctype html><html lang="en"><title>Other</title><h1>Other</h1><button id="mine">Chat</button>
        <script>window.intercomSettings = {{ app_id: 'inline', alignment: 'left', hide_default_launcher: true, custom_launcher_selector: '#mine' }}</script>
        <script async src="{product.base_url}/w/loader.js" data-deskhand data-compat="intercom"></script>""",
    )
    product.run("site", "add", "Inline", "--key", "inline", "--origin", host.origin)
    chat = visit(host.origin, "/intercom")
    chat.until("() => typeof Intercom == 'function' && Deskhand.state.ready")
    expect(chat.launcher).to_be_hidden()
    chat.page.locator("#mine").click()
    expect(chat.panel).to_be_visible(timeout=PATIENCE)
    chat.page.evaluate("Intercom('hide')")
    expect(chat.panel).to_be_hidden()
    chat.page.evaluate("Intercom('showNewMessage', 'From before')")
    expect(chat.input).to_have_value("From before")
