"""Facts agree in all their spellings, and with nothing else."""

from __future__ import annotations

import pytest

from plugins.grounding.facts import facts
from plugins.grounding.sentences import sentences


def agree(one: str, other: str, language: str = "en") -> bool:
    """Whether every fact of ``one`` stands in ``other``; there must be one."""
    first, second = facts(one, language), facts(other, language)
    assert first, one
    return all(any(fact.agrees(there) for there in second) for fact in first)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1,000 pieces", "1.000 pieces"), ("1000 pieces", "1 000 pieces"), ("1'000 pieces", "1,000 pieces"),
        ("€4.90", "4,90 €"), ("4,90 Euro", "EUR 4.90"), ("5 €", "5,00 €"), ("€5.–", "5 euros"), ("$10", "10 dollars"), ("£45", "45 pounds"),
        ("34,2 Cent", "34.2 ct"), ("20 %", "20 percent"), ("20%", "20 Prozent"), ("50 %", "50 pour-cent"),
        ("two weeks", "14 days"), ("24 hours", "1 day"), ("one year", "12 months"), ("12 Monate", "1 Jahr"), ("half an hour", "30 minutes"),
        ("a five-year warranty", "5 years"), ("zwei bis drei Werktage", "2–3 Werktage"), ("2 to 3 days", "2-3 working days"),
        ("0.8 km", "800 m"), ("8 kg", "8 Kilo"), ("5 GB", "5,000 MB"), ("1.5 hours", "90 minutes"),
        ("26 December", "December 26th"), ("24.12.", "24. Dezember"), ("2026-03-03", "3 March 2026"), ("15/06", "15 juin"), ("12 de octubre", "12/10"),
        ("3 March", "3 March 2026"), ("9 am", "9:00"), ("18 Uhr", "6 pm"), ("10 h", "10h00"), ("noon", "12:00"), ("12 am", "0:00"), ("9:30 p.m.", "21:30"),
        ("from 9 to 18 Uhr", "9:00–18:00"), ("Mondays", "Monday to Friday"), ("mittwochs", "Montag bis Freitag"), ("Tue–Wed", "Mon–Fri"),
        ("+44 117 496 0123", "(0117) 496 0123"), ("+49 30 901820", "030 901820"), ("0049 30 901820", "+49 (0)30 901820"),
        ("0221 555 44 33", "0221/5554433"), ("Hello@B.example", "hello@b.example"),
        ("https://shop.example/help/", "shop.example/help"), ("www.shop.example", "https://shop.example"), ("E18", "error E18 means"), ("the W7", "W7"),
    ],
)  # fmt: skip
def test_one_thing_in_two_spellings(one: str, other: str) -> None:
    assert agree(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("€4.90", "€5.90"), ("€4.90", "$4.90"), ("30 days", "30 hours"), ("2 weeks", "2 months"), ("250 MB", "250 GB"), ("8 kg", "8 g"),
        ("26 December", "25 December"), ("3 March 2026", "3 March 2025"), ("31.12.", "31.10."), ("9 am", "9 pm"), ("10:30", "10:00"),
        ("Saturdays", "Monday to Friday"), ("Thursdays and Fridays", "Fridays and Saturdays"), ("0800 555 091", "0800 555 019"), ("+49 30 901820", "030 901821"),
        ("help@b.example", "hello@b.example"), ("shop.example/a", "shop.example/b"), ("E18", "E23"), ("20 %", "25 %"), ("20 %", "€20"),
        ("2–4 days", "2–3 days"), ("15 users", "16 users"), ("1.5 kg", "15 kg"),
    ],
)  # fmt: skip
def test_two_things(one: str, other: str) -> None:
    assert not agree(one, other)


@pytest.mark.parametrize(
    ("text", "language", "names"),
    [
        ("We ship with DHL and Priya Nair helps.", "en", {"dhl", "priya nair"}),
        ("DHL brings it. Priya Nair helps.", "en", {"dhl", "nair"}),
        ("You may return it. Most items fit.", "en", set()),
        ("Ask Mia Larsen's team in Leipzig.", "en", {"mia larsen", "leipzig"}),
        ("Die Rücksendung der Ware ist mit Beleg möglich.", "de", set()),
        ("Frau Keller führt Sie, das Paket kommt mit Hermes.", "de", {"keller", "hermes"}),
        ("Dr. Anna Weiß hat Sprechstunde.", "de", {"anna weiß"}),
        ("Les colis arrivent avec Chronopost.", "fr", {"chronopost"}),
    ],
)
def test_names(text: str, language: str, names: set[str]) -> None:
    found = [one for one in facts(text, language) if one.kind == "name"]
    spelled = {text[one.start : one.end].lower().removesuffix("'s") for one in found}
    assert spelled == names


@pytest.mark.parametrize(
    "text", ["There are two ways to pay.", "A week is long.", "It costs $9 a month.", "1. Open the door."]
)
def test_what_is_no_fact_of_its_own(text: str) -> None:
    sure = [one for one in facts(next(iter(sentences(text))).bare, "en") if not one.weak]
    assert [one.kind for one in sure] == (["usd"] if "$" in text else [])


def test_sentences_know_where_they_stand() -> None:
    text = (
        "Hello. It costs €4.90, e.g. for books [1]. Am 24. Dezember ist zu.\n\n## Steps\n1. Open **Settings**.\n- z. B. so [2][3]\n"
        "```\nrow. One.\n```\nSee shop.example. Done"
    )
    found = list(sentences(text))
    assert [one.bare for one in found] == [
        "Hello.", "It costs €4.90, e.g. for books .", "Am 24. Dezember ist zu.", "Steps", "Open Settings.", "z. B. so", "See shop.example.", "Done",
    ]  # fmt: skip
    assert all(text[one.start : one.end] == one.text for one in found)
    assert [one.cited for one in found if one.cited] == [(1,), (2, 3)]
    assert [one.item for one in found][3:6] == [True, True, True]
