"""Nothing typed is lost and nothing arrives twice: reloads, lost connections, two tabs, no sockets, a restart."""

from __future__ import annotations

import os
import signal

from playwright.sync_api import WebSocketRoute, expect

from tests.browser.conftest import Host, Starter, Visit
from tests.browser.widget import PATIENCE, Widget
from tests.fakes.llm import FakeLLM
from tests.fakes.llm_script import Script
from tests.patience import patient, wait_for
from tests.running import Deskhand

SLOW = " ".join(f"word{n}" for n in range(120))
BROKEN = ["WebSocket", "ERR_", "Failed to load resource"]


class Wire:
    """The page's sockets, with a switch."""

    def __init__(self, chat: Widget) -> None:
        self.sockets: list[WebSocketRoute] = []
        self.cut = False
        self.mute = False
        self.opened = 0
        self.sent: list[str] = []
        chat.page.route_web_socket("**/w/ws*", self._opened)

    def _opened(self, socket: WebSocketRoute) -> None:
        self.opened += 1
        if self.cut:
            socket.close(code=1011)
            return
        server = socket.connect_to_server()
        self.sockets.append(socket)

        def up(data: str | bytes) -> None:
            self.sent.append(str(data))
            server.send(data)

        def down(data: str | bytes) -> None:
            if not self.mute:
                socket.send(data)

        socket.on_message(up)
        server.on_message(down)

    def kill(self, code: int = 1011) -> None:
        for socket in self.sockets:
            socket.close(code=code)
        self.sockets.clear()

    def frames(self, kind: str) -> list[str]:
        return [text for text in self.sent if f'"t":"{kind}"' in text]


def prepared(product: Deskhand, visit: Visit) -> tuple[Widget, Wire]:
    visit.allowed += BROKEN
    chat = visit(product)
    wire = Wire(chat)
    chat.page.reload()
    return chat, wire


def test_unsent_messages_survive_a_reload_and_arrive_once_in_order(product: Deskhand, visit: Visit) -> None:
    chat, wire = prepared(product, visit)
    wire.cut = True
    chat.launcher.click()
    chat.page.route("**/w/config*", lambda route: route.abort())
    for text in ("first", "second", "third"):
        chat.say(text)
    expect(chat.unsent).to_have_count(3)
    expect(chat.unsent.first).to_contain_text("Waiting for the connection")
    before = sorted(chat.unsent_keys())
    assert len(before) == 3
    wire.cut = False
    chat.page.unroute("**/w/config*")
    chat.page.reload()
    wait_for(lambda: chat.page.evaluate("true") and not chat.unsent_keys(), 15, "the loader sends what waits")
    chat.open()
    expect(chat.mine).to_have_count(3)
    assert [text for text in chat.texts() if text in {"first", "second", "third"}] == ["first", "second", "third"]
    sent = wire.frames("send")
    assert len(sent) == 3
    assert all(any(key.split(":out:")[1] in frame for frame in sent) for key in before), "the same cid as before"


def test_a_page_that_is_left_right_after_the_ack_leaves_nothing_to_look_for(product: Deskhand, visit: Visit) -> None:
    chat = visit(product)
    # The lock under which it is sent is given back late, as on a busy machine: after the page was left.
    chat.page.add_init_script(
        "const ask = navigator.locks.request.bind(navigator.locks);"
        "navigator.locks.request = (name, run) => ask(name, run).then(() => new Promise(() => {}))"
    )
    chat.page.reload()
    chat.open().ask("How long do I have to return a tent?")
    assert chat.unsent_keys() == [] and chat.stored("unsent") == ""
    with chat.page.expect_response("**/w/state?*"):
        chat.page.reload()


def test_a_message_whose_ack_was_lost_is_sent_again_and_shown_once(product: Deskhand, visit: Visit) -> None:
    chat, wire = prepared(product, visit)
    chat.open()
    chat.ask("How long do I have to return a tent?")
    wire.mute = True
    chat.say("only once please")
    wait_for(lambda: chat.page.evaluate("1") and len(wire.frames("send")) == 2, 5)
    wire.mute = False
    wire.kill()
    chat.until("() => !Object.keys(localStorage).some((key) => key.includes(':out:'))")
    expect(chat.mine.filter(has_text="only once please")).to_have_count(1)
    # Catching up may have shown that it was stored; if not it went out again, as the same one.
    assert len({frame.split('"cid":"')[1][:32] for frame in wire.frames("send")}) == 2
    chat.page.reload()
    chat.open()
    expect(chat.mine.filter(has_text="only once please")).to_have_count(1)


