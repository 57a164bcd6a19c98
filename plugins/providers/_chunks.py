"""HTTP/1.1 chunked transfer coding, taken apart. No I/O."""

from __future__ import annotations

import re

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n")
_MAX_LINE = 1_024
_MAX_TRAILER = 65_536


class ChunkError(Exception):
    """What came is not chunked."""


class Dechunker:
    """Give it what the socket gave; it returns the payload in it. ``done`` after the last chunk and its trailer."""

    def __init__(self) -> None:
        self._rest = b""
        self._left = 0
        """Payload still to come in this chunk."""
        self._gap = False
        """The line end after a chunk is still to come."""
        self._last = False
        """The chunk of size 0 was seen: the trailer follows."""
        self.done = False

    @property
    def surplus(self) -> bool:
        """Bytes came after the end: the connection cannot be used again."""
        return self.done and bool(self._rest)

    def feed(self, data: bytes) -> bytes:
        """Raises :class:`ChunkError`."""
        if self._rest:
            data, self._rest = self._rest + data, b""
        elif not (self._left or self._gap or self._last) and (found := _SIZE.match(data)):
            begin, end = found.end(), len(data) - 2
            if int(found[1], 16) == end - begin > 0 and data.endswith(b"\r\n"):
                return data[begin:end]  # exactly one chunk, as nearly always
        parts: list[bytes] = []
        at, size = 0, len(data)
        while at < size and not self.done:
            if self._left:
                part = data[at : at + self._left]
                parts.append(part)
                at += len(part)
                self._left -= len(part)
                self._gap = not self._left
                continue
            after = self._line(data, at)
            if after == at:
                break
            at = after
        self._rest = data[at:]
        if not self.done and len(self._rest) > _MAX_TRAILER:
            raise ChunkError("an endless trailer")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _line(self, data: bytes, at: int) -> int:
        """Read one of the lines between payloads and return the place behind it; ``at`` when it is not whole yet."""
        if self._gap:
            if not b"\r\n".startswith(data[at : at + 2]):
                raise ChunkError("a chunk is longer than it said")
            if len(data) - at < 2:
                return at
            self._gap = False
            return at + 2
        if self._last:
            end = data.find(b"\r\n", at)
            self.done = end == at
            return end + 2 if end >= 0 else at
        if found := _SIZE.match(data, at):
            self._left = int(found[1], 16)
            self._last = not self._left
            return found.end()
        if data.find(b"\n", at) >= 0 or len(data) - at > _MAX_LINE:
            raise ChunkError("not a chunk")
        return at
