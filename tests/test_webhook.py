"""Whoever calls in is proved before anything is read, and answered after the commit."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bot import clock, deadletters, lease
from bot.messages import Inbound, Receipt, Refused
from bot.webhook import MAX_EVENTS, Forged, WebhookChannel, WebhookRequest, sign_hmac, take, verify_hmac, verify_time


class Bell(WebhookChannel):
    name: ClassVar[str] = "bell"

    def verify(self, request: WebhookRequest) -> None:
        verify_hmac("secret", request.body, request.headers["x-signature"])

    def greeting(self, request: WebhookRequest) -> str | None:
        return request.query.get("challenge")

    def parse(self, request: WebhookRequest) -> Sequence[Inbound]:
        return [
            Inbound(channel=self.name, key=f"bell:{one['id']}", external_id="x", place="tower", text=one["text"])
            for one in json.loads(request.body)
        ]


@pytest.fixture
def house(store: Any) -> Any:
    store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now()))
    lease.start("web")
    return store


def call(body: bytes, **query: str) -> WebhookRequest:
    return WebhookRequest(method="POST", headers={"x-signature": sign_hmac("secret", body)}, query=query, body=body)


def ring(*texts: str) -> bytes:
    return json.dumps([{"id": text, "text": text} for text in texts]).encode()


def messages(store: Any) -> list[str]:
    return [row[0] for row in store.read(lambda: store.sql("SELECT body FROM message ORDER BY seq").fetchall())]


def test_a_channel_without_verify_cannot_even_be_written() -> None:
    with pytest.raises(TypeError, match=r"Open has no verify\(\): whoever finds the address could write"):

        class Open(WebhookChannel):
            name = "open"

    class Base(WebhookChannel, abstract=True):
        """For several channels of one platform."""

    with pytest.raises(TypeError, match="no verify"):
        type("Second", (Base,), {})
    type("Third", (Base,), {"verify": lambda self, request: None})


def test_a_signed_call_is_committed_once_however_often_it_comes(house: Any) -> None:
    first = take(Bell(), call(ring("one", "two")))
    assert all(isinstance(outcome, Receipt) and not outcome.duplicate for outcome in first.outcomes)
    again = take(Bell(), call(ring("one", "two")))
    assert all(isinstance(outcome, Receipt) and outcome.duplicate for outcome in again.outcomes)
    assert messages(house) == ["one", "two"]


@pytest.mark.parametrize(
    "request_",
    [
        WebhookRequest(method="POST", headers={"x-signature": "00"}, query={}, body=ring("x")),
        WebhookRequest(method="POST", headers={}, query={}, body=ring("x")),
        WebhookRequest(method="POST", headers={"x-signature": sign_hmac("other", ring("x"))}, query={}, body=ring("x")),
        WebhookRequest(method="GET", headers={"x-signature": ""}, query={"challenge": "me"}, body=b""),
    ],
    ids=["wrong", "none", "another secret", "a greeting"],
)
def test_what_cannot_be_proved_is_not_even_read(house: Any, request_: WebhookRequest) -> None:
    with pytest.raises(Forged):
        take(Bell(), request_)
    assert messages(house) == [] and house.read(deadletters.found) == []


def test_a_greeting_is_answered_and_stores_nothing(house: Any) -> None:
    assert take(Bell(), call(b"", challenge="abc")).greeting == "abc"
    assert messages(house) == []


UNREADABLE = [b"\xff\x00 not JSON", b"{}x", b"7", b'[{"id": 1}]', ring(*[f"m{n}" for n in range(MAX_EVENTS + 1)])]


@pytest.mark.parametrize("body", UNREADABLE, ids=["bytes", "rest", "a number", "a field is missing", "too many"])
def test_what_is_signed_and_cannot_be_read_is_kept_once_for_an_operator(house: Any, body: bytes) -> None:
    for _ in range(3):
        taken = take(Bell(), call(body))
        assert taken.unreadable and taken.outcomes == ()
    (letter,) = house.read(deadletters.found)
    assert letter.kind == "event" and letter.where == "bell unreadable" and "cannot be read" in letter.reason
    assert messages(house) == []


def test_events_of_another_channel_are_not_taken(house: Any) -> None:
    class Liar(Bell):
        def parse(self, request: WebhookRequest) -> Sequence[Inbound]:
            return [Inbound(channel="widget", key="w", external_id="x", place="p", text="x")]

    assert take(Liar(), call(b"[]")).unreadable
    assert messages(house) == []


def test_a_refused_event_is_answered_and_the_others_are_stored(house: Any) -> None:
    taken = take(Bell(), call(ring("fine", " ", "too")))
    assert [isinstance(outcome, Refused) for outcome in taken.outcomes] == [False, True, False]
    assert messages(house) == ["fine", "too"]


BODY = b'{"a": 1}'
HEX = hmac.new(b"k", BODY, "sha256").hexdigest()
B64 = base64.b64encode(hmac.new(b"k", BODY, "sha256").digest()).decode()


def test_signatures_in_the_forms_that_platforms_use() -> None:
    verify_hmac("k", BODY, HEX)
    verify_hmac(b"k", BODY, f"sha256={HEX}", prefix="sha256=")
    verify_hmac("k", BODY, HEX.upper())
    verify_hmac("k", BODY, B64, encoding="base64")
    verify_hmac("k", BODY, hmac.new(b"k", BODY, "sha1").hexdigest(), algorithm="sha1")
    assert sign_hmac("k", BODY, prefix="v1=") == f"v1={HEX}"
    assert hashlib.sha256(BODY).hexdigest() != HEX


@pytest.mark.parametrize(
    ("secret", "given", "how"),
    [
        ("k", "", {}), ("k", HEX[:-2], {}), ("k", HEX[:-1] + "z", {}), ("k", "é" * 64, {}), ("k", "\x00", {}), ("k", HEX * 500, {}),
        ("", hmac.new(b"", BODY, "sha256").hexdigest(), {}), ("other", HEX, {}), ("k", HEX, {"prefix": "sha256="}),
        ("k", B64, {}), ("k", "=" + B64, {"encoding": "base64"}), ("k", HEX, {"algorithm": "sha512"}),
    ],
)  # fmt: skip
def test_every_other_signature_is_forged(secret: str, given: str, how: Any) -> None:
    with pytest.raises(Forged):
        verify_hmac(secret, BODY, given, **how)


@pytest.mark.parametrize(
    "given", ["", "now", "nan", "inf", "-inf", "9" * 5_000, "1_0", "1e400", "699.9", "1300.1", "٣٤"]
)
def test_times_that_are_off_or_no_times_are_forged(given: str) -> None:
    with pytest.raises(Forged):
        verify_time(given, now=1_000)
    verify_time("700", now=1_000)
    verify_time("1300.0", now=1_000)


def test_the_page_for_authors_shows_a_channel_that_works(house: Any) -> None:
    page = (Path(__file__).parent.parent / "docs" / "webhook-channel.md").read_text("utf-8")
    (snippet,) = re.findall("```python\n(.*?)```", page, re.DOTALL)
    module: dict[str, Any] = {"__name__": "doorbell"}
    exec(compile(snippet, "doorbell.py", "exec"), module)
    channel = module["Doorbell"]("a secret")
    body = json.dumps({"id": 7, "door": "front", "text": "Hello?"}).encode()
    at = str(clock.now())
    headers = {"x-time": at, "x-signature": sign_hmac("a secret", at.encode() + b"." + body)}
    taken = take(channel, WebhookRequest(method="POST", headers=headers, query={}, body=body))
    assert len(taken.outcomes) == 1 and messages(house) == ["Hello?"]
    with pytest.raises(Forged):
        take(channel, WebhookRequest(method="POST", headers={**headers, "x-time": "1"}, query={}, body=body))
