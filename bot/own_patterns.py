"""Patterns of an admin's own for personal data: taken only if no text can make them slow. No I/O.

Python's expressions have no time limit, and one that backtracks holds the whole process. So a pattern is read as a tree
when it is set: without endless repeats and back references there is a greatest number of ways to try it at one place, and
that number is limited. Searching is then linear in the length of the text.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

MAX_PATTERNS = 20
MAX_LENGTH = 200
"""Of a pattern, in characters."""
MAX_WIDTH = 300
MIN_WIDTH = 3
"""Of what it finds."""
MAX_WAYS = 1_000
"""Ways to try it at one place."""
MAX_SECONDS = 0.02
"""For 10,000 characters made to be hard for it."""
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
        kind = name.strip().upper().replace("-", "_").replace(" ", "_")
        if not _NAME.fullmatch(kind):
            raise ValueError(
                f"{name!r} cannot be the name of a pattern: letters, digits and _, at most 24, a letter at both ends."
            )
        if kind in found or kind in taken:
            raise ValueError(f"The name {name} is taken. Give the pattern another one.")
        found[kind] = _checked(name, text)
    return found


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
    for hard in ("1" * 10_000, "a" * 10_000, (_sample(tree)[:-1] * 10_000)[:10_000], (_sample(tree) * 10_000)[:10_000]):
        if _seconds(pattern, hard) > MAX_SECONDS:
            raise ValueError(f"The pattern {name} is too slow: fewer repeats and alternatives make it faster.")
    return pattern


def _seconds(pattern: re.Pattern[str], text: str) -> float:
    # This thread's own time: a busy machine is not the pattern's fault. Twice, as the first run may pay for something else.
    taken = []
    for _ in range(2):
        begun = time.thread_time()
        for _match in pattern.finditer(text):
            pass
        taken.append(time.thread_time() - begun)
    return min(taken)


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


def _sample(tree: Any) -> str:
    """A text that fits as far as possible: what is nearly found is the hardest."""
    out: list[str] = []
    for code, value in tree:
        if code is codes.LITERAL:
            out.append(chr(value))
        elif code is codes.IN:
            out.append(_one_of(value))
        elif code in {codes.ANY, codes.NOT_LITERAL}:
            out.append("a")
        elif code in _REPEATS:
            out.append(_sample(value[2]) * min(int(value[1]), MAX_WIDTH))
        elif code is codes.SUBPATTERN:
            out.append(_sample(value[3]))
        elif code is codes.ATOMIC_GROUP:
            out.append(_sample(value))
        elif code is codes.BRANCH:
            out.append(max((_sample(branch) for branch in value[1]), key=len, default=""))
    return "".join(out)


def _one_of(items: Any) -> str:
    for code, value in items:
        if code is codes.LITERAL:
            return chr(value)
        if code is codes.RANGE:
            return chr(value[0])
        if code is codes.CATEGORY:
            return {codes.CATEGORY_DIGIT: "1", codes.CATEGORY_SPACE: " "}.get(value, "a")
    return "a"
