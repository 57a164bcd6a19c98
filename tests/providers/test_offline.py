"""The offline assistant: it quotes, cites, and says what it is and what it does not know."""

from __future__ import annotations

import re
from typing import Any

import pytest

from bot import End, Passage, Prompt, PromptMessage, Text, ToolCall, Usage, language_of, small_talk
from plugins.providers.offline import Offline
from plugins.providers.offline.phrases import LANGUAGES
from plugins.providers.offline.quotes import MAX_LIST_WORDS, MAX_WORDS, choose
from plugins.providers.offline.words import count_words
from tests.patience import patient

STEPS = Passage(
    id="1",
    article_id="a",
    title="Returns",
    heading="How to return",
    text="You have 30 days. To send something back:\n\n1. Open **My orders**.\n2. Choose the items.\n3. Print the label.\n\n"
    "Parcels from abroad take longer, e.g. from Norway. Keep the receipt.",
)
REFUNDS = Passage(
    id="2",
    article_id="b",
    title="Refunds",
    text="We check a return within 2 days. After that it takes:\n\nPaid with | Days\nCard | 3–5 days\nKlarna | 2 days\n"
    "Gift card | at once",
)
COSTS = Passage(
    id="3",
    article_id="c",
    title="Delivery",
    text="We send from Bergen.\n\nCountry | Days | Price\nNorway | 1–2 | €5\nGermany, Austria | 4–6 | €8\nSpain | 6–8 | €12",
)
TENTS = Passage(id="4", article_id="d", title="Tents", text="Our tents are green. They last for fifteen years.")


def said(text: str, *passages: Passage, answerable: bool = True, **more: Any) -> tuple[str, dict[str, Any]]:
    messages = more.pop("messages", (PromptMessage("user", text),))
    prompt = Prompt(system="", messages=messages, passages=passages, answerable=answerable, **more)
    deltas = list(Offline().stream(prompt))
    assert deltas[-2:] == [Usage(), End()]
    calls = [d.arguments for d in deltas if isinstance(d, ToolCall) and d.name == "conclude"]
    return "".join(d.text for d in deltas if isinstance(d, Text)), calls[0] if calls else {}


def test_it_says_what_it_is_quotes_and_cites() -> None:
    text, conclusion = said("How long do your tents last?", TENTS)
    first, quote = text.split("\n\n", 1)
    assert first == "I am the offline assistant. This is what the help articles say:"
    assert "They last for fifteen years." in quote
    assert quote.endswith("[1]")
    assert conclusion["confidence"] > 0.5
    assert "quick_replies" not in conclusion or conclusion["quick_replies"] == []


def test_steps_stay_together_behind_the_line_that_announces_them() -> None:
    text, _ = said("How do I send something back?", STEPS, TENTS)
    assert "To send something back:\n1. Open **My orders**.\n2. Choose the items.\n3. Print the label." in text


def test_a_table_becomes_a_list_because_chats_show_none() -> None:
    text, _ = said("How long does a refund take?", REFUNDS)
    assert "After that it takes:\n- Card: 3–5 days\n- Klarna: 2 days\n- Gift card: at once" in text
    assert " | " not in text


def test_the_row_that_is_asked_for_is_quoted_with_its_heads() -> None:
    text, _ = said("What is the price for Spain?", COSTS)
    assert "Spain: Days 6–8, Price €12" in text


def test_each_place_is_cited_by_its_own_number() -> None:
    text, _ = said("How do I return a tent, and how long does the refund take?", STEPS, TENTS, REFUNDS)
    cited = {int(n) for n in re.findall(r"\[(\d)\]", text)}
    assert cited
    assert cited <= {1, 2, 3}
    assert len(re.findall(r"\[\d\]", text)) <= 3


def test_sentences_are_whole_also_behind_abbreviations() -> None:
    text, _ = said("How long do parcels from abroad take?", STEPS)
    assert "Parcels from abroad take longer, e.g. from Norway." in text


def test_a_quote_has_at_most_ninety_words() -> None:
    long = Passage(
        id="1",
        article_id="a",
        title="Tents",
        text=" ".join(f"Tents of kind {n} are good and green." for n in range(60)),
    )
    quotes, _ = choose("Which tents are green and good?", [long, long, long], "en")
    assert 0 < sum(count_words(q.text) for q in quotes) <= MAX_WORDS


def test_a_list_that_is_far_too_long_ends_after_a_whole_step() -> None:
    steps = "\n".join(f"{n}. Turn the stove screw number {n} once to the left side." for n in range(1, 60))
    passage = Passage(id="1", article_id="a", title="Stove", text=f"To clean the stove:\n\n{steps}")
    quotes, _ = choose("How do I clean the stove?", [passage], "en")
    assert count_words(quotes[0].text) <= MAX_LIST_WORDS
    assert re.search(r"to the left side\.\n…$", quotes[0].text)


@pytest.mark.parametrize(("answerable", "passages"), [(False, (TENTS,)), (True, ())])
def test_it_says_plainly_that_it_found_nothing_and_offers_a_person(
    answerable: bool, passages: tuple[Passage, ...]
) -> None:
    text, conclusion = said("Do you repair bicycles?", *passages, answerable=answerable)
    assert "did not find this in the help articles" in text
    assert "[1]" not in text
    assert conclusion == {"confidence": 0.1, "quick_replies": ["Talk to a person"]}


