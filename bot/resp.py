"""The little of Redis' protocol that the bus lives on, without a client's cost for each command (60 to 250 µs; here 3 to 5).

redis-py still opens the connections: addresses, passwords, TLS and reconnecting are its business.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

PART = 65_536
_ARRAY, _STRING = b"*$"

Command = Sequence[bytes]


def pack(commands: Sequence[Command]) -> bytes:
    """Several commands as they go over the wire."""
    parts: list[bytes] = []
    for command in commands:
        parts.append(b"*%d\r\n" % len(command))
        for word in command:
            parts.append(b"$%d\r\n%b\r\n" % (len(word), word))
    return b"".join(parts)


def pipelined(client: Any, commands: Sequence[Command]) -> None:
    """Run commands whose answers are short (a number, OK) in one round trip; the answers are only checked.

    Raises ``redis.RedisError``, also when the server refused one of them.
    """
    import redis

    pool = client.connection_pool
    connection = pool.get_connection()
    try:
        sock = connection._sock
        sock.sendall(pack(commands))
        answers, wanted = b"", len(commands)
        while answers.count(b"\n") < wanted:
            part = sock.recv(PART)
            if not part:
                raise ConnectionError("the server closed the connection")
            answers += part
    except TimeoutError as error:
        connection.disconnect()
        raise redis.TimeoutError("the server did not answer in time") from error
    except (OSError, AttributeError) as error:  # AttributeError: it was closed under our hands
        connection.disconnect()
        raise redis.ConnectionError(f"{type(error).__name__}: {error}") from error
    except BaseException:
        connection.disconnect()  # a kill of the greenlet: what it left unread must not answer somebody else
        raise
    finally:
        pool.release(connection)
    if answers.startswith(b"-") or b"\n-" in answers:
        refusal = next(line for line in answers.split(b"\r\n") if line.startswith(b"-"))
        raise redis.ResponseError(refusal[1:].decode("utf-8", "replace"))


class Subscription:
    """Channels of one connection. ``client`` must have been made with ``protocol=2``, and is nobody else's."""

    def __init__(self, client: Any, channels: Sequence[bytes], *, patience: float) -> None:
        """``patience``: seconds after which :meth:`messages` gives the caller a look around. Raises OSError."""
        self._client = client  # which closes its connections when nobody has it any more
        self._connection = client.connection_pool.get_connection()
        self._connection.send_command("SUBSCRIBE", *channels)
        self._sock = self._connection._sock
        self._buffer, self._at = b"", 0
        while self._next() is None:  # the first answer: from here on nothing is missed
            self._read()
        self._sock.settimeout(patience)

    def close(self) -> None:
        self._connection.disconnect()

    def messages(self) -> Iterator[tuple[bytes, bytes]]:
        """``(channel, payload)`` of what has come; ends when nothing did for a while. Raises OSError when the server is gone."""
        items = self._next()
        if items is None:
            try:
                self._read()
            except TimeoutError:
                return
            items = self._next()
        while items is not None:
            if items[0] == b"message":
                yield items[1], items[2]
            items = self._next()

    def _read(self) -> None:
        part = self._sock.recv(PART)
        if not part:
            raise ConnectionError("the server closed the connection")
        self._buffer, self._at = self._buffer[self._at :] + part, 0

    def _next(self) -> list[bytes] | None:
        """The next whole array of strings and numbers; ``None``: it is not whole yet. Raises OSError for anything else."""
        buffer, at = self._buffer, self._at
        end = buffer.find(b"\r\n", at)
        if end < 0:
            return None
        if buffer[at] != _ARRAY:
            raise ConnectionError(f"not an answer to SUBSCRIBE: {buffer[at : at + 60]!r}")
        count, at = int(buffer[at + 1 : end]), end + 2
        items: list[bytes] = []
        for _ in range(count):
            end = buffer.find(b"\r\n", at)
            if end < 0:
                return None
            if buffer[at] == _STRING:
                start = end + 2
                end = start + int(buffer[at + 1 : end])
                if len(buffer) < end + 2:
                    return None
                items.append(buffer[start:end])
            else:
                items.append(buffer[at + 1 : end])
            at = end + 2
        self._at = at
        return items
