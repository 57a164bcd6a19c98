"""Cutting questions and passages into comparable words: folded, stemmed by language, pairs of characters without blanks."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from bot import FREQUENT_WORDS, stem_word

STEMMED = frozenset({"ar", "da", "de", "en", "es", "fi", "fr", "it", "nl", "no", "pt", "ru", "sv", "tr"})
"""Languages whose endings are taken off: those in which quotes were looked at."""

_UNSPACED = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
# No joints: what is cut here is only counted and laid over each other, never looked up.
_TOKEN = re.compile(rf"[{_UNSPACED}]+|[^\W_{_UNSPACED}]+")
_HIRAGANA = re.compile("[\u3040-\u309f]+")


@lru_cache(maxsize=50_000)
def stem(word: str, language: str) -> str:
    """The stem of one word in lower case, without its marks in any script: only question and passage need be alike."""
    if language in STEMMED and not word.isdigit():
        word = stem_word(word, language)
    folded = "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))
    return folded or word


def stems(text: str, language: str) -> set[str]:
    """The words of ``text`` that say something."""
    idle = FREQUENT_WORDS.get(language, frozenset())
    found: set[str] = set()
    for token in _TOKEN.findall(unicodedata.normalize("NFKC", text).lower()):
        if token[0] >= "\u0e00":
            # Pairs of Hiragana alone are grammar.
            pairs = [token[i : i + 2] for i in range(len(token) - 1)] or [token]
            found.update(pair for pair in pairs if not _HIRAGANA.fullmatch(pair))
        elif token not in idle and (len(token) > 1 or token.isdigit()):
            found.add(stem(token, language))
    return found


def count_words(text: str) -> int:
    """Words, or for scripts without blanks two characters each."""
    return sum((len(t) + 1) // 2 if t[0] >= "\u0e00" else 1 for t in _TOKEN.findall(text))