def test_a_cut_in_mid_answer_is_caught_up(with_model: Deskhand, model: FakeLLM, visit: Visit) -> None:
    model.script(Script(answer=SLOW, tokens_per_second=30))
    chat, wire = prepared(with_model, visit)
    chat.open()
    chat.say("Tell me about ferns")
    expect(chat.draft).to_contain_text("word4", timeout=PATIENCE)
    wire.kill()
    expect(chat.draft).to_contain_text("word60", timeout=PATIENCE)
    expect(chat.answers.first).to_contain_text("word119", timeout=PATIENCE)
    assert chat.answers.first.locator(".b").inner_text().split() == SLOW.split()
    expect(chat.draft).to_have_count(0)


def test_offline_is_told_after_a_second_and_the_composer_stays_usable(product: Deskhand, visit: Visit) -> None:
    chat, wire = prepared(product, visit)
    chat.open()
    chat.page.context.set_offline(True)
    wire.cut = True
    wire.kill()
    expect(chat.banner).to_be_hidden()
    expect(chat.banner).to_have_text("You are offline. Messages will be sent when you are back.")
    chat.say("written while offline")
    expect(chat.unsent).to_contain_text("written while offline")
    wire.cut = False
    chat.page.context.set_offline(False)
    expect(chat.unsent).to_have_count(0, timeout=PATIENCE)
    expect(chat.banner).to_be_hidden()
    expect(chat.mine).to_have_count(1)


def test_without_sockets_files_changes_people_and_a_rating_go_by_requests(product: Deskhand, visit: Visit) -> None:
    chat, wire = prepared(product, visit)
    wire.cut = True
    chat.launcher.click()
    chat.until("() => Deskhand.state.connection == 'rest'")
    chat.ask("How long do I have to return a tent?")
    chat.page.locator("input[type=file]").set_input_files(
        {"name": "a.txt", "mimeType": "text/plain", "buffer": b"words"}
    )
    expect(chat.page.locator(".put")).to_contain_text("KB", timeout=PATIENCE)
    chat.ask("What does shipping cost?")
    expect(chat.mine.last.get_by_role("link", name="a.txt")).to_be_visible()
    chat.mine.last.hover()
    chat.page.get_by_role("button", name="Change message").click()
    chat.page.get_by_role("textbox", name="Change message").fill("And to Norway?")
    chat.page.get_by_role("button", name="Save").click()
    expect(chat.mine.last).to_contain_text("Edited", timeout=PATIENCE)
    chat.page.locator(".under").get_by_role("button", name="Talk to a person").click()
    expect(chat.page.locator("form.card")).to_be_visible(timeout=PATIENCE)
    chat.page.get_by_role("button", name="Stop waiting").click()
    expect(chat.page.locator("article.handoff_cancelled")).to_be_visible(timeout=PATIENCE)
    chat.menu("End conversation")
    chat.panel.get_by_role("radio", name="Good", exact=True).check()
    chat.page.get_by_role("button", name="Send rating").click()
    expect(chat.page.get_by_text("Thank you for your rating.")).to_be_visible()
    chat.until("() => !Object.keys(localStorage).some((key) => key.includes(':out:'))")


def test_without_sockets_the_same_conversation_goes_by_requests(product: Deskhand, visit: Visit) -> None:
    chat, wire = prepared(product, visit)
    wire.cut = True
    chat.launcher.click()
    chat.until("() => Deskhand.state.connection == 'rest'")
    assert wire.opened >= 3
    answer = chat.ask("How long do I have to return a tent?")
    expect(answer.get_by_role("button", name="Source 1").first).to_be_visible()
    expect(chat.banner).to_be_hidden()
    chat.ask("What does shipping cost?")
    before = chat.texts()
    wire.cut = False
    chat.page.reload()
    chat.open()
    assert chat.state()["connection"] == "open"
    expect(chat.answers).to_have_count(2)
    assert chat.texts() == before


def test_too_fast_is_told_with_the_seconds_and_sent_by_itself(start: Starter, visit: Visit) -> None:
    product = start("slow-lane", DESKHAND_MESSAGES_PER_MINUTE="1")
    chat = visit(product).open()
    chat.ask("How long do I have to return a tent?")
    held_back = chat.unsent.filter(has_text="It is sent then.")
    for number in range(5):  # the turn of a minute gives one back
        answered = chat.answers.count()
        chat.say(f"and again {number}")
        wait_for(lambda answered=answered: held_back.count() or chat.answers.count() > answered, 10)  # type: ignore[misc]
        if held_back.count():
            break
    expect(chat.unsent).to_contain_text("It is sent then.", timeout=PATIENCE)
    expect(chat.unsent.get_by_role("button", name="Try again")).to_be_visible()
    chat.unsent.get_by_role("button", name="Delete").click()
    expect(chat.unsent).to_have_count(0)
    assert chat.unsent_keys() == []


