"""The sample shop finds the right article, and refuses what it cannot answer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot import Question, list_articles
from plugins.knowledge.folder import Folder
from plugins.knowledge.index import Index
from plugins.knowledge.search import search
from plugins.knowledge.sync import SAMPLE, SAMPLE_FOLDER
from tests.knowledge.conftest import Shelf
from tests.patience import patient

QUESTIONS = yaml.safe_load((Path(__file__).parent / "questions.yaml").read_text("utf-8"))


@pytest.fixture
def shop(store: Any, tmp_path: Path) -> Shelf:
    shelf = Shelf(SAMPLE_FOLDER, Folder(SAMPLE_FOLDER, SAMPLE), Index(tmp_path / "index"))
    report = shelf.sync()
    assert report.problems == []
    assert report.added >= 40
    return shelf


@pytest.mark.parametrize("half", ["calibration", "held_out"])
def test_questions_of_customers(shop: Shelf, half: str) -> None:
    slugs = {view.id: view.slug for view in list_articles()}
    answerable, unanswerable = QUESTIONS[half]["answerable"], QUESTIONS[half]["unanswerable"]
    in_three, refused, wrong = 0, [], []
    for item in answerable:
        found = search(shop.index, Question(site="s", text=item["q"], context=item.get("context", ""), language="en"))
        order = list(dict.fromkeys(slugs[passage.article_id] for passage in found.passages))[:3]
        in_three += any(slug in item["articles"] for slug in order)
        if not found.answerable:
            refused.append(item["q"])
    for text in unanswerable:
        if search(shop.index, Question(site="s", text=text, language="en")).answerable:
            wrong.append(text)
    assert in_three / len(answerable) >= 0.95
    assert len(refused) / len(answerable) <= 0.1, refused
    assert len(wrong) / len(unanswerable) <= 0.1, wrong


def test_the_question_list_is_as_large_as_it_says() -> None:
    halves = QUESTIONS.values()
    assert sum(len(half["answerable"]) for half in halves) >= 100
    assert sum(len(half["unanswerable"]) for half in halves) >= 50
    known = {path.stem for path in SAMPLE_FOLDER.glob("*.md")}
    named = {slug for half in halves for item in half["answerable"] for slug in item["articles"]}
    assert named <= known


def test_a_mistyped_word_finds_what_was_meant(shop: Shelf) -> None:
    assert shop.titles("refnud")[0] == "Refunds: when you get your money back"


def test_words_that_mean_the_same_find_the_same(shop: Shelf) -> None:
    assert "Returning an item within 30 days" in shop.titles("can I send it back?")
    assert shop.ask("can I send it back?").answerable


def test_a_follow_up_is_understood_from_what_was_said_before(shop: Shelf) -> None:
    assert shop.ask("and to Poland?", context="What does delivery to Norway cost?").passages[0].title == (
        "Delivery times and costs by country"
    )


@pytest.mark.parametrize(
    ("said", "asks", "title"),
    [
        (["Can I pay with Klarna?"], "and with PayPal?", "Ways to pay"),
        (["How do I wash my rain jacket?"], "and my tent?", "your tent"),
        (["Do you repair zips?", "thanks!"], "what does that cost?", "Repair"),
        (["How long is a gift card valid?", "ok"], "can I get one in the shop?", "Gift card"),
        (["Where is my parcel?"], "and if it is lost?", "arrive|lost|problem|Track"),
    ],
)
def test_a_dialogue_is_followed(shop: Shelf, said: list[str], asks: str, title: str) -> None:
    found = shop.ask(asks, context="\n".join(said))
    titles = list(dict.fromkeys(passage.title for passage in found.passages))
    assert any(re.search(title, one, re.IGNORECASE) for one in titles[:3]), titles


def test_what_was_said_before_never_speaks_against_a_question(shop: Shelf) -> None:
    before = "\n".join(["Do you sell submarines?", "返品の送料はいくらですか", "How do I sharpen an axe?"])
    for text in ("Was kostet die Rücksendung?", "refund?", "How much is delivery to Spain?"):
        alone, later = shop.ask(text), shop.ask(text, context=before)
        assert alone.answerable
        assert later.answerable
        assert later.passages[0].article_id == alone.passages[0].article_id
    assert not shop.ask("and submarines?", context="How much is delivery to Spain?").answerable


def test_a_greeting_is_no_question(shop: Shelf) -> None:
    for text in ("hello", "Hi, can you help me please?", "???", "", "👋"):
        assert not shop.ask(text).answerable


def test_a_question_of_4000_characters_is_searched_in_time(shop: Shelf) -> None:
    import time

    began = time.monotonic()
    shop.ask("my tent pole broke and " * 170 + " unheardofword" * 20)
    shop.ask(" ".join(f"unknownword{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}" for n in range(300)))
    assert time.monotonic() - began < patient(2)


def test_search_syntax_in_a_question_is_only_words(shop: Shelf) -> None:
    for text in (
        'tent" OR title:*',
        "NEAR(tent stove, 2)",
        "tent AND (",
        "-tent ^boots",
        "0:tent 'x' -- ;",
        "\x00tent",
    ):
        assert isinstance(shop.ask(text).passages, tuple)


def test_one_article_does_not_fill_the_result(shop: Shelf) -> None:
    passages = shop.ask("stove").passages
    articles = [passage.article_id for passage in passages]
    assert max(articles.count(one) for one in articles) <= 2
    assert len({passage.text for passage in passages}) == len(passages)
