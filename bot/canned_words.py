"""Variables in canned replies: what is known is filled in, and what is not stays as a gap that everybody sees. No I/O.

A customer's name is foreign text that is put into a text of ours. No channel's Markdown can escape everything, so a name keeps letters,
digits and the few signs that names have, and nothing of it can become a link, a list or a mention.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

KNOWN = ("customer.name", "customer.first_name", "agent.name", "ticket", "site", "date")
OPENING, CLOSING = "⟨", "⟩"
LONGEST = 60
"""Characters of a variable's name."""
VARIABLE = re.compile(r"\{\{([^{}\n]*)\}\}")
_GAP = re.compile(r"⟨([^⟨⟩\n]{0,200})⟩")
_DOTS = re.compile(r"(?<![^\W\d_])\.|(?<=\w\w)\.(?=\w)")
"""Dots that are not behind a letter, or stand between words: "1." begins a list, and "ab.cd" becomes a link. "J.R.R." stays."""
_SIGNS = re.compile(r"(?<!\w)[-'’]+|[-'’]+(?!\w)")
_TITLE = re.compile(r"[^\W\d_]{2,5}\.", re.UNICODE)
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_DAY_FIRST = {
    **dict.fromkeys(
        ("bs", "cs", "da", "de", "et", "fi", "hr", "is", "lv", "nb", "nn", "no", "pl", "ro", "ru", "sk", "sl", "sr"),
        ".",
    ),
    **dict.fromkeys(("ca", "el", "es", "fr", "gl", "id", "it", "pt", "vi"), "/"),
    **{"tr": ".", "uk": ".", "nl": "-"},
}
"""What stands between day, month and year where the day comes first, by language."""


def variables(text: str) -> list[str]:
    """Names of the variables in a text, each once, in their order."""
    return list(dict.fromkeys(" ".join(name.split()) for name in VARIABLE.findall(text)))


def problem(text: str) -> str:
    """What is wrong with the variables of a text, as a sentence; empty: nothing."""
    for name in variables(text):
        if not name:
            return "There is a variable without a name: {{}}. Write what belongs there, such as {{order number}}."
        if len(name) > LONGEST:
            return f"The name of the variable {name[:30]!r}… has {len(name)} characters; at most {LONGEST} are taken."
        if OPENING in name or CLOSING in name:
            return f"A variable's name cannot have the signs {OPENING} and {CLOSING}."
    rest = VARIABLE.sub("", text)
    if "{{" in rest or "}}" in rest:
        return "Braces do not match: a variable begins with {{ and ends with }} in the same line."
    return ""


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its variables filled in; a variable without a value becomes a gap such as ``⟨order number⟩``."""

    def fill(match: re.Match[str]) -> str:
        name = " ".join(match[1].split())
        value = values.get(name.casefold(), "")
        if value.startswith("#") and text[: match.start()].endswith("#"):
            return value[1:]  # "#{{ticket}}" is meant well
        return value or f"{OPENING}{name}{CLOSING}"

    return VARIABLE.sub(fill, text)


def gaps(text: str) -> list[str]:
    """What must be typed over before a text may be sent: gaps, halves of them, and variables that nobody filled in."""
    found = [f"{OPENING}{name}{CLOSING}" for name in _GAP.findall(text)]
    rest = _GAP.sub("", text)
    found += [sign for sign in (OPENING, CLOSING) if sign in rest]
    found += [match[0] for match in VARIABLE.finditer(text)]
    return list(dict.fromkeys(found))


def gaps_in_words(found: list[str]) -> str:
    """The same for people: ``⟨order number⟩ and ⟨carrier⟩``."""
    some = [one[:80] for one in found[:5]]
    if len(found) > len(some):
        return f"{', '.join(some)} and {len(found) - len(some)} more"
    return " and ".join(filter(None, [", ".join(some[:-1]), some[-1]])) if some else ""


def plain_name(name: str) -> str:
    """A customer's name in which nothing means anything; empty when nothing is left of it."""
    kept = "".join(
        sign if unicodedata.category(sign)[0] in "LMN" or sign in ".,'’-" else " "
        for sign in unicodedata.normalize("NFC", name)
    )
    kept = _SIGNS.sub(" ", _DOTS.sub(" ", kept))
    return " ".join(re.sub(r"\s+,", ",", " ".join(kept.split())).strip(" ,").split())[:80].strip()


def first_name(name: str) -> str:
    """The name by which a person is addressed: the first, behind a title, and behind the comma of "Kovač, Anna"."""
    plain = plain_name(name)
    behind = plain.partition(",")[2].strip()
    parts = [part.strip(",") for part in (behind or plain).split()]
    while len(parts) > 1 and _TITLE.fullmatch(parts[0]):
        parts.pop(0)
    return parts[0] if parts else ""


def day(at: float, language: str, zone: str = "") -> str:
    """A date as it is written in a language, where the customer is."""
    try:
        where = ZoneInfo(zone) if zone else UTC
    except (KeyError, ValueError, OSError):
        where = UTC
    when, short = datetime.fromtimestamp(at, where), language.lower().partition("-")[0]
    if short in {"", "en"}:
        return f"{when.day} {MONTHS[when.month - 1]} {when.year}"
    sign = _DAY_FIRST.get(short, "")
    return f"{when.day:02}{sign}{when.month:02}{sign}{when.year}" if sign else f"{when:%Y-%m-%d}"
