"""What can be checked in a text: numbers with their units, prices, dates, times, addresses, codes and names, whatever their spelling."""

from __future__ import annotations

import re
from collections.abc import Iterator

from plugins.grounding.fact import Fact
from plugins.grounding.moments import dates, days, times
from plugins.grounding.names import names as names_in
from plugins.grounding.numerals import numbers
from plugins.grounding.quantities import UNITS

# Every pattern begins where a word begins and has bounds: what a model was made to write must not take seconds.
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}")
_ENDS = "com|org|net|de|at|ch|fr|es|uk|io|eu|example|test|shop|app|info"
_URL = re.compile(
    r"(?:https?://|www\.)[^\s<>\"')\]]+"
    rf"|(?<![\w.@-])(?:[a-z0-9-]{{1,63}}\.){{1,6}}(?:{_ENDS})\b(?:/[^\s<>\"')\]]*)?",
    re.IGNORECASE,
)
_PHONE = re.compile(
    r"(?<![\w.,€$£])(?:\(?\+\d{1,3}|\(?0\d{1,5}|\d{2,3}(?= \d{2,3} \d{2}))(?:[ /().-]{1,3}\d{2,12}){1,6}(?![\w,.]{0,9}\d)"
    r"|(?<![\w.,])\+?\d{8,15}(?![\w,.]{0,9}\d)"
)
_CODE = re.compile(
    r"(?<![\w@])(?=[A-Za-z0-9/-]{0,24}\d)(?=[A-Za-z0-9/-]{0,24}[A-Z])[A-Za-z]{1,6}-?\d[A-Za-z0-9-]{0,24}(?!\w)"
    r"|(?<![\w.,])\d[A-Z]{2,6}\b"
)


def facts(text: str, language: str, *, names: bool = True) -> list[Fact]:
    """All facts of ``text`` in the order in which they stand. None overlap."""
    found: list[Fact] = []
    masked = text
    for reader in (_addresses, dates, times, days, _codes, numbers):
        fresh = list(reader(masked))
        found += fresh
        for fact in fresh:
            masked = masked[: fact.start] + "\x00" * (fact.end - fact.start) + masked[fact.end :]
    if names:
        found += names_in(masked, language)
    return sorted(found, key=lambda fact: fact.start)


def _addresses(text: str) -> Iterator[Fact]:
    taken: list[tuple[int, int]] = []
    for kind, pattern in (("email", _EMAIL), ("url", _URL), ("phone", _PHONE)):
        for found in pattern.finditer(text):
            if any(found.start() < end and start < found.end() for start, end in taken):
                continue
            said = found.group().rstrip(".,;:!?")
            if kind == "phone" and len(re.sub(r"\D", "", said)) < 7:
                continue
            taken.append((found.start(), found.start() + len(said)))
            yield Fact(kind, frozenset({(kind, _address(kind, said))}), found.start(), found.start() + len(said))


def _address(kind: str, said: str) -> str:
    if kind == "phone":
        digits = re.sub(r"\D", "", said)
        # Only the end is compared: "+44 117 …" and "0117 …" are one number.
        return digits.lstrip("0")[-9:] if not said.strip("(").startswith("+") else digits[-9:].lstrip("0")
    said = said.lower()
    if kind == "url":
        said = re.sub(r"^https?://", "", said).removeprefix("www.").rstrip("/")
    return said


def _codes(text: str) -> Iterator[Fact]:
    for found in _CODE.finditer(text):
        said = found.group().strip("-/")
        unit = re.fullmatch(r"(\d+)([A-Za-z]+)", said)
        if unit and unit[2].lower() in UNITS:
            continue
        yield Fact("code", frozenset({("code", said.upper())}), found.start(), found.end())
