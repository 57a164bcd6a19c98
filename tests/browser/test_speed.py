"""Long answers and long conversations stay light. Counts, where a count says it; times only with much room."""

from __future__ import annotations

import json
import time
from typing import Any

from playwright.sync_api import WebSocketRoute, expect

from tests.browser.conftest import Visit
from tests.browser.widget import Widget
from tests.patience import patient
from tests.running import Deskhand

CONV = "00000000-0000-4000-8000-000000000001"
WELCOME = {
    "t": "welcome",
    "epoch": "e",
    "token": "x" * 43,
    "site": {"title": "Speed"},
    "conv": CONV,
    "limits": {"text": 4000},
}


def message(n: int, author: str = "customer", **more: Any) -> dict[str, Any]:
    return {
        "id": f"m{n}", "seq": n, "rev": n, "author": author, "text": f"message {n} with **some** words", "at": 1_790_000_000 + n,
        "sources": [], "choices": [], **more,
    }  # fmt: skip


class Script:
    """The server's side of the socket, played by the test: what is measured is the page alone."""

    def __init__(self, chat: Widget, messages: list[dict[str, Any]]) -> None:
        self.socket: WebSocketRoute | None = None
        self.messages = messages
        chat.page.route_web_socket("**/w/ws*", self._opened)
        chat.page.reload()

    def _opened(self, socket: WebSocketRoute) -> None:
        self.socket = socket
        socket.on_message(lambda data: self._answer(json.loads(data)))

    def _answer(self, frame: dict[str, Any]) -> None:
        if frame["t"] == "hello":
            self.send(WELCOME)
            self.page_from(0)
        elif frame["t"] == "pull":
            self.page_from(frame["cursor"])

    def page_from(self, after: int) -> None:
        rows = [row for row in self.messages if row["rev"] > after]
        cursor = rows[:200][-1]["rev"] if rows else after
        self.send(
            {
                "t": "msgs",
                "conv": CONV,
                "after": after,
                "cursor": cursor,
                "more": len(rows) > 200,
                "state": "ai",
                "msgs": rows[:200],
            }
        )

    def send(self, frame: dict[str, Any]) -> None:
        assert self.socket is not None
        self.socket.send(json.dumps(frame))


def test_a_thousand_messages_open_as_one_page_of_them(product: Deskhand, visit: Visit) -> None:
    chat = visit(product)
    Script(chat, [message(n, "ai" if n % 2 else "customer") for n in range(1, 1001)])
    chat.open()
    expect(chat.articles.last).to_contain_text("message 1000")
    assert chat.articles.count() == 40
    assert chat.log.evaluate("(log) => log.scrollHeight - log.scrollTop - log.clientHeight") < 2
    first = chat.articles.first
    expect(first).to_contain_text("message 961")
    before = first.bounding_box()
    chat.page.get_by_role("button", name="Earlier messages").click()
    assert chat.articles.count() == 80
    after = chat.articles.nth(40).bounding_box()
    assert before is not None and after is not None
    expect(chat.articles.nth(40)).to_contain_text("message 961")
    expect(chat.articles.nth(40)).to_be_focused()


def test_a_stream_paints_at_most_twenty_times_a_second_and_old_blocks_once(product: Deskhand, visit: Visit) -> None:
    chat = visit(product)
    script = Script(chat, [message(1)])
    chat.open()
    script.send({"t": "turn", "conv": CONV, "turn": "t1", "attempt": 1, "phase": "thinking"})
    expect(chat.draft).to_be_visible()
    chat.page.evaluate(
        """() => { window.paints = 0; window.first = null; const root = document.querySelector('deskhand-chat').shadowRoot;
        new MutationObserver((all) => { if (all.some((one) => one.target.className == 'tail')) paints++;
          first ??= root.querySelector('.draft .b > p') }).observe(root.querySelector('.draft'), { childList: true, subtree: true }) }"""
    )
    text, begin = "", time.monotonic()
    for n in range(600):
        piece = f"word{n} " + ("\n\n" if n % 60 == 59 else "")
        script.send({"t": "delta", "conv": CONV, "turn": "t1", "attempt": 1, "off": len(text), "text": piece})
        text += piece
    expect(chat.draft).to_contain_text("word599")
    spent = time.monotonic() - begin
    assert chat.page.evaluate("paints") <= 20 * spent + 3
    assert chat.page.evaluate("first.isConnected && first.textContent.startsWith('word0 ')"), (
        "the first block was painted once"
    )
    script.messages.append(message(2, "ai", turn="t1", text=text.strip()))
    script.page_from(1)
    expect(chat.answers).to_have_count(1)
    assert chat.answers.first.locator("p").count() == 10