def test_passages_without_one_common_word_are_not_quoted() -> None:
    nothing = Passage(id="1", article_id="a", title="", text="…\n\n---")
    assert "did not find" in said("Do you repair bicycles?", nothing)[0]


def test_a_follow_up_is_understood_by_what_was_said_before() -> None:
    messages = (
        PromptMessage("user", "Tell me about your tents"), PromptMessage("assistant", "They are green."),
        PromptMessage("user", "and how is it with them?"),
    )  # fmt: skip
    assert "tents are green" in said("", TENTS, messages=messages)[0]


@pytest.mark.parametrize(
    ("text", "talk", "language"),
    [
        ("Hello!", "hello", "en"), ("Guten Tag", "hello", "de"), ("bonjour 🙂", "hello", "fr"), ("¡Hola!", "hello", "es"),
        ("Olá", "hello", "pt"), ("مرحبا", "hello", "ar"), ("こんにちは", "hello", "ja"),
        ("Thanks a lot!", "thanks", "en"), ("vielen Dank", "thanks", "de"), ("Merci beaucoup", "thanks", "fr"),
        ("muchas gracias", "thanks", "es"), ("obrigada", "thanks", "pt"), ("شكرا", "thanks", "ar"), ("ありがとうございます", "thanks", "ja"),
        ("bye", "bye", "en"), ("Auf Wiedersehen!", "bye", "de"),
        ("I want to talk to a human", "person", "en"), ("Kann ich mit einem Mitarbeiter sprechen?", "person", "de"),
        ("je veux parler à un conseiller", "person", "fr"), ("quiero hablar con una persona", "person", "es"),
        ("quero falar com um atendente", "person", "pt"), ("أريد التحدث إلى شخص", "person", "ar"), ("担当者と話したいです", "person", "ja"),
    ],
)  # fmt: skip
def test_small_talk_is_understood_in_seven_languages(text: str, talk: str, language: str) -> None:
    assert small_talk(text) == (talk, language)


@pytest.mark.parametrize(
    "text",
    ["Hello, where is my parcel?", "thanks but it is broken", "person", "", "???", "Can you talk to the courier?"],
)
def test_a_question_is_not_small_talk(text: str) -> None:
    assert small_talk(text) is None


@pytest.mark.parametrize("kind", ["hello", "thanks", "bye"])
def test_small_talk_is_answered_politely_without_articles(kind: str) -> None:
    text, conclusion = said(
        {"hello": "Hi there", "thanks": "thank you", "bye": "Goodbye"}[kind], TENTS, answerable=False
    )
    assert text == getattr(LANGUAGES["en"], kind)
    assert "handoff" not in conclusion


def test_a_wish_for_a_person_is_a_handoff() -> None:
    for person in (phrases.person for phrases in LANGUAGES.values()):
        text, conclusion = said(person, TENTS)
        assert conclusion["handoff"]["reason"], person
        assert text


@pytest.mark.parametrize(
    ("text", "told", "language"),
    [
        ("Wie lange dauert die Rücksendung?", "en-GB", "de"), ("How long does it take?", "de", "en"),
        ("Est-ce que vous livrez en Suisse et combien ça coûte pour une tente ?", "", "fr"),
        ("返品はできますか", "en", "ja"), ("كم يستغرق التوصيل؟", "", "ar"),
        ("Klarna", "pt-BR", "pt"), ("Klarna", "", "en"), ("Klarna", "fi", "en"),
        ("¿Cuánto tiempo tengo para devolver mi pedido?", "en", "es"), ("Qual é o prazo para a devolução?", "en", "pt"),
    ],
)  # fmt: skip
def test_it_answers_in_the_customers_language(text: str, told: str, language: str) -> None:
    assert language_of(text, told) == language


def test_it_speaks_japanese_with_japanese_articles() -> None:
    passage = Passage(
        id="1", article_id="a", title="返品", language="ja", text="商品の到着後30日以内に返品できます。送料は無料です。"
    )
    text, _ = said("返品はいつまでできますか", passage)
    assert text.startswith("オフラインアシスタントです。")
    assert "30日以内に返品できます。" in text
    assert text.endswith("[1]")


def test_it_arrives_word_by_word() -> None:
    deltas = [
        d
        for d in Offline().stream(Prompt(system="", messages=(PromptMessage("user", "Hello"),)))
        if isinstance(d, Text)
    ]
    assert len(deltas) > 10
    assert all(len(d.text.split()) == 1 for d in deltas)


def test_a_summary_is_what_the_customer_wrote_first_and_last() -> None:
    messages = (
        PromptMessage("user", "My stove\nis broken"), PromptMessage("assistant", "Sorry"), PromptMessage("user", "x" * 400),
    )  # fmt: skip
    text, conclusion = said("", messages=messages, task="summary", conclude=False)
    first, last = text.split("\n")
    assert first == "First message: My stove is broken"
    assert last == "Last message: " + "x" * 299 + "…"
    assert conclusion == {}


@pytest.mark.parametrize(
    "text", ["x" * 20_000, "1. " * 5_000, "| " * 5_000, "a. " * 5_000, "(((((" * 3_000, "\n" * 5_000, ":\n\n- " * 3_000]
)
def test_hostile_articles_cost_no_time(text: str) -> None:
    import time

    passage = Passage(id="1", article_id="a", title="x", text=text)
    started = time.perf_counter()
    said("What about x and a?", passage, passage)
    assert time.perf_counter() - started < patient(1.5)
