"""Patterns of an admin's own for personal data: taken only if no text can make them slow. No I/O.

Python's expressions have no time limit, and one that backtracks holds the whole process. So a pattern is read as a tree
when it is set: without endless repeats and back references there is a greatest number of ways to try it at one place, and
that number is limited. Searching is then linear in the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

MAX_PATTERNS = 20
MAX_LENGTH = 200
"""Of a pattern, in characters."""
MAX_WIDTH = 300
MIN_WIDTH = 3
"""Of what it finds."""
MAX_WAYS = 600
"""Ways to try it at one place."""
_NAME = re.compile(r"[A-Z](?:[A-Z0-9_]{0,22}[A-Z])?")
_ORDINARY = (
    "Hello, I ordered two chairs and a lamp in March, and the parcel has not arrived yet. Can you tell me where it is, what I"
    " have to do now, and when I get my money back? Thank you very much for your help, and have a nice day. "
)


def own_patterns(patterns: Mapping[str, str], *, taken: frozenset[str] = frozenset()) -> dict[str, re.Pattern[str]]:
    """Compiled patterns by the kind they find. Raises :class:`ValueError` with a sentence that names the pattern and the fix."""
    if len(patterns) > MAX_PATTERNS:
        raise ValueError(f"There are {len(patterns)} patterns; at most {MAX_PATTERNS} are taken.")
    found: dict[str, re.Pattern[str]] = {}
    for name, text in patterns.items():
        kind = name.upper().replace("-", "_").replace(" ", "_")
        if not _NAME.fullmatch(kind):
            raise ValueError(
                f"{name!r} cannot be the name of a pattern: letters, digits and _, at most 24, a letter at both ends."
            )
        if kind in found or kind in taken:
            raise ValueError(f"The name {name} is taken. Give the pattern another one.")
        found[kind] = _checked(name, text)
    return found


@lru_cache(maxsize=4 * MAX_PATTERNS)
def _checked(name: str, text: str) -> re.Pattern[str]:
    if not text or len(text) > MAX_LENGTH:
        raise ValueError(f"The pattern {name} has {len(text)} characters; it must have 1 to {MAX_LENGTH}.")
    try:
        tree = parser.parse(text)
        pattern = re.compile(text)
        ways = _ways(tree)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"The pattern {name} is not a regular expression: {error}.") from None
    except _Refused as refused:
        raise ValueError(f"The pattern {name} {refused}") from None
    least, most = tree.getwidth()
    if least < MIN_WIDTH:
        finds = f"only {least} characters" if least else "nothing at all"
        raise ValueError(f"The pattern {name} may find {finds}: it must find at least {MIN_WIDTH}.")
    if most > MAX_WIDTH or ways > MAX_WAYS:
        raise ValueError(
            f"The pattern {name} could be tried in too many ways and would be slow. Use fewer or shorter repeats and alternatives."
        )
    hidden = sum(len(match.group()) for match in pattern.finditer(_ORDINARY))
    if hidden > len(_ORDINARY) // 5:
        raise ValueError(f"The pattern {name} finds ordinary words: the assistant would read nothing any more.")
    return pattern


class _Refused(Exception):
    """Why a pattern is not taken: the end of a sentence."""


_ONE = {codes.LITERAL, codes.NOT_LITERAL, codes.IN, codes.ANY, codes.AT, codes.CATEGORY}
_REPEATS = {codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT}


def _ways(tree: Any) -> int:
    """In how many ways the tree can be tried at one place, at most."""
    ways = 1
    for code, value in tree:
        if code in _ONE:
            continue
        if code in _REPEATS:
            ways *= _repeated(*value)
        elif code is codes.SUBPATTERN:
            ways *= _ways(value[3])
        elif code is codes.ATOMIC_GROUP:
            ways *= _ways(value)
        elif code is codes.BRANCH:
            ways *= sum(_ways(branch) for branch in value[1])
        elif code in {codes.ASSERT, codes.ASSERT_NOT}:
            ways *= _ways(value[1])
        else:
            raise _Refused("refers to what it found before (such as \\1), which can be slow. Write it without.")
        if ways > 10 * MAX_WAYS:
            return ways
    return ways


def _repeated(least: int, most: int, body: Any) -> int:
    if most is codes.MAXREPEAT or most > MAX_WIDTH:
        raise _Refused("repeats without an end. Write {1,40} instead of + and {0,40} instead of *.")
    each = _ways(body)
    if each == 1:
        return most - least + 1
    total = 0
    for times in range(least, most + 1):
        total += each**times
        if total > 10 * MAX_WAYS:
            break
    return total
