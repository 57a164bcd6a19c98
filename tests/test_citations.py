"""Citations and links in answers: nothing invented is shown as a source or becomes a link."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.citations import cite, recite
from bot.knowledge import Passage
from bot.markers import marker_numbers
from bot.release import REMOVED_LINK, Release

PASSAGES = (
    Passage(
        id="p1",
        article_id="a1",
        title="Returns",
        heading="How long",
        text="You have 30 days. See https://shop.example/returns?lang=en. Mail help@shop.example.",
        url="https://shop.example/help/returns",
        updated="2026-03-01",
    ),
    Passage(id="p2", article_id="a2", title="Delivery", text="Two to four days.", url="javascript:alert(1)"),
    Passage(id="p3", article_id="a3", title="Refunds", text="Five days. See www.shop.example/refunds."),
)


def shown(text: str) -> str:
    return cite(text, PASSAGES).text


def test_markers_are_renumbered_by_first_use_and_carry_their_source() -> None:
    cited = cite("Thirty days [3]. Then five more [1][3].", PASSAGES)
    assert cited.text == "Thirty days [1]. Then five more [2][1]."
    assert [(s.n, s.passage_id, s.title) for s in cited.sources] == [(1, "p3", "Refunds"), (2, "p1", "Returns")]
    assert cited.sources[1].url == "https://shop.example/help/returns"
    assert cited.sources[1].heading == "How long"
    assert cited.sources[1].updated == "2026-03-01"


def test_a_source_never_carries_an_address_that_is_not_http() -> None:
    assert cite("[2]", PASSAGES).sources[0].url == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Thirty days [9].", "Thirty days."),
        ("Thirty days [9] or so.", "Thirty days or so."),
        ("Thirty[0] days", "Thirty days"),
        ("[7] Thirty days", "Thirty days"),
        ("Since [2024] it is so", "Since [2024] it is so"),
        ("A [1, 9, 2].", "A [1][2]."),
        ("A [1-3].", "A [1][2][3]."),
        ("A [^2].", "A [1]."),
        ("返品は【3†Refunds】です", "返品は[1]です"),
        ("Great![1]", "Great![1]"),
        ("See [1](https://evil.example).", "See [1]."),
        ("See [9](https://evil.example).", "See."),
        ("Line [9]\nnext", "Line\nnext"),
        ("In `list[0]` and [2]", "In `list[0]` and [1]"),
        ("```\nx[9] = y[1](z)\n```\n[2]", "```\nx[9] = y[1] (z)\n```\n[1]"),
        ("Press [OK] [1]", "Press [OK] [1]"),
        ("- [ ] task", "- [ ] task"),
    ],
)
def test_markers(text: str, expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[our page](https://shop.example/returns?lang=en)", "[our page](https://shop.example/returns?lang=en)"),
        ("[our page](https://shop.example/help/returns 'title')", "[our page](https://shop.example/help/returns)"),
        ("[our page](https://shop.example/returns?lang=en&card=4111)", "our page"),
        (
            "[mail](mailto:help@shop.example) or [mail](mailto:x@evil.example)",
            "[mail](mailto:help@shop.example) or mail",
        ),
        ("[x](javascript:alert(1))", "x"),
        ("[x](//evil.example)", "x"),
        ("[x]()", "x"),
        ("Go to https://shop.example/returns?lang=en.", "Go to https://shop.example/returns?lang=en."),
        ("Go to https://evil.example/?q=1 now", f"Go to {REMOVED_LINK} now"),
        ("Go to HTTP://EVIL.example!", f"Go to {REMOVED_LINK}!"),
        ("Go to www.shop.example/refunds, ok", "Go to www.shop.example/refunds, ok"),
        ("Go to www.evil.example, ok", f"Go to {REMOVED_LINK}, ok"),
        ("https://shop.example/help/returnsを見て", "https://shop.example/help/returns を見て"),
        ("https://shop.example/help/returns。evil.example", "https://shop.example/help/returns 。evil.example"),
        ("https://shop.example/help/returns@evil.example", REMOVED_LINK),
        ("`curl https://evil.example`", f"`curl {REMOVED_LINK}`"),
        ("[see [1]](https://shop.example/help/returns)", "see [1] https://shop.example/help/returns"),
    ],
)
def test_links_survive_only_if_the_knowledge_has_them(text: str, expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "![alt](https://shop.example/help/returns)",
        "![9][x](https://shop.example/help/returns)",
        "!【9】[x](https://shop.example/help/returns)",
        "![alt][ref]\n\n[ref]: //evil.example",
        "[words][ref]\n\n[ref]: //evil.example",
        "[1]\n\n[1]: //evil.example",
        "[1]\n\n[1][9]: //evil.example",
        "[1]\n\n> 1. [1]: //evil.example",
        "[a\nb](//evil.example)",
        "[a\nb]: //evil.example",
        "[a]![](y)(//evil.example)",
        "[a][9](//evil.example\n)",
        "[" * 400 + "a](//evil.example)",
        "[" + "a" * 500 + "](//evil.example)",
    ],
)
def test_images_and_reference_links_are_never_active(text: str) -> None:
    from markdown_it import MarkdownIt

    html = MarkdownIt("commonmark").render(shown(text))
    assert "<img" not in html
    assert "evil.example" not in "".join(re.findall(r'(?:href|src)="([^"]*)"', html))


@pytest.mark.parametrize(
    ("page", "link", "stays"),
    [
        ("https://shop.example/help", "https://shop.example/returns", True),
        ("https://www.shop.example/help", "https://help.shop.example/returns", True),
        ("https://help.shop.example/a", "www.shop.example/returns", True),
        ("https://shop.example/help", "https://parcels.example/track", True),
        ("https://shop.example/help", "https://evil.example/?d=", False),
        ("https://shop.example/help", "https://shop.example.evil.example/", False),
        ("https://shop.example/help", "https://evilshop.example/", False),
        ("https://shop.example/help", "https://shop.example@evil.example/", False),
        ("https://shop.example/help", "https://evil.example@shop.example/", False),
        ("", "https://anywhere.example/", True),
    ],
)
def test_a_page_that_was_read_links_within_its_house_or_where_the_site_allows(
    page: str, link: str, stays: bool
) -> None:
    """A comment under a page must not send customers elsewhere. Articles without an address are the house's own words."""
    passage = Passage(id="p", article_id="a", title="Help", text=f"See {link} for it.", url=page)
    release = Release([passage], hosts=["parcels.example"])
    assert (link in release.feed(f"Go to {link} now") + release.flush()) is stays


