"""From a question to the terms that are searched: stems of its language, words that mean the same, mistypings, compounds."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from bot import Question, base_language, fold_word
from plugins.knowledge.follow_up import meant, words_of
from plugins.knowledge.index import IndexFile, Size
from plugins.knowledge.nearness import ASKED, Sought, grams_of, seek
from plugins.knowledge.stopwords import STOP_WORDS
from plugins.knowledge.synonyms import GROUPS
from plugins.knowledge.words import (
    SMALL,
    guess_language,
    is_unspaced,
    pairs,
    spoken_parts,
    spoken_words,
    stem,
)

MAX_TERMS = 40
"""Words of a question that are looked at; a customer may write 4,000 characters."""
SYNONYM = 0.75
MISTYPED = 0.6
UNKNOWN = 0.8
"""How much a word that no passage has counts beside the rarest one that some have: it may be a name or a slip."""
CONTEXT = 0.5
"""How much an earlier word of the customer counts beside a word of the question."""
REMEMBERED = 20_000
"""Counts of words, and of letters, that a process keeps of an index, for each scope."""
RESCUED = 10
"""Words nobody has that are looked at for slips: a longer list of such words is no question."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(slots=True)
class Term:
    """One thing a question asks for. ``forms`` are index words that stand for it, each with how well it does."""

    word: str
    forms: dict[str, float]
    share: float = 1.0
    """1 for a word of the question, less for one of its context."""
    own: bool = True
    """False for a word of the context."""
    passages: int = 0
    """In how many of the visible passages it is (about)."""
    weight: float = 0.0
    """Rarity times share: what finding it is worth."""


@dataclass(slots=True)
class Asked:
    """A question, ready to be searched."""

    language: str
    terms: list[Term] = field(default_factory=list)
    follow_up: bool = False
    text: str = ""
    """The question as it is meant in its conversation."""
    rarest: float = 1.0
    """Weight of a word that a single passage has."""
    sought: Sought = field(default_factory=Sought)
    """The whole question, small words and all, to be compared with lines that are like questions."""
    small: dict[str, int] = field(default_factory=dict)
    """Its small words, with how many passages have them."""


def read_question(question: Question, file: IndexFile, db: sqlite3.Connection) -> Asked:
    """Turn a question into weighted terms, with the counts of what its site may see."""
    default = base_language(question.language) or (file.languages[0] if file.languages else "en")
    language = guess_language(question.text, file.languages, default)
    stemmers = [language] + ([default] if default in file.languages and default != language else [])
    asked = Asked(language)
    understood = meant(question, language)
    own = words_of(question.text, language)[:MAX_TERMS]
    asked.follow_up, asked.text = understood.follow_up, understood.text
    for words, share in ((own, 1.0), (understood.carried, CONTEXT)):
        terms = [term for word in words for term in _terms(word, language, stemmers)]
        asked.terms += [replace(term, share=share, own=share == 1.0) for term in terms]
    scopes = file.seen_by(question.site)
    size = file.size(scopes)
    said, folded = spoken_words(asked.text[: 20 * ASKED], language)
    if len(said) > ASKED or not size.lined:
        said, folded = [], []
    counts = _known(file, db, scopes, {*said, *(form for term in asked.terms for form in term.forms)})
    _weigh(asked, scopes, size.passages, db, counts)
    _compare(asked, said, folded, scopes, size, file, db, counts)
    return asked


def _compare(
    asked: Asked, said: list[str], folded: list[str], scopes: Sequence[int], size: Size, file: IndexFile, db: sqlite3.Connection,
    counts: dict[str, int],
) -> None:  # fmt: skip
    """Make the whole question comparable with lines."""
    grams = grams_of(folded)
    known = _known(file, db, scopes, grams, "gram")
    asked.sought = seek(
        said,
        {word: _rarity(min(max(counts.get(word, 0), 1), size.passages), size.passages) for word in said},
        {gram: _rarity(min(max(known.get(gram, 0), 1), size.lined), size.lined) for gram in grams},
        (_rarity(1, size.passages) or 1.0, _rarity(1, size.lined) or 1.0),
    )
    asked.small = {word: counts[word] for word in said if word.startswith(SMALL) and word in counts}


def _terms(word: str, language: str, stemmers: Sequence[str]) -> Iterator[Term]:
    if is_unspaced(word):
        for pair in pairs(word):
            alike = GROUPS.get(language, {}).get(pair, ())
            yield Term(pair, {pair: 1.0, **{other: SYNONYM for other in alike if other != pair}})
        return
    forms = {stem(word, code): 1.0 for code in stemmers}
    for other in GROUPS.get(language, {}).get(fold_word(word), ()) or _by_stem(language, stem(word, language)):
        for part in spoken_parts(other):
            forms.setdefault(stem(part, language), SYNONYM)
    yield Term(word, forms)


_STEMMED: dict[str, dict[str, tuple[str, ...]]] = {}


def _by_stem(language: str, stemmed: str) -> tuple[str, ...]:
    """Synonyms of another form of the word: ``refunded`` has those of refund."""
    if language not in _STEMMED:
        _STEMMED[language] = {stem(word, language): group for word, group in GROUPS.get(language, {}).items()}
    return _STEMMED[language].get(stemmed, ())


