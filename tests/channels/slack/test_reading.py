"""Slack's syntax becomes text that a customer can read."""

from __future__ import annotations

import pytest

from channels.slack.reading import mentioned, readable


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("Hello", "Hello"),
        ("<@U1> and <@U2|ben> and <@U9>", "@Ana and @ben and @someone"),
        ("<https://x.example/a>", "https://x.example/a"),
        ("<https://x.example/a|the page>", "the page (https://x.example/a)"),
        ("<http://x.example|x.example>", "http://x.example"),
        ("<mailto:a@x.example|a@x.example> <tel:+1|+1>", "a@x.example +1"),
        ("<#C1|support> <#C2|>", "#support #channel"),
        ("<!here> <!channel> <!subteam^S1|@team> <!subteam^S1>", "@here @channel @team @group"),
        ("<!date^1700000000^{date}|14 Nov>", "14 Nov"),
        ("1 &lt; 2 &amp;&amp; 3 &gt; 2 &amp;lt;", "1 < 2 && 3 > 2 &lt;"),
        (":wave: :+1::skin-tone-3: :party_parrot: 10:30:45", "👋 👍 :party_parrot: 10:30:45"),
        ("a < b > c <>", "a < b > c <>"),
        ("*bold* _it_ ~s~ `code`", "*bold* _it_ ~s~ `code`"),
        ("line\nline", "line\nline"),
    ],
)
def test_it_reads(raw: str, text: str) -> None:
    assert readable(raw, {"U1": "Ana"}) == text


def test_who_is_mentioned() -> None:
    assert mentioned("<@U1> <@W2|w> @U3 <#C1>") == {"U1", "W2"}


def test_long_odd_text_is_read_quickly() -> None:
    for raw in ("<" * 40_000, "<@" * 20_000, ":a" * 20_000, "<x|" * 10_000):
        readable(raw)
