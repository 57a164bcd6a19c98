"""Whether what an answer claims stands in its passages: sentence by sentence, fact by fact. No model is asked.

A fact holds when it stands in a passage, there is said of the same thing, and is neither denied nor turned round. "The same thing"
is told by the words around it: if they fit better to another fact of the same sort, the number is right and its place is wrong.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from bot import Passage
from plugins.grounding.courtesies import says_nothing
from plugins.grounding.fact import Fact, fold, named
from plugins.grounding.facts import facts
from plugins.grounding.passages import Read, Statement, read, statements
from plugins.grounding.sentences import Sentence, sentences
from plugins.grounding.vocabulary import GENERIC, KNOWN, SAME_PLACE
from plugins.grounding.words import alike, denies, language_of, opposite

OVERLAP = 0.25
"""Least share of a sentence's words that its passages must have. Set on the half ``tune`` of the labelled pairs."""
CLEARLY = 1.2
"""How much better the words must fit to another fact of the same sort."""
SAME = 0.5
"""From here on two statements are about the same, so that a "not" in one of them contradicts."""
CONTRARY = 0.6
"""From here on a sentence is held against a statement without its facts, such as "Rust is not covered"."""
COMMON = 2
"""Words that both must have for that."""
SUBJECT = 0.4
"""How much the words tell that the sentence began with, in its other parts."""
FACT = 2.0
"""How much another fact beside one tells, in rare words."""
_WORD = re.compile(r"[^\W_]+")
LONGEST = 20_000
"""Characters of an answer, and of what was said, that are read."""
ECHO = 0.7
"""From here on a fact that only the customer named is contradicted by a passage that says otherwise of the same thing."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came out for one sentence."""

    sentence: Sentence
    claim: bool
    """It holds something that can be checked."""
    holds: bool
    why: str = ""
    """What does not hold, for admins, such as ``€5.90 is nowhere``."""
    passage: str = ""
    """Id of the passage that proves it best."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What came out for an answer."""

    verdicts: tuple[Verdict, ...]

    @property
    def claims(self) -> tuple[Verdict, ...]:
        return tuple(one for one in self.verdicts if one.claim)

    @property
    def failed(self) -> tuple[Verdict, ...]:
        return tuple(one for one in self.verdicts if not one.holds)

    @property
    def grounded(self) -> float | None:
        """The share of claims that hold; ``None`` without claims."""
        claims = self.claims
        return round(sum(one.holds for one in claims) / len(claims), 3) if claims else None


def check(
    text: str,
    passages: Sequence[Passage],
    *,
    cited: Iterable[tuple[int, str]] = (),
    language: str = "",
    said: str = "",
    known: str = "",
    overlap: float = OVERLAP,
) -> Checked:
    """Check an answer.

    ``cited``: number and passage id of each citation in ``text``; a sentence is looked up in its own passages first. ``said``: the
    words of customer and agents, whose facts need no proof. ``known``: what admins told the AI, which proves as passages do.
    """
    base = read(passages)
    if known.strip():
        base = [*base, *read([Passage(id="", article_id="", title="", text=known)])]
    text, said = text[:LONGEST], said[-LONGEST:]
    spoken = language_of(said, language) if said else ""
    lines = [_heard(line, spoken) for line in said.splitlines()]
    theirs = [fact for found, _ in lines for fact in found]
    heard = frozenset().union(*(words for _, words in lines))
    ids = dict(cited)
    # "Great Britain: €9.90" has no word that tells its language: then it is that of the answer, or of the articles.
    told = language_of(text, language.partition("-")[0].lower()) or next((one.language for one in base), "")
    judge = _Judge(base, theirs, heard, told, overlap)
    return Checked(
        tuple(judge.sentence(one, [ids[n] for n in one.cited if n in ids]) for one in sentences(text) if one.bare)
    )


@lru_cache(maxsize=4_096)
def _heard(line: str, language: str) -> tuple[tuple[Fact, ...], frozenset[str]]:
    """Facts and words of what somebody said. A conversation says the same lines with every turn, and one more."""
    return tuple(facts(line, language)), frozenset(named(word) for word in _WORD.findall(line))


@dataclass(slots=True)
class _Place:
    """A statement in which a fact was found."""

    statement: Statement
    passage: Read
    fact: Fact | None
    score: float


