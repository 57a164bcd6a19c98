"""Articles are stored with a version that an index can follow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.articles import (
    article_sources,
    changed_articles,
    knowledge_version,
    list_articles,
    passages_of,
    retire_articles,
    save_articles,
)
from bot.knowledge import ArticleText, Piece

pytestmark = pytest.mark.usefixtures("store")

TEA = ArticleText(
    source="test", path="tea.md", title="Tea", body="…", language="en", checksum="1",
    pieces=(Piece(text="Hot."), Piece(text="Hot.", heading="How"), Piece(text="Hot.", heading="How")),
)  # fmt: skip


def test_every_change_moves_the_version_and_remembers_the_ones_before() -> None:
    assert knowledge_version().number == 0
    (tea,) = save_articles([TEA])
    first = knowledge_version()
    save_articles([replace(TEA, path="milk.md")])
    second = knowledge_version()
    assert (first.number, second.number) == (1, 2)
    assert first.tag != second.tag
    assert second.recent[0] == (1, first.tag)
    assert changed_articles(1) == [article.id for article in list_articles() if article.path == "milk.md"]
    assert len(changed_articles(0)) == 2
    assert retire_articles([tea]) == 1
    assert changed_articles(2) == [tea]
    assert len(changed_articles(0)) == 1
    assert retire_articles([tea, "nobody"]) == 0
    assert retire_articles([]) == 0
    assert article_sources() == {"test": 1}


def test_passage_ids_stay_while_heading_and_text_stay() -> None:
    (tea,) = save_articles([TEA])
    before = [stored.passage.id for stored in passages_of([tea])]
    assert len(set(before)) == 3
    changed = replace(
        TEA, title="Green tea", pieces=(*TEA.pieces[:1], Piece(text="hot. ", heading="How"), Piece(text="New."))
    )
    assert save_articles([changed]) == [tea]
    after = [stored.passage.id for stored in passages_of([tea])]
    assert after[:2] == before[:2]
    assert after[2] not in before
    assert passages_of([tea])[0].passage.title == "Green tea"


def test_a_retired_article_keeps_its_row_and_loses_its_passages() -> None:
    (tea,) = save_articles([TEA])
    retire_articles([tea])
    assert list_articles() == []
    (gone,) = list_articles(gone=True)
    assert (gone.id, gone.state) == (tea, "gone")
    assert passages_of([tea]) == []


def test_a_moved_article_keeps_its_id_and_may_take_a_retired_ones_place() -> None:
    tea, milk = save_articles([TEA, replace(TEA, path="milk.md")])
    retire_articles([tea])
    assert save_articles([replace(TEA, id=milk)]) == [milk]
    assert [(view.id, view.path) for view in list_articles(gone=True)] == [(milk, "tea.md")]
    (new,) = save_articles([replace(TEA, path="milk.md")])
    assert new != milk


def test_a_transaction_is_all_or_nothing() -> None:
    bad: Any = replace(TEA, path="bad.md", title=None)  # type: ignore[arg-type]
    with pytest.raises(Exception, match=r"title"):
        save_articles([TEA, bad])
    assert list_articles() == []
    assert knowledge_version().number == 0


def test_writers_at_the_same_time_get_versions_of_their_own() -> None:
    import threading

    threads = [
        threading.Thread(target=lambda number=number: save_articles([replace(TEA, path=f"{number}.md")]))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert knowledge_version().number == 8
    assert sorted(view.version for view in list_articles()) == list(range(1, 9))
