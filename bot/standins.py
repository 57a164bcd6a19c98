"""Names such as ``⟦EMAIL_1⟧`` that stand for a customer's personal data wherever a provider could read it, in texts. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bot.personal_data import words_for

OPENING, CLOSING = "⟦", "⟧"
MARK = re.compile(r"⟦[ \t]*([A-Za-z][A-Za-z0-9_]{0,30})_(\d{1,6})[ \t]*⟧")
LONGEST = 60
"""Of a name as a model may write it, in characters."""


def escape(text: str) -> str:
    """``text`` from outside, in which nothing looks like a name of ours."""
    return text.replace(OPENING, "[").replace(CLOSING, "]") if OPENING in text or CLOSING in text else text


def shown(placeholders: Mapping[str, str], kind: str, number: str) -> str:
    """What people read in place of a name: the value, or harmless words for a name that a model made up."""
    known = placeholders.get(f"{OPENING}{kind.upper()}_{int(number)}{CLOSING}")
    return words_for(kind.upper()) if known is None else known


def restore(text: str, placeholders: Mapping[str, str]) -> str:
    """A whole text with all names put back. For a stream see :class:`bot.release.Release`."""
    return MARK.sub(lambda mark: shown(placeholders, mark[1], mark[2]), text) if OPENING in text else text
