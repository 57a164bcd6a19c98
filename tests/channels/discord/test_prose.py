"""Texts for Discord: what we mean stays, what Discord would read besides loses its force."""

from __future__ import annotations

import re

import pytest

from channels.discord.prose import bounded, escape, prose


@pytest.mark.parametrize(
    "text",
    [
        "Plain **bold** and *italic* and `code <@1>` too",
        "- one\n- two\n  - deeper\n\n1. first\n2. second",
        "```py\nx = [1](2) # <@1> || ~~\n```\nafter",
        "``a ` b``",
        "> quoted\n\n# A heading",
        "see https://shop.example/a_b_c?x=1&y=2 and <https://shop.example>",
        "5 * 3 * 2, snake_case_name, C:\\temp\\new, 1 < 2 && 3 > 2, <b>bold</b>",
    ],
)
def test_what_we_mean_stays_as_it_is(text: str) -> None:
    assert prose(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[here](https://evil.example/x)", "here (<https://evil.example/x>)"),
        ("![pic](https://evil.example/x.png)", "pic (<https://evil.example/x.png>)"),
        ('[a](<https://e.example> "title")', "a (<https://e.example>)"),
        ("[https://e.example](https://e.example)", "<https://e.example>"),
        ("[mail](mailto:a@b.example)", "mail (mailto:a@b.example)"),
        ("[x](javascript:alert(1))", "x (javascript:alert(1))"),
        ("[wiki](https://e.example/a_(b))", "wiki (<https://e.example/a_(b)>)"),
        ("[[x]](https://evil.example)", "[[x]]\\(https://evil.example)"),
        ("[x](\nhttps://evil.example)", "x (<https://evil.example>)"),
        ("``` [x](https://evil.example)", "``` x (<https://evil.example>)"),
        ("\\`[x](https://evil.example)\\`", "\\`x (<https://evil.example>)\\`"),
        ("<@1> <@!2> <@&3> <#4> <:a:5> <a:b:6> <t:7:R> </x:8> <id:guide>", "\\<@1> \\<@!2> \\<@&3> \\<#4> \\<:a:5> \\<a:b:6> \\<t:7:R> \\</x:8> \\<id:guide>"),
        ("||hidden|| and ~~gone~~", "\\|\\|hidden\\|\\| and \\~\\~gone\\~\\~"),
        ("-# small\n>>> all", "\\-# small\n\\>>> all"),
        ("__bold__", "**bold**"),
    ],
)  # fmt: skip
def test_what_discord_would_read_loses_its_force(text: str, shown: str) -> None:
    assert prose(text) == shown


@pytest.mark.parametrize(
    "before", ["", "`", "``", "```", "\\`", "`a`", "```a```", "`` ` ``", "``a`", "[", "[[", "\\", "x`y``z"]
)
@pytest.mark.parametrize("after", ["", "`", "``", "```", "\\`", "]", "\\"])
def test_no_link_hides_where_it_leads(before: str, after: str) -> None:
    shown = prose(f"{before}[x](https://evil.example){after}")
    assert not re.search(r"(?<!\\)\]\(\s*<?http", shown), shown


def test_foreign_names_are_shown_as_they_are_on_one_line() -> None:
    assert escape("**A** [x](y)\n@everyone <@1> `c` #h") == r"\*\*A\*\* \[x\]\(y\) \@everyone \<\@1\> \`c\` \#h"


def test_a_text_is_never_cut() -> None:
    for text in ("x" * 2_000, "||" * 900, "[a](https://e.example)" * 81, "<@1>" * 450):
        shown = bounded("**Ana:** ", text, "\n-# Sources: " + "x" * 300)
        assert len(shown) <= 2_000
        assert len(re.sub(r"\\", "", shown)) >= len(text)
