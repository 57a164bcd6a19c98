"""Cutting text into the words that are indexed and searched, before SQLite sees it.

Letters are normalised (NFKC), folded (case, diacritics) and stemmed by the Snowball algorithm of their language. Scripts without
blanks (Han, Kana, Hangul, Thai) become overlapping pairs of characters, and short runs are also kept whole. That was chosen over a
dictionary segmenter: it needs no dictionary of 50 to 200 MB, never disagrees with itself between versions or between a question and
an article, finds new product names, and costs precision that a second scoring of few passages gives back.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any

from plugins.knowledge.stopwords import CHAT_WORDS, CUTS, STOP_WORDS

SNOWBALL = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "es": "spanish", "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi",
    "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "nb": "norwegian",
    "ne": "nepali", "nl": "dutch", "nn": "norwegian", "no": "norwegian", "pt": "portuguese", "ro": "romanian",
    "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
}  # fmt: skip
"""Languages with a stemmer, by their two-letter code. Others are folded only."""

MAX_WORD = 40
"""Longer words are cut: nobody asks for them, and a hostile text could fill the index with them."""

# Scripts that are written without blanks, as ranges: Thai to Khmer, Hangul, Kana, Han with its extensions.
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f々〇"
_KANA = "\u3040-\u309f\u30a0-\u30ff\u31f0-\u31ff"
_OTHER_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1100-\u11ff\uac00-\ud7af"
_RUN = re.compile(
    rf"[{_HAN}]+|[\u30a0-\u30ff\u31f0-\u31ff]+|[\u3040-\u309f]+|[{_OTHER_UNSPACED}]+|[^\W_{_HAN}{_KANA}{_OTHER_UNSPACED}]+(?:['’\-‑][^\W_{_HAN}{_KANA}{_OTHER_UNSPACED}]+)*"
)
_UNSPACED = re.compile(f"[{_HAN}{_KANA}{_OTHER_UNSPACED}]")
_HAS_KANA = re.compile(f"[{_KANA}]")
_HAS_HAN = re.compile(f"[{_HAN}]")
_CUT = re.compile("|".join(CUTS))
_JOINED = re.compile(r"['’\-‑]")
_LIGATURES = str.maketrans(
    {"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ß": "ss"}
)


def base_language(tag: str) -> str:
    """Return the first part of a language tag, in lower case: ``pt-BR`` is ``pt``."""
    return re.split(r"[-_]", tag.strip().lower(), maxsplit=1)[0]


def script_language(text: str) -> str:
    """Return ``ja``, ``zh``, ``ko`` or ``th`` when the letters leave no doubt, else an empty string."""
    sample = text[:2_000]
    unspaced = len(_UNSPACED.findall(sample))
    if unspaced * 3 < len(re.findall(r"\w", sample)):
        return ""
    if _HAS_KANA.search(sample):
        return "ja"
    if re.search("[\u1100-\u11ff\uac00-\ud7af]", sample):
        return "ko"
    return "zh" if _HAS_HAN.search(sample) else "th"


@lru_cache(maxsize=65_536)
def fold(word: str) -> str:
    """Take the diacritics off Latin, Greek and Cyrillic letters. In other scripts they make another letter and stay."""
    if word.isascii():
        return word
    out = []
    for char in word.translate(_LIGATURES):
        parts = unicodedata.normalize("NFD", char)
        latin = parts[0] < "\u0530"
        out.append("".join(p for p in parts if not unicodedata.combining(p)) if latin else char)
    return "".join(out)


_stemmers: dict[str, Any] = {}


@lru_cache(maxsize=131_072)
def stem(word: str, language: str) -> str:
    """Return the stem of a folded-case word. Pure, cached: the stemmer itself is slow Python and not safe for threads."""
    algorithm = SNOWBALL.get(language)
    if algorithm is None or len(word) < 3 or any(char.isdigit() for char in word):
        return fold(word)
    import snowballstemmer

    # A stemmer keeps its word in itself, so each call makes use of one of its own or of none in use.
    stemmer = _stemmers.pop(algorithm, None) or snowballstemmer.stemmer(algorithm)
    stemmed = fold(str(stemmer.stemWord(word)))
    _stemmers[algorithm] = stemmer
    return stemmed


def raw_words(text: str) -> list[str]:
    """Cut normalised text into words and runs, in order, without stemming or stopping."""
    return [found[:MAX_WORD] for found in _RUN.findall(unicodedata.normalize("NFKC", text).casefold())]


def spoken_parts(word: str) -> list[str]:
    """Undo joints: ``don't`` is dont, ``tent's`` is tent, ``two-person`` is two and person, ``e-mail`` is email."""
    if not _JOINED.search(word):
        return [word]
    parts = _JOINED.split(word)
    if parts[-1] in {"s", "ll", "re", "ve", "m", "d"} and len(parts) == 2:
        return [parts[0]]
    if "'" in word or "’" in word or len(parts[0]) == 1:
        return ["".join(parts)]
    return parts


def is_unspaced(word: str) -> bool:
    """True for a run in a script without blanks."""
    return bool(_UNSPACED.match(word))


def pairs(run: str) -> list[str]:
    """Return what a run without blanks is indexed under: overlapping pairs, and the run itself when it is short."""
    out: list[str] = []
    for part in _CUT.split(run):
        if len(part) <= 2:
            out += [part] if part else []
            continue
        out += [part[i : i + 2] for i in range(len(part) - 1)]
        if len(part) <= 6:
            out.append(part)
    return out


def index_words(text: str, language: str) -> list[str]:
    """Return the words under which a passage of ``language`` is found, in order, repeated as in the text."""
    stops = STOP_WORDS.get(language, frozenset())
    out: list[str] = []
    for word in raw_words(text):
        if is_unspaced(word):
            out += pairs(word)
            continue
        for part in spoken_parts(word):
            if fold(part) not in stops:
                out.append(stem(part, language))
    return out


SMALL = "~"
"""Put before a word that says little: it is indexed for question-like texts only, and counts beside the others only."""


def spoken_words(text: str, language: str) -> tuple[list[str], list[str]]:
    """Return all words of a question-like text, in order: stems, small words marked with ``SMALL``, and the folded words."""
    stops = STOP_WORDS.get(language, frozenset())
    stems: list[str] = []
    folded: list[str] = []
    for word in raw_words(text):
        if is_unspaced(word):
            runs = pairs(word)
            stems += runs
            folded += runs
            continue
        for part in spoken_parts(word):
            plain = fold(part)
            stems.append(SMALL + plain if plain in stops else stem(part, language))
            folded.append(plain)
    return stems, folded


def question_words(text: str, language: str) -> list[str]:
    """Return the words that say what a question is about, unstemmed, each once; none for mere talk such as "hello"."""
    stops = STOP_WORDS.get(language, frozenset())
    chat = CHAT_WORDS.get(language, frozenset())
    content: dict[str, None] = {}
    for word in raw_words(text):
        for part in [word] if is_unspaced(word) else spoken_parts(word):
            if fold(part) not in stops and fold(part) not in chat:
                content[part] = None
    return list(content)


def guess_language(text: str, known: tuple[str, ...], default: str) -> str:
    """Guess the language of a question among ``known`` ones by its small words; ``default`` when they do not tell."""
    script = script_language(text)
    if script:
        return script
    folded = [fold(part) for word in raw_words(text) for part in spoken_parts(word)]
    hits = {language: sum(word in STOP_WORDS.get(language, ()) for word in folded) for language in known}
    best = max(hits, key=lambda language: (hits[language], language == default), default=default)
    return best if hits.get(best, 0) > 0 else default