class _Judge:
    def __init__(
        self, base: list[Read], theirs: list[Fact], heard: frozenset[str], language: str, overlap: float
    ) -> None:
        self.base, self.theirs, self.heard, self.told, self.overlap = base, theirs, heard, language, overlap
        self.places = [(one, passage) for passage in base for one in passage.statements]
        self.words = frozenset(word for one in base for word in one.words)
        self.rarity: dict[str, float] = {}
        self.forms: dict[str, frozenset[str]] = {}
        self.cut = cache(statements)

    def sentence(self, sentence: Sentence, cited: Sequence[str]) -> Verdict:
        words = sentence.bare
        if says_nothing(words):
            return Verdict(sentence, claim=False, holds=True)
        language = language_of(words, self.told.partition("-")[0].lower())
        parts, _ = self.cut(words, language)
        foreign = all(one.language != language for one in self.base)
        claimed = [
            (part, fact)
            for part in parts
            for fact in part.facts
            if not fact.weak and not self._theirs(fact) and not (foreign and _translated(fact))
        ]
        if not claimed:
            return self._plain(sentence, words, parts, language, cited)
        own = [one for one in self.base if one.id in cited]
        problem, place = "", None
        for part, fact in claimed:
            here = words[fact.start : fact.end]
            found = self._prove(part, fact, own, language) if own else None
            if found is None or isinstance(found, str):
                # What its own passages do not prove may stand in another one.
                found = self._prove(part, fact, self.base, language) or found
            if found is None:
                problem = f"{here} is nowhere in the knowledge"
            elif isinstance(found, str):
                problem = f"{here} {found}"
            elif place is None or found.score > place.score:
                place = found
            if problem:
                return Verdict(sentence, claim=True, holds=False, why=problem)
        aligned = self._aligned(parts, language)
        if aligned is not None and aligned.score >= CONTRARY and self._contradicts(words, parts, aligned, language):
            return Verdict(sentence, claim=True, holds=False, why="the knowledge says the opposite")
        if place is not None and not self._enough(words, place.passage, language):
            return Verdict(sentence, claim=True, holds=False, why="the knowledge speaks of other things")
        return Verdict(sentence, claim=True, holds=True, passage=place.passage.id if place else "")

    def _plain(
        self, sentence: Sentence, words: str, parts: Sequence[Statement], language: str, cited: Sequence[str]
    ) -> Verdict:
        """A sentence without facts of its own: it is only held against what plainly says the opposite."""
        echoed = [(part, fact) for part in parts for fact in part.facts if not fact.weak]
        for part, fact in echoed:
            rival = self._best(part, fact, self.base, language, rivals=True)
            if rival is not None and rival.score >= ECHO and not self._found(fact, self.base):
                return Verdict(
                    sentence,
                    claim=True,
                    holds=False,
                    why=f"{words[fact.start : fact.end]} is the customer's; the knowledge says otherwise",
                )
        enough = sum(bool(self._forms(word)) for part in parts for word in part.words) >= COMMON
        best = self._aligned(parts, language) if enough else None
        if best is not None and best.score >= ECHO and self._contradicts(words, parts, best, language):
            return Verdict(sentence, claim=True, holds=False, why="the knowledge says the opposite")
        return Verdict(
            sentence, claim=bool(cited), holds=True, passage=best.passage.id if best and best.score >= SAME else ""
        )

    def _aligned(self, parts: Sequence[Statement], language: str) -> _Place | None:
        found = [place for part in parts if (place := self._best(part, None, self.base, language)) is not None]
        return max(found, key=lambda one: one.score, default=None)

    def _theirs(self, fact: Fact) -> bool:
        """Whether the customer or an agent named it: repeating that claims nothing."""
        if fact.kind == "name":
            return all(str(word) in self.heard for _, word in fact.readings)
        return any(fact.agrees(one) for one in self.theirs)

    @staticmethod
    def _found(fact: Fact, base: Sequence[Read]) -> bool:
        return any(fact.agrees(one) for passage in base for statement in passage.statements for one in statement.facts)

    def _prove(self, part: Statement, fact: Fact, base: Sequence[Read], language: str) -> _Place | str | None:
        """The place that proves it; a reason why what is there does not; ``None``: it is nowhere."""
        place = self._best(part, fact, base, language)
        if place is None:
            return None
        if place.passage.language != language or not part.words - self._words_of(part, fact):
            return place
        rival = self._best(part, fact, base, language, rivals=True)
        if rival is not None and rival.score > place.score * CLEARLY + 0.03:
            return "is said of something else"
        if place.fact is not None and fact.limit and place.fact.limit and fact.limit != place.fact.limit:
            return "is the other limit"
        # A name alone is in many statements: only one that has everything else as well can deny it.
        whole = all(self._there(one, place.statement, rivals=False) is not False for one in part.facts)
        if whole and place.score >= SAME and self._turned(part.text, place, language):
            return "is said to the contrary"
        return place

    @staticmethod
    def _words_of(part: Statement, fact: Fact) -> frozenset[str]:
        return frozenset(str(word) for kind, word in fact.readings if kind == "name")

    def _best(
        self, part: Statement, fact: Fact | None, base: Sequence[Read], language: str, *, rivals: bool = False
    ) -> _Place | None:
        """The place with ``fact`` (or with a rival of it, but without it) whose words fit best."""
        best: _Place | None = None
        for passage in base:
            for statement in passage.statements:
                there = self._there(fact, statement, rivals=rivals)
                if there is False:
                    continue
                score = self._fit(part, fact, statement, same=passage.language == language)
                if best is None or score > best.score:
                    best = _Place(statement, passage, there if isinstance(there, Fact) else None, score)
        return best

    @staticmethod
    def _there(fact: Fact | None, statement: Statement, *, rivals: bool) -> Fact | bool:
        if fact is None:
            return True
        if fact.kind == "name":
            words = {str(word) for _, word in fact.readings}
            has = all(
                any(piece in statement.spelled for piece in (word, *re.split(r"[-'&.]", word)) if piece)
                for word in words
            )
            if not rivals:
                return has
            others = [one for one in statement.facts if one.kind == "name" and len(one.readings) >= min(2, len(words))]
            return others[0] if others and not has else False
        if rivals:
            if any(fact.agrees(one) for one in statement.facts):
                return False
            return next((one for one in statement.facts if fact.rivals(one)), False)
        return next((one for one in statement.facts if fact.agrees(one)), False)

    def _fit(self, part: Statement, fact: Fact | None, statement: Statement, *, same: bool) -> float:
        """How well the words and the other facts around ``fact`` fit to a statement, from 0 to 1."""
        own = self._words_of(part, fact) if fact is not None else frozenset()
        total = hits = 0.0
        for word in (*part.words, *(part.subject - part.words)):
            if not same or (own and any(fold(word.lstrip("=")) in name for name in own)):
                continue
            # What the sentence began with is meant in its second half, too.
            weight = self._weight(word) * (1.0 if word in part.words else SUBJECT)
            total += weight
            hits += weight * self._presence(word, statement)
        for other in part.facts:
            if other is fact or (other.kind == "name" and same):
                continue
            total += FACT
            if other.kind == "name":
                hits += FACT * bool(_Judge._there(other, statement, rivals=False))
            else:
                hits += FACT * any(other.agrees(one) for one in statement.facts)
        return hits / total if total else 1.0

    def _presence(self, word: str, statement: Statement) -> float:
        """How much of a word a statement has: in itself, or only in what stands around it."""
        if word in statement.words or not statement.words.isdisjoint(self._forms(word)):
            return 1.0
        if any(alike(word.lstrip("="), column.lstrip("=")) for column in statement.head):
            return 0.8
        if word in statement.subject:
            return 0.5
        if word in statement.above:
            return 0.4
        return 0.3 if word in statement.before else 0.15 if word in statement.behind else 0.0

    def _forms(self, word: str) -> frozenset[str]:
        """The words of the knowledge that are this one in another form."""
        if word not in self.forms:
            self.forms[word] = frozenset(other for other in self.words if alike(word, other))
        return self.forms[word]

    def _weight(self, word: str) -> float:
        """How much a word tells: rare ones in these passages more, those that are nowhere a little."""
        if word not in self.rarity:
            has = sum(word in statement.words for statement, _ in self.places)
            self.rarity[word] = math.log(1 + len(self.places) / has) if has else 0.6
        return self.rarity[word]

    def _contradicts(self, words: str, parts: Sequence[Statement], place: _Place, language: str) -> bool:
        """Whether a statement about the same denies it. One word in common is not the same: "Enjoy your garden" denies nothing."""
        said = {word for part in parts for word in part.words}
        common = sum(self._presence(word, place.statement) == 1.0 for word in said)
        return common >= COMMON and self._turned(words, place, language)

    def _turned(self, words: str, place: _Place, language: str) -> bool:
        """Whether the statement denies what the words say, or the other way round. Two turns are none."""
        if place.passage.language != language:
            return False
        there = place.statement.text
        return (denies(words, language) != denies(there, language)) != opposite(words, there, language)

    def _enough(self, words: str, passage: Read, language: str) -> bool:
        if passage.language != language:
            return True
        _, said = self.cut(words, language)
        if len(said) < 3:
            return True
        has = sum(word in self.heard or bool(self._forms(word)) for word in said)
        return has / len(said) >= self.overlap


def _translated(fact: Fact) -> bool:
    """A name that another language may write otherwise: "the European Union", "Northern Station"."""
    words = {str(word) for kind, word in fact.readings if kind == "name"}
    if not words:
        return False
    return words <= GENERIC or (len(words) == 1 and not words & KNOWN and not words & set(SAME_PLACE.values()))
