"""What an admin may tell the AI and have said to customers: names, limits, and the words that may stand in braces. No I/O.

A text is filled in by exact name and nothing else: ``{name}`` is replaced, ``{name.x}`` or ``{nmae}`` is refused when it is stored, and
what a value holds is never looked at again. So neither a site's name nor anything of a customer can reach beyond its place.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.hidden import strip_hidden

EVERY = ""
"""Stands for every language in texts that may differ by language."""
HISTORY_TOKENS = 8_000
"""What is remembered of a conversation when nobody says otherwise, in tokens of about four characters."""
_SLOT = re.compile(r"\{([A-Za-z_][^\s{}\"']{0,60})\}")
_TAG = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")


class PromptRefused(Exception):
    """A value that is not taken. The text is for people: what is wrong, and what to write instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRule:
    """What one value may be. ``languages``: a text for each language is possible."""

    help: str
    longest: int = 0
    """Characters of a text; 0: it is a number."""
    least: float = 0
    most: float = 0
    whole: bool = True
    languages: bool = False
    slots: tuple[str, ...] = ()

    @property
    def is_text(self) -> bool:
        return self.longest > 0


_ABOUT = ("name", "language", "date")
SLOTS = {
    "name": "the name of the site",
    "language": "the customer's language, such as de",
    "date": "today's date (UTC), such as 2026-11-21",
    "opening": "when people are there again",
}
RULES: dict[str, ValueRule] = {
    "system": ValueRule(
        help="Who the assistant is. Deskhand's own rules for sources and honesty are added.", longest=16_000, slots=_ABOUT
    ),
    "instructions": ValueRule(
        help="Added to it: tone, names, what to promise and what never to say.", longest=8_000, slots=_ABOUT
    ),
    "image": ValueRule(help="Added to it when a customer sent a picture.", longest=4_000, slots=_ABOUT),
    "welcome": ValueRule(
        help="First words in the widget.", longest=1_000, languages=True, slots=("name",)
    ),
    "welcome_closed": ValueRule(
        help="The same outside opening hours.", longest=1_000, languages=True, slots=("name", "opening")
    ),
    "fallback": ValueRule(
        help="Said when no answer can be had; a person follows.", longest=1_000, languages=True, slots=("name",)
    ),
    "temperature": ValueRule(
        help="0 is exact, 1 is lively. Only for providers that have it.", least=0, most=2, whole=False
    ),
    "max_tokens": ValueRule(help="Longest answer, in tokens of the provider.", least=50, most=8_000),
    "history": ValueRule(help="Messages of the conversation that the AI sees, with the newest.", least=1, most=200),
    "history_tokens": ValueRule(
        help=f"How long they may be together, in tokens of about four characters; {HISTORY_TOKENS:,} if nobody says.",
        least=200,
        most=100_000,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptValues:
    """What is in force for a site. Empty or ``None``: nobody said."""

    version: str = "0.0"
    """Numbers of the published versions of the installation and of the site, such as ``3.1``; 0: none."""
    system: str = ""
    instructions: str = ""
    image: str = ""
    welcome: Mapping[str, str] = field(default_factory=dict)
    """By language; the empty one is for all others."""
    welcome_closed: Mapping[str, str] = field(default_factory=dict)
    fallback: Mapping[str, str] = field(default_factory=dict)
    temperature: float | None = None
    max_tokens: int | None = None
    history: int | None = None
    history_tokens: int | None = None


def checked(name: str, value: Any, language: str = EVERY) -> Any:
    """The value as it is stored. Raises :class:`PromptRefused` with a sentence."""
    rule = rule_of(name)
    if language and not rule.languages:
        several = ", ".join(sorted(key for key, one in RULES.items() if one.languages))
        raise PromptRefused(f"{name} is the same in every language. By language there are: {several}.")
    if language and not _TAG.fullmatch(language):
        raise PromptRefused(f"{language[:40]!r} is no language. Write it as de or pt-br.")
    return _text(name, rule, value) if rule.is_text else _number(name, rule, value)


def rule_of(name: str) -> ValueRule:
    """The rule of a value. Raises :class:`PromptRefused`."""
    rule = RULES.get(name)
    if rule is None:
        raise PromptRefused(f"There is no {name[:40]!r}.{_meant(name, RULES)} There are: {', '.join(RULES)}.")
    return rule


def _text(name: str, rule: ValueRule, value: Any) -> str:
    if not isinstance(value, str):
        raise PromptRefused(f"{name} is a text, not a {type(value).__name__}.")
    text = strip_hidden(value.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if not text:
        raise PromptRefused(f"{name} is empty. To forget a value use --unset.")
    if len(text) > rule.longest:
        raise PromptRefused(f"{name} has {len(text):,} characters; at most {rule.longest:,} are taken. Shorten it.")
    known = ", ".join(f"{{{slot}}} ({SLOTS[slot]})" for slot in rule.slots)
    for found in _SLOT.finditer(text):
        word = found[1]
        if word not in rule.slots:
            raise PromptRefused(
                f"{name} has {{{word[:40]}}}, which nothing fills in.{_meant(word, rule.slots)} There are: {known}."
            )
        if text[found.start() - 1 : found.start()] == "{" and text[found.end() : found.end() + 1] == "}":
            raise PromptRefused(f"{name} has {{{{{word}}}}}. Write it with single braces: {{{word}}}.")
    return text


def _number(name: str, rule: ValueRule, value: Any) -> float | int:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise PromptRefused(f"{name} is a number, not {str(value)[:40]!r}.") from None
    if not rule.least <= number <= rule.most or (rule.whole and not number.is_integer()):
        kind = "a whole number" if rule.whole else "a number"
        raise PromptRefused(f"{name} is {kind} from {rule.least:g} to {rule.most:g}, not {str(value)[:40]}.")
    return int(number) if rule.whole else number


def _meant(word: str, names: Any) -> str:
    near = difflib.get_close_matches(word.lower(), list(names), 1)
    return f" Did you mean {near[0]}?" if near else ""


def filled(text: str, **values: str) -> str:
    """The text with what stands for the names in braces; whatever else stands in braces stays as it is."""
    return _SLOT.sub(lambda found: values.get(found[1], found[0]), text) if "{" in text else text


def in_language(texts: Mapping[str, str], language: str) -> str:
    """The text for a customer of this language: of exactly this tag, of its first part, else the one for all."""
    tag = language.lower().replace("_", "-")
    while tag:
        if tag in texts:
            return texts[tag]
        tag = tag.rpartition("-")[0]
    return texts.get(EVERY, "")


def welcome_words(values: PromptValues, *, name: str, language: str, closed: bool = False, opening: str = "") -> str:
    """What a customer of this language is greeted with; empty: nobody said. ``closed``: nobody is there until ``opening``."""
    text = (in_language(values.welcome_closed, language) if closed else "") or in_language(values.welcome, language)
    return filled(text, name=name, opening=opening).strip()


_OF_SITE = {
    "system_prompt": "system",
    "temperature": "temperature",
    "max_tokens": "max_tokens",
    "fallback": "fallback",
    "welcome": "welcome",
    "welcome_closed": "welcome_closed",
}
"""Settings of a site that say the same: they are its version 0."""


def from_site(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a site's own settings say, in the form of a version. What cannot be used is left out."""
    found: dict[str, Any] = {}
    for key, name in _OF_SITE.items():
        value = settings.get(key)
        if value is None or value == "":
            continue
        rule = RULES[name]
        if not rule.is_text:
            try:
                found[name] = _number(name, rule, value)
            except PromptRefused:
                continue
        else:
            found[name] = {EVERY: str(value)} if rule.languages else str(value)
    return found


def resolved(
    site: Mapping[str, Any], settings: Mapping[str, Any], installation: Mapping[str, Any], version: str = "0.0"
) -> PromptValues:
    """What is in force: the site's published values, else its own settings, else the installation's published values."""
    values = {**installation, **from_site(settings), **site}
    return PromptValues(version=version, **{name: value for name, value in values.items() if name in RULES})