def _weigh(asked: Asked, scopes: Sequence[int], total: int, db: sqlite3.Connection, counts: dict[str, int]) -> None:
    rescued = 0
    for term in asked.terms:
        own = [form for form, how in term.forms.items() if how == 1.0]
        if rescued < RESCUED and not any(form in counts for form in own):
            rescued += 1
            _rescue(term, asked.language, scopes, db, counts)
    asked.terms = [term for term in asked.terms if not _is_slip_of_small_word(term, asked.language, counts)]
    _drop_false_pairs(asked, counts)
    asked.rarest = _rarity(1, total)
    for term in asked.terms:
        term.forms = {form: how for form, how in term.forms.items() if form in counts}
        term.passages = min(total, sum(counts[form] for form in term.forms))
        seen = max(term.passages, 1)
        term.weight = term.share * _rarity(seen, total)
        if not term.passages:
            term.weight *= UNKNOWN


def _rarity(passages: int, total: int) -> float:
    return math.log(1 + (total - passages + 0.5) / (passages + 0.5)) if total else 0.0


def _known(
    file: IndexFile, db: sqlite3.Connection, scopes: Sequence[int], words: Iterable[str], table: str = "term"
) -> dict[str, int]:
    """As :func:`_counts`, out of what the process remembers of the file: most questions are made of the same words."""
    out: dict[str, int] = {}
    for scope in scopes:
        remembered = file.counts.setdefault((table, scope), {})
        wanted = [word for word in words if word not in remembered]
        if wanted:
            if len(remembered) > REMEMBERED:
                remembered = file.counts[table, scope] = {}
                wanted = list(words)
            remembered.update(dict.fromkeys(wanted, 0) | _counts(db, (scope,), wanted, table))
        for word in words:
            count = remembered[word]
            if count:
                out[word] = out.get(word, 0) + count
    return out


def _counts(db: sqlite3.Connection, scopes: Sequence[int], words: Iterable[str], table: str = "term") -> dict[str, int]:
    out: dict[str, int] = {}
    wanted = sorted(words)
    for scope in scopes:
        for start in range(0, len(wanted), 500):
            some = wanted[start : start + 500]
            marks = ",".join("?" * len(some))
            # One row, because sqlite3 gives the interpreter away for each.
            query = f"SELECT group_concat(word || char(31) || passages, char(30)) FROM {table} WHERE scope = ? AND word IN ({marks})"  # noqa: S608
            (found,) = db.execute(query, (scope, *some)).fetchone()
            for pair in found.split("\x1e") if found else ():
                word, _, passages = pair.partition("\x1f")
                out[word] = out.get(word, 0) + int(passages)
    return out


def _rescue(term: Term, language: str, scopes: Sequence[int], db: sqlite3.Connection, counts: dict[str, int]) -> None:
    """Look for what an unknown word may have meant: a mistyped one, or the parts of a compound."""
    word = fold_word(term.word)
    if is_unspaced(word) or len(word) < 4 or not word.isascii() or not word.isalpha():
        return
    if len(word) >= 5:
        # Of the word and of its stem: to stem each of the hundreds of slips would be most of the time of a search.
        near = _counts(db, scopes, {*_one_slip(word), *_one_slip(stem(word, language))})
        near = {other: number for other, number in near.items() if len(other) >= 4}
        if near:
            best = max(near, key=lambda other: (other[0] == word[0], near[other]))
            counts[best] = near[best]
            term.forms[best] = MISTYPED
            return
    if len(word) >= 9:
        halves = {(stem(word[:at], language), stem(word[at:], language)) for at in range(4, len(word) - 3)}
        halves |= {
            (stem(word[:at], language), stem(word[at + 1 :], language))
            for at in range(4, len(word) - 4)
            if word[at] == "s"
        }
        known = _counts(db, scopes, {half for pair in halves for half in pair})
        both = [pair for pair in halves if pair[0] in known and pair[1] in known]
        if both:
            for half in max(both, key=lambda pair: min(len(pair[0]), len(pair[1]))):
                counts[half] = known[half]
                term.forms[half] = MISTYPED


def _one_slip(word: str) -> list[str]:
    """Every word one mistake away: a letter too many, too few, another one, or two swapped."""
    cuts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    out = [a + b[1:] for a, b in cuts if b]
    out += [a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1]
    out += [a + letter + b[1:] for a, b in cuts if b for letter in _LETTERS]
    out += [a + letter + b for a, b in cuts for letter in _LETTERS]
    return out


def _drop_false_pairs(asked: Asked, counts: dict[str, int]) -> None:
    """Of a run without blanks, forget unknown whole runs and unknown pairs that straddle two known words.

    A pair that touches one known word may straddle it and a small word: it counts half.
    """
    known = {char for term in asked.terms if is_unspaced(term.word) and _is_known(term, counts) for char in term.word}
    kept = []
    for term in asked.terms:
        chars = set(term.word)
        if is_unspaced(term.word) and not _is_known(term, counts):
            if len(term.word) > 2 or chars <= known:
                continue
            term.share *= 1.0 if chars.isdisjoint(known) else 0.5
        kept.append(term)
    asked.terms = kept


def _is_known(term: Term, counts: dict[str, int]) -> bool:
    return any(form in counts for form in term.forms)


def _is_slip_of_small_word(term: Term, language: str, counts: dict[str, int]) -> bool:
    """True for ``wich`` and ``hwo``: nobody has that word, and one slip away is a word that says nothing."""
    word = fold_word(term.word)
    if _is_known(term, counts) or not 3 <= len(word) <= 8 or not word.isascii() or not word.isalpha():
        return False
    swapped_or_short = {slip for slip in _one_slip(word) if len(slip) > len(word) or sorted(slip) == sorted(word)}
    return not STOP_WORDS.get(language, frozenset()).isdisjoint(swapped_or_short)