def test_what_the_server_never_takes_can_be_edited(product: Deskhand, visit: Visit) -> None:
    chat, wire = prepared(product, visit)
    chat.open()
    chat.page.evaluate(
        """() => localStorage.setItem('deskhand:demo:out:00000000000000000000000000000001', JSON.stringify({
        frame: { t: 'send', cid: '00000000000000000000000000000001', text: 'x'.repeat(5000) }, thread: 'none', at: 1, tries: 0, next: 0 }))"""
    )
    chat.say("a short one")
    expect(chat.mine.filter(has_text="a short one")).to_contain_text("Sent", timeout=PATIENCE)
    stored = chat.page.evaluate(
        "JSON.parse(localStorage.getItem('deskhand:demo:out:00000000000000000000000000000001'))"
    )
    assert stored["final"] is True and stored["code"] == "too_long"
    assert len([frame for frame in wire.frames("send") if "xxxxx" in frame]) == 1, "it is not sent for ever"


def test_two_tabs_show_the_same_and_send_once(product: Deskhand, visit: Visit) -> None:
    one = visit(product).open()
    one.ask("How long do I have to return a tent?")
    two = visit(product, context=one.page.context).open()
    expect(two.answers).to_have_count(1)
    two.ask("What does shipping cost?")
    expect(one.answers).to_have_count(2, timeout=PATIENCE)
    for n in range(3):
        (one if n % 2 else two).say(f"number {n}")
    for chat in (one, two):
        expect(chat.mine).to_have_count(5, timeout=PATIENCE)
    assert one.state()["conversationId"] == two.state()["conversationId"]


def test_two_new_tabs_are_one_visitor(product: Deskhand, visit: Visit) -> None:
    one = visit(product)
    two = visit(product, context=one.page.context)
    for chat in (one, two):
        chat.page.evaluate("Deskhand.open()")
    for chat in (one, two):
        chat.connected()
    token = one.stored("token")
    assert token and token == two.stored("token")
    one.ask("How long do I have to return a tent?")
    two.page.reload()
    two.open()
    expect(two.mine).to_have_count(1)


def test_a_restart_of_web_is_survived(start: Starter, visit: Visit) -> None:
    product = start("restart")
    visit.allowed += BROKEN
    chat = visit(product).open()
    chat.ask("How long do I have to return a tent?")
    os.kill(product.pids()["web"], signal.SIGKILL)
    chat.say("written in the gap")
    expect(chat.mine.filter(has_text="written in the gap")).to_contain_text("Sent", timeout=patient(40_000))
    expect(chat.mine).to_have_count(2)
    expect(chat.answers).to_have_count(2, timeout=PATIENCE)


def test_a_token_that_is_not_known_any_more_is_forgotten(product: Deskhand, visit: Visit) -> None:
    chat = visit(product)
    visit.allowed += ["401"]
    chat.page.evaluate("localStorage.setItem('deskhand:demo:token', 'x'.repeat(43))")
    chat.open()
    chat.ask("How long do I have to return a tent?")
    assert chat.stored("token") != "x" * 43


def test_drafts_are_kept_for_each_conversation(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    chat.ask("How long do I have to return a tent?")
    chat.input.fill("half a thought")
    chat.page.reload()
    chat.open()
    expect(chat.input).to_have_value("half a thought")
    chat.menu("New conversation")
    expect(chat.input).to_have_value("")
    chat.input.fill("another")
    chat.menu("Your conversations")
    chat.page.locator(".conv .open").first.click()
    expect(chat.input).to_have_value("half a thought")


def test_a_page_that_is_not_listed_is_told_so_and_keeps_what_was_typed(
    product: Deskhand, host: Host, visit: Visit
) -> None:
    visit.allowed += [*BROKEN, "403", "CORS"]
    script = f'<script async src="{product.base_url}/w/loader.js" data-deskhand data-site="demo"></script>'
    host.page("/stranger", f"<!doctype html><html lang=en><title>Stranger</title><h1>Stranger</h1>{script}</html>")
    chat = visit(host.origin, "/stranger")
    chat.launcher.click()
    expect(chat.banner).to_contain_text("not set up for this page", timeout=patient(20_000))
    assert chat.state()["connection"] == "refused"
    chat.say("Is anybody there?")
    expect(chat.unsent).to_contain_text("Is anybody there?")
    sockets: list[str] = []
    chat.page.on("websocket", lambda socket: sockets.append(socket.url))
    chat.page.wait_for_timeout(3000)
    assert sockets == [], "it is not tried again and again"
    assert len(chat.unsent_keys()) == 1
