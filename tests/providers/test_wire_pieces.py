"""Bytes that arrive in any pieces: chunks and events come out the same."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import ProviderError, ProviderErrorKind
from plugins.providers._chunks import ChunkError, Dechunker
from plugins.providers._errors import from_event, from_status, retry_after
from plugins.providers._sse import MAX_LINE, batches


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    places = [0, *sorted(c % (len(data) + 1) for c in cuts), len(data)]
    yield from (data[a:b] for a, b in pairwise(places) if a < b)


def chunked(payloads: list[bytes], *, extension: bytes = b"", trailer: bytes = b"") -> bytes:
    body = b"".join(b"%x%s\r\n%s\r\n" % (len(p), extension, p) for p in payloads if p)
    return body + b"0\r\n" + trailer + b"\r\n"


CUTS = st.lists(st.integers(0, 10_000), max_size=12)


@given(
    st.lists(st.binary(max_size=40), max_size=6),
    CUTS,
    st.sampled_from([b"", b";a=b"]),
    st.sampled_from([b"", b"X: y\r\n"]),
)
def test_chunks_come_apart_however_they_arrive(
    payloads: list[bytes], cuts: list[int], extension: bytes, trailer: bytes
) -> None:
    wire = chunked(payloads, extension=extension, trailer=trailer)
    chunks = Dechunker()
    assert b"".join(chunks.feed(piece) for piece in pieces(wire, cuts)) == b"".join(payloads)
    assert chunks.done
    assert not chunks.surplus


@given(st.lists(st.binary(max_size=40), max_size=4), CUTS, st.integers(1, 200))
def test_a_body_that_is_cut_is_never_done(payloads: list[bytes], cuts: list[int], missing: int) -> None:
    wire = chunked(payloads)
    wire = wire[: max(0, len(wire) - missing)]
    chunks = Dechunker()
    for piece in pieces(wire, cuts):
        chunks.feed(piece)
    assert not chunks.done


@pytest.mark.parametrize(
    "wire", [b"zz\r\nabc\r\n", b"-3\r\nabc\r\n", b"3\r\nabcd\r\n", b"3\nabc\n", b"a" * 2_000, b"0\r\n" + b"x" * 70_000]
)
def test_what_is_not_chunked_is_an_error(wire: bytes) -> None:
    with pytest.raises(ChunkError):
        Dechunker().feed(wire)


def test_bytes_after_the_end_are_noticed() -> None:
    chunks = Dechunker()
    assert chunks.feed(chunked([b"abc"]) + b"HTTP/1.1 200") == b"abc"
    assert chunks.surplus


@given(CUTS, st.sampled_from([b"\n", b"\r\n"]))
def test_events_come_apart_however_they_arrive(cuts: list[int], line_end: bytes) -> None:
    lines = [b"event: x", b'data: {"a": "\xc3\xaf"}', b"", b": ping", b"", b'data:{"b":2}', b"", b"data: [DONE]", b""]
    wire = line_end.join([*lines, b""])
    found = [payload.strip() for batch in batches(pieces(wire, cuts)) for payload in batch]
    assert found == [b'{"a": "\xc3\xaf"}', b'{"b":2}', b"[DONE]"]


def test_a_last_line_without_its_end_counts_only_when_it_is_whole() -> None:
    assert list(batches([b'data: {"a":1}\ndata: {"b"'])) == [[b' {"a":1}']]
    assert list(batches([b'data: {"a":1}'])) == [[], [b' {"a":1}']]


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    endless = (b"x" * 65_536 for _ in range(1_000_000))
    with pytest.raises(ProviderError, match="1 MiB"):
        list(batches(endless))
    assert MAX_LINE == 1_048_576


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None), ({"retry-after": "7"}, 7.0), ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "soon"}, None), ({"retry-after": "-3"}, 0.0), ({"retry-after": "nan"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
    ],
)  # fmt: skip
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    "body",
    [None, "text", [], [{"error": {"code": 429, "status": "X"}}], {"error": "no"}, {"error": {"code": "sk-a b"}}],
)
def test_an_error_body_of_any_shape_is_survived(body: object) -> None:
    error = from_status(500, {}, body)
    assert error.kind is ProviderErrorKind.TEMPORARY
    assert str(error) == "answered 500"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("overloaded_error", ProviderErrorKind.TEMPORARY), ("rate_limit_error", ProviderErrorKind.RATE_LIMITED),
        ("insufficient_quota", ProviderErrorKind.CONFIG), ("invalid_request_error", ProviderErrorKind.REQUEST),
        ("something_new", ProviderErrorKind.TEMPORARY),
    ],
)  # fmt: skip
def test_an_error_in_mid_stream_is_judged_by_its_type(code: str, kind: ProviderErrorKind) -> None:
    assert from_event({"type": "error", "error": {"type": code}}).kind is kind


def test_a_redirect_is_a_wrong_address() -> None:
    assert from_status(301, {}, None).kind is ProviderErrorKind.CONFIG
