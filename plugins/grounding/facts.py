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
    r"(?<![\w.,€$£])(?:\(?\+\d{1,3}(?: ?\(0(?=\)))?|\(?0\d{1,5}|\d{2,3}(?= \d{2,3} \d{2}))(?:[ /().-]{1,3}\d{2,12}){1,6}(?![\w,.]{0,9}\d)"
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
        if not fresh:
            continue
        found += fresh
        left = list(masked)
        for fact in fresh:
            left[fact.start : fact.end] = "\x00" * (fact.end - fact.start)
        masked = "".join(left)
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
            addresses = _phones(said) if kind == "phone" else {_address(kind, said)}
            yield Fact(kind, frozenset((kind, one) for one in addresses), found.start(), found.start() + len(said))


def _phones(said: str) -> set[str]:
    """The number as it may be said inside its country: "+44 117 …", "0044 117 …" and "0117 …" are one."""
    digits = re.sub(r"\D", "", said)
    if said.strip("(").startswith("+") or digits.startswith("00"):
        digits = digits.removeprefix("00")
        # Codes of countries have one to three digits, and nobody says which of them it is.
        return {digits[size:].lstrip("0") for size in (1, 2, 3)}
    return {digits.lstrip("0")}


def _address(kind: str, said: str) -> str:
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
