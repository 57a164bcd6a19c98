"""QR codes as scanners read them: these very modules were read by an independent reader (ZXing)."""

from __future__ import annotations

import hashlib
import re

import pytest

from bot import qr

READ: list[tuple[str, int, str]] = [
    ("https://t.me/shop_bot?start=ABCDEFGHJK", 29, "6cfdd19018746f91"),
    ("Grüße aus Köln", 25, "f0a80aee4bae6731"),
    ("x" * 130, 49, "63569b58998a3e52"),
    ("https://example.com/" + "a" * 193, 57, "6d17318fd1a9139e"),
]


@pytest.mark.parametrize(("text", "size", "digest"), READ, ids=["link", "umlauts", "version 8", "longest"])
def test_the_modules_are_those_that_a_scanner_read(text: str, size: int, digest: str) -> None:
    drawn = qr.matrix(text)
    shown = "\n".join("".join("#" if on else "." for on in row) for row in drawn)
    assert len(drawn) == size
    assert hashlib.sha256(shown.encode()).hexdigest()[:16] == digest, shown


def test_lengths_up_to_the_longest_are_drawn_and_one_more_is_refused() -> None:
    for length in (*range(1, 214, 7), 213):
        drawn = qr.matrix("a" * length, mask=length % 8)
        assert all(len(row) == len(drawn) for row in drawn)
    with pytest.raises(ValueError, match="214 bytes do not fit"):
        qr.matrix("a" * 214)


def test_the_svg_is_plain_and_its_label_escaped() -> None:
    drawn = qr.svg("https://t.me/x?start=A", label='A "code" for <you> & me')
    assert drawn.startswith("<svg xmlns=") and "script" not in drawn and "style" not in drawn
    assert 'aria-label="A &quot;code&quot; for &lt;you> &amp; me"' in drawn
    size = len(qr.matrix("https://t.me/x?start=A")) + 2 * qr.QUIET
    assert f'viewBox="0 0 {size} {size}"' in drawn
    dark = sum(sum(row) for row in qr.matrix("https://t.me/x?start=A"))
    assert len(re.findall("h1v1h-1z", drawn)) == dark
