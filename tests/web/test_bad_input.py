"""Bad input over real sockets: a clear error, no 5xx, nothing lost, others unaffected."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.patience import patient
from tests.web.test_hub import masked
from tests.web.webprocess import Web, new_cid

CALLS = [
    ("POST", "/api/v1/chat/session"),
    ("POST", "/api/v1/chat/message"),
    ("POST", "/api/v1/chat/action"),
    ("GET", "/api/v1/chat/history/{session}"),
    ("GET", "/api/v1/chat/sessions"),
    ("DELETE", "/api/v1/chat/session/{session}"),
    ("GET", "/w/state?site=demo&seen={session}%201"),
]
BODIES = {
    "/api/v1/chat/message": {"session": "{session}", "cid": "c" * 32, "text": "x"},
    "/api/v1/chat/action": {"session": "{session}", "cid": "c" * 32, "kind": "handoff"},
}


def call(web: Web, method: str, path: str, session: str, token: str) -> Any:
    body = BODIES.get(path)
    filled = json.loads(json.dumps(body).replace("{session}", session)) if body else ({} if method == "POST" else None)
    return web.ask(method, path.replace("{session}", session), filled, token=token)


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_every_call_refuses_no_token_and_a_wrong_token(web: Web, method: str, path: str) -> None:
    _, session = web.begin()
    if path != "/api/v1/chat/session":
        none = call(web, method, path, session, "")
        assert (none.status, none.code) == (401, "bad_token")
        assert none.headers["WWW-Authenticate"] == "Bearer"
    wrong = call(web, method, path, session, "A" * 43)
    assert (wrong.status, wrong.code) == (401, "bad_token")


@pytest.mark.parametrize(("method", "path"), [item for item in CALLS if "{session}" in item[1] or item[1] in BODIES])
def test_every_call_refuses_somebody_elses_conversation(web: Web, method: str, path: str) -> None:
    owner, session = web.begin()
    web.post("/api/v1/chat/message", {"session": session, "cid": new_cid(), "text": "private"}, token=owner)
    stranger, _ = web.begin()
    answer = call(web, method, path, session, stranger)
    assert (answer.status, answer.code) == (403, "not_yours")
    assert b"private" not in answer.body
    seen = web.get(f"/api/v1/chat/history/{session}", token=owner).json
    assert [m["text"] for m in seen["msgs"]] == ["private"]
    assert seen["state"] == "ai"


@pytest.mark.parametrize(
    "frame",
    [
        {"t": "open", "cursor": 0},
        {"t": "pull", "cursor": 0},
        {"t": "send", "cid": "c" * 32, "text": "x"},
        {"t": "handoff", "cid": "c" * 32},
        {"t": "contact", "cid": "c" * 32, "name": "n", "email": "a@example.com"},
        {"t": "resolve", "cid": "c" * 32},
        {"t": "stop", "turn": "01a1fdb9-e222-7583-92fb-29ef8e4d4ab4"},
        {"t": "typing", "on": True},
    ],
    ids=lambda frame: frame["t"],
)
def test_every_frame_refuses_somebody_elses_conversation(web: Web, frame: dict[str, Any]) -> None:
    owner = web.visitor()
    owner.send(t="send", cid=new_cid(), text="private")
    conv = owner.take("ack")["conv"]
    stranger = web.visitor()
    stranger.send(**frame, conv=conv)
    frames = stranger.quiet(0.5)
    assert "private" not in json.dumps(frames)
    if frame["t"] != "typing":
        assert frames[0]["code"] == "not_yours"
    hello = web.socket()
    hello.hello(token=stranger.welcome["token"], conv=conv)
    assert hello.take("error")["code"] == "not_yours"
    owner.send(t="pull", conv=conv, cursor=0)
    page = owner.take("msgs", after=0)
    assert (len(page["msgs"]), page["state"]) == (1, "ai")
    for sock in (owner, stranger, hello):
        sock.end()


def test_a_token_of_another_site_is_no_token_here(web: Web) -> None:
    from bot import accounts, store

    store.open_database(web.env["DATABASE_URL"])
    accounts.add_site("Other", key="other", origins=["self"])
    store.close_database()
    time.sleep(1.2)  # sites are cached for a second
    token, session = web.begin()
    sock = web.socket(site="other")
    assert sock.hello(token=token)["code"] == "bad_token"
    assert web.post("/api/v1/chat/session", {"site": "other"}, token=token).code == "bad_token"
    assert web.get(f"/w/state?site=other&seen={session}%201", token=token).status == 401
    sock.end()


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, "bad_request"),
        (b"", "application/json", 400, "bad_request"),
        (b"\xff\xfe{}", "application/json", 400, "bad_request"),
        (b'{"session":"\xff"}', "application/json", 400, "bad_request"),
        (b'"{}"', "application/json", 422, "bad_field"),
        (b"[]", "application/json", 400, "bad_frame"),
        (b"null", "application/json", 400, "bad_frame"),
        (b"[" * 100_000, "application/json", 400, "bad_request"),
        (b"{}", "text/plain", 415, "unsupported_type"),
        (b"a=b", "application/x-www-form-urlencoded", 415, "unsupported_type"),
        (b'{"text":"' + b"x" * 300_000 + b'"}', "application/json", 413, "too_large"),
    ],
)  # fmt: skip
def test_bodies_that_are_no_json_object_get_a_clear_error(
    web: Web, body: bytes, kind: str, status: int, code: str
) -> None:
    token, _ = web.begin()
    answer = web.post("/api/v1/chat/message", body, token=token, headers={"Content-Type": kind})
    assert (answer.status, answer.code) == (status, code)
    error = answer.json["error"]
    assert error["message"].endswith(".")
    assert error["request_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"text": 5}, 422, "bad_field", "text"),
        ({"text": None}, 422, "bad_field", "text"),
        ({"cid": "x"}, 422, "bad_field", "cid"),
        ({"cid": "../../../../etc"}, 422, "bad_field", "cid"),
        ({"session": "1"}, 422, "bad_field", "session"),
        ({"session": "01a1fdb9-e222-7583-92fb-29ef8e4d4ab4"}, 404, "unknown_conversation", "session"),
        ({"wait": -1}, 422, "bad_field", "wait"),
        ({"wait": 61}, 422, "bad_field", "wait"),
        ({"surprise": 1}, 422, "bad_field", "surprise"),
        ({"text": ""}, 422, "empty", "text"),
        ({"text": " \u0000\u0007\n"}, 422, "empty", "text"),
        ({"text": "x" * 4_001}, 422, "too_long", "text"),
        ({"text": "x" * 100_000}, 422, "too_long", "text"),
    ],
)  # fmt: skip
def test_wrong_fields_are_named(web: Web, change: dict[str, Any], status: int, code: str, field: str) -> None:
    token, session = web.begin()
    body = {"session": session, "cid": new_cid(), "text": "x", **change}
    answer = web.post("/api/v1/chat/message", body, token=token)
    assert (answer.status, answer.code, answer.json["error"]["field"]) == (status, code, field)
    assert web.get(f"/api/v1/chat/history/{session}", token=token).json["msgs"] == []


def test_a_lone_surrogate_is_an_error_and_odd_characters_are_stored_safely(web: Web) -> None:
    token, session = web.begin()
    broken = b'{"session":"%s","cid":"%s","text":"\\ud800"}' % (session.encode(), new_cid().encode())
    assert web.post("/api/v1/chat/message", broken, token=token).status == 400
    odd = "a\u0000b\u0007\u202ec\u2066d\U000e0041e\ufeff<script>alert(1)</script>"
    web.post("/api/v1/chat/message", {"session": session, "cid": new_cid(), "text": odd}, token=token)
    text = web.get(f"/api/v1/chat/history/{session}", token=token).json["msgs"][0]["text"]
    assert "\u0000" not in text
    assert "\u0007" not in text
    assert text.endswith("<script>alert(1)</script>")  # text stays text: the widget never makes markup of it


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200 + b"\r\n\r\n", b"400"),
        (b"GET\r\n\r\n", b"400"),
        (b"GET / HTTP/9.9\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"POST /api/v1/chat/session HTTP/1.1\r\nContent-Length: -5\r\n\r\n", b"400"),
        (b"POST /api/v1/chat/session HTTP/1.1\r\nContent-Length: abc\r\n\r\n", b"400"),
        (b"POST /api/v1/chat/session HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n{", b"413"),
        (b"POST /api/v1/chat/session HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
         b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
        (b"GET /%ff%fe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"404"),
        (b"GET /w/../../bot/config.py HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"404"),
        (b"GET /w/%2e%2e/%2e%2e/bot/config.py HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"404"),
        (b"TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"405"),
        (b"GET / HTTP/1.1\r\nHost: " + b"\xff" * 10 + b"\r\nConnection: close\r\n\r\n", b"200"),
    ],
)  # fmt: skip
def test_bytes_that_are_hardly_http_are_answered_and_closed(web: Web, data: bytes, status: bytes) -> None:
    answer = web.raw(data, seconds=3)
    assert answer.split(b" ")[1:2] == [status], answer[:200]


def test_methods_and_addresses_that_do_not_exist_have_the_one_error_form(web: Web) -> None:
    answer = web.ask("PUT", "/api/v1/chat/message", {})
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert "POST" in answer.headers["Allow"]
    assert (web.get("/nowhere").status, web.get("/nowhere").code) == (404, "not_found")


def test_frames_that_are_too_many_too_big_or_no_text_end_only_their_socket(web: Web) -> None:
    other = web.visitor()
    for data, code in (
        (b"\x81\xff" + struct.pack("!Q", 300 * 1024) + b"\0\0\0\0" + b"a" * 300 * 1024, 1009),
        (masked(0x1, b'"\xff\xfe"'), 1007),
        (masked(0x2, b"{}"), 1003),
        (masked(0x1, b"x" * 200) * 3_000, 1008),
    ):
        sock = web.visitor()
        try:
            sock.bytes(data)
        except OSError:
            pass  # closed while we were still sending
        assert sock.closed() == code
        sock.end()
    other.send(t="ping", n="alive")
    assert other.take("pong")["n"] == "alive"
    other.end()


def test_a_flood_of_work_is_slowed_down_then_closed(web: Web) -> None:
    sock = web.visitor()
    for _ in range(180):
        sock.text('{"t":"nope"}')
        sock.take("error")
    sock.text('{"t":"nope"}')
    error = sock.take("error")
    assert error["code"] == "too_fast"
    assert 1 <= error["retry_after"] <= 10
    assert error["final"] is False
    sent = 0
    while sock.close is None and sent < 300:
        sock.text('{"t":"nope"}')
        sock._pump(0.02)
        sent += 1
    assert sock.closed() == 1008
    sock.end()


def test_who_never_says_hello_is_closed(web: Web) -> None:
    sock = web.socket()
    began = time.monotonic()
    assert sock.closed(seconds=15) == 1008
    assert 8 < time.monotonic() - began < patient(13)
    sock.end()


def test_a_reader_that_stops_does_not_fill_our_memory(web: Web) -> None:
    assert web.process is not None
    lazy = web.visitor()
    lazy.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    ping = masked(0x1, b'{"t":"ping","n":"' + b"x" * 480 + b'"}')
    lazy.sock.settimeout(2)
    sent = 0
    try:
        while sent < 40_000_000:
            lazy.sock.sendall(ping * 50)
            sent += len(ping) * 50
    except OSError:
        pass
    status = Path(f"/proc/{web.process.pid}/status").read_text()
    resident = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
    assert resident < 250_000
    other = web.visitor()
    other.send(t="ping", n=1)
    other.take("pong", seconds=2)
    other.end()
    lazy.end()


def test_limits_on_messages_and_new_visitors_say_how_long_to_wait(web_on: Callable[..., Web]) -> None:
    running = web_on(DESKHAND_MESSAGES_PER_MINUTE="3", DESKHAND_SESSIONS_PER_MINUTE="2")
    sock = running.visitor()
    token, session = running.begin()
    for path in ("socket", "rest"):
        if path == "socket":
            third = running.socket()
            error = third.hello()
            third.end()
        else:
            answer = running.post("/api/v1/chat/session", {"site": "demo"})
            assert answer.status == 429
            error = answer.json["error"]
            assert answer.headers["Retry-After"] == str(error["retry_after"])
        assert error["code"] == "too_fast"
        assert 1 <= error["retry_after"] <= 60
    for _ in range(3):
        sock.send(t="send", cid=new_cid(), text="x")
        sock.take("ack")
    cid = new_cid()
    sock.send(t="send", cid=cid, text="x")
    error = sock.take("error")
    assert (error["code"], error["cid"], error["final"]) == ("too_fast", cid, False)
    refused = running.post("/api/v1/chat/session", {}, token=sock.welcome["token"])
    assert (refused.status, refused.code) == (429, "too_fast"), "a visitor makes no conversations without end either"
    for _ in range(3):
        assert (
            running.post(
                "/api/v1/chat/message", {"session": session, "cid": new_cid(), "text": "x"}, token=token
            ).status
            == 200
        )
    assert (
        running.post("/api/v1/chat/message", {"session": session, "cid": new_cid(), "text": "x"}, token=token).status
        == 429
    )
    sock.end()


def test_sockets_beyond_the_limit_are_shed(web_on: Callable[..., Web]) -> None:
    running = web_on(DESKHAND_MAX_SOCKETS="16")
    held = [running.visitor() for _ in range(16)]
    shed = running.socket()
    assert shed.status == 503
    assert running.get("/api/v1/health").status == 200
    held.pop().end()
    time.sleep(0.2)
    back = running.visitor()
    for sock in (*held, shed, back):
        sock.end()


def test_a_client_that_sends_its_head_byte_by_byte_is_let_go(
    web_on: Callable[..., Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    running = web_on()
    with socket.create_connection(("127.0.0.1", running.port), timeout=patient(30)) as sock:
        began = time.monotonic()
        try:
            for byte in b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 1_000:
                sock.sendall(bytes([byte]))
                time.sleep(0.4)
        except OSError:
            pass
        assert time.monotonic() - began < patient(20)
    assert not running.complaints()


def test_a_body_that_comes_in_pieces_is_one_and_a_huge_chunked_one_is_refused(web: Web) -> None:
    head = (
        f"POST /api/v1/chat/session HTTP/1.1\r\nHost: localhost:{web.port}\r\nConnection: close\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    ).encode()
    answer = web.raw(head + b'8\r\n{"site":\r\n6\r\n"demo"\r\n1\r\n}\r\n0\r\n\r\n', seconds=3)
    assert b" 200 " in answer.split(b"\r\n")[0], answer
    huge = web.raw(head + (b"10000\r\n" + b"x" * 65_536 + b"\r\n") * 20, seconds=3)
    assert b" 413 " in huge.split(b"\r\n")[0], huge[:200]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_request_made_from_the_description_is_a_server_error(web: Web, data: st.DataObject) -> None:
    described = web.get("/api/v1/openapi.json").json
    schemas = described["components"]["schemas"]
    token, session = _fuzzer(web)
    path = data.draw(st.sampled_from(sorted(described["paths"])))
    method = data.draw(st.sampled_from(sorted(described["paths"][path])))
    operation = described["paths"][path][method]
    body = None
    if "requestBody" in operation:
        (kind,) = operation["requestBody"]["content"].values()  # a form gets JSON, too: it is refused, no more
        names = sorted(schemas[kind["schema"]["$ref"].rsplit("/", 1)[1]]["properties"])
        plausible = st.sampled_from(
            [session, new_cid(), "demo", "handoff", "contact", "resolve", "stop", "hello", 0, 1]
        )
        body = data.draw(
            st.dictionaries(st.sampled_from(names), plausible | json_values, max_size=len(names)) | json_values
        )
        if isinstance(body, dict) and isinstance(body.get("wait"), (int, float)):
            body["wait"] = 0
    query = data.draw(
        st.sampled_from(["", "?after=0", "?after=-1", "?after=x", "?wait=nan", "?wait=0", "?after=9e99", "?%00=%ff"])
    )
    target = path.replace(
        "{session}", data.draw(st.sampled_from([session, "x", "%00", "%ff", "01a1fdb9-e222-7583-92fb-29ef8e4d4ab4"]))
    )
    if method == "delete" and session in target:
        return
    answer = web.ask(method.upper(), target + query, body, token=data.draw(st.sampled_from([token, "", "x" * 43])))
    assert answer.status < 500, answer.body
    if answer.status >= 400:
        assert answer.json["error"]["message"]


_fuzz: dict[int, tuple[str, str]] = {}


def _fuzzer(web: Web) -> tuple[str, str]:
    if web.port not in _fuzz:
        _fuzz[web.port] = web.begin()
    return _fuzz[web.port]
