"""The worker's part: what is due is put down once, a long look gives way, and what cannot be read says why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import (
    SourceOrder,
    SourceView,
    add_source,
    find_source,
    findings,
    importing,
    kinds_of_source,
    list_articles,
    remove_source,
)
from bot.clock import now
from bot.jobs import Again
from bot.plugins import forget_plugins, load_plugins
from bot.store import Job, KnowledgeSource, read, write


@pytest.fixture
def source(store: Any, tmp_path: Path) -> Iterator[SourceView]:
    load_plugins("worker")
    folder = tmp_path / "help"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.md").write_text(f"# Article {number}\n\nIt is about number {number}.")
    order = kinds_of_source()["markdown"].check(SourceOrder(address=str(folder)))
    yield add_source("markdown", order, by="cli:ann", every=600.0)
    forget_plugins()


def jobs() -> list[tuple[str, str]]:
    return read(lambda: [(row.ref, row.state) for row in Job.select().where(Job.kind == importing.KIND)])


def due(source: SourceView) -> None:
    write(KnowledgeSource.update(next_at=now() - 1).where(KnowledgeSource.id == source.id).execute)


def test_what_is_due_is_put_down_once_and_read_when_its_time_has_come(source: SourceView) -> None:
    importing.start_due_sources()
    importing.start_due_sources()
    assert jobs() == [(source.id, "queued")]
    importing.import_in_background(source.id)
    after = find_source(source.id)
    assert (after.state, after.articles, after.run) == ("done", 5, 1)
    assert after.next_at is not None
    assert 590 < after.next_at - now() < 610
    importing.import_in_background(source.id)  # a second wake finds nothing to do
    assert find_source(source.id).run == 1
    write(Job.delete().execute)
    importing.start_due_sources()
    assert jobs() == []
    due(source)
    importing.start_due_sources()
    importing.import_in_background(source.id)
    assert (find_source(source.id).run, find_source(source.id).report.unchanged) == (2, 5)


def test_a_long_look_gives_way_to_other_work_and_goes_on(source: SourceView, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "SLICE", 0.0)
    with pytest.raises(Again, match="0 of 5 read"):
        importing.import_in_background(source.id)
    assert find_source(source.id).state == "running"
    write(Job.delete().execute)
    importing.start_due_sources()  # a look that was begun is due until it has ended
    assert jobs() == [(source.id, "queued")]
    monkeypatch.setattr(importing, "SLICE", 60.0)
    importing.import_in_background(source.id)
    assert (find_source(source.id).state, len(list_articles())) == ("done", 5)


def test_a_source_whose_plugin_is_off_says_so_and_is_tried_again(
    source: SourceView, monkeypatch: pytest.MonkeyPatch
) -> None:
    importing.import_in_background(source.id)
    due(source)
    monkeypatch.setattr(importing, "kinds_of_source", dict)
    importing.import_in_background(source.id)
    after = find_source(source.id)
    assert (after.state, after.articles) == ("failed", 5)
    assert after.error == "No plugin that is on reads sources of the kind markdown."
    assert after.next_at is not None
    (told,) = findings.knowledge()
    assert after.error in told.text and told.fix == f"Look again: deskhand knowledge sync {source.id}"
    monkeypatch.undo()
    due(source)
    importing.import_in_background(source.id)
    assert find_source(source.id).state == "done"


def test_a_source_that_was_removed_meanwhile_is_no_error(source: SourceView) -> None:
    importing.start_due_sources()
    remove_source(source.id, by="cli:ann")
    importing.import_in_background(source.id)
    assert list_articles() == []


def test_a_source_that_raises_is_named_for_each_place(source: SourceView, monkeypatch: pytest.MonkeyPatch) -> None:
    from plugins.knowledge.markdown_source import MarkdownReader

    real = MarkdownReader.read

    def breaks(self: Any, place: Any, note: Any) -> Any:
        if place.path == "3.md":
            raise RuntimeError("a fault of the plugin")
        return real(self, place, note)

    monkeypatch.setattr(MarkdownReader, "read", breaks)
    importing.import_in_background(source.id)
    after = find_source(source.id)
    assert (after.state, after.articles, after.report.failed) == ("done", 4, 1)
    assert after.report.problems == ("3.md was left out: it could not be read (RuntimeError).",)


def test_an_article_for_a_site_that_does_not_exist_is_left_out(source: SourceView) -> None:
    path = Path(source.address) / "nowhere.md"
    path.write_text("---\nsites: [nowhere]\n---\nText.")
    importing.import_in_background(source.id)
    after = find_source(source.id)
    assert (after.articles, after.report.left_out) == (5, 1)
    assert "it is for the site nowhere, which does not exist" in after.report.problems[0]
