"""What clients may say, field by field, and that nothing else gets through."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import MessageView, Source
from web_widget.frames import NEEDED, OPTIONAL, FrameError, changes_body, message_body, parse

CONV = "01a1fdb9-e222-7583-92fb-29ef8e4d4ab4"
CID = "0123456789abcdef0123456789abcdef"


def read(**frame: Any) -> dict[str, Any]:
    return parse(orjson.dumps(frame))


@pytest.mark.parametrize(
    "frame",
    [
        {"t": "hello"},
        {"t": "hello", "token": None, "conv": None, "cursor": 0, "epoch": 3, "locale": "de", "page": {"url": "u", "title": "t"}},
        {"t": "send", "cid": CID, "text": "x"},
        {"t": "send", "cid": CID, "conv": CONV, "text": ""},
        {"t": "open", "conv": CONV, "cursor": 5},
        {"t": "pull", "conv": CONV},
        {"t": "stop", "conv": CONV, "turn": CONV},
        {"t": "handoff", "cid": CID},
        {"t": "contact", "cid": CID, "conv": CONV, "name": "A", "email": "a@example.com", "text": "t"},
        {"t": "resolve", "cid": CID, "conv": CONV},
        {"t": "typing", "conv": CONV, "on": True},
        {"t": "ping", "n": {"any": "thing"}},
        {"t": "send", "cid": CID, "text": "x", "unknown": [1, 2]},
    ],
)  # fmt: skip
def test_every_frame_of_the_protocol_is_understood(frame: dict[str, Any]) -> None:
    got = read(**frame)
    assert got["t"] == frame["t"]
    assert set(got) <= {"t", *NEEDED[got["t"]], *OPTIONAL[got["t"]]}


@pytest.mark.parametrize(
    ("raw", "code", "field"),
    [
        (b"", "bad_frame", ""),
        (b"{", "bad_frame", ""),
        (b"[]", "bad_frame", ""),
        (b"null", "bad_frame", ""),
        (b'"text"', "bad_frame", ""),
        (b'{"t":"ping","n":"\\ud800"}', "bad_frame", ""),
        (b"[" * 100_000, "bad_frame", ""),
        (b'{"t":NaN}', "bad_frame", ""),
        (b"{}", "unknown_type", "t"),
        (b'{"t":["send"]}', "unknown_type", "t"),
        (b'{"t":"__class__"}', "unknown_type", "t"),
        (b'{"t":"send","text":"x"}', "bad_field", "cid"),
        (b'{"t":"send","cid":"short","text":"x"}', "bad_field", "cid"),
        (b'{"t":"send","cid":"../../../etc/passwd","text":"x"}', "bad_field", "cid"),
        (b'{"t":"send","cid":"0123456789abcdef"}', "bad_field", "text"),
        (b'{"t":"send","cid":"0123456789abcdef","text":5}', "bad_field", "text"),
        (b'{"t":"send","cid":"0123456789abcdef","text":"x","conv":"1"}', "bad_field", "conv"),
        (b'{"t":"hello","cursor":-1}', "bad_field", "cursor"),
        (b'{"t":"hello","cursor":true}', "bad_field", "cursor"),
        (b'{"t":"hello","cursor":1.5}', "bad_field", "cursor"),
        (b'{"t":"hello","cursor":99999999999999999999999}', "bad_field", "cursor"),
        (b'{"t":"hello","token":{"a":1}}', "bad_field", "token"),
        (b'{"t":"hello","page":"x"}', "bad_field", "page"),
        (b'{"t":"hello","page":{"url":7}}', "bad_field", "page.url"),
        (b'{"t":"typing","conv":"01a1fdb9-e222-7583-92fb-29ef8e4d4ab4","on":1}', "bad_field", "on"),
        (b'{"t":"contact","cid":"0123456789abcdef","email":["a"]}', "bad_field", "email"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_the_field(raw: bytes, code: str, field: str) -> None:
    with pytest.raises(FrameError) as caught:
        parse(raw)
    assert (caught.value.code, caught.value.field) == (code, field)
    told = orjson.loads(caught.value.frame())
    assert told["t"] == "error"
    assert told["final"] is True
    assert told["message"].endswith(".")


def test_an_error_names_the_message_it_is_about() -> None:
    with pytest.raises(FrameError) as caught:
        read(t="send", cid=CID, text=5)
    assert orjson.loads(caught.value.frame())["cid"] == CID


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from([*NEEDED, "x", ""])
fields = st.sampled_from(
    ["token", "conv", "cursor", "epoch", "locale", "page", "cid", "text", "turn", "name", "email", "on", "n"]
)


@given(names, st.dictionaries(fields, anything | st.just(CONV) | st.just(CID), max_size=6))
def test_any_json_is_either_a_whole_frame_or_an_error_for_people(kind: str, values: dict[str, Any]) -> None:
    told = ""
    frame: dict[str, Any] = {}
    try:
        frame = parse(orjson.dumps({"t": kind, **values}))
    except FrameError as error:
        told = orjson.loads(error.frame())["message"]
    assert told or all(name in frame for name in NEEDED[kind])


@given(st.binary(max_size=200))
def test_any_bytes_are_an_error_and_no_crash(raw: bytes) -> None:
    try:
        parse(raw)
    except FrameError:
        pass


def test_a_message_carries_its_sources_choices_and_marks() -> None:
    message = MessageView(
        id="m", seq=1, rev=2, author="ai", text="a [1]", created_at=1.5, turn_id="t", type="ai", choices=("yes", "no"),
        sources=(Source(n=1, passage_id="p", title="T", heading="H", url="https://a.example", updated="2026-01-01"),),
        edited_at=3.0, deleted=True, client_key="c",
    )  # fmt: skip
    assert message_body(message) == {
        "id": "m", "seq": 1, "rev": 2, "author": "ai", "name": "", "text": "a [1]", "at": 1.5, "turn": "t", "type": "ai",
        "choices": ["yes", "no"], "edited": 3.0, "deleted": True, "cid": "c",
        "sources": [{"n": 1, "title": "T", "heading": "H", "url": "https://a.example", "updated": "2026-01-01", "passage": "p"}],
    }  # fmt: skip


def test_an_answer_in_progress_is_told_only_to_who_asks() -> None:
    from bot import Changes
    from bot.history import RunningTurn

    page = Changes(conversation_id="c", epoch="e", after=0, cursor=1, more=False, state="ai", turn=RunningTurn("t", 2))
    assert "turn" not in changes_body(page)
    assert changes_body(page, "so far")["turn"] == {"id": "t", "attempt": 2, "text": "so far"}
