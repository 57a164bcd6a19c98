"""Server-sent events, as far as the AI servers use them: the payloads of ``data:`` lines, in batches as they arrive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import orjson

from bot import ProviderError, ProviderErrorKind

MAX_LINE = 1_048_576
"""Bytes of one line: a server that never ends one must not fill the memory."""


def batches(chunks: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield, for each piece that arrives, the payloads that are complete now; an empty list is a sign of life.

    A last line without its line end counts only if it is whole: the bytes may have been cut anywhere.
    """
    rest = b""
    for chunk in chunks:
        lines = (rest + chunk if rest else chunk).split(b"\n")
        rest = lines.pop()
        if len(rest) > MAX_LINE:
            raise ProviderError(ProviderErrorKind.TEMPORARY, "sent a line of more than 1 MiB")
        yield [line[5:] for line in lines if line.startswith(b"data:")]
    if rest.startswith(b"data:") and _whole(rest[5:]):
        yield [rest[5:]]


def _whole(payload: bytes) -> bool:
    if payload.strip() == b"[DONE]":
        return True
    try:
        orjson.loads(payload)
    except orjson.JSONDecodeError:
        return False
    return True
