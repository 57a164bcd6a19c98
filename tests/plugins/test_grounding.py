"""The check of answers, called as the registry calls it: with settings, on frozen data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot import Answer, Passage, Reason, Source, TurnContext
from plugins import grounding
from plugins.grounding.check import check
from tests.patience import patient

SHIPPING = Passage(
    id="p1",
    article_id="a1",
    title="Shipping",
    heading="Costs",
    text="Standard shipping costs €4.90 and is free for orders over €60. Express shipping costs €12.50.",
    url="https://shop.example/shipping",
    language="en",
    updated="2026-03-01",
)
RETURNS = Passage(
    id="p2",
    article_id="a2",
    title="Returns",
    text="You can return items within 30 days. Gift cards cannot be returned. We refund within 14 days.",
    language="en",
)
TURN = TurnContext(
    turn_id="t", conversation_id="c", site="s", channel="x", site_key="shop", language="en", passages=(SHIPPING, RETURNS), knowledge=7,
    question="What does shipping cost?", said="What does shipping cost?", instructions="You are the support assistant of Fjord & Fern.",
)  # fmt: skip
ONE = Source(n=1, passage_id="p1", title="Shipping", heading="Costs", url="https://shop.example/shipping")
TWO = Source(n=2, passage_id="p2", title="Returns")


def after(
    text: str, *sources: Source, turn: TurnContext = TURN, answer: dict[str, Any] | None = None, **settings: Any
) -> Answer:
    said = Answer(text=text, sources=sources, provider="openai", model="m", confidence=0.9, **(answer or {}))
    made = grounding.GroundingSettings.model_validate(settings)
    return grounding.after_ai(made, answer=said, turn=turn) or said


def test_an_answer_that_holds_stays_as_it_is() -> None:
    said = after("Hello! Standard shipping is €4.90 [1]. Over €60 it is free [1]. Anything else?", ONE)
    assert said.text == "Hello! Standard shipping is €4.90 [1]. Over €60 it is free [1]. Anything else?"
    assert (said.grounded, said.sources, said.choices, said.handoff_reason) == (1.0, (ONE,), (), "")


def test_what_does_not_hold_is_taken_out_and_said() -> None:
    said = after(
        "You can return items within 30 days [2]. Standard shipping costs €5.90 [1]. Refunds take 14 days [2].",
        ONE,
        TWO,
    )
    assert said.text == (
        "You can return items within 30 days [1]. Refunds take 14 days [1].\n\nI left out what I could not confirm in our help articles."
    )
    assert said.sources == (replace(TWO, n=1),), (
        "a source that is not cited any more goes, the others are numbered anew"
    )
    assert said.grounded == 0.667 and said.choices == ("Talk to a person",) and not said.handoff_reason


def test_the_words_for_it_are_in_the_language_of_the_answer_or_the_admins() -> None:
    german = replace(TURN, language="de")
    text = "Der Standardversand kostet 4,90 € [1]. Der Expressversand kostet 15 € [1]."
    assert after(text, ONE, turn=german).text.endswith("habe ich weggelassen.")
    assert after(text, ONE, turn=german, words="Ohne Gewähr.").text.endswith("[1].\n\nOhne Gewähr.")


def test_when_nothing_is_left_a_person_takes_over_or_is_offered() -> None:
    wrong = "Standard shipping costs €5.90 [1]."
    passed = after(wrong, ONE)
    assert passed.text == "I could not confirm my answer in our help articles, and I would rather not guess."
    assert (passed.handoff_code, passed.handoff_reason) == (
        Reason.UNCONFIRMED, "the answer could not be confirmed: 1 of 1 statements",
    )  # fmt: skip
    assert (passed.sources, passed.choices, passed.grounded, passed.provider) == ((), (), 0.0, "openai")
    nobody = after(wrong, ONE, turn=replace(TURN, reachable=False))
    assert (nobody.handoff_reason, nobody.choices) == ("", ("Talk to a person",))
    assert after(wrong, ONE, turn=replace(TURN, reachable=False), when="always").handoff_code is Reason.UNCONFIRMED
    assert after(wrong, ONE, instead="Hm.").text == "Hm."


def test_modes_and_sites() -> None:
    text = "You can return items within 30 days [2]. Standard shipping costs €5.90 [1]."
    assert after(text, ONE, TWO, mode="off").grounded is None
    marked = after(text, ONE, TWO, mode="mark")
    assert (marked.text, marked.grounded) == (text, 0.5)
    passed = after(text, ONE, TWO, mode="hand_over")
    assert passed.handoff_code is Reason.UNCONFIRMED and "30 days" not in passed.text
    kept = after(text, ONE, TWO, mode="hand_over", turn=replace(TURN, reachable=False))
    assert "30 days" in kept.text and not kept.handoff_reason, "nobody could come: what holds is given"
    assert after(text, ONE, TWO, mode="off", sites={"shop": "mark"}).grounded == 0.5
    assert after(text, ONE, TWO, sites={"shop": "off"}).grounded is None


def test_a_handoff_of_the_model_stays_one() -> None:
    said = after("Shipping costs €99 [1].", ONE, answer={"handoff_reason": "angry", "handoff_code": Reason.AI})
    assert (said.handoff_reason, said.handoff_code) == ("angry", Reason.AI) and "99" not in said.text


def test_quotes_are_proved_by_what_they_are() -> None:
    quoted = after("I am the offline assistant:\n\nIt costs €4.90 [1]", ONE, answer={"type": "offline"})
    assert quoted.grounded == 1.0
    assert after("I did not find this.", answer={"type": "offline"}).grounded is None


@pytest.mark.parametrize("kind", ["auto", "fallback", "stopped"])
def test_words_that_are_no_models_are_left_alone(kind: str) -> None:
    assert after("It costs €77.", answer={"type": kind}) == Answer(
        text="It costs €77.", type=kind, provider="openai", model="m", confidence=0.9
    )


def test_an_answer_from_the_memory_is_checked_as_well() -> None:
    for known in (None, 0.0):  # it is kept as the model said it, with what was found out about it
        kept = {"type": "cache", "grounded": known}
        assert after("Shipping costs €99 [1].", ONE, answer=kept).handoff_code is Reason.UNCONFIRMED
    assert after("Shipping costs €99 [1].", ONE, answer={"type": "cache", "grounded": 1.0}).handoff_reason == ""


def test_an_answer_without_citations_gets_those_that_prove_it() -> None:
    said = after("Items can be returned within 30 days. Thanks for asking! Express shipping is €12.50")
    assert said.text == "Items can be returned within 30 days [1]. Thanks for asking! Express shipping is €12.50 [2]"
    assert [(one.n, one.passage_id, one.heading, one.url, one.updated) for one in said.sources] == [
        (1, "p2", "", "", ""), (2, "p1", "Costs", "https://shop.example/shipping", "2026-03-01"),
    ]  # fmt: skip
    assert after("Items can be returned within 30 days.", cite=False).sources == ()
    both = after("- **Express:** €12.50\n- Returns within 90 days")
    assert both.text.startswith("- **Express:** €12.50 [1]\n\nI left out") and [s.passage_id for s in both.sources] == [
        "p1"
    ]


def test_the_words_of_customer_agents_and_admins_need_no_proof() -> None:
    said = replace(TURN, said="My order 48213 of 23 May is late, says Maria Kovac", passages=())
    assert after("I am sorry that order 48213 of May 23rd is late, Maria.", turn=said).grounded in {None, 1.0}
    told = replace(
        TURN, instructions="You help for Fjord & Fern. Our hotline is 0800 555 111, Mo-Fr 9-17 Uhr.", passages=()
    )
    assert after("You can call our hotline at 0800 555 111.", turn=told).grounded == 1.0
    assert after("You can call our hotline at 0800 555 112.", turn=told).handoff_code is Reason.UNCONFIRMED
    assert after("Fjord & Fern is here for you.", turn=told).handoff_reason == ""


def test_repeating_a_wrong_number_of_the_customer_is_no_proof() -> None:
    hopeful = replace(
        TURN, said="I can return items within 60 days, right?", question="I can return items within 60 days, right?"
    )
    said = after("Yes, you can return items within 60 days.", turn=hopeful)
    assert said.handoff_code is Reason.UNCONFIRMED


@pytest.mark.parametrize(
    "text",
    [
        "Yes, I'm an AI assistant. How can I help?",
        "I’m an AI, not a human, but I can bring in a person.",
        "Yes, I speak English and German. What would you like to know?",
        "Yes, I can answer in German, English or French.",
        "Ja, ich spreche Deutsch und Englisch.",
        "Our articles don't mention Apple Pay.",
        "Unfortunately the help articles do not say anything about payment by Visa.",
        "There is no information about Apple Pay in our help articles.",
        "In unseren Hilfeartikeln steht dazu nichts über Klarna.",
        "Les articles d'aide ne mentionnent pas Apple Pay.",
        "Los artículos de ayuda no mencionan Apple Pay.",
        "Step 1: Choose standard shipping. Step 2: Wait.",
        "Sorry, I cannot find anything on Apple Pay.",
        "If you want, I can connect you with a colleague.",
        "If you have more questions, just ask.",
        "Of course, I can bring in a person.",
        "I am sorry to hear that, and I hope we can make it right.",
    ],
)
def test_what_the_assistant_says_of_itself_and_that_articles_are_silent_claims_nothing(text: str) -> None:
    assert check(text, (SHIPPING, RETURNS)).failed == ()


@pytest.mark.parametrize(
    "text",
    [
        "Our articles don't mention Apple Pay, but Mia Larsen takes it.",
        "The articles do not include Duracell cells.",
        "Yes, standard shipping costs €5.90.",
        "There is no limit on Express shipping to Apple Park.",
        "Laut Hilfeartikel ist Express nach Frau Larsen nicht teurer.",
        "Step 9 items are free.",
        "Of course, refunds take two days.",
        "Sure, I can help: items may be returned within sixty days.",
        "If you need it faster, Express shipping takes two hours.",
        "Great, we deliver to Apple Park.",
        "Natürlich, Express kostet zwei Euro.",
        "Refunds take 60 days, ok?",
        "Yes, I speak for Mia Larsen and refunds are instant.",
    ],
)
def test_what_only_begins_so_is_checked(text: str) -> None:
    assert check(text, (SHIPPING, RETURNS)).failed != ()


def test_without_knowledge_no_fact_holds_and_no_courtesy_fails() -> None:
    empty = replace(TURN, passages=(), answerable=False, said="Do you sell pianos?", question="Do you sell pianos?")
    assert after("I did not find this. Would you like to talk to a person?", turn=empty).grounded is None
    assert after("Yes, pianos cost €2,500 in our Berlin store.", turn=empty).handoff_code is Reason.UNCONFIRMED


ABROAD = replace(
    SHIPPING,
    text="Shipping to Germany costs €7.90, to Switzerland €12.90. A tent costs €20 per day or €90 per week. We obey the European Union.",
)


@pytest.mark.parametrize(
    ("text", "language", "holds"),
    [
        ("Der Versand nach Deutschland kostet 7,90 €.", "de", True), ("Der Versand nach Österreich kostet 7,90 €.", "de", False),
        ("La livraison en Suisse coûte 12,90 €.", "fr", True), ("Nous respectons l'Union européenne, 7,90 €.", "fr", True),
        ("A tent is €20 a day.", "en", True), ("A tent is €90 a week.", "en", True), ("A tent is €90 per day.", "en", False),
        ("Ein Zelt kostet 20 € pro Tag.", "de", True), ("Ein Zelt kostet 20 € pro Woche.", "de", False),
        ("Der Versand dauert laut Petra Vogel 7,90 €.", "de", False),
    ],
)  # fmt: skip
def test_places_have_names_in_each_language_and_prices_their_time(text: str, language: str, holds: bool) -> None:
    said = after(text, turn=replace(TURN, passages=(ABROAD,), language=language))
    assert (said.grounded == 1.0) == holds, said.text


def test_an_installation_without_knowledge_has_nothing_to_check_against() -> None:
    assert after("Call 0800 555 112.", turn=replace(TURN, passages=(), knowledge=0)).grounded is None


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Two things:\n\n1. Express costs €12.50 [1].\n2. Express costs €15 [1].\n3. Standard costs €4.90 [1].",
         "Two things:\n\n1. Express costs €12.50 [1].\n2. Standard costs €4.90 [1]."),
        ("Express costs €12.50 [1].\n\nOur times:\n\n- Open on 3 May\n- Closed on 4 May", "Express costs €12.50 [1]."),
        ("## Express\nExpress costs €12.50 [1].\n## Italy\nItaly costs €20 [1].", "## Express\nExpress costs €12.50 [1]."),
        ("Express costs €12.50 [1]. To Italy it is €20 [1]. That is all.", "Express costs €12.50 [1]. That is all."),
        ("Express costs €12.50 [1].\n```\nprice = 99 [1]\n```\nItaly is €20.", "Express costs €12.50 [1].\n```\nprice = 99 [1]\n```"),
    ],
)  # fmt: skip
def test_nothing_is_left_hanging_where_something_was_taken_out(text: str, left: str) -> None:
    assert after(text, ONE).text == f"{left}\n\nI left out what I could not confirm in our help articles."


def test_what_the_knowledge_denies_is_no_fact_and_fails_and_a_wish_does_not() -> None:
    garden = replace(
        RETURNS,
        text="Trying a tent in the garden is fine; a week in the mountains is not. Opened seeds cannot be returned.",
    )
    turn = replace(TURN, passages=(garden,))
    assert after("Opened seeds can be returned [2].", TWO, turn=turn).handoff_code is Reason.UNCONFIRMED
    assert after("Opened seeds cannot be returned [2].", TWO, turn=turn).grounded == 1.0
    assert after("Enjoy your garden!", turn=turn).handoff_reason == ""


def test_a_checked_answer_is_not_checked_twice() -> None:
    assert after("Shipping costs €99.", answer={"grounded": 0.4}).text == "Shipping costs €99."


@pytest.mark.parametrize(
    "text",
    ["", " ", "[1]", "\x00" * 50, "€" * 4_000, "9" * 4_000, "1.1" * 2_000, "[1][2]" * 500, "a-" * 4_000, "- " * 2_000, "**" * 3_000, "Jan " * 1_500,
     "0 0" * 2_000, "from 9 to " * 500, "0" * 4_000, "+49" + " 12" * 2_000, "a.a" * 2_000, "E1" * 2_000, "é" * 4_000, "🙂" * 2_000, "(((" * 1_000, "10.10." * 900, "A B " * 1_500, "\n" * 4_000],
)  # fmt: skip
def test_no_text_takes_long(text: str) -> None:
    """The hook has two seconds; a text that a model was made to write must not take them."""
    import time

    began = time.perf_counter()
    check(text, [SHIPPING, replace(RETURNS, id="p3", text=text[:6_000] or "x")], said=text)
    assert time.perf_counter() - began < patient(1.0)


@pytest.mark.parametrize(
    "wrong", [{"mode": "sometimes"}, {"overlap": 2}, {"person": ""}, {"sites": {"shop": "x"}}, {"Words": "typo"}]
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        grounding.GroundingSettings.model_validate(wrong)
