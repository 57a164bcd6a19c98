"""Files of the visitor: by button, paste and drop; looked at first, made smaller, sent once, and named when they are not taken."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.test_accessibility import MODES, no_violations
from tests.browser.test_delivery import BROKEN
from tests.browser.test_speed import CONV, Script, message
from tests.browser.widget import PATIENCE, Widget
from tests.patience import patient, wait_for
from tests.running import Deskhand


def photo(width: int, height: int, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.effect_noise((width, height), 60).convert("RGB").save(out, kind)
    return out.getvalue()


def file(name: str, content: bytes, kind: str = "") -> Any:
    return {"name": name, "mimeType": kind or "application/octet-stream", "buffer": content}


def attach(chat: Widget, *files: Any) -> None:
    expect(chat.page.get_by_role("button", name="Attach a file")).to_be_visible(timeout=PATIENCE)
    chat.page.locator("input[type=file]").set_input_files(list(files))


def chips(chat: Widget) -> Any:
    return chat.page.locator(".put")


def test_a_picture_and_a_document_are_sent_with_words(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    chat.page.evaluate("window.up = []; void Deskhand.on('file:uploaded', (detail) => { up.push(detail.name) })")
    attach(chat, file("small.png", photo(300, 200), "image/png"), file("bill.pdf", b"%PDF-1.4 " + b"x" * 30_000))
    expect(chips(chat)).to_have_count(2)
    expect(chips(chat).nth(1)).to_contain_text("30 KB", timeout=PATIENCE)
    expect(chips(chat).nth(0).locator("canvas")).to_be_visible()
    chat.until("() => up.length == 2")
    chat.say("How long do I have to return a tent?")
    expect(chips(chat)).to_have_count(0)
    mine = chat.mine.first
    picture = mine.get_by_role("img", name="Picture small.png")
    expect(picture).to_be_visible(timeout=PATIENCE)
    expect(chat.answers).to_have_count(1, timeout=PATIENCE)
    # The stored message takes the place of the one that was sent: in that moment there are two pictures, or none.
    box = wait_for(lambda: picture.count() == 1 and picture.bounding_box(), 5, "the picture stands there")
    assert abs(box["width"] - 260) <= 1
    assert abs(box["height"] - 173) <= 1
    link = mine.get_by_role("link", name="bill.pdf")
    expect(link).to_contain_text("PDF, 30 KB")
    answer = chat.page.request.get(product.base_url + str(link.evaluate("(one) => one.pathname + one.search")))
    assert answer.headers["content-disposition"].startswith("attachment")
    chat.page.reload()
    chat.open()
    expect(chat.mine.first.get_by_role("img", name="Picture small.png")).to_be_visible(timeout=PATIENCE)
    assert chat.unsent_keys() == []


def test_a_file_alone_is_a_message(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    attach(chat, file("small.png", photo(30, 20), "image/png"))
    expect(chips(chat)).to_contain_text("KB", timeout=PATIENCE)
    chat.button.click()
    expect(chat.mine.first.get_by_role("img", name="Picture small.png")).to_be_visible(timeout=PATIENCE)
    expect(chat.mine.first.locator("p")).to_have_count(0)


def test_what_cannot_be_taken_is_named_before_a_byte_leaves(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    sent: list[str] = []
    chat.page.on("request", lambda request: sent.append(request.url) if request.url.endswith("/w/files") else None)
    attach(chat, file("page.html", b"<h1>"), file("empty.txt", b""))
    chat.page.evaluate(PUT, ["drop", "huge.pdf", "application/pdf", 10_000_001])
    expect(chips(chat).nth(0)).to_contain_text("this kind of file is not possible here. Possible are: png, jpg,")
    expect(chips(chat).nth(1)).to_contain_text("was not taken: it is empty.")
    expect(chips(chat).nth(2)).to_contain_text("it is larger than 10 MB. Send a smaller one.")
    assert sent == []
    chat.page.get_by_role("button", name="Remove page.html").click()
    expect(chips(chat)).to_have_count(2)
    expect(chat.input).to_be_focused()
    attach(chat, *[file(f"{n}.txt", b"words") for n in range(6)])
    expect(chips(chat).nth(7)).to_contain_text("no more than 5 files fit into one message.")


def test_what_the_server_finds_out_is_said_in_its_words(product: Deskhand, visit: Visit) -> None:
    visit.allowed.append("422")
    chat = visit(product).open()
    attach(chat, file("liar.pdf", b"MZ this is no document"))
    expect(chips(chat)).to_contain_text("its name says pdf, and its content is something else.", timeout=PATIENCE)
    chat.say("Hello")
    expect(chat.mine.first).to_contain_text("Hello")
    expect(chips(chat)).to_have_count(0)


def test_large_pictures_are_made_smaller_first(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    content = photo(2600, 1800, "JPEG")
    with chat.page.expect_response("**/w/files") as answer:
        attach(chat, file("camera.jpg", content, "image/jpeg"))
    stored = answer.value.json()
    assert 1_900_000 < stored["width"] * stored["height"] <= 2_010_000
    assert stored["size"] < len(content)
    assert stored["name"] == "camera.jpg"


def test_sending_waits_for_the_upload(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    held: list[Any] = []
    chat.page.route("**/w/files", lambda route: held.append(route))  # noqa: PLW0108  builtins cannot be listeners
    attach(chat, file("slow.txt", b"words"))
    expect(chips(chat).get_by_role("progressbar")).to_be_visible()
    chat.page.wait_for_timeout(100)
    chat.say("With a file")
    expect(chat.page.locator("#dh-hint")).to_have_text("Your message is sent when its files are ready.")
    assert chat.mine.count() == 0
    held[0].continue_()
    expect(chat.mine.first).to_contain_text("slow.txt", timeout=PATIENCE)
    assert chat.input.input_value() == ""


def test_a_failed_upload_is_tried_again_by_hand(product: Deskhand, visit: Visit) -> None:
    visit.allowed += BROKEN
    chat = visit(product).open()
    chat.page.route("**/w/files", lambda route: route.abort())
    attach(chat, file("words.txt", b"words"))
    expect(chips(chat)).to_contain_text("could not be uploaded.")
    chat.say("With a file")
    chat.page.wait_for_timeout(200)
    assert chat.mine.count() == 0, "nothing is left out in silence"
    chat.page.unroute("**/w/files")
    chat.page.get_by_role("button", name="Try words.txt again").click()
    expect(chips(chat)).to_contain_text("KB", timeout=PATIENCE)
    chat.button.click()
    expect(chat.mine.first).to_contain_text("words.txt", timeout=PATIENCE)


def test_what_was_uploaded_survives_a_reload(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    attach(chat, file("words.txt", b"words"))
    expect(chips(chat)).to_contain_text("KB", timeout=PATIENCE)
    chat.page.reload()
    chat.open()
    expect(chips(chat)).to_contain_text("words.txt", timeout=PATIENCE)
    chat.say("Here it is")
    expect(chat.mine.first).to_contain_text("words.txt", timeout=PATIENCE)
    expect(chat.answers).to_have_count(1, timeout=PATIENCE)


def test_an_unsent_message_keeps_its_files_over_a_reload(product: Deskhand, visit: Visit) -> None:
    visit.allowed += BROKEN
    chat = visit(product).open()
    attach(chat, file("words.txt", b"words"))
    expect(chips(chat)).to_contain_text("KB", timeout=PATIENCE)
    chat.page.context.set_offline(True)
    chat.say("Later")
    expect(chat.unsent).to_contain_text("words.txt")
    chat.page.context.set_offline(False)
    chat.page.reload()
    chat.open()
    expect(chat.mine.first.get_by_role("link", name="words.txt")).to_be_visible(timeout=patient(30_000))
    assert chat.unsent_keys() == []


PUT = """([kind, name, type, text]) => { const input = document.querySelector('deskhand-chat').shadowRoot.querySelector('#dh-text');
const data = new DataTransfer(); if (name) data.items.add(new File([typeof text == 'number' ? new Uint8Array(text) : text], name, { type })); else data.setData('text/plain', text);
const options = { bubbles: true, composed: true, cancelable: true };
if (kind == 'paste') input.dispatchEvent(new ClipboardEvent('paste', { ...options, clipboardData: data }));
else input.dispatchEvent(new DragEvent(kind, { ...options, dataTransfer: data })) }"""


def test_paste_and_drop_do_the_same(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    expect(chat.page.get_by_role("button", name="Attach a file")).to_be_visible(timeout=PATIENCE)
    chat.page.evaluate(PUT, ["paste", "pasted.txt", "text/plain", "words"])
    expect(chips(chat)).to_have_count(1)
    zone = chat.page.get_by_text("Drop files here to attach them")
    chat.page.evaluate(PUT, ["dragenter", "dropped.txt", "text/plain", "words"])
    expect(zone).to_be_visible()
    chat.page.evaluate(PUT, ["drop", "dropped.txt", "text/plain", "words"])
    expect(zone).to_be_hidden()
    expect(chips(chat)).to_have_count(2)
    expect(chips(chat).nth(1)).to_contain_text("dropped.txt")


def test_a_text_that_is_too_long_may_go_as_a_file(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    expect(chat.page.get_by_role("button", name="Attach a file")).to_be_visible(timeout=PATIENCE)
    chat.input.fill("word " * 1000)
    chat.page.evaluate(PUT, ["paste", "", "", "more"])
    chat.page.get_by_role("button", name="Send this long text as a file").click()
    expect(chips(chat)).to_contain_text("message.txt")
    expect(chips(chat)).to_contain_text("5 KB", timeout=PATIENCE)
    assert chat.input.input_value() == ""


def test_pictures_are_drawn_again_after_a_reload_and_need_no_img(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    attach(chat, file("small.png", photo(60, 40), "image/png"))
    expect(chips(chat)).to_contain_text("KB", timeout=PATIENCE)
    chat.button.click()
    expect(chat.answers).to_have_count(1, timeout=PATIENCE)
    chat.page.reload()
    chat.open()
    picture = chat.mine.first.get_by_role("img", name="Picture small.png")
    expect(picture).to_be_visible(timeout=PATIENCE)
    drawn = "(place) => place.getContext('2d').getImageData(5, 5, 1, 1).data[3] == 255"
    wait_for(lambda: picture.evaluate(drawn), 10, "the picture is drawn")
    assert chat.panel.locator("img").count() == 0, "a strict page needs no rule for images"


def test_refused_files_reactions_and_faces_are_shown(product: Deskhand, visit: Visit) -> None:
    chat = visit(product)
    visit.allowed.append("ERR_")
    refused = {"id": "f1", "name": "a.exe", "type": "", "size": 0, "problem": "a.exe was not taken: it is no picture."}
    script = Script(chat, [
        message(1, "agent", name="Ana", files=[refused], picture="https://127.0.0.1:9/ana.png"),
        message(2, "customer", reactions=[{"emoji": "👍", "author": "agent", "name": "Ana"}]),
    ])  # fmt: skip
    chat.open()
    expect(chat.articles.first).to_contain_text("a.exe was not taken: it is no picture.", timeout=PATIENCE)
    expect(chat.articles.first.locator(".face")).to_have_text("A")
    expect(chat.mine.first.get_by_role("img", name="👍 from Ana")).to_be_visible()
    script.messages[0] |= {"rev": 3, "deleted": True, "text": "", "files": []}
    script.page_from(2)
    expect(chat.articles.first.locator(".b")).to_have_text("This message was deleted.")
    assert chat.state()["conversationId"] == CONV


def test_another_language_keeps_what_was_attached(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    attach(chat, file("words.txt", b"words"))
    expect(chips(chat)).to_contain_text("KB", timeout=PATIENCE)
    chat.page.evaluate("Deskhand.setLocale('de')")
    expect(chat.page.get_by_role("button", name="Datei anhängen")).to_be_visible(timeout=PATIENCE)
    expect(chips(chat)).to_contain_text("words.txt")


@pytest.mark.parametrize("mode", ["dark", "320 px"])
def test_axe_finds_nothing_with_files(mode: str, product: Deskhand, visit: Visit) -> None:
    chat = visit(product, **MODES[mode]).open()
    attach(chat, file("small.png", photo(60, 40), "image/png"), file("page.html", b"<h1>"))
    expect(chips(chat).nth(0)).to_contain_text("KB", timeout=PATIENCE)
    no_violations(chat, "chips")
    chat.ask("Look")  # and wait for the answer: by then the message stands there as it is stored
    expect(chat.mine.first.get_by_role("img")).to_be_visible(timeout=PATIENCE)
    chat.mine.first.focus()
    expect(chat.page.get_by_role("toolbar")).to_be_visible()
    no_violations(chat, "sent")
    chat.page.get_by_role("button", name="Change message").click()
    no_violations(chat, "being changed")


def test_ones_own_words_are_changed_and_deleted_by_keyboard(product: Deskhand, visit: Visit) -> None:
    chat = visit(product).open()
    chat.ask("How long do I have to return a tent?")
    chat.mine.first.focus()
    chat.page.get_by_role("button", name="Change message").focus()
    chat.page.keyboard.press("Enter")
    box = chat.page.get_by_role("textbox", name="Change message")
    expect(box).to_be_focused()
    box.fill("nothing")
    chat.page.keyboard.press("Escape")
    expect(chat.mine.first.locator(".b")).to_have_text("How long do I have to return a tent?")
    expect(chat.panel).to_be_visible()
    chat.page.get_by_role("button", name="Change message").click()
    box.fill("How long do I have to return a stove?")
    chat.page.get_by_role("button", name="Save").click()
    expect(chat.mine.first).to_contain_text("Edited", timeout=PATIENCE)
    expect(chat.mine.first.locator(".b")).to_have_text("How long do I have to return a stove?")
    chat.mine.first.focus()
    chat.page.get_by_role("button", name="Delete message").click()
    expect(chat.page.get_by_role("button", name="Leave it as it is")).to_be_focused()
    chat.mine.first.get_by_role("button", name="Delete message").click()
    expect(chat.mine.first.locator(".b")).to_have_text("This message was deleted.", timeout=PATIENCE)
    chat.page.reload()
    chat.open()
    expect(chat.mine.first.locator(".b")).to_have_text("This message was deleted.", timeout=PATIENCE)
    assert chat.unsent_keys() == []
