"""Characters that nobody sees and that can carry hidden orders or turn text around. No I/O."""

from __future__ import annotations

import re

# Control characters other than tab and newline, bidi controls, zero-width characters, the tag block. The two joiners
# (U+200C, U+200D) stay: Persian, Indic scripts and emoji need them.
_HIDDEN = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def strip_hidden(text: str) -> str:
    """Remove invisible characters from foreign text. Line ends become ``\\n``."""
    return _HIDDEN.sub("", text)
