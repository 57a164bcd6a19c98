"""The hub on real socket pairs: frames come back whole, connections end as they should, and nothing is kept of them."""

from __future__ import annotations

import os
import socket
import time

import gevent
import pytest
from wsproto.events import CloseConnection, Ping, TextMessage

from tests.patience import patient
from tests.web.pairs import Client, Echo, ends, join, masked
from web_widget.connection import Connection, text_frame
from web_widget.hub import Hub


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
def test_a_text_of_any_length_comes_back_whole(hub: Hub, size: int) -> None:
    client, _, _ = join(hub)
    text = ("ä€😀x" * (size // 4 + 1))[: size // 4] if size > 8 else "a" * size
    client.send(TextMessage(data=text))
    client.until(lambda: client.texts == [text])


def test_frames_that_are_ready_together_leave_in_one_send(hub: Hub) -> None:
    client, _, connection = join(hub)
    for number in range(50):
        connection.push(text_frame(b"%d" % number))
    gevent.sleep(0.01)
    data = client.sock.recv(65536)
    assert data == b"".join(text_frame(b"%d" % number) for number in range(50))


def test_a_fragmented_message_with_a_ping_in_between_is_one_message(hub: Hub) -> None:
    client, session, _ = join(hub)
    client.send(TextMessage(data="one ", message_finished=False))
    client.send(Ping(payload=b"between"))
    client.send(TextMessage(data="two ", message_finished=False))
    client.send(TextMessage(data="three", message_finished=True))
    client.until(lambda: bool(client.texts))
    assert client.texts == ["one two three"]
    assert client.pongs == [b"between"]
    assert session.frames == [b"one two three"]


def test_the_short_way_for_short_frames_is_the_one_that_is_taken(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    client, session, connection = join(hub)
    fed: list[int] = []
    feed = connection.protocol.receive_data
    monkeypatch.setattr(connection.protocol, "receive_data", lambda data: (fed.append(len(data)), feed(data)))
    for text in ("", "a", "ä" * 62, "x" * 125):
        client.send(TextMessage(data=text))
        client.until(lambda text=text: client.texts[-1:] == [text])  # type: ignore[misc]
    assert fed == [], "a new websockets waits elsewhere: look at _AT_FRAME_START"
    client.send(TextMessage(data="begun ", message_finished=False))
    client.until(lambda: len(fed) == 1)
    client.raw(masked(0x0, b"and done"))
    client.until(lambda: client.texts[-1:] == ["begun and done"])
    client.raw(masked(0x1, b"split")[:4])
    gevent.sleep(0.02)
    client.raw(masked(0x1, b"split")[4:])
    client.until(lambda: client.texts[-1:] == ["split"])
    assert session.frames[-2:] == [b"begun and done", b"split"]


def test_a_multibyte_character_may_be_split_between_fragments(hub: Hub) -> None:
    client, session, _ = join(hub)
    raw = "€".encode()
    client.raw(masked(0x1, raw[:1], fin=False) + masked(0x0, raw[1:2], fin=False) + masked(0x0, raw[2:], fin=True))
    client.until(lambda: session.frames == [raw])


def test_the_closing_handshake_ends_with_the_end_of_the_stream(hub: Hub) -> None:
    client, session, _ = join(hub)
    client.send(CloseConnection(code=1000, reason="bye"))
    client.until(lambda: client.ended)
    assert client.close == 1000
    client.sock.close()
    client.until(lambda: session.closed == 1)


def test_a_close_from_our_side_waits_for_the_answer_then_cuts(hub: Hub) -> None:
    client, session, connection = join(hub)
    connection.push(text_frame(b"last words"))
    connection.close(1012, "restart")
    client.until(lambda: client.close == 1012)
    assert client.texts == ["last words"]
    assert session.closed == 0
    client.until(lambda: session.closed == 1)  # linger 0.5 s, looked at every second


def test_a_drain_tells_everybody_1012_within_a_second() -> None:
    hub = Hub()
    clients = [join(hub)[0] for _ in range(200)]
    began = time.monotonic()

    def answer() -> None:
        while any(client.close is None for client in clients):
            for client in clients:
                client.read()
                if client.close is not None:
                    client.sock.close()
            gevent.sleep(0.01)

    reader = gevent.spawn(answer)
    hub.close_all(1012, "restart")
    assert time.monotonic() - began < patient(1.2)
    reader.join(timeout=patient(2))
    assert [client.close for client in clients] == [1012] * 200
    assert hub.count == 0


def test_a_session_that_raises_costs_only_its_own_connection(hub: Hub) -> None:
    class Broken(Echo):
        def on_frame(self, connection: Connection, payload: bytes) -> None:
            raise RuntimeError("on purpose")

    client, session, _ = join(hub, Broken())
    other, _, _ = join(hub)
    client.send(TextMessage(data="x"))
    client.until(lambda: client.ended)
    assert session.closed == 1
    other.send(TextMessage(data="fine"))
    other.until(lambda: other.texts == ["fine"])


def test_frames_before_the_watcher_is_ready_are_not_lost(hub: Hub) -> None:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    ends.append(theirs)
    session = Echo()
    whole = masked(0x1, b"first") + masked(0x1, b"second")
    hub.adopt(ours.detach(), session, early=whole[:9])
    client = Client(theirs)
    client.raw(whole[9:])
    client.until(lambda: client.texts == ["first", "second"])


def test_no_descriptor_and_no_memory_is_kept_of_closed_connections(hub: Hub) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(300):
        client, _session, _ = join(hub)
        client.sock.close()
        gevent.sleep(0.001)
    client.until(lambda: hub.count == 0)
    assert len(os.listdir("/proc/self/fd")) <= before
    assert not hub.watched
