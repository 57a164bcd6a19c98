"""Cutting a message into words that compare as people expect: case, marks over letters, punctuation and endings do not matter.

Scripts without blanks are cut into single characters, so that a phrase in them is found wherever it stands.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from bot import base_language, fold_word, stem_word

MAX_TOKENS = 1_000
"""Words of a message that are looked at: nobody's question begins behind them."""
MAX_LENGTH = 40
# Thai, Lao, Burmese, Khmer, Hangul, Kana, Han with its extensions.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1100-\u11ff\uac00-\ud7af"
    "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
)
# Characters and not pairs, unlike an index: a phrase of a rule may be one character. Joined words are two, as people type them both ways.
_TOKEN = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+(?:['’][^\W_{_UNSPACED}]+)*")
_SINGLE_JOINED = re.compile(r"\b(\w)[-‑](?=\w)")
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_HAN, _KANA, _HANGUL = (
    re.compile("[\u3400-\u9fff]"),
    re.compile("[\u3040-\u30ff]"),
    re.compile("[\u1100-\u11ff\uac00-\ud7af]"),
)

_SMALL_WORDS = """
en: the is are my your you what how where when why which do does can could would have has had to of for from with this
    that it and not please i
de: der die das ein eine ist sind mein meine ihr ihre ich sie wir wie wo wann warum welche kann konnen habe hat haben
    zu von fur mit und nicht bitte den dem auf eure euer im
fr: le la les un une est sont mon ma mes vos votre vous je nous comment quand pourquoi quel quelle peut puis ai avez
    de des du pour avec et pas ce que qui au
es: el los las un una es son mi mis su sus usted yo como donde cuando porque cual puedo puede tengo tiene de del para
    con y no por favor que en al hay
it: il lo gli un una sono mio mia mie suo io noi come dove quando perche quale posso puo ho ha avete di del della per
    con e non che mi si vostro
pt: o os as um uma sao meu minha seu sua voce eu como onde quando porque qual posso pode tenho tem de do da dos para
    com e nao que em ao por voces
nl: de het een is zijn mijn uw jullie ik wij hoe waar wanneer waarom welke kan kunnen heb heeft hebben te van voor met
    en niet dat dit op je
sv: den det en ett ar min mina din ni jag vi hur var nar varfor vilken kan har hade att av for fran med och inte som
    pa er
da: den det en et er min mine din i jeg vi hvordan hvor hvornar hvorfor hvilken kan har havde at af for fra med og
    ikke som pa jeres
pl: jest sa moj moja moje czy jak gdzie kiedy dlaczego ktory moge mozna mam ma do od dla z i nie prosze ze na w sie
tr: bir bu su benim sizin ben siz nasil nerede ne zaman neden hangi var yok icin ile ve degil mi mu lutfen
"""
SMALL_WORDS = {
    language: frozenset(words.split())
    for language, words in re.findall(r"^(\w+): ([^:]*)(?=^\w+:|\Z)", _SMALL_WORDS, re.MULTILINE)
}


def cut(text: str) -> list[str]:
    """Words, or characters of scripts without blanks, in their order: without case, not yet without marks. ``e-mail`` is one word."""
    plain = unicodedata.normalize("NFKC", text[: MAX_TOKENS * MAX_LENGTH]).casefold()
    if "-" in plain or "‑" in plain:
        plain = _SINGLE_JOINED.sub(r"\1", plain)
    return [word[:MAX_LENGTH] for word in _TOKEN.findall(plain)[:MAX_TOKENS]]


@lru_cache(maxsize=65_536)
def fold(word: str) -> str:
    """A word without apostrophes and without marks on its letters."""
    word = word.replace("'", "").replace("’", "")
    return word if word.isascii() else fold_word(word)


@lru_cache(maxsize=131_072)
def stem(word: str, language: str) -> str:
    """A word without its ending, folded. Short words, and whatever is not of letters alone, are only folded."""
    return fold(stem_word(word, language) if len(word) >= 3 and word.isalpha() else word)


def tokens(words: list[str], language: str) -> list[str]:
    """What is compared, of words from :func:`cut`."""
    return [stem(word, language) for word in words]


def whole(text: str) -> str:
    """A message as it is compared with an exact phrase: its words in a row; if it has none (``👍``, ``???``) its signs."""
    words = cut(text)
    return " ".join(fold(word) for word in words) if words else "".join(unicodedata.normalize("NFKC", text).split())


def language_of(words: list[str], told: str) -> str:
    """The language of a message: what its letters or its small words tell, else what the channel ``told``. May be empty."""
    told = base_language(told)
    unspaced = sum(1 for word in words if _IS_UNSPACED.match(word))
    if unspaced * 2 > len(words):
        return _by_script("".join(words), told)
    folded = {fold(word) for word in words}
    counts = sorted(((len(folded & small), language) for language, small in SMALL_WORDS.items()), reverse=True)
    (most, language), (second, _) = counts[0], counts[1]
    sure = most >= 2 and most > second and most > len(folded & SMALL_WORDS.get(told, frozenset()))
    return language if sure else told


def _by_script(text: str, told: str) -> str:
    if _KANA.search(text):
        return "ja"
    if _HANGUL.search(text):
        return "ko"
    return "zh" if _HAN.search(text) else told
