"""Cutting questions and passages into comparable words: folded, stemmed by language, pairs of characters without blanks."""

from __future__ import annotations

import re
import threading
import unicodedata
from functools import lru_cache
from typing import Any

from bot import FREQUENT_WORDS

SNOWBALL = {
    "ar": "arabic", "da": "danish", "de": "german", "en": "english", "es": "spanish", "fi": "finnish", "fr": "french",
    "it": "italian", "nl": "dutch", "no": "norwegian", "pt": "portuguese", "ru": "russian", "sv": "swedish", "tr": "turkish",
}  # fmt: skip

_UNSPACED = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_TOKEN = re.compile(rf"[{_UNSPACED}]+|[^\W_{_UNSPACED}]+")
_HIRAGANA = re.compile("[\u3040-\u309f]+")
_lock = threading.Lock()
_stemmers: dict[str, Any] = {}


@lru_cache(maxsize=50_000)
def stem(word: str, language: str) -> str:
    """The stem of one word in lower case. Cached: the stemmer is Python and takes 30 µs."""
    name = SNOWBALL.get(language)
    if name is not None and not word.isdigit():
        import snowballstemmer

        with _lock:  # a stemmer keeps its word in itself
            if name not in _stemmers:
                _stemmers[name] = snowballstemmer.stemmer(name)
            word = _stemmers[name].stemWord(word)
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
