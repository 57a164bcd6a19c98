"""Text becomes the words that are indexed and searched."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.word_forms import fold
from plugins.knowledge.words import (
    guess_language,
    index_words,
    pairs,
    question_words,
    script_language,
    stem,
)


@pytest.mark.parametrize(
    ("text", "language", "words"),
    [
        ("Returns, returned; RETURNING!", "en", ["return", "return", "return"]),
        ("don’t wash the tent's fly-sheet", "en", ["wash", "tent", "fli", "sheet"]),
        ("E-mail or T-shirt", "en", ["email", "tshirt"]),
        ("Größe und Rücksendungen", "de", ["gross", "rucksend"]),
        ("Ｆｕｌｌ　ｗｉｄｔｈ ﬁne", "en", ["full", "width", "fine"]),
        ("crème brûlée Ærø", "xx", ["creme", "brulee", "aero"]),
        ("order FF-2048113 for 4.90", "en", ["order", "ff", "2048113", "4", "90"]),
        ("返品の送料", "ja", ["返品", "送料"]),
        ("テント", "ja", ["テン", "ント", "テント"]),
        ("が", "ja", []),
        ("退货和退款", "zh", ["退货", "货和", "和退", "退款", "退货和退款"]),
        ("환불", "ko", ["환불"]),
    ],
)
def test_index_words(text: str, language: str, words: list[str]) -> None:
    assert index_words(text, language) == words


def test_diacritics_that_make_another_letter_stay() -> None:
    assert fold("ガ") == "ガ"
    assert index_words("ガス缶", "ja")[:1] == ["ガス"]
    assert fold("ที่") == "ที่"
    assert fold("ёлка") == "елка"


def test_talk_says_nothing_about_a_question() -> None:
    assert question_words("Hello, could you please tell me how I can return a tent?", "en") == ["return", "tent"]
    assert question_words("Hi, can you help me?", "en") == []
    assert question_words("Was kostet eine Rücksendung?", "de") == ["kostet", "rücksendung"]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Wie lange dauert der Versand?", "de"),
        ("How long does it take?", "en"),
        ("Combien de temps pour la livraison ?", "fr"),
        ("返品したい", "ja"),
        ("退货", "zh"),
        ("환불 방법", "ko"),
        ("Fern Club", "en"),
    ],
)
def test_the_language_of_a_question(text: str, language: str) -> None:
    assert guess_language(text, ("en", "de", "fr"), "en") == language


def test_a_foreign_word_does_not_change_the_script() -> None:
    assert script_language("The tent 風 is light and good") == ""


def test_pairs_cover_every_character() -> None:
    assert set("".join(pairs("挪威卑尔根"))) == set("挪威卑尔根")


@given(st.text(max_size=300), st.sampled_from(["en", "de", "ja", "zh", "tr", "xx", ""]))
def test_any_text_gives_plain_index_words(text: str, language: str) -> None:
    for word in index_words(text, language):
        assert 0 < len(word) <= 60
        assert '"' not in word
        assert not any(char.isspace() or char == ":" for char in word)


def test_stems_are_the_same_from_many_threads() -> None:
    words = [
        f"{start}{end}"
        for start in ("return", "deliver", "pack", "order", "refund")
        for end in ("ing", "ed", "s", "er")
    ]
    expected = [stem(word, "en") for word in words]
    stem.cache_clear()
    results: list[list[str]] = []
    threads = [threading.Thread(target=lambda: results.append([stem(word, "en") for word in words])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 8
