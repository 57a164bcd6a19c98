"""Where an answer rests on articles everybody reads which, where and from when: in mails, at desks, in the terminal."""

from __future__ import annotations

from typing import Any

import pytest

from bot import clock, desk_messages, lease, letter, turns
from bot.events import Answer
from bot.messages import Inbound, MessageView, Receipt, Source
from bot.receive import receive
from bot.turns import Account

RETURNS = Source(
    n=1,
    passage_id="p",
    title="Returns",
    heading="How to return",
    url="https://shop.example/returns#how",
    updated="2026-03-01T10:00:00Z",
)
TERMS = Source(n=2, passage_id="q", title="Terms [§1]", url="")


@pytest.mark.parametrize(
    ("source", "label"),
    [
        (RETURNS, "Returns: How to return (updated 2026-03-01)"),
        (TERMS, "Terms [§1]"),
        (Source(n=1, passage_id="p", title="Returns", heading="returns", updated="last week"), "Returns"),
        (Source(n=1, passage_id="p", title="", updated="2026-03-01"), "article (updated 2026-03-01)"),
        (
            Source(n=1, passage_id="p", title="a\n b " * 60, updated="2026-03-01"),
            ("a b " * 60)[:99].rstrip() + "… (updated 2026-03-01)",
        ),
    ],
)
def test_a_source_on_one_line(source: Source, label: str) -> None:
    assert source.label() == label


def test_a_mail_names_sources_with_their_links() -> None:
    hostile = Source(n=3, passage_id="r", title="**[x](https://evil.example)** <b>", url="https://shop.example/a b>")
    answer = MessageView(
        id="m", seq=2, rev=2, author="ai", text="30 days [1][2][3].", created_at=0, sources=(RETURNS, TERMS, hostile)
    )
    plain, html = letter.parts(*letter.said(answer))
    assert "[1] Returns: How to return (updated 2026-03-01) (https://shop.example/returns#how)" in plain
    assert "\n[2] Terms [§1]\n[3] **[x](https://evil.example)** <b>" in plain
    assert (
        '[1] <a href="https://shop.example/returns#how" rel="noopener noreferrer nofollow">Returns: How to return'
        in html
    )
    assert 'evil.example"' not in html and "<b>" not in html and html.count("<a ") == 1
    without = MessageView(id="m", seq=2, rev=2, author="ai", text="Hello.", created_at=0)
    assert letter.parts(*letter.said(without))[0].endswith("> Hello.\n")


def test_what_opens_a_thread_at_a_desk_names_the_sources_of_answers(store: Any) -> None:
    store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now()))
    lease.start("test")
    got = receive([Inbound(channel="test", key="k1", external_id="anna", place="room", text="How long?")])[0]
    assert isinstance(got, Receipt)
    begun = store.write(lambda: turns.begin(got.conversation_id))
    store.write(lambda: turns.end(begun, Answer(text="30 days [1][2].", sources=(RETURNS, TERMS)), Account()))
    lines = store.read(lambda: desk_messages.transcript(got.conversation_id))
    assert [line.text for line in lines] == [
        "How long?",
        "30 days [1][2].\n[1] Returns: How to return (updated 2026-03-01) https://shop.example/returns#how\n[2] Terms [§1]",
    ]
