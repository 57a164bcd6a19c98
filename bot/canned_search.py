"""Finding a canned reply by what somebody types. No I/O."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from bot.canned import CannedReply

_ACCENTS = re.compile(r"[\u0300-\u036f]")
_SIGNS = re.compile(r"[^\w-]+")


def search(query: str, among: Sequence[CannedReply], *, language: str = "") -> list[CannedReply]:
    """The best first. Every word must be found in shortcut, title, category or text; a slip of the pen in shortcut or title is forgiven.
    Without words the most used come first, those of the language before all."""
    words = folded(query.strip().removeprefix("!")).split()[:10]
    short = language.lower().partition("-")[0]
    rated = [(score, one) for one in among if (score := _score(words, one)) > 0]
    if not rated:  # only now, because it costs more
        rated = [(score, one) for one in among if (score := _score(words, one, slips=True)) > 0]

    def order(found: tuple[float, CannedReply]) -> tuple[Any, ...]:
        score, one = found
        theirs = one.language.partition("-")[0]
        near = 2 if theirs and theirs == short else 1 if not theirs else 0
        return -score, -near, -one.uses, one.shortcut

    return [one for _, one in sorted(rated, key=order)]


@lru_cache(maxsize=8_192)
def folded(text: str) -> str:
    """Small letters without accents, and words only."""
    return _SIGNS.sub(" ", small_letters(text)).strip()


@lru_cache(maxsize=8_192)
def small_letters(text: str) -> str:
    """Small letters without accents. Remembered, because the same texts are looked through with every letter typed."""
    text = text.casefold()
    return text if text.isascii() else _ACCENTS.sub("", unicodedata.normalize("NFKD", text))


def _score(words: Sequence[str], one: CannedReply, *, slips: bool = False) -> float:
    if not words:
        return 1.0
    # Signs stay in the text, which is the longest by far: words are found in it all the same, and the first search is not late.
    fields = (
        (folded(one.shortcut), 60.0), (folded(one.title), 40.0), (folded(one.category), 20.0), (small_letters(one.text), 10.0),
    )  # fmt: skip
    total = 200.0 if " ".join(words) == fields[0][0] else 0.0
    for word in words:
        best = max((_word(word, text) * weight for text, weight in fields), default=0.0)
        if not best and slips and len(word) > 3:
            near = {*re.split(r"[\W_]+", fields[0][0]), fields[0][0], *fields[1][0].split()}
            alike = [other for other in near if abs(len(other) - len(word)) <= 2]
            best = 5.0 if difflib.get_close_matches(word, alike, n=1, cutoff=0.75) else 0.0
        if not best:
            return 0.0
        total += best
    return total


def _word(word: str, text: str) -> float:
    """1 for a beginning of the text, less for the beginning of a word in it, least for anything else."""
    if text.startswith(word):
        return 1.0
    if word not in text:
        return 0.0
    return 0.8 if f" {word}" in text or f"-{word}" in text else 0.4
