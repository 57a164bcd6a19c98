"""Characters that nobody sees and that can carry hidden orders or turn text around. No I/O."""

from __future__ import annotations

import re

# Control characters other than tab and newline, bidi controls, zero-width characters, the tag block, and half a character (a lone
# surrogate), which no database takes. The two joiners (U+200C, U+200D) stay: Persian, Indic scripts and emoji need them.
_HIDDEN = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


# Beyond these: rows of joiners or of variation selectors spell hidden text to a model.
_CODES = re.compile("[\u200c\u200d]{2,}|[\U000e0100-\U000e01ef]|[\ufe00-\ufe0f]{2,}")


def visible(text: str) -> str:
    """Drop characters that a reader cannot see but a model reads."""
    return _CODES.sub("", strip_hidden(text))


def strip_hidden(text: str) -> str:
    """Remove invisible characters from foreign text. Line ends become ``\\n``."""
    return _HIDDEN.sub("", text)
