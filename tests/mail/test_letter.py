"""The two parts of a mail: one small Markdown, and nothing in it that acts."""

from __future__ import annotations

import pytest

from bot import letter


def test_both_parts_come_from_one_small_markdown() -> None:
    plain, html = letter.parts(
        "## Head\n\n- one\n- **two**\n\n1. a\n2. b\n\n> said\n\n```\ncode <b>\n```", "[x](https://a.example)"
    )
    assert plain == "Head\n\n- one\n- two\n\n1. a\n2. b\n\n> said\n\ncode <b>\n\nx (https://a.example)\n".replace(
        "- two\n\n1.", "- two\n1."
    )
    assert "<h2>Head</h2><ul><li>one</li><li><strong>two</strong></li></ul>" in html
    assert "<pre>code &lt;b&gt;\n</pre>" in html


@pytest.mark.parametrize(
    "evil",
    ["<script>alert(1)</script>", "[x](javascript:alert(1))", "[x](data:text/html,a)", "![x](https://evil.example/p.png)",
     "<img src=x onerror=alert(1)>", '[x](https://a.example/"onmouseover="alert(1))', "&lt;script&gt;"],
)  # fmt: skip
def test_no_part_of_a_mail_can_act(evil: str) -> None:
    _, html = letter.parts(evil, letter.block(evil))
    assert "<script" not in html
    assert "<img" not in html
    assert 'href="javascript' not in html
    assert 'href="data' not in html
    assert '"onmouseover' not in html


def test_foreign_words_stay_words() -> None:
    text = (
        "# no head\n- no list\n1. no number\n[no](https://link.example) **no** `no` > no\n    no code\n---\n```\nfence"
    )
    plain, html = letter.parts(letter.block(text))
    for line in (line.strip() for line in text.splitlines()):
        assert f"> {line}" in plain
    assert "<a " not in html
    assert "<h1" not in html
    assert "<pre" not in html
    assert "<strong" not in html
