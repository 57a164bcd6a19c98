"""Forms of a word that compare as people expect: without the marks over its letters, and without its ending. No I/O.

What a word is, which words say nothing, and of which words the ending stays, each reader of texts says itself, because each looks for
something else: an index for passages, a rule for a whole message, the check of answers for claims without their numbers.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Any

SNOWBALL = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "es": "spanish", "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi",
    "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "nb": "norwegian",
    "ne": "nepali", "nl": "dutch", "nn": "norwegian", "no": "norwegian", "pt": "portuguese", "ro": "romanian",
    "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
}  # fmt: skip
"""Languages whose endings are taken off, by their two-letter code, with their Snowball algorithm."""

_LIGATURES = str.maketrans(
    {"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ß": "ss"}
)
_idle: dict[str, Any] = {}


@lru_cache(maxsize=65_536)
def fold(word: str) -> str:
    """Take the marks off Latin, Greek and Cyrillic letters of a word in lower case. In other scripts they make another letter and stay."""
    if word.isascii():
        return word
    out = []
    for char in word.translate(_LIGATURES):
        parts = unicodedata.normalize("NFD", char)
        latin = parts[0] < "\u0530"
        out.append("".join(p for p in parts if not unicodedata.combining(p)) if latin else char)
    return "".join(out)


def stem(word: str, language: str) -> str:
    """Take the ending off a word in lower case; in a language without a stemmer it stays as it is. Safe for threads.

    Not cached: the stemmer is Python and takes 30 µs, so callers keep what they make of its result.
    """
    algorithm = SNOWBALL.get(language)
    if algorithm is None:
        return word
    # A stemmer keeps its word in itself, so each call takes one that nobody uses, or makes one.
    stemmer = _idle.pop(algorithm, None) or _made(algorithm)
    stemmed = str(stemmer.stemWord(word))
    _idle[algorithm] = stemmer
    return stemmed


def _made(algorithm: str) -> Any:
    import snowballstemmer  # 0.1 s, and not every process cuts words

    return snowballstemmer.stemmer(algorithm)
