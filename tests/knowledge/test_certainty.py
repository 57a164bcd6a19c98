"""Lists of questions are found by what is near, and how sure a search is can be compared between questions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot import ArticleText, Piece, Question, save_articles
from plugins import knowledge
from plugins.knowledge.certainty import LEVELS, Evidence, certainty, least
from plugins.knowledge.index import Index
from plugins.knowledge.nearness import grams_of, packed, pairs_of, seek, unpacked
from plugins.knowledge.search import Result, explain, search
from plugins.knowledge.words import spoken_words
from tests.knowledge.conftest import Shelf

LISTS = yaml.safe_load((Path(__file__).parent / "lists.yaml").read_text("utf-8"))


@pytest.fixture
def lists(store: Any, tmp_path: Path) -> Index:
    """Each article is a list of ways to ask one thing."""
    save_articles([
        ArticleText(
            source="test:lists", path=name, title=name, body="", language="en",
            pieces=tuple(Piece(text=text) for text in item["known"]),
        )
        for name, item in LISTS["articles"].items()
    ])  # fmt: skip
    index = Index(tmp_path / "index")
    index.refresh()
    return index


def ask(index: Index, text: str) -> Result:
    return explain(index, Question(site="", text=text, language="en"))


def test_the_nearest_list_is_first_and_what_no_list_has_is_refused(lists: Index) -> None:
    wrong = []
    for name, item in LISTS["articles"].items():
        for text in item["asked"]:
            found = ask(lists, text).found
            if not found.answerable or found.passages[0].title != name:
                wrong.append((text, found.certainty, [passage.title for passage in found.passages][:2]))
    assert len(wrong) <= 2, wrong
    taken = [text for text in LISTS["absent"] if ask(lists, text).found.answerable]
    assert len(taken) <= 1, taken


def test_small_words_tell_questions_apart_where_there_is_nothing_else(lists: Index) -> None:
    assert ask(lists, "who are you?").found.passages[0].title == "name"
    assert ask(lists, "how are you?").found.passages[0].title == "greeting"


def test_an_entry_is_found_by_its_letters_in_another_form_of_the_word(lists: Index) -> None:
    result = ask(lists, "verifying my identity fails")
    assert result.found.passages[0].title == "identity"
    assert result.evidence.listed
    assert result.evidence.letters > 0


def test_the_level_decides_and_the_certainty_stays(lists: Index) -> None:
    question = Question(site="", text="is my card here soon?", language="en")
    sure = search(lists, question).certainty
    assert 0 < sure < 1
    assert search(lists, question, sure).answerable
    assert not search(lists, question, sure + 0.001).answerable


def test_levels_and_numbers_of_the_setting() -> None:
    assert least("cautious") > least("normal") > least("bold")
    assert least("0.75") == 0.75
    for good in (*LEVELS, "0", "1", "0.5", ".25"):
        assert knowledge.KnowledgeSettings(certainty=good).certainty == good
    for bad in ("2.0.1", "1.5", "very", "-1", "", "nan", "1e9"):
        with pytest.raises(ValueError, match="certainty"):
            knowledge.KnowledgeSettings(certainty=bad)


def test_a_title_that_is_a_question_is_compared_as_one(shelf: Shelf) -> None:
    shelf.write("a.md", "# How do I get a new card?\n\nIn the app, under Cards.")
    shelf.write("b.md", "# How do I block my card?\n\nCall us.")
    shelf.write("c.md", "# Boots\n\nBoots are blocked by ice. A new card lies in each box.")
    shelf.sync()
    result = ask(shelf.index, "how can I get another card?")
    assert result.found.passages[0].title == "How do I get a new card?"
    assert result.evidence.question
    assert not result.evidence.listed


def test_what_is_for_agents_only_is_never_found_for_customers(store: Any, tmp_path: Path) -> None:
    for name, visibility in (("Plums", "internal"), ("Pears", "public")):
        save_articles([
            ArticleText(
                source="test:own", path=name, title=name, body="", visibility=visibility, language="en",
                pieces=tuple(Piece(text=f"{name} cost {word} euros") for word in ("seven", "eight", "nine")),
            )
        ])  # fmt: skip
    index = Index(tmp_path / "index")
    index.refresh()
    for text in ("plums", "what do plums cost?", "seven euros"):
        assert {passage.title for passage in ask(index, text).found.passages} <= {"Pears"}
    file = index.current()
    assert file is not None
    with file.connection() as db:
        assert db.execute("SELECT count(*) FROM term WHERE word LIKE 'plum%'").fetchone() == (0,)


@given(
    st.builds(
        Evidence,
        listed=st.booleans(),
        question=st.booleans(),
        **{
            name: st.floats(0, 20, allow_nan=False)
            for name in ("covered", "words", "letters", "nearest", "whole", "agreement", "length", "meaning")
        },
    )
)
def test_certainty_is_a_share_and_nothing_that_speaks_for_an_answer_lowers_it(evidence: Evidence) -> None:
    from dataclasses import replace

    sure = certainty(evidence)
    assert 0 <= sure <= 1
    for name in ("covered", "words", "letters", "nearest", "whole", "agreement", "meaning"):
        assert certainty(replace(evidence, **{name: getattr(evidence, name) + 1})) >= sure


@given(st.text(max_size=300))
def test_lines_come_back_from_the_index_as_they_went_in(text: str) -> None:
    stems, folded = spoken_words(text, "en")
    if not stems:
        return
    (line,) = unpacked(packed([("*", stems, folded)]))
    assert line.words == set(stems)
    assert line.grams == grams_of(folded)
    assert line.pairs == pairs_of(stems)
    assert not any(re.search(r"\s", word) for word in stems)


def test_a_line_is_as_like_itself_as_can_be() -> None:
    stems, folded = spoken_words("how long does it take until my new card arrives here", "en")
    (line,) = unpacked(packed([("*", stems, folded)]))
    sought = seek(stems, dict.fromkeys(stems, 2.0), dict.fromkeys(grams_of(folded), 2.0), (2.0, 2.0))
    like = sought.likeness(line)
    assert 0.9 <= like.words <= 1.2
    assert 0.9 <= like.grams <= 1.2
