"""Files of customers: by their bytes, named where they are too large or gone, and fetched later where they can be."""

from __future__ import annotations

from typing import Any

import pytest

from channels.telegram import fetching, listening
from tests.fakes.telegram import FakeTelegram

from .conftest import ANNA, BEN, Running

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 500


@pytest.mark.parametrize(
    ("kind", "more", "name", "type_"),
    [
        ("photo", {}, "photo-101.jpg", "image/jpeg"),
        ("document", {"file_name": "bill.pdf", "mime_type": "application/pdf"}, "bill.pdf", "application/pdf"),
        ("voice", {"duration": 3}, "voice.ogg", "audio/ogg"),
        ("audio", {"mime_type": "audio/mpeg"}, "audio.mp3", "audio/mpeg"),
        ("video", {}, "video.mp4", "video/mp4"),
    ],
)
def test_files_come_by_their_bytes_with_their_caption(
    telegram: FakeTelegram, running: Running, kind: str, more: dict[str, Any], name: str, type_: str
) -> None:
    telegram.send_file(ANNA, kind, PNG, caption="Look", **more)
    (event,) = running.listen().events(1)
    (file,) = event.files
    assert (event.text, file.name, file.type, file.content, file.problem) == ("Look", name, type_, PNG, "")


def test_a_file_that_is_too_large_or_gone_is_named_and_the_words_come_in(
    telegram: FakeTelegram, running: Running
) -> None:
    telegram.send_file(ANNA, "document", b"x", file_name="film.mov", file_size=40_000_000, caption="My film")
    telegram.send_file(ANNA, "document", b"y" * 20_000_001, file_name="sly.bin", file_size=5)
    telegram.write(ANNA, document={"file_id": "gone", "file_unique_id": "g", "file_name": "gone.txt"})
    telegram.fail("drop_before", "file")
    telegram.send_file(ANNA, "document", b"second try", file_name="ok.txt")
    large, sly, gone, fine = running.listen().events(4, 45)
    assert (large.text, large.files[0].problem, large.files[0].size) == ("My film", "too_large", 40_000_000)
    assert (sly.files[0].problem, gone.files[0].problem) == ("too_large", "unavailable")
    assert fine.files[0].content == b"second try"


def test_a_file_that_cannot_be_fetched_now_is_fetched_with_the_next_poll(
    telegram: FakeTelegram, running: Running, monkeypatch: Any
) -> None:
    monkeypatch.setattr(listening, "STORE_WAIT", 0.02)
    monkeypatch.setattr(fetching, "PAUSE", 0.02)
    telegram.fail("drop_before", "file", 4)
    telegram.write(BEN, "words of somebody else")
    telegram.send_file(ANNA, "photo", PNG, caption="Look")
    telegram.write(ANNA, "Do you see it?")
    events = {event.text: event for event in running.listen().events(3)}
    assert [file.content for file in events["Look"].files] == [PNG]
    texts = [event.text for event in running.inbox.events if event.external_id == str(ANNA)]
    assert texts == ["Look", "Do you see it?"], "in their order"


def test_a_file_that_can_never_be_fetched_holds_nobody_up(
    telegram: FakeTelegram, running: Running, monkeypatch: Any
) -> None:
    monkeypatch.setattr(listening, "STORE_WAIT", 0.02)
    monkeypatch.setattr(fetching, "PAUSE", 0.01)
    telegram.fail("drop_before", "file", 100)
    telegram.send_file(ANNA, "photo", PNG, caption="Look")
    telegram.write(ANNA, "Hello?")
    look, hello = running.listen().events(2)
    assert (look.text, look.files[0].problem, hello.text) == ("Look", "unavailable", "Hello?")


def test_a_flood_of_files_is_taken_a_few_at_a_time(telegram: FakeTelegram, running: Running) -> None:
    for number in range(40):
        telegram.send_file(ANNA, "document", b"%d" % number, file_name=f"{number}.txt")
        telegram.send_file(BEN, "document", b"%d" % number, file_name=f"{number}.txt")
    running.listen().events(80, 45)
    mine = [event.files[0].content for event in running.inbox.events if event.external_id == str(ANNA)]
    assert mine == [b"%d" % number for number in range(40)]
