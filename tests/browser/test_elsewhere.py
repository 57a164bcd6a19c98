"""A conversation is taken along to another device by a code, and channels are offered with a link and a QR code."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Starter, Visit
from tests.browser.widget import PATIENCE, Widget
from tests.running import Deskhand

POST = """
from bot import Channel, Outbound, Sent, hookimpl

class Post(Channel):
    name = "post"
    where = "in Letterpost"
    def start_link(self, code): return f"https://post.example/start?c={code}"
    async def send(self, out: Outbound) -> Sent: return Sent(out.key)

@hookimpl
def channel(settings): return Post()
"""


@pytest.fixture(scope="module")
def posting(start: Starter, tmp_path_factory: pytest.TempPathFactory) -> Deskhand:
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "post.py").write_text(POST, "utf-8")
    return start("posting", DESKHAND_PLUGINS_DIR=str(folder))


def code_of(chat: Widget) -> str:
    chat.menu("Go on elsewhere")
    chat.page.get_by_role("button", name="Show a code").click()
    shown = chat.page.locator(".code")
    expect(shown).to_have_text(re.compile("^[0-9A-Z]{5}-[0-9A-Z]{5}$"), timeout=PATIENCE)
    expect(shown).to_be_focused()
    return shown.inner_text()


def bring(chat: Widget, code: str) -> None:
    chat.page.get_by_label("Code", exact=True).fill(code)
    chat.page.get_by_role("button", name="Continue here").click()


def test_a_second_device_goes_on_with_the_conversation(posting: Deskhand, visit: Visit) -> None:
    desk = visit(posting).open()
    desk.ask("How long do I have to return a tent?")
    code = code_of(desk)
    link = desk.page.get_by_role("link", name="Go on in Letterpost")
    assert link.get_attribute("href") == f"https://post.example/start?c={code.replace('-', '')}"
    drawn = desk.page.get_by_role("img", name="QR code that opens Letterpost")
    assert drawn.evaluate("(svg) => svg.querySelector('path').getBBox().width") > 20, "it is drawn in any page's policy"

    visit.allowed.append("422")  # type: ignore[attr-defined]  the browser tells of the wrong code, too
    phone = visit(posting).open()
    phone.menu("Go on elsewhere")
    expect(phone.page.get_by_role("button", name="Show a code")).to_have_count(0)
    bring(phone, "AAAAA-AAAAA")
    expect(phone.page.get_by_role("alert").last).to_contain_text("not known, was used, or is older")
    bring(phone, code.lower().replace("-", " "))
    expect(phone.mine).to_have_text([re.compile("How long do I have")], timeout=PATIENCE)
    phone.say("And a kayak?")
    desk.page.keyboard.press("Escape")
    expect(desk.mine).to_have_text([re.compile("How long"), re.compile("And a kayak")], timeout=PATIENCE)
