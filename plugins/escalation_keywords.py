"""Passes a conversation to people at a word that asks for one. Needs no answer, so it comes before the AI.

Words are compared whole, without regard to case. A phrase counts wherever it stands; a single word only in a short message,
because "is there an agent in the cleaning fluid?" asks for no person.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from bot import Answer, Escalation, PluginInfo, Priority, Reason, Settings, TurnContext, hookimpl, setting

PLUGIN = PluginInfo(
    title="Escalation: words", summary="Words and phrases that bring a person at once, for each language.", on=True
)
EVERY = "*"
_WORD = re.compile(r"\w+")
_UNSPACED = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]")

WORDS: dict[str, list[str]] = {
    "en": [
        "human", "agent", "person", "representative", "operator", "human being", "real person", "real human", "live agent", "human agent",
        "live chat", "speak to a person", "talk to a person", "speak to a human", "talk to a human", "speak with a person",
        "talk with a person", "speak to someone", "talk to someone", "speak to an agent", "talk to an agent", "speak to a representative",
        "customer service",
    ],
    "de": [
        "mensch", "mitarbeiter", "mitarbeiterin", "echter mensch", "echten menschen", "mit einem menschen", "mit einem mitarbeiter",
        "mit jemandem sprechen", "mit jemandem reden", "menschlicher support",
    ],
    "fr": ["humain", "conseiller", "un humain", "une vraie personne", "parler à quelqu'un", "parler à un conseiller", "service client"],
    "es": ["humano", "agente", "una persona real", "hablar con una persona", "hablar con alguien", "hablar con un agente"],
    "it": ["umano", "operatore", "una persona vera", "parlare con una persona", "parlare con un operatore"],
    "pt": ["humano", "atendente", "uma pessoa real", "falar com uma pessoa", "falar com um atendente"],
    "nl": ["mens", "medewerker", "een echt persoon", "met een medewerker", "met iemand praten"],
}  # fmt: skip


class KeywordSettings(Settings):
    """Which words, and what follows."""

    words: dict[str, list[str]] = setting(
        WORDS,
        label="Words and phrases",
        help='For each language (de, en …; * for every one) a list, as JSON: {"en": ["human", "speak to a person"]}. A conversation'
        " whose language has no list is compared with all of them.",
    )
    short: int = setting(
        4, ge=0, le=50, label="Short message", help="A single word counts in messages of at most so many words."
    )
    urgent: list[str] = setting(
        [], label="Urgent", help="Phrases that also make the ticket urgent, in every language: lawyer, chargeback."
    )
    say: str = setting("", max_length=500, label="Words", help="Said before it is passed on; empty: nothing.")


@hookimpl
def settings_schema() -> type[Settings]:
    return KeywordSettings


@hookimpl
def escalate(settings: KeywordSettings, turn: TurnContext, answer: Answer | None) -> Escalation | None:
    if answer is not None or not turn.question:
        return None
    asked = folded(turn.question)
    priority: Priority = "urgent"
    for phrase in settings.urgent:
        if contains(asked, phrase):
            return Escalation(
                reason=Reason.KEYWORD, detail=phrase, say=settings.say, answer_first=False, priority=priority
            )
    short = asked.count(" ") - 1 <= settings.short
    for phrase in phrases(settings.words, turn.language):
        single = folded(phrase).count(" ") == 2 and not _UNSPACED.search(phrase)
        if (short or not single) and contains(asked, phrase):
            return Escalation(reason=Reason.KEYWORD, detail=phrase, say=settings.say, answer_first=False)
    return None


def phrases(words: dict[str, list[str]], language: str) -> list[str]:
    """The list of a language with the one for every language; all lists when it has none."""
    own = words.get(language.partition("-")[0].lower())
    lists = [own, words.get(EVERY, [])] if own is not None else list(words.values())
    return [phrase for one in lists for phrase in one]


@lru_cache(maxsize=1_024)
def folded(text: str) -> str:
    """The words of a text without case and marks, each with a space before and after it."""
    return f" {' '.join(_WORD.findall(unicodedata.normalize('NFKC', text).casefold()))} "


def contains(asked: str, phrase: str) -> bool:
    """Whether the folded text has the phrase, in whole words; in writing without spaces anywhere."""
    wanted = folded(phrase)
    if not wanted.strip():
        return False
    return (wanted.strip() if _UNSPACED.search(phrase) else wanted) in asked
