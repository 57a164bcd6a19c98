"""What a question means in its conversation: "and to Poland?" after "What does delivery to Norway cost?".

A question leans on what was said before when it says too little alone or points at something ("is it waterproof?"). Then it takes over
the words of the last message that stood alone, and of those since, but for what it replaces: "to Poland" takes the place of "to Norway".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot import Question, fold_word
from plugins.knowledge.stopwords import STOP_WORDS
from plugins.knowledge.synonyms import with_phrases
from plugins.knowledge.words import question_words, raw_words, script_language

REMEMBERED = 12
"""Words that are taken over at most."""
SHORT = 3
"""A question of so few words leans on what was said before: "with PayPal?"."""

_POINTING = {
    "en": (
        r"it|its|that|this|these|those|them|they|one|ones|there|then|instead|same",
        r"and|also|or|but|so|ok|what about|how about|what if",
    ),
    "de": (
        r"das|dies|diese[nmrs]?|dafur|davon|dazu|damit|dabei|dort|dann|stattdessen|ihn|es",
        r"und|auch|oder|aber|was ist mit|wie ist es",
    ),
    "fr": (r"ca|cela|ceci|celui|celle|ceux|celles|la-bas|alors", r"et|aussi|ou|mais"),
    "es": (r"eso|esto|ese|esa|esos|esas|alli|ahi|entonces|lo mismo", r"y|o|pero|tambien|que pasa con"),
    "it": (r"questo|questa|quello|quella|cio|allora", r"e|o|ma|anche"),
    "nl": (r"dat|dit|die|deze|daar|dan|ermee|ervoor", r"en|of|maar|ook"),
    "pt": (r"isso|isto|esse|essa|aquilo|entao", r"e|ou|mas|tambem"),
}
"""Words that point at what was said before: anywhere, and at the beginning."""
_POINTS = {
    language: re.compile(rf"\b(?:{anywhere})\b|^(?:{first})\b") for language, (anywhere, first) in _POINTING.items()
}
_PLACES = {
    language: frozenset(words.split())
    for language, words in {
        "en": "to for from in with by at on of into via without",
        "de": "nach fur aus in mit bei von per zu auf ohne",
        "fr": "a en au aux pour de avec par dans sans chez",
        "es": "a en para de con por sin desde",
        "it": "a in per da con su di senza",
        "nl": "naar voor uit in met bij van per op zonder",
        "pt": "a em para de com por sem desde",
    }.items()
}
"""Small words before something that can be replaced: the next question with the same one names another such thing."""


@dataclass(frozen=True, slots=True)
class Meant:
    """A question as it is meant. Without what was said before it is the question itself."""

    text: str
    carried: tuple[str, ...] = ()
    """Words taken over, the latest first."""

    @property
    def follow_up(self) -> bool:
        return bool(self.carried)


def meant(question: Question, language: str) -> Meant:
    """Return what ``question`` means after its context."""
    own = words_of(question.text, language)
    if not question.context or not leans(question.text, own, language):
        return Meant(question.text)
    said = [_without_replaced(line, question.text, language) for line in _topic(question, language)]
    carried: dict[str, None] = {}
    for line in said:
        carried |= dict.fromkeys(word for word in words_of(line, language) if word not in own)
    if not carried:
        return Meant(question.text)
    return Meant(" ".join((*reversed(said), question.text)), tuple(carried)[:REMEMBERED])


def words_of(text: str, language: str) -> list[str]:
    """The words that say what a text is about, phrases put as one word."""
    return question_words(with_phrases(text.casefold(), language), language)


def leans(text: str, own: Sequence[str], language: str) -> bool:
    """True for a text that says too little alone, or points at what was said before. ``own``: its :func:`words_of`."""
    points = _POINTS.get(language)
    return (
        len(own) <= 1
        or len(raw_words(text)) <= SHORT
        or bool(points is not None and points.search(fold_word(text.casefold().strip())))
    )


def _topic(question: Question, language: str) -> Iterator[str]:
    """Earlier lines, the latest first, up to one that stood alone. Small talk is passed over, and other scripts."""
    script = script_language(question.text)
    for line in reversed(question.context.splitlines()):
        words = words_of(line, language)
        if not words or script_language(line) != script:
            continue
        yield line
        if not leans(line, words, language):
            return


def _without_replaced(line: str, asked: str, language: str) -> str:
    """Take out of an earlier line what the question puts something else in the place of."""
    places = _PLACES.get(language, frozenset())
    stops = STOP_WORDS.get(language, frozenset())
    new = dict(_named(asked, places, stops))
    if not new:
        return line
    old = dict(_named(line, places, stops))
    gone = {word for place, words in old.items() if place in new for word in words}
    return " ".join(
        word for word in re.findall(r"\S+", line) if fold_word(word.casefold().strip(".,;:!?¿¡")) not in gone
    )


def _named(text: str, places: frozenset[str], stops: frozenset[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what stands behind each small word of a place: one word, or several that begin with a capital or a digit."""
    tokens = [token.strip(".,;:!?¿¡\"'()") for token in text.split()]
    words = [fold_word(token.casefold()) for token in tokens]
    for at, word in enumerate(words):
        if word not in places:
            continue
        behind = at + 1
        while behind < len(words) and words[behind] in stops and words[behind] not in places:
            behind += 1
        names: list[str] = []
        while behind < len(words) and words[behind] and words[behind] not in stops:
            proper = tokens[behind][:1].isupper() or tokens[behind][:1].isdigit()
            if names and not proper:
                break
            names.append(words[behind])
            behind += 1
            if not proper:
                break
        if names:
            yield word, tuple(names)
