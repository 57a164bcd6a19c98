"""Names: of people, places, companies and products. No dictionary knows them; capitals, titles and pairs tell."""

from __future__ import annotations

import re
from collections.abc import Iterator

from plugins.grounding.fact import Fact, fold, named
from plugins.grounding.vocabulary import KNOWN, NO_NAMES

_NAME = re.compile(r"(?<![\w@./#])[A-ZÄÖÜÉÈÀÂÎÔÇÑ][\w'’&-]*(?:\.(?=\w))?\w*")


def names(text: str, language: str) -> Iterator[Fact]:
    """Capitalised words where the language writes only names so. In German, where all nouns are, only what is surely one."""
    german = language == "de"
    run: list[re.Match[str]] = []
    for found in [*_NAME.finditer(text), None]:
        if run and (found is None or not re.fullmatch(r"\.? |-", text[run[-1].end() : found.start()])):
            if fact := _name(text, run, german=german):
                yield fact
            run = []
        if found is not None and found.group().rstrip(".") not in NO_NAMES:
            run.append(found)


_TITLES = re.compile(r"(?:\b(?:Frau|Herrn?|Dr\.|Prof\.|Mr\.?|Mrs\.?|Ms\.?|Mme|M\.|Sra?\.|Firma|Spedition)\s+)+$")


def _name(text: str, run: list[re.Match[str]], *, german: bool) -> Fact | None:
    first = run[0]
    before = text[: first.start()]
    opens = not before.strip(" \t\n*_\"'„“«(>-•#") or bool(re.search(r"[.!?:\n][\s*_\"'„“«(-]*$", before))
    titled = bool(_TITLES.search(before))
    if opens and not titled:
        acronym = first.group().isupper() and len(first.group()) > 1
        if len(run) == 1 and not acronym:
            return None
        if not acronym:  # whatever begins a sentence has a capital: "Ask Mia Larsen"
            run = run[1:]
    if german and not titled:
        sure = [one for one in run if _surely_a_name(text, one)]
        if len(run) < 2 and not sure:
            return None
    if not run:
        return None
    words = frozenset(("name", named(one.group().strip("'’-").removesuffix("'s").removesuffix("’s"))) for one in run)
    return Fact("name", words, run[0].start(), run[-1].end())


def _surely_a_name(text: str, found: re.Match[str]) -> bool:
    """A single German word: a short form, or one of the names that everybody knows."""
    word = found.group()
    if word.isupper() and len(word) > 1:
        return True
    if re.search(r"[a-z][A-Z]", word):
        return True
    return fold(word.removesuffix("s")) in KNOWN or fold(word) in KNOWN
