"""Articles are cut into passages that can be cited."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.pieces import MAX_PIECE, cut
from plugins.knowledge.frontmatter import UnusableFile, parse
from tests.patience import patient


def texts(markdown: str) -> list[str]:
    return [piece.text for piece in cut(markdown, "T")]


def test_passages_carry_the_path_of_their_headings() -> None:
    pieces = cut("# T\n\nA.\n\n## B\n\nC.\n\n### D *e*\n\nF.\n\n## G\n\nH.\n\n# I\n\nJ.", "T")
    assert [(piece.heading, piece.text) for piece in pieces] == [
        ("", "A."), ("B", "C."), ("B › D e", "F."), ("G", "H."), ("I", "J."),
    ]  # fmt: skip


def test_short_blocks_share_a_passage_and_long_ones_are_cut_at_sentences() -> None:
    sentence = "This sentence has exactly forty letters. "
    assert texts("One.\n\nTwo.\n\n- a\n- b") == ["One.\n\nTwo.\n\n- a\n- b"]
    long = texts(sentence * 80)
    assert len(long) == 3
    assert all(len(text) <= MAX_PIECE and text.endswith("letters.") for text in long)
    assert " ".join(long) == (sentence * 80).strip()


def test_lists_and_tables_stay_whole_when_they_fit() -> None:
    filler = "word " * 200
    items = "\n".join(f"- item number {number}" for number in range(30))
    assert texts(f"{filler}\n\n{items}")[1] == items


def test_a_long_table_repeats_its_head() -> None:
    rows = "\n".join(f"| Country {number} | {number} euro and some words more |" for number in range(80))
    pieces = texts(f"| Country | Price |\n|---|---|\n{rows}")
    assert len(pieces) > 2
    assert all(piece.startswith("Country | Price\n") and len(piece) <= MAX_PIECE for piece in pieces)
    assert sum(piece.count("euro") for piece in pieces) == 80


def test_nested_lists_keep_their_shape() -> None:
    assert texts("1. one\n   - two\n   - three\n2. four\n\n   five") == [
        "1. one\n  - two\n  - three\n2. four\n   five".replace("   five", "  five")
    ]


def test_only_simple_markdown_is_left() -> None:
    (text,) = texts(
        "A <b>bold</b> **word** and `code`, ![picture](https://e.example/x.png), [here](https://ok.example/a 'x'), "
        "[there](other.md), [bad](javascript:alert(1)), [ref], <https://auto.example>, <!-- secret --> &amp; end.\n\n"
        "<script>alert(1)</script>\n\n<div onclick='x'>Shown</div>\n\n> Quoted.\n\n[ref]: https://ref.example/y"
    )
    assert text == (
        "A bold **word** and `code`, picture, [here](https://ok.example/a), there, [bad](javascript:alert(1)), [ref](https://ref.example/y), "
        "https://auto.example,  & end.\n\nShown\n\nQuoted."
    )


def test_code_is_kept_with_its_lines() -> None:
    assert texts("```python\nx = [1]\n  y\n```") == ["x = [1]\n  y"]


@given(
    st.text(
        st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n#-*|`[]()<> 1."),
        max_size=400,
    )
)
def test_any_text_is_cut_without_harm(markdown: str) -> None:
    for piece in cut(markdown, "T"):
        assert 0 < len(piece.text) <= MAX_PIECE + 1
        assert len(piece.heading) <= 300


@given(st.lists(st.text("abcdefghij", min_size=1, max_size=60), min_size=1, max_size=400))
def test_no_word_is_lost(words: list[str]) -> None:
    found = " ".join(texts(" ".join(words)))
    assert re.sub(r"\s+", "", found) == "".join(words)


@given(
    st.binary(max_size=300)
    | st.text(max_size=200).map(lambda text: f"---\n{text}\n---\nText".encode("utf-8", "replace"))
)
def test_any_file_is_read_or_refused_with_a_sentence(raw: bytes) -> None:
    try:
        document = parse(raw, "name")
    except UnusableFile as error:
        reason = str(error)
    else:
        reason = f"{document.title} can be used"
        assert document.body.strip()
    assert 5 < len(reason) < 400


def test_a_deeply_nested_file_does_no_harm() -> None:
    assert texts("> " * 2_000 + "deep\n\nEnd.")[-1].endswith("End.")
    assert texts("Begin.\n\n" + "- " * 500 + "deep") == ["Begin."]
    assert texts("- " * 12 + "deep")[0].endswith("- deep")
    assert "".join(texts("[" * 20_000)) == "[" * 20_000


@pytest.mark.parametrize(
    "bomb",
    [
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)),
        "a0: &a0 {k: v}\n" + "".join(f"a{n + 1}: &a{n + 1}\n  <<: [{', '.join([f'*a{n}'] * 9)}]\n" for n in range(9)),
        "a: &a [*a]\n",
    ],
)
def test_a_yaml_bomb_is_refused_before_it_goes_off(bomb: str) -> None:
    began = time.monotonic()
    with pytest.raises(UnusableFile, match="alias"):
        parse(f"---\n{bomb}---\nText".encode(), "name")
    assert time.monotonic() - began < patient(1)


def test_front_matter_may_only_be_so_long() -> None:
    with pytest.raises(UnusableFile, match="more than 20,000 characters"):
        parse(f"---\n{'a: b' * 10_000}\n---\nText".encode(), "name")
