"""The list of conversations: resume, begin, end, delete for good."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.widget import PATIENCE, Widget
from tests.running import Deskhand


def two_conversations(product: Deskhand, visit: Visit) -> Widget:
    chat = visit(product).open()
    chat.ask("How long do I have to return a tent?")
    chat.menu("New conversation")
    expect(chat.articles).to_have_count(0)
    chat.ask("What does shipping cost?")
    return chat


def test_the_last_open_one_is_resumed_and_others_can_be(product: Deskhand, visit: Visit) -> None:
    chat = two_conversations(product, visit)
    chat.page.evaluate("sessionStorage.clear()")
    chat.page.reload()
    chat.open()
    expect(chat.mine).to_have_text([re.compile("What does shipping cost")])
    chat.menu("Your conversations")
    rows = chat.page.locator(".conv .open")
    expect(rows).to_have_count(2)
    rows.nth(1).click()
    expect(chat.mine.first).to_contain_text("How long do I have")
    expect(chat.input).to_be_focused()


def test_deleting_asks_first_and_is_real(product: Deskhand, visit: Visit) -> None:
    chat = two_conversations(product, visit)
    chat.menu("Your conversations")
    conv = chat.state()["conversationId"]
    chat.page.get_by_role("button", name="Delete conversation").first.click()
    expect(chat.page.get_by_role("button", name="Keep")).to_be_focused()
    chat.page.get_by_role("button", name="Keep").click()
    expect(chat.page.locator(".conv .open")).to_have_count(2)
    chat.page.get_by_role("button", name="Delete conversation").first.click()
    chat.page.get_by_role("button", name="Delete for good").click()
    expect(chat.voice).to_have_text("The conversation is deleted.")
    expect(chat.page.locator(".conv .open")).to_have_count(1)
    assert chat.state()["conversationId"] is None, "the open view begins anew"
    token = chat.stored("token")
    answer = chat.page.request.get(
        f"{product.base_url}/api/v1/chat/history/{conv}", headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status == 404
    chat.page.keyboard.press("Escape")
    expect(chat.articles).to_have_count(0)


def test_a_conversation_deleted_in_another_tab_goes_here_too(product: Deskhand, visit: Visit) -> None:
    one = visit(product).open()
    one.ask("How long do I have to return a tent?")
    two = visit(product, context=one.page.context).open()
    two.menu("Your conversations")
    two.page.get_by_role("button", name="Delete conversation").click()
    two.page.get_by_role("button", name="Delete for good").click()
    expect(one.articles).to_have_count(0, timeout=PATIENCE)
    one.ask("What does shipping cost?")
    expect(one.mine).to_have_count(1)


def test_ending_it_says_so_and_writing_opens_it_again(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    chat.ask("How long do I have to return a tent?")
    chat.page.evaluate("void Deskhand.on('conversation:resolved', () => { window.ended = true })")
    chat.menu("End conversation")
    status = chat.page.locator(".head p")
    expect(status).to_contain_text("Write to open it again", timeout=PATIENCE)
    chat.until("() => window.ended === true")
    chat.ask("What does shipping cost?")
    expect(status).to_have_text("AI assistant, answers at once")
    expect(chat.mine).to_have_count(2)


def test_a_list_that_cannot_be_loaded_says_so_and_tries_again(product: Deskhand, visit: Visit) -> None:
    visit.allowed += ["ERR_", "Failed to load resource"]
    chat = visit(product).open()
    chat.ask("How long do I have to return a tent?")
    chat.page.route("**/chat/sessions", lambda route: route.abort())
    chat.menu("Your conversations")
    expect(chat.page.get_by_text("The list could not be loaded.")).to_be_visible()
    chat.page.unroute("**/chat/sessions")
    chat.page.locator(".list").get_by_role("button", name="Try again").click()
    expect(chat.page.locator(".conv .open")).to_have_count(1)


def test_what_is_being_written_outlives_a_deletion_elsewhere(product: Deskhand, visit: Visit) -> None:
    one = visit(product).open()
    one.ask("How long do I have to return a tent?")
    one.input.fill("half a thought")
    token, conv = one.stored("token"), one.state()["conversationId"]
    answer = one.page.request.delete(
        f"{product.base_url}/api/v1/chat/session/{conv}", headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.ok
    expect(one.articles).to_have_count(0, timeout=PATIENCE)
    expect(one.input).to_have_value("half a thought")


def test_the_conversation_is_saved_as_a_file_without_asking_the_server(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    chat.ask("How long do I have to return a tent?")
    with chat.page.expect_download() as saved:
        chat.menu("Save conversation as a file")
    text = saved.value.path().read_text("utf-8-sig")
    assert saved.value.suggested_filename == "Conversation.txt"
    assert "You: How long do I have to return a tent?" in text
    assert "Offline assistant: I am the offline assistant." in text
    assert "    [1] " in text