def test_a_gap_in_the_stream_is_pulled_and_a_repeat_is_dropped(product: Deskhand, visit: Visit) -> None:
    chat = visit(product)
    script = Script(chat, [message(1)])
    chat.open()

    def delta(off: int, text: str, attempt: int = 1) -> None:
        script.send({"t": "delta", "conv": CONV, "turn": "t1", "attempt": attempt, "off": off, "text": text})

    delta(0, "Hello ")
    delta(0, "Hello there")
    expect(chat.draft.locator(".b")).to_have_text("Hello there")
    delta(6, "there and more")
    expect(chat.draft.locator(".b")).to_have_text("Hello there and more")
    delta(0, "Another try", attempt=2)
    expect(chat.draft.locator(".b")).to_have_text("Another try")
    delta(11, " is late", attempt=1)
    expect(chat.draft.locator(".b")).to_have_text("Another try")
    script.messages.append(message(2, "ai", turn="t1", text="The answer"))
    delta(500, "a hole", attempt=2)
    expect(chat.answers.first.locator(".b")).to_have_text("The answer")
    expect(chat.draft).to_have_count(0)


def test_scrolled_up_nobody_is_torn_away(product: Deskhand, visit: Visit) -> None:
    chat = visit(product)
    script = Script(chat, [message(n) for n in range(1, 31)])
    chat.open()
    expect(chat.articles).to_have_count(30)
    chat.log.evaluate("(log) => { log.scrollTop = 0 }")
    chat.page.wait_for_timeout(100)
    script.messages.append(message(31, "agent", name="Ana"))
    script.page_from(30)
    pill = chat.page.get_by_role("button", name="New messages")
    expect(pill).to_be_visible()
    assert chat.log.evaluate("(log) => log.scrollTop") == 0
    pill.click()
    expect(pill).to_be_hidden()
    expect(chat.articles.last).to_contain_text("Ana")


def test_another_epoch_forgets_what_was_cached(product: Deskhand, visit: Visit) -> None:
    visit.allowed.append("WebSocket")
    chat = visit(product)
    script = Script(chat, [message(n) for n in range(1, 6)])
    chat.open()
    expect(chat.articles).to_have_count(5)
    script.messages[:] = [message(n) for n in range(1, 3)]
    WELCOME["epoch"] = "f"
    try:
        assert script.socket is not None
        script.socket.close(code=1012)
        expect(chat.articles).to_have_count(2, timeout=patient(10_000))
    finally:
        WELCOME["epoch"] = "e"


def test_what_the_server_told_before_the_page_knew_whose_it_is_is_shown(product: Deskhand, visit: Visit) -> None:
    """A message was stored and its answer lost; on the next page the server tells of the conversation first, then acknowledges."""
    visit.allowed.append("WebSocket")
    chat = visit(product)
    cid = "c" * 32
    chat.page.evaluate(
        """(cid) => localStorage.setItem('deskhand:demo:out:' + cid, JSON.stringify({ frame: { t: 'send', cid, text: 'Is it there' },
        thread: 'here', at: 1, tries: 0, next: 0 }))""",
        cid,
    )
    script = Script(chat, [message(1, cid=cid, text="Is it there"), message(2, "ai", text="It is")])
    answer = script._answer

    def also_acknowledge(frame: dict[str, Any]) -> None:
        answer(frame)
        if frame["t"] == "send":
            script.send({"t": "ack", "cid": cid, "conv": CONV, "id": "m1", "seq": 1, "rev": 1})

    script._answer = also_acknowledge  # type: ignore[method-assign]
    chat.open()
    expect(chat.mine).to_have_text("Is it thereSent")
    expect(chat.answers).to_have_count(1)
    assert chat.unsent_keys() == []
