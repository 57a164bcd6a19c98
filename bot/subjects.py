"""What a question is about: the stems of its words that say something, each with the form in which people read it. No I/O."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping

from bot import word_forms

LONGEST = 2_000
"""Characters of a question that are looked at."""
# Joined words stay whole: people read them as the name of a topic.
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_SOLID = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]+")
_ENDINGS = re.compile("[\u3040-\u309f\u30fc]+")
_STEMMED = frozenset({"en", "de", "fr", "es", "it", "pt", "nl"})
"""Languages whose endings are taken off; other texts are taken for English, in which most names of products are."""

# Words that stand in questions about anything.
_SAY_NOTHING = """
a about above after again all also am an and any anybody anyone anything are as ask at be because been before being but by can
could did do does doing don't each else ever every few find for from get give go going good got had has have he hello help her
here hey hi him his how i i'd i'll i'm i've if in information into is it it's its just know last let like look looking make many
may maybe me more most much must my need new no not now of on one only or order other our out over own person please possible put
question same say see send she should show since so some somebody someone something still such take talk tell than thank thanks
that the their them then there these they thing this those to today too try two under until up us use very want was way we well
were what when where which while who why will with without work would yes yet you your morning evening afternoon dear bye okay ok
human agent aber alle als auch auf aus bei bin bis bitte da danke dann das dass dem den der des die diese dieser dieses doch du
durch ein eine einem einen einer er es für gibt guten hallo hat habe haben ich ihr ihre ihnen im ist ja kann kein keine können
könnte man mein meine mich mir mit möchte muss nach nicht noch nur ob oder sie sind tag um und uns unser von vor wann warum welche
wenn wer wie wird wir wo würde zu zum zur alors au aux avec bonjour ce cela ces cette comment dans de elle en est et être il ils
je la le les leur ma mais mes merci mon ne nos notre nous ou où par pas pour pouvez pourquoi quand que quel quelle qui sa se ses
si son sont sur un une votre vous al como con cómo cuando cuál del desde donde dónde el ella está este gracias hay hola las lo los
mi mis muy o para pero por puedo qué quiero ser sin su sus también te tengo tiene una usted y ya sell buy offer verkaufen kaufen
vendre acheter vender comprar
"""
_EMPTY = frozenset(_SAY_NOTHING.split())


def stems(text: str, language: str = "") -> dict[str, str]:
    """The stems of ``text`` that say what it is about, in their order, with the form that stands there. Scripts without blanks
    give pairs of characters."""
    found: dict[str, str] = {}
    folded = unicodedata.normalize("NFKC", text[:LONGEST])
    for solid in _SOLID.findall(folded):
        for pair in (solid[n : n + 2] for n in range(max(1, len(solid) - 1))):
            if not _ENDINGS.fullmatch(pair):
                found.setdefault(pair, pair)
    for match in _WORD.finditer(_SOLID.sub(" ", folded)):
        form = match[0].casefold().replace("’", "'").removesuffix("'s")
        if len(form) < 2 or form in _EMPTY or form.isdigit():
            continue
        stem = _stem(form, language)
        if stem not in _EMPTY:
            found.setdefault(stem, form)
    return found


def _stem(form: str, language: str) -> str:
    base = language.lower().partition("-")[0]
    return word_forms.stem(form, base if base in _STEMMED else "en")


def rarity(documents: Iterable[Iterable[str]]) -> dict[str, float]:
    """How much each stem says, by how few of the questions have it."""
    counted: Counter[str] = Counter()
    total = 0
    for stems_ in documents:
        counted.update(set(stems_))
        total += 1
    return {stem: math.log(1 + (total + 1) / (count + 0.5)) for stem, count in counted.items()}


def alike(one: Mapping[str, float], other: Mapping[str, float], rare: Mapping[str, float]) -> float:
    """How alike two bundles of stems are, from 0 to 1: the cosine of their counts times rarity."""
    default = max(rare.values(), default=1.0)

    def weights(bundle: Mapping[str, float]) -> dict[str, float]:
        return {stem: math.sqrt(count) * rare.get(stem, default) for stem, count in bundle.items()}

    a, b = weights(one), weights(other)
    shared = sum(weight * b[stem] for stem, weight in a.items() if stem in b)
    if not shared:
        return 0.0
    return shared / math.sqrt(sum(w * w for w in a.values()) * sum(w * w for w in b.values()))
