"""Whether an answer says something, whatever its letters' case, marks and spelling of quotes. No I/O."""

from __future__ import annotations

import re
import re._constants as codes  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
import unicodedata
from typing import Any

from bot.answer_tests.cases import Wanted

LONGEST = 500
"""Characters of one wanted text or expression."""
_ENDING = 4
"""A word of so many letters may have an ending: “return” is said by “returns”. Shorter ones stand alone: “no” is not said by “note”."""
MOST_OPEN = 4
"""Open repetitions of an expression."""
_MARKS = re.compile(r"\*\*|__|[*`#]|\[\d{1,3}\]|(?<!\w)_|_(?!\w)")
_SAME = str.maketrans({
    "‘": "'", "’": "'", "‚": "'", "‛": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‐": "-", "‑": "-", "‒": "-",
    "–": "-", "—": "-", "−": "-", "…": "...",
})  # fmt: skip


class BadExpression(ValueError):
    """An expression that cannot be used. A sentence part that says why."""


def plain(text: str) -> str:
    """``text`` without marks of Markdown and citations, with one form for each quote, dash and blank."""
    text = unicodedata.normalize("NFKC", text).translate(_SAME)
    return " ".join(_MARKS.sub("", text).split())


def says(answer: str, wanted: Wanted) -> bool:
    """Whether ``answer`` says it."""
    text = plain(answer)
    if wanted.pattern is not None:
        return wanted.pattern.search(text) is not None
    return _words(wanted.text).search(text.casefold()) is not None


def _words(text: str) -> re.Pattern[str]:
    words = plain(text).casefold() or text.casefold()
    first, last = words[0], words[-1]
    before = r"(?<![^\W_])" if _spaced(first) else ""
    if first.isdigit():
        before = r"(?<![\d.,])(?<![^\W_])" if _spaced(first) else r"(?<!\d)"
    tail = re.search(r"\w*$", words)
    short = tail is not None and len(tail[0]) < _ENDING
    after = r"(?![^\W_])" if _spaced(last) and (short or last.isdigit()) else ""
    if last.isdigit():
        after += r"(?![.,]?\d)"
    return re.compile(before + re.escape(words) + after)


def _spaced(character: str) -> bool:
    """Whether it belongs to a script with blanks between words."""
    return character.isalnum() and ord(character) < 0x0E00


def wanted(text: str) -> Wanted:
    """Read what a file says: ``/…/`` is a regular expression, all else plain words. Raises :class:`BadExpression`."""
    if not text.strip():
        raise BadExpression("it is empty")
    if len(text) > LONGEST:
        raise BadExpression(f"it has {len(text)} characters, and {LONGEST} are the most")
    if len(text) > 2 and text.startswith("/") and text.endswith("/"):
        return Wanted(text, _compiled(text[1:-1]))
    if not plain(text):
        raise BadExpression("it has only marks that are not looked at")
    return Wanted(text.strip())


def _compiled(source: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(source, re.IGNORECASE)
        tree = parser.parse(source, re.IGNORECASE)
    except (re.error, RecursionError, OverflowError) as error:
        raise BadExpression(f"/{source}/ is no regular expression: {error}") from None
    if pattern.search("") is not None:
        raise BadExpression(f"/{source}/ is found in every text")
    if _nested(tree, inside=False):
        raise BadExpression(
            f"/{source}/ repeats within a repetition, or chooses in one, which may take for ever: write it without"
        )
    if _open(tree) > MOST_OPEN or _side_by_side(tree):
        raise BadExpression(f"/{source}/ has too many open repetitions, which may take for ever: write it shorter")
    return pattern


def _repeats(code: Any, argument: Any) -> bool:
    return code in (codes.MAX_REPEAT, codes.MIN_REPEAT) and argument[1] > 10


def _nested(tree: Any, *, inside: bool) -> bool:
    """Whether something that fits in several ways stands in an open repetition: the usual way in which an expression takes for ever.
    That is another repetition, an optional part, or a choice such as ``(.|\\s)*``."""
    for code, argument in tree:
        loose = code in (codes.MAX_REPEAT, codes.MIN_REPEAT) and argument[0] != argument[1]
        if inside and (loose or code is codes.BRANCH):
            return True
        below = inside or _repeats(code, argument)
        if any(_nested(part, inside=below) for part in _parts(argument)):
            return True
    return False


def _open(tree: Any) -> int:
    """How many open repetitions there are."""
    return sum(_repeats(code, argument) + sum(_open(part) for part in _parts(argument)) for code, argument in tree)


def _side_by_side(tree: Any) -> bool:
    """Whether two open repetitions that take the same characters follow each other: each way to share them out is tried."""
    before = ""
    for code, argument in tree:
        if _repeats(code, argument):
            now = str(argument[2])
            if before and (now == before or "ANY" in now or "ANY" in before):
                return True
            before = now
        else:
            before = ""
        if any(_side_by_side(part) for part in _parts(argument)):
            return True
    return False


def _parts(argument: Any) -> list[Any]:
    if isinstance(argument, parser.SubPattern):
        return [argument]
    if isinstance(argument, tuple | list):
        return [part for one in argument for part in _parts(one)]
    return []
