"""Too much, too often, too slow: slowed down with the seconds to wait, then closed, and others are unaffected."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.patience import patient, wait_for
from tests.web.pairs import masked
from tests.web.webprocess import Answer, Socket, Web, new_cid, refused


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

    def arrives() -> dict[str, Any] | None:
        another = running.socket()
        said = another.hello()
        another.end()
        return said if said["t"] == "error" else None

    def begins() -> Answer | None:
        return when_too_many("/api/v1/chat/session", {"site": "demo"})

    def when_too_many(path: str, body: Any, token: str = "") -> Answer | None:
        answer = running.post(path, body, token=token)
        assert answer.status in {200, 429}, answer.body
        return answer if answer.status == 429 else None

    def sends() -> tuple[dict[str, Any], str] | None:
        cid = new_cid()
        sock.send(t="send", cid=cid, text="x")
        said = sock.take("ack", "error")
        return (said, cid) if said["t"] == "error" else None

    def posts() -> Answer | None:
        return when_too_many("/api/v1/chat/message", {"session": session, "cid": new_cid(), "text": "x"}, token)

    turned_away = refused(begins, 2)
    for error in (refused(arrives, 2), turned_away.json["error"]):
        assert error["code"] == "too_fast"
        assert 1 <= error["retry_after"] <= 60
    assert turned_away.headers["Retry-After"] == str(turned_away.json["error"]["retry_after"])
    error, cid = refused(sends, 3, after=3)
    assert (error["code"], error["cid"], error["final"]) == ("too_fast", cid, False)
    assert 1 <= error["retry_after"] <= 60
    again = refused(lambda: when_too_many("/api/v1/chat/session", {}, sock.welcome["token"]), 2)
    assert again.code == "too_fast", "a visitor makes no conversations without end either"
    assert refused(posts, 3, after=3).code == "too_fast"
    sock.end()


def test_sockets_beyond_the_limit_are_shed(web_on: Callable[..., Web]) -> None:
    running = web_on(DESKHAND_MAX_SOCKETS="16")
    held = [running.visitor() for _ in range(16)]
    shed = running.socket()
    assert shed.status == 503
    assert running.get("/api/v1/health").status == 200
    held.pop().end()

    def comes_in() -> Socket | None:
        one = running.socket()
        return one if one.status == 101 else one.end()

    back = wait_for(comes_in, 5, "a socket that ended has left its place")
    back.hello()
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
