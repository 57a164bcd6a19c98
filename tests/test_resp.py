"""Plain bytes to Redis and back: what is sent in one go, what comes in pieces, and what a broken connection says."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from bot.resp import Subscription, pack, pipelined


class Scripted:
    """A server on a unix socket that answers with the bytes it was given, in the pieces it was given."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.pieces: list[bytes] = []
        self.heard = b""
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(path)
        self.server.listen(4)
        self.more = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def client(self) -> Any:
        return redis.Redis(unix_socket_path=self.path, protocol=2, socket_timeout=2, retry=Retry(NoBackoff(), 0))

    def _run(self) -> None:
        while True:
            try:
                peer, _ = self.server.accept()
            except OSError:
                return
            with peer, contextlib.suppress(OSError):  # the client may leave at any time
                while b"SETINFO" in (heard := peer.recv(65_536)):  # a client says first who it is
                    peer.sendall(b"+OK\r\n" * heard.count(b"SETINFO"))
                self.heard = heard
                for piece in self.pieces:
                    peer.sendall(piece)
                    self.more.wait(0.02)


@pytest.fixture
def server(tmp_path: Any) -> Iterator[Scripted]:
    made = Scripted(str(tmp_path / "r.sock"))
    yield made
    made.server.close()


def test_commands_are_packed_by_their_lengths_in_bytes() -> None:
    assert pack([(b"APPEND", b"k", "wörld\r\n".encode()), (b"PING",)]) == (
        b"*3\r\n$6\r\nAPPEND\r\n$1\r\nk\r\n$8\r\nw\xc3\xb6rld\r\n\r\n*1\r\n$4\r\nPING\r\n"
    )


def test_many_commands_are_one_round_trip(valkey: Any) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        pipelined(client, [(b"APPEND", b"k", b"one "), (b"APPEND", b"k", b"two"), (b"EXPIRE", b"k", b"60")])
        assert client.get("k") == b"one two"
        assert client.ttl("k") > 0


def test_a_refused_command_is_an_error_and_the_connection_goes_on(valkey: Any) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        client.lpush("list", 1)
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            pipelined(client, [(b"APPEND", b"k", b"x"), (b"APPEND", b"list", b"x"), (b"APPEND", b"k", b"y")])
        assert client.get("k") == b"xy"


def test_answers_may_come_in_pieces(server: Scripted) -> None:
    server.pieces = [b":1\r", b"\n:", b"2\r\n"]
    pipelined(server.client(), [(b"APPEND", b"k", b"x"), (b"APPEND", b"k", b"y")])


def test_a_server_that_goes_away_is_a_connection_error(server: Scripted) -> None:
    server.pieces = [b":1\r\n"]
    with pytest.raises(redis.ConnectionError):
        pipelined(server.client(), [(b"APPEND", b"k", b"x"), (b"APPEND", b"k", b"y")])


def test_messages_may_come_in_pieces_and_together(server: Scripted) -> None:
    said = b"*3\r\n$9\r\nsubscribe\r\n$1\r\nt\r\n:1\r\n"
    one = b"*3\r\n$7\r\nmessage\r\n$1\r\nt\r\n$5\r\na\r\nb\n\r\n"
    whole = said + one * 3 + b"*3\r\n$7\r\nmessage\r\n$1\r\nt\r\n$0\r\n\r\n"
    for cut in (1, 7, len(said) - 1, len(said) + 20, len(whole) - 1):
        server.pieces = [whole[:cut], whole[cut:]]
        subscription = Subscription(server.client(), [b"t"], patience=0.5)
        found: list[tuple[bytes, bytes]] = []
        while len(found) < 4:
            found += subscription.messages()
        with pytest.raises(OSError, match="closed"):
            list(subscription.messages())
        subscription.close()
        assert found == [(b"t", b"a\r\nb\n")] * 3 + [(b"t", b"")], cut
        assert b"SUBSCRIBE" in server.heard


def test_what_came_with_the_first_answer_is_not_kept_waiting(server: Scripted) -> None:
    server.pieces = [
        b"*3\r\n$9\r\nsubscribe\r\n$1\r\nt\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$1\r\nt\r\n$1\r\nx\r\n",
        *[b""] * 200,
    ]
    subscription = Subscription(server.client(), [b"t"], patience=0.05)
    assert list(subscription.messages()) == [(b"t", b"x")]
    subscription.close()


def test_a_refusal_to_subscribe_is_an_error(server: Scripted) -> None:
    server.pieces = [b"-NOAUTH Authentication required.\r\n"]
    with pytest.raises(OSError, match="NOAUTH"):
        Subscription(server.client(), [b"t"], patience=0.5)


def test_silence_gives_the_caller_a_look_around(valkey: Any) -> None:
    with redis.Redis.from_url(valkey.url, protocol=2) as client:
        subscription = Subscription(client, [b"quiet"], patience=0.05)
        assert list(subscription.messages()) == []
        subscription.close()
