"""The contract with gevent's pywsgi that the take-over of sockets rests on. It fails when a new gevent works differently."""

from __future__ import annotations

import os
import socket
import struct
import time
from pathlib import Path

import gevent
import pytest
from gevent.pywsgi import WSGIHandler, WSGIServer

from tests.patience import patient
from tests.web.pairs import masked
from tests.web.webprocess import Web

pytestmark = pytest.mark.once

HANDSHAKE = (
    "GET /w/ws?site=demo HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: http://localhost:{port}\r\nUpgrade: websocket\r\n"
    "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
)


def test_gevent_is_the_version_that_was_looked_into() -> None:
    assert gevent.__version__ == "26.9.0", (
        "read bot/serve.py and web_widget/upgrade.py beside the new pywsgi, then pin it"
    )
    for name in ("handle_one_request", "handle_one_response", "read_request", "read_requestline", "get_environ",
                 "_handle_client_error", "handle"):  # fmt: skip
        assert callable(getattr(WSGIHandler, name))
    for name in ("close_connection", "headers_sent", "status", "response_length", "code"):
        assert hasattr(WSGIHandler, name)
    assert callable(WSGIServer.close)


def handshake(web: Web, more: str = "") -> bytes:
    return HANDSHAKE.format(port=web.port, more=more).encode()


def read_until(sock: socket.socket, what: bytes) -> bytes:
    got = b""
    while what not in got:
        chunk = sock.recv(65536)
        assert chunk, got
        got += chunk
    return got


def test_the_handshake_is_answered_once_and_nothing_else_is_written(web: Web) -> None:
    with socket.create_connection(("127.0.0.1", web.port), timeout=patient(3)) as sock:
        sock.sendall(handshake(web))
        head = read_until(sock, b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
        assert b"Sec-WebSocket-Extensions" not in head
        assert head.endswith(b"\r\n\r\n"), "pywsgi wrote behind the handshake"
        sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        sock.settimeout(patient(3))
        sock.sendall(masked(0x1, b'{"t":"ping","n":1}'))
        assert read_until(sock, b"}").endswith(b'{"t":"pong","n":1}')


def test_frames_in_the_same_packet_as_the_handshake_are_answered(web: Web) -> None:
    pings = b"".join(masked(0x1, b'{"t":"ping","n":%d}' % number) for number in range(5))
    with socket.create_connection(("127.0.0.1", web.port), timeout=patient(3)) as sock:
        sock.sendall(handshake(web) + pings)
        got = read_until(sock, b'"n":4}')
    assert [b'"n":%d}' % number in got for number in range(5)] == [True] * 5


def test_frames_right_behind_the_handshake_are_never_eaten(web: Web) -> None:
    for _ in range(60):
        with socket.create_connection(("127.0.0.1", web.port), timeout=patient(3)) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.sendall(handshake(web))
            sock.sendall(masked(0x1, b'{"t":"ping","n":1}'))
            sock.sendall(masked(0x1, b'{"t":"ping","n":2}'))
            read_until(sock, b'"n":2}')


def test_a_connection_that_did_http_before_may_become_a_socket(web: Web) -> None:
    with socket.create_connection(("127.0.0.1", web.port), timeout=patient(3)) as sock:
        sock.sendall(f"GET /api/v1/health HTTP/1.1\r\nHost: localhost:{web.port}\r\n\r\n".encode())
        read_until(sock, b"}")
        sock.sendall(handshake(web))
        read_until(sock, b"\r\n\r\n")
        sock.sendall(masked(0x1, b'{"t":"ping","n":7}'))
        read_until(sock, b'"n":7}')


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8"), 400),
        (("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Key: short"), 400),
        (("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), 400),
        (("Upgrade: websocket", "Upgrade: h2c"), 426),
        (("GET /w/ws", "POST /w/ws"), 405),
        (("site=demo", "site=nobody"), 404),
        (("Origin: http://localhost:{port}", "Origin: https://evil.example"), 403),
        (("Origin: http://localhost:{port}\r\n", ""), 403),
        (("Origin: http://localhost:{port}", "Origin: null"), 403),
    ],
)  # fmt: skip
def test_what_is_no_handshake_gets_a_plain_answer(web: Web, change: tuple[str, str], status: int) -> None:
    text = (
        HANDSHAKE.replace(*change)
        .format(port=web.port, more="")
        .replace("Connection: keep-alive, Upgrade", "Connection: close, Upgrade")
    )
    answer = web.raw(text.encode(), seconds=2)
    assert answer.split(b" ")[1] == str(status).encode(), answer
    assert b'"error"' in answer


def test_a_handshake_with_a_body_is_refused(web: Web) -> None:
    answer = web.raw(handshake(web, "Content-Length: 5\r\n") + b"hello", seconds=1)
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 426")), answer


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_a_socket_costs_one_descriptor_and_gives_it_back(web: Web) -> None:
    assert web.process is not None
    for sock in [
        web.visitor() for _ in range(20)
    ]:  # the threads and the database's connections they need are made once
        sock.end()
    time.sleep(0.5)
    before = descriptors(web.process.pid)
    held = [web.visitor() for _ in range(20)]
    time.sleep(0.2)
    assert descriptors(web.process.pid) - before <= 22
    for sock in held:
        sock.end()
    until = time.monotonic() + patient(5)
    while descriptors(web.process.pid) > before + 2:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_an_idle_socket_costs_little_memory(web: Web) -> None:
    assert web.process is not None
    first = web.visitor()
    token = first.welcome["token"]

    def memory() -> int:
        lines = Path(f"/proc/{web.process.pid}/smaps_rollup").read_text().splitlines()[1:]  # type: ignore[union-attr]
        return int(dict(line.split(":") for line in lines)["Pss"].split()[0]) * 1024

    held = [first, *(web.visitor(token=token) for _ in range(1_000))]  # buffers and caches grow once
    time.sleep(0.5)
    before = memory()
    held += [web.visitor(token=token) for _ in range(1_000)]
    time.sleep(0.5)
    each = (memory() - before) / 1_000
    for sock in held:
        sock.end()
    assert each <= 5_000, f"{each:.0f} bytes each"


def test_a_reset_in_the_middle_of_a_frame_leaves_nothing(web: Web) -> None:
    for _ in range(30):
        sock = socket.create_connection(("127.0.0.1", web.port), timeout=patient(3))
        sock.sendall(handshake(web))
        read_until(sock, b"\r\n\r\n")
        sock.sendall(masked(0x1, b"x" * 500)[:200])
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    assert web.get("/api/v1/health").status == 200
