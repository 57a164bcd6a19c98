"""Asking for a person while nobody is connected: honest words, a form, a number. Nothing typed is lost here either."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.test_delivery import BROKEN, Wire
from tests.browser.widget import PATIENCE, Widget
from tests.patience import patient
from tests.running import Deskhand


def ask_for_a_person(chat: Widget) -> None:
    chat.page.locator(".under").get_by_role("button", name="Talk to a person").click()
    expect(chat.page.locator("form.card")).to_be_visible(timeout=PATIENCE)


def test_it_takes_one_action_from_the_first_moment(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    ask_for_a_person(chat)
    expect(chat.page.locator("article.handoff_no_desk")).to_be_visible()
    expect(chat.page.locator(".head p")).to_have_text("Waiting for a person")
    expect(chat.page.locator(".under").get_by_role("button", name="Talk to a person")).to_be_hidden()


def test_the_form_takes_over_what_was_typed_and_answers_with_a_number(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    chat.page.evaluate("void Deskhand.on('handoff:requested', (detail) => { window.asked = detail })")
    chat.input.fill("My parcel is wet")
    ask_for_a_person(chat)
    expect(chat.page.get_by_label("What should they know?")).to_have_value("My parcel is wet")
    chat.page.get_by_label("Name").fill("Ada")
    chat.page.get_by_label("E-mail").fill("ada@example.com")
    chat.page.get_by_role("button", name="Send request").click()
    said = chat.page.locator("article.contact_saved")
    expect(said).to_contain_text("#", timeout=PATIENCE)
    expect(chat.page.locator("form.card")).to_have_count(0)
    number = said.inner_text().split("#")[1][:4]
    listed = product.run("tickets", "list").stdout
    assert number in listed
    assert chat.page.evaluate("asked.conversationId") == chat.state()["conversationId"]


def test_a_wrong_address_is_named_at_its_field(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    ask_for_a_person(chat)
    chat.page.get_by_label("E-mail").fill("not an address")
    chat.page.get_by_role("button", name="Send request").click()
    expect(chat.page.get_by_label("E-mail")).to_be_focused()
    expect(chat.page.get_by_label("E-mail")).to_have_attribute("aria-invalid", "true")
    expect(chat.page.get_by_role("alert")).to_contain_text("name@example.com")


def test_what_stands_in_the_form_survives_a_reload(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    ask_for_a_person(chat)
    chat.page.get_by_label("Name").fill("Ada")
    chat.page.get_by_label("What should they know?").fill("It rained in")
    chat.page.reload()
    chat.open()
    expect(chat.page.get_by_label("Name")).to_have_value("Ada")
    expect(chat.page.get_by_label("What should they know?")).to_have_value("It rained in")


def test_an_address_is_sent_again_after_a_lost_connection(product: Deskhand, visit: Visit) -> None:
    visit.allowed += BROKEN
    chat = visit(product)
    wire = Wire(chat)
    chat.page.reload()
    chat.open()
    ask_for_a_person(chat)
    wire.cut = True
    wire.kill()
    chat.page.get_by_label("E-mail").fill("ada@example.com")
    chat.page.get_by_role("button", name="Send request").click()
    expect(chat.page.locator("form.card")).to_have_count(0)
    wire.cut = False
    expect(chat.page.locator("article.contact_saved")).to_have_count(1, timeout=patient(40_000))
    assert chat.unsent_keys() == []
