"""What the core says to customers is said in their language."""

from __future__ import annotations

import ast
import itertools
import re
from dataclasses import replace
from pathlib import Path
from string import Formatter

import pytest

from bot import handoff_words
from bot.customer_words import GERMAN, SPOKEN, in_language
from bot.desk_actions import Action
from bot.handoff_words import Situation
from bot.opening import Opening, duration, in_words
from tests.running import ROOT

from .conftest import HOUR, World

ENGLISH = re.compile(
    r"\b(the|you|your|will|answer|colleagues?|right now|about|at|open again|closed|time|leave)\b", re.I
)
SPEAKERS = ("asking.py", "answering.py", "handoff_words.py", "handoff.py", "claims.py", "opening.py")


def test_a_german_customer_hears_german_from_the_handoff_to_the_end(world: World) -> None:
    conversation = world.waits(language="de-AT")
    world.act(conversation, Action.CLAIM)
    world.act(conversation, Action.RELEASE)
    world.act(conversation, Action.CLAIM)
    world.act(conversation, Action.RETURN)
    world.say(kind="handoff")
    world.say(kind="cancel")
    world.say(kind="handoff")
    world.say(kind="contact", name="Anna", email="anna@mail.example")
    world.act(conversation, Action.CLAIM)
    world.act(conversation, Action.RESOLVE)
    world.act(conversation, Action.REOPEN)
    said = world.system(conversation)
    assert {kind for kind, _ in said} >= {
        "handoff", "joined", "released", "returned", "handoff_cancelled", "contact_saved", "resolved", "reopened",
    }  # fmt: skip
    assert said[0] == ("handoff", "Ich habe das an das Team weitergegeben. Jemand wird Ihnen hier antworten.")
    assert ("joined", "Ana ist jetzt hier.") in said
    assert [text for _, text in said if ENGLISH.search(text)] == []


def test_times_are_told_in_german_too(world: World) -> None:
    world.hours((30, 38))
    conversation = world.waits(language="de", zone="Asia/Tokyo")
    ((kind, text),) = world.system(conversation)
    assert kind == "handoff_closed" and "(Ihre Zeit)" in text and " Uhr " in text
    assert not ENGLISH.search(text)
    other = world.waits("bert", language="sv")
    assert world.system(other)[0][1].startswith("We are closed right now and open again"), "no words for it: English"


def test_when_nobody_comes_that_is_said_in_german(world: World) -> None:
    conversation = world.waits(language="de")
    world.now += HOUR
    world.run_due()
    kind, text = world.system(conversation)[-1]
    assert kind == "offline_form" and text.startswith("Bisher konnte niemand kommen. Ticket #1001 bleibt offen.")


@pytest.mark.parametrize("language", sorted(SPOKEN))
def test_in_every_situation_everything_is_said_in_the_language(language: str) -> None:
    now = 1_800_000_000.0
    for people, opens, email, position, expected, reply in itertools.product(
        ("here", "away", "closed", "none"), (None, now + 90_000, now + 700_000), ("", "a@b.example"), (0, 3), (None, 400.0), (None, 7_200.0)
    ):  # fmt: skip
        about = Situation(
            number=7, people=people, opening=Opening(open=False, next=opens, zone="Europe/Berlin"), now=now, position=position,
            expected=expected, reply=reply, email=email, language=language,
        )  # fmt: skip
        for choose in (
            lambda one: handoff_words.waiting(one, asked=True), lambda one: handoff_words.waiting(one, asked=False),
            handoff_words.countdown_over, handoff_words.back_again, handoff_words.ticket,
        ):  # fmt: skip
            said, english = choose(about), choose(replace(about, language="en"))
            assert said.kind == english.kind
            assert not ENGLISH.search(said.text) and "{" not in said.text, said.text
            assert ENGLISH.search(english.text) and "{" not in english.text


def test_moments_and_lengths_in_german() -> None:
    friday = 1_799_971_200.0  # 2027-01-15
    told = [in_words(friday + days * 86_400, friday, zone="UTC", language="de") for days in (0, 1, 2, 30)]
    assert told == [
        "heute um 00:00 Uhr (Zeit von UTC)", "morgen um 00:00 Uhr (Zeit von UTC)", "am Sonntag um 00:00 Uhr (Zeit von UTC)",
        "am Sonntag, 14. Februar um 00:00 Uhr (Zeit von UTC)",
    ]  # fmt: skip
    lengths = [duration(seconds, "de") for seconds in (30, 600, 3 * HOUR, 72 * HOUR)]
    assert lengths == ["etwa 1 Minute", "etwa 10 Minuten", "etwa 3 Stunden", "etwa 3 Tage"]


def test_every_sentence_is_one_that_is_said_and_keeps_its_names() -> None:
    def names(text: str) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    def constants(path: Path) -> set[str]:
        tree = ast.parse(path.read_text("utf-8"))
        return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}

    said = set[str]().union(*(constants(ROOT / "bot" / name) for name in SPEAKERS))
    for english, german in GERMAN.items():
        assert names(english) == names(german), english
        if len(english.split()) > 3 and not english.startswith(("today", "tomorrow")):
            assert english in said, f"nobody says: {english}"


def test_what_nobody_has_words_for_stays_english_and_braces_of_people_stay() -> None:
    assert in_language("fr", "{name} is here now.", name="{number}") == "{number} is here now."
    assert in_language("", "This conversation is open again.") == "This conversation is open again."
    assert in_language("DE_at", "This conversation is open again.") == "Diese Unterhaltung ist wieder offen."
