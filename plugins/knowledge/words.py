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

from bot import fold_word, stem_word
from plugins.knowledge.stopwords import CHAT_WORDS, CUTS, STOP_WORDS

MAX_WORD = 40
"""Longer words are cut: nobody asks for them, and a hostile text could fill the index with them."""

# Scripts that are written without blanks, as ranges: Thai to Khmer, Hangul, Kana, Han with its extensions.
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f々〇"
_KANA = "\u3040-\u309f\u30a0-\u30ff\u31f0-\u31ff"
_OTHER_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1100-\u11ff\uac00-\ud7af"
# Joints stay in: an index must have "e-mail" as one word and "two-person" as two, and ``spoken_parts`` tells them apart.
_RUN = re.compile(
    rf"[{_HAN}]+|[\u30a0-\u30ff\u31f0-\u31ff]+|[\u3040-\u309f]+|[{_OTHER_UNSPACED}]+|[^\W_{_HAN}{_KANA}{_OTHER_UNSPACED}]+(?:['’\-‑][^\W_{_HAN}{_KANA}{_OTHER_UNSPACED}]+)*"
)
_UNSPACED = re.compile(f"[{_HAN}{_KANA}{_OTHER_UNSPACED}]")
_HAS_KANA = re.compile(f"[{_KANA}]")
_HAS_HAN = re.compile(f"[{_HAN}]")
_CUT = re.compile("|".join(CUTS))
_JOINED = re.compile(r"['’\-‑]")


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


@lru_cache(maxsize=131_072)
def stem(word: str, language: str) -> str:
    """Return the folded stem of a word in lower case. Short words, and those with a digit, are only folded."""
    if len(word) < 3 or any(char.isdigit() for char in word):
        return fold_word(word)
    return fold_word(stem_word(word, language))


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
            if fold_word(part) not in stops:
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
            plain = fold_word(part)
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
            if fold_word(part) not in stops and fold_word(part) not in chat:
                content[part] = None
    return list(content)


def guess_language(text: str, known: tuple[str, ...], default: str) -> str:
    """Guess the language of a question among ``known`` ones by its small words; ``default`` when they do not tell."""
    script = script_language(text)
    if script:
        return script
    folded = [fold_word(part) for word in raw_words(text) for part in spoken_parts(word)]
    hits = {language: sum(word in STOP_WORDS.get(language, ()) for word in folded) for language in known}
    best = max(hits, key=lambda language: (hits[language], language == default), default=default)
    return best if hits.get(best, 0) > 0 else default
