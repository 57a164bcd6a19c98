"""Whether an answer says something: letters' case, marks, quotes and forms of characters do not matter; words do."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.answer_tests.wording import BadExpression, plain, says, wanted
from tests.patience import patient


@pytest.mark.parametrize(
    ("answer", "text", "said"),
    [
        ("You have **30 days** [1].", "30 days", True),
        ("You have 30 Days.", "30 DAYS", True),
        ("You have 130 days.", "30 days", False),
        ("You have 30.5 days.", "30", False),
        ("It is 1,030 euros.", "30", False),
        ("It takes 3–5 working days", "3-5 working days", True),
        ("That’s “free”", 'that\'s "free"', True),
        ("ＦＲＥＥ of charge", "free", True),
        ("two returns", "return", True),
        ("I know it", "no", False),
        ("note this", "no", False),
        ("No, never.", "no", True),
        ("refundable", "fund", False),
        ("30日以内であれば返品できます", "返品", True),
        ("Straße", "strasse", True),
        ("line one\n\nline two", "one line", True),
        ("It costs 4.90 €", "4.90", True),
        ("It costs 4.905 €", "4.90", False),
        ("Refunds are impossible.", "/refunds? (is|are) impossible/", True),
        ("REFUNDS ARE **impossible**", "/refunds are impossible/", True),
        ("snake_case stays", "snake_case", True),
    ],
)
def test_what_is_said(answer: str, text: str, said: bool) -> None:
    assert says(answer, wanted(text)) is said


@pytest.mark.parametrize("text", ["/(/", "/a*/", "/(a+)+b/", "/(a|b*)*c/", "/(?:x+y*)+$/", "", "   ", "**", "x" * 501,
             "/(.|\\s)*foo/", "/(a|aa)+$/", "/(a?b?)+c/", "/(a{2,3})+b/", "/.*.*.*.*x!/", "/a.*b.*c.*d.*e.*f/"])  # fmt: skip
def test_what_cannot_be_looked_for_is_refused(text: str) -> None:
    with pytest.raises(BadExpression):
        wanted(text)


@pytest.mark.parametrize(
    "text",
    [
        "/a+b/",
        "/[a-z]+@[a-z]+/",
        "/(a|b)c/",
        "/(ab){2,3}/",
        "/\\d{1,3}(,\\d{3})+/",
        "/refund.*14 days.*receipt/",
        "/\\d+\\s*(euros?|€)/",
    ],
)
def test_ordinary_expressions_are_taken(text: str) -> None:
    assert wanted(text).pattern is not None


@given(st.text(max_size=300), st.text(max_size=80))
def test_no_text_breaks_it(answer: str, text: str) -> None:
    try:
        found = wanted(text)
    except BadExpression:
        return
    assert says(answer, found) in {True, False}
    if found.pattern is None and plain(text).isalpha():
        assert says(f"Well: {text}.", found)


def test_a_long_answer_takes_no_time() -> None:
    began = time.monotonic()
    says("word " * 4_000, wanted("/[\\w.+-]+@[\\w-]+\\.\\w+/"))
    assert time.monotonic() - began < patient(1)
