"""Which rule fits a message: exact, partial and keyword, in the customer's language, and which of several answers."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from bot import ReplyRule
from plugins.auto_reply.matcher import Matcher
from plugins.auto_reply.words import cut, language_of, whole
from tests.patience import patient


def rule(name: str, *phrases: str, match: Any = "keyword", **more: Any) -> ReplyRule:
    return ReplyRule(name=name, match=match, phrases=phrases, answer="yes", id=name, **more)


def fires(rules: list[ReplyRule], text: str, **how: Any) -> str:
    found = Matcher(rules).best(text, **{"site": "s1", **how})
    return found.rule.name if found is not None else ""


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("Opening hours", True),
        ("  OPENING   hours?! ", True),
        ("opening-hours", True),
        ("What are your opening hours", False),
        ("opening", False),
        ("opening hour", False),  # exact means exact
    ],
)
def test_an_exact_rule_wants_the_whole_message(text: str, fits: bool) -> None:
    assert bool(fires([rule("r", "opening hours", match="exact")], text)) is fits


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("what are your opening hours today?", True),
        ("Your OPENING HOUR please", True),
        ("opening at what hours", False),
        ("reopening hourss", False),
        ("hours opening", False),
    ],
)
def test_a_partial_rule_wants_its_words_in_a_row(text: str, fits: bool) -> None:
    assert bool(fires([rule("r", "opening hours", match="partial")], text)) is fits


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("can I get my money back for a return?", True),
        ("returned it, where is my money", True),
        ("I want to return it", False),
        ("moneylender returns", False),
    ],
)
def test_a_keyword_rule_wants_all_its_words_anywhere(text: str, fits: bool) -> None:
    assert bool(fires([rule("r", "money return")], text)) is fits


@pytest.mark.parametrize(
    ("phrase", "language", "text"),
    [
        ("Öffnungszeit", "de", "Wie sind eure Öffnungszeiten?"),
        ("offnungszeiten", "de", "Öffnungszeiten"),
        ("reembolso", "es", "¿Cómo pido los reembolsos?"),
        ("commande annulée", "fr", "est-ce que mes commandes sont annulées ?"),
        ("возврат товара", "ru", "как оформить возврат товаров"),
        ("退货", "zh", "我想退货可以吗"),
        ("返品", "ja", "返品したいです"),
        ("คืนสินค้า", "th", "ฉันต้องการคืนสินค้าค่ะ"),
        ("e-mail", "en", "what is your email"),
        ("T-Shirt", "en", "do you sell tshirts"),
        ("don’t work", "en", "my stove doesn't - I mean they don't work"),
        ("straße", "de", "in welcher STRASSE seid ihr"),
    ],
)
def test_endings_marks_and_scripts_are_no_hindrance(phrase: str, language: str, text: str) -> None:
    assert fires([rule("own", phrase, language=language)], text, language=language) == "own"
    assert fires([rule("every", phrase)], text, language=language) == "every"


@pytest.mark.parametrize("match", ["partial", "keyword"])
def test_part_of_a_word_is_another_word(match: Any) -> None:
    assert not fires([rule("r", "art", match=match)], "where do I start")
    assert not fires([rule("r", "退货", match=match)], "我要货退")


def test_signs_alone_can_be_asked_for_exactly() -> None:
    rules = [rule("thumb", "👍", match="exact"), rule("what", "???", match="exact")]
    assert (fires(rules, " 👍 "), fires(rules, "???"), fires(rules, "!"), fires(rules, "")) == ("thumb", "what", "", "")


def test_a_rule_counts_in_its_language_and_at_its_site() -> None:
    rules = [rule("german", "hotel", language="de"), rule("other site", "tent", site="b", site_id="s2")]
    assert fires(rules, "hotel", language="de-AT") == "german"
    assert fires(rules, "hotel", language="en") == ""
    assert fires(rules, "hotel", language="") == "german"  # nobody knows: better an answer than none
    assert fires(rules, "wo ist das hotel und wie komme ich zu euch", language="en") == "german"  # the words tell
    assert (fires(rules, "tent"), fires(rules, "tent", site="s2")) == ("", "other site")


@pytest.mark.parametrize(
    ("text", "told", "language"),
    [
        ("Where is my order and when does it come?", "de", "en"),
        ("was kostet das", "en", "en"),  # too little to overrule what the channel says
        ("Wie lange dauert der Versand zu mir?", "en", "de"),
        ("我想退货", "en", "zh"),
        ("返品したい", "", "ja"),
        ("환불해 주세요", "", "ko"),
        ("", "pt-BR", "pt"),
        ("hotel", "", ""),
    ],
)
def test_the_language_is_taken_from_the_words_if_they_tell(text: str, told: str, language: str) -> None:
    assert language_of(cut(text), told) == language


def test_of_several_the_highest_then_the_closest_answers() -> None:
    rules = [
        rule("keyword", "return"),
        rule("longer", "return tent"),
        rule("partial", "return a tent", match="partial"),
        rule("exact", "can I return a tent", match="exact"),
        rule("first", "can", priority=5),
    ]
    order = []
    while found := fires(rules, "Can I return a tent?"):
        order.append(found)
        rules = [one for one in rules if one.name != found]
    assert order == ["first", "exact", "partial", "longer", "keyword"]


def test_a_rule_of_one_site_or_language_goes_before_one_for_all() -> None:
    everywhere, here = rule("all", "return"), rule("here", "return", site="a", site_id="s1")
    german = rule("german", "return", language="de")
    assert fires([everywhere, here], "return") == "here"
    assert fires([everywhere, german], "return", language="de") == "german"


def test_equal_rules_are_no_matter_of_luck() -> None:
    rules = [rule(name, "return") for name in "cab"]
    assert fires(rules, "return") == fires(rules[::-1], "return") == "a"


def test_keyword_rules_leave_long_stories_to_the_ai() -> None:
    rules = [rule("word", "return"), rule("phrase", "my tent", match="partial")]
    story = "I bought it in May and my dog ate the pegs so I would like to return something"
    assert fires(rules[:1], story, short=10) == "" and fires(rules[:1], story) == "word"
    assert fires(rules, story + " of my tent", short=10) == "phrase"


def test_a_rule_that_is_off_is_no_rule() -> None:
    matcher = Matcher([rule("off", "return", enabled=False)])
    assert matcher.count == 0 and matcher.best("return", site="s1") is None


def test_all_that_fit_are_told_each_once() -> None:
    heard = Matcher([rule("a", "return", "send back"), rule("b", "send", priority=-1), rule("c", "refund")]).hear(
        "can I send it back or return it", site="s1"
    )
    assert [(hit.rule.name, hit.phrase) for hit in heard.hits] == [("a", "send back"), ("b", "send")]
    assert heard.words == 8


@pytest.mark.parametrize(
    "text", ["a" * 400_000, "? " * 200_000, "return " * 100_000, "\ud800 return", "é" * 100_000, "退" * 100_000]
)
def test_hostile_messages_are_answered_soon(text: str) -> None:
    import time

    matcher = Matcher([rule("r", "return", "退货", match="partial"), rule("e", "x", match="exact")])
    began = time.perf_counter()
    matcher.best(text, site="s1")
    assert time.perf_counter() - began < patient(1.0)


def test_many_threads_ask_one_matcher() -> None:
    matcher = Matcher([rule(f"r{n}", f"word{n} returns") for n in range(300)])
    wrong: list[str] = []

    def work(start: int) -> None:
        for n in range(start, 300, 4):
            found = matcher.best(f"my word{n} is returning", site="s1", language=("en", "de", "fr", "")[n % 4])
            if n % 4 == 0 and (found is None or found.rule.name != f"r{n}"):
                wrong.append(f"{n}: {found}")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_same_words_are_the_same_message() -> None:
    assert whole("Hello,  THERE!") == whole("hello there") == "hello there"
