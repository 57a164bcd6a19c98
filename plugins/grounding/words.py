"""Words of a text as they are compared: which language it is, stems without what every sentence has, and who says no."""

from __future__ import annotations

import re
from functools import lru_cache

from bot import stem_word
from plugins.grounding.fact import fold
from plugins.grounding.vocabulary import ALIKE, DENIALS, NO_DENIAL, OPPOSITES, STOP

_STEMMED = frozenset({"en", "de", "fr", "es"})
"""Those that have a vocabulary here."""
# Letters alone, and with their places: numbers are facts and compared as such, and what does not hold is taken out where it stands.
_TOKEN = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_LANGUAGES: dict[str, tuple[str, ...]] = {}
"""A frequent word to the languages that have it."""
for _language, _stop in STOP.items():
    for _word in _stop:
        _LANGUAGES[_word] = (*_LANGUAGES.get(_word, ()), _language)


def language_of(text: str, told: str = "") -> str:
    """Which of our languages ``text`` is written in, by its frequent words; in doubt what we were ``told``; else empty."""
    counts = dict.fromkeys(STOP, 0)
    for word in _TOKEN.findall(text):
        for language in _LANGUAGES.get(word.lower(), ()):
            counts[language] += 1
    best = max(counts, key=lambda language: (counts[language], language == told))
    if counts[best] >= 1 and (counts[best] >= 2 or best == told or not told):
        return best
    return told if told in STOP else ""


@lru_cache(maxsize=30_000)
def stem(word: str, language: str) -> str:
    """The stem of one word, without accents; the first of those that mean nearly the same."""
    folded = _plain_stem(word, language)
    return _alike(language).get(folded, folded)


@lru_cache(maxsize=8)
def _alike(language: str) -> dict[str, str]:
    """Stem to the first of the words that mean nearly the same."""
    found: dict[str, str] = {}
    for group in ALIKE.get(language, ()):
        for word in group:
            found.setdefault(_plain_stem(word, language), "=" + group[0])
    return found


def _plain_stem(word: str, language: str) -> str:
    word = word.lower()
    return fold(stem_word(word, language) if language in _STEMMED else word)


def tokens(text: str, language: str) -> list[tuple[str, int]]:
    """Stems of the words that say something, each with where it stands."""
    stop = STOP.get(language, frozenset())
    found: list[tuple[str, int]] = []
    for match in _TOKEN.finditer(text):
        for part, at in _parts(match):
            if len(part) > 1 and part.lower() not in stop:
                found.append((stem(part, language), match.start() + at))
    return found


def _parts(match: re.Match[str]) -> list[tuple[str, int]]:
    """ "l'abonnement" and "five-year" are two words each."""
    if match[0].isalpha():
        return [(match[0], 0)]
    return [(part.group(), part.start()) for part in re.finditer(r"[^\W\d_]+", match.group())]


@lru_cache(maxsize=100_000)
def alike(one: str, other: str) -> bool:
    """Whether two stems are one word, also when one is a part of the other's compound."""
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    return len(short) >= 5 and (short in long if len(short) >= 6 else long.startswith(short))


def denies(text: str, language: str) -> bool:
    """Whether ``text`` says no to something."""
    lowered = text.lower().replace("’", "'")
    for harmless in NO_DENIAL.get(language, ()):
        lowered = lowered.replace(harmless, " ")
    words = re.findall(r"[^\W\d_]+(?:'t)?", lowered)
    return sum(word in DENIALS.get(language, frozenset()) for word in words) % 2 == 1


def opposite(one: str, other: str, language: str) -> bool:
    """Whether one text has a word, and the other only the opposite of it."""
    first = set(re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", one.lower()))
    second = set(re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", other.lower()))
    flips = 0
    for here, there in OPPOSITES.get(language, ()):
        if (first & here and second & there and not first & there and not second & here) or (
            first & there and second & here and not first & here and not second & there
        ):
            flips += 1
    return flips % 2 == 1
