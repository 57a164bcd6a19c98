"""The hub's limits: slow and silent readers, floods, and who never says hello."""

from __future__ import annotations

import time

import gevent
import pytest
from wsproto.events import Ping, TextMessage

from tests.patience import patient
from tests.web.pairs import Echo, join, masked
from web_widget.connection import text_frame
from web_widget.hub import Hub, Limits


def test_a_reader_that_stops_is_closed_with_1013_and_bounded_memory(hub: Hub) -> None:
    client, session, connection = join(hub, buffer=8_192)
    frame = text_frame(b"x" * 20_000)
    for _ in range(40):
        connection.push(frame)
        gevent.sleep(0)
        assert connection.pending <= 256 * 1024 + len(frame)
    assert not connection.open
    client.until(lambda: client.close is not None)
    assert client.close == 1013
    assert all(text == "x" * 20_000 for text in client.texts), "a frame was cut"
    assert 0 < len(client.texts) < 40
    client.sock.close()
    client.until(lambda: session.closed == 1)


def test_a_stalled_reader_is_cut_off_after_the_time_limit() -> None:
    stall = patient(1.0)
    hub = Hub(Limits(stall=stall, linger=0.5))
    _client, session, connection = join(hub, Echo(), buffer=8_192)
    connection.greet()
    connection.push(text_frame(b"x" * 150_000))
    gevent.sleep(0.5)
    assert session.closed == 0
    until = time.monotonic() + stall + patient(2.0)
    while not session.closed and time.monotonic() < until:
        gevent.sleep(0.05)
    assert session.closed == 1
    assert hub.count == 0


def test_a_slow_reader_that_goes_on_reading_gets_everything(hub: Hub) -> None:
    client, _, connection = join(hub, buffer=8_192)
    connection.greet()
    for number in range(20):
        connection.push(text_frame(b"%05d" % number + b"y" * 10_000))
    for _ in range(400):
        gevent.sleep(0.001)
        try:
            client.ws.receive_data(client.sock.recv(1_500))
        except BlockingIOError:
            continue
        for event in client.ws.events():
            if isinstance(event, Ping):
                continue  # reading took that long
            assert isinstance(event, TextMessage)
            client.partial += event.data
            if event.message_finished:
                client.texts.append(client.partial)
                client.partial = ""
    client.until(lambda: len(client.texts) == 20)
    assert [text[:5] for text in client.texts] == [f"{number:05d}" for number in range(20)]


def test_who_says_no_hello_in_time_is_closed_with_1008() -> None:
    hub = Hub(Limits(greeting=0.5, linger=0.3))
    client, _, _ = join(hub, Echo(greet=False))
    client.send(TextMessage(data="something"))
    client.until(lambda: client.close is not None, seconds=4)
    assert client.close == 1008


def test_a_flood_is_closed_with_1008() -> None:
    hub = Hub(Limits(rate=10, burst=50, linger=0.3))
    client, session, _ = join(hub)
    client.raw(masked(0x1, b"x") * 200)
    client.until(lambda: client.close is not None)
    assert client.close == 1008
    assert len(session.frames) == 50
    client.sock.close()
    client.until(lambda: session.closed == 1)


def test_a_flood_of_pings_and_empty_fragments_counts_too() -> None:
    hub = Hub(Limits(rate=10, burst=50, linger=0.3))
    client, _, _ = join(hub)
    client.raw(masked(0x1, b"a", fin=False) + masked(0x0, b"", fin=False) * 100)
    client.until(lambda: client.close is not None)
    assert client.close == 1008
    client.sock.close()


def test_everybody_is_pinged_and_the_silent_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web_widget.hub.BUCKETS", 2)
    hub = Hub(Limits(greeting=60))
    alive, living, connection = join(hub)
    connection.greet()
    _dead, gone, other = join(hub)
    other.greet()
    alive.until(lambda: gone.closed == 1, seconds=7)
    assert living.closed == 0
    assert alive.pings >= 1
    hub.close_all(1001, "over", within=0.05)