def test_an_address_of_the_sites_own_settings_may_be_allowed() -> None:
    assert (
        cite("https://shop.example/desk", (), allow=["https://shop.example/desk"]).text == "https://shop.example/desk"
    )


def test_invisible_and_direction_characters_do_not_pass() -> None:
    assert shown("pay\u202e to\u200b me\U000e0041\x00\r\nnow") == "pay to me\nnow"


def test_plain_words_leave_at_once() -> None:
    release = Release(PASSAGES)
    assert release.feed("You can") == "You can"
    assert release.feed(" return it") == " return it"
    assert release.feed(" [") == ""
    assert release.feed("1") == ""
    assert release.feed("]") == ""
    assert release.feed(".") == " [1]."
    assert release.flush() == ""


def test_an_open_bracket_is_not_held_for_ever() -> None:
    release = Release(PASSAGES)
    text = "[" + "word " * 100
    assert len(release.feed(text)) > 400


@pytest.mark.parametrize(
    ("label", "numbers"),
    [
        ("1", [1]),
        (" 1 ", [1]),
        ("1;2", [1, 2]),
        ("2–4", [2, 3, 4]),
        ("a", None),
        ("", None),
        ("1a", None),
        ("1999", None),
    ],
)
def test_what_counts_as_a_marker(label: str, numbers: list[int] | None) -> None:
    assert marker_numbers(label) == numbers


PIECES = st.sampled_from(
    [
        "[1]",
        "[9]",
        "[",
        "]",
        "(",
        ")",
        "!",
        "`",
        "```",
        "\n",
        " ",
        ":",
        "h",
        "ht",
        "tp",
        "s://",
        "www",
        ".",
        "evil.example",
        "【2】",
        "【",
        "】",
        "a",
        "1",
        "-",
        "> ",
        "<",
        "。",
        "https://shop.example/help/returns",
        "https://evil.example/x",
        "[x](",
        "][",
        "]:",
        "](",
        "mailto:help@shop.example",
        "_",
        "*",
        "\\",
        "W",
        "\u200b",
    ]
)
ANSWERS = st.lists(st.one_of(PIECES, st.text(max_size=3)), max_size=30).map("".join)


@given(ANSWERS, st.data())
def test_any_cut_gives_the_text_of_the_whole(text: str, data: st.DataObject) -> None:
    whole = cite(text, PASSAGES)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    release = Release(PASSAGES)
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert "".join([*(release.feed(piece) for piece in pieces), release.flush()]) == whole.text
    assert release.sources == whole.sources
    release = Release(PASSAGES)
    assert "".join([*map(release.feed, text), release.flush()]) == whole.text


@given(ANSWERS)
def test_no_answer_makes_an_active_link_or_image_that_the_knowledge_lacks(text: str) -> None:
    from markdown_it import MarkdownIt

    cited = cite(text, PASSAGES)
    html = MarkdownIt("commonmark", {"html": False}).render(cited.text)
    assert "<img" not in html
    for href in re.findall(r'href="([^"]*)"', html):
        assert href in {"https://shop.example/help/returns", "mailto:help@shop.example"}
    assert [source.n for source in cited.sources] == list(range(1, len(cited.sources) + 1))


def test_what_was_cut_out_of_an_answer_takes_its_sources_along() -> None:
    cited = cite("A [3]. B [1]. C [2][3].", PASSAGES)
    cut = recite("B [2]. C [3][1].", cited.sources)
    assert cut.text == "B [1]. C [2][3]."
    assert [(s.n, s.passage_id) for s in cut.sources] == [(1, "p1"), (2, "p2"), (3, "p3")]
    assert recite("Nothing left.", cited.sources).sources == ()


@pytest.mark.parametrize(
    ("text", "expected", "sources"),
    [
        ("A [2] and [9].", "A [1] and.", ["p1"]),
        ("`row[2]` and [3]", "`row[2]` and [1]", ["p2"]),
        ("```\nx[1]\n```\nB [3]", "```\nx[1]\n```\nB [1]", ["p2"]),
        ("Since [2024] [3]", "Since [2024] [1]", ["p2"]),
        ("[2](https://shop.example)", "[2](https://shop.example)", []),
        ("``a`[1]`` [1]", "``a`[1]`` [1]", ["p3"]),
    ],
)
def test_only_markers_are_numbered_anew(text: str, expected: str, sources: list[str]) -> None:
    known = cite("[3][1][2]", PASSAGES).sources
    again = recite(text, known)
    assert (again.text, [one.passage_id for one in again.sources]) == (expected, sources)
