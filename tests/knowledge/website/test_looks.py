"""Looks that are cut off, shared by processes, or overtaken by the removal of their source."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from bot import (
    find_source,
    import_in_background,
    import_source,
    list_sources,
    remove_source,
)
from bot.store import SourcePlace, read, write
from plugins.sources import website as website_module
from tests.fakes.website import Website

from .conftest import LONG, add, titles


def test_a_look_that_was_cut_off_goes_on_where_it_stood(site: Website) -> None:
    site.article("/", "Start", LONG, links=tuple(f"/{number}" for number in range(12)))
    for number in range(12):
        site.article(f"/{number}", f"Page {number}", f"{LONG} {number}")
    view = add(site, "/", depth=1)
    seen = 0
    while (after := import_source(view.id, seconds=0.05)).state == "running":
        assert after.done > seen or seen == 0
        seen = after.done
    assert (after.done, after.articles) == (13, 13)
    assert max(count for path, count in site.asked().items() if path != "/robots.txt") == 1


def test_a_page_whose_reader_died_is_read_by_another_and_given_up_the_second_time(site: Website) -> None:
    site.article("/", "Start", LONG)
    view = add(site)
    import_source(view.id, seconds=0.0)
    for error in ("", "the process that read it died"):
        change = SourcePlace.update(state="reading", looked_at=time.time() - 1_000, error=error)
        write(change.execute)
        after = import_source(view.id, seconds=5.0)
        if not error:
            assert titles() == ["Start"]
            view = find_source(view.id)
            from bot import sources

            sources.begin(view.id)
            write(SourcePlace.update(run=view.run + 1).execute)
    assert after.state == "done"
    assert [row.state for row in read(lambda: list(SourcePlace.select()))] == ["failed"]
    assert titles() == ["Start"]


def test_two_processes_share_one_look(site: Website) -> None:
    import threading

    site.article("/", "Start", LONG, links=tuple(f"/{number}" for number in range(30)))
    for number in range(30):
        site.article(f"/{number}", f"Page {number}", f"{LONG} {number}")
    view = add(site, "/", depth=1)
    import_source(view.id, seconds=0.3)
    threads = [threading.Thread(target=import_source, args=(view.id,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = find_source(view.id)
    assert (after.articles, after.report.added, after.done) == (31, 31, 31)
    assert max(count for path, count in site.asked().items() if path != "/robots.txt") == 1


def test_what_is_read_while_its_source_is_removed_is_not_stored(site: Website, monkeypatch: pytest.MonkeyPatch) -> None:
    site.article("/", "Start", LONG, links=("/a",))
    site.article("/a", "A", f"A. {LONG}")
    view = add(site, "/", depth=1)
    real = website_module.WebsiteReader.read

    def read_and_remove(self: Any, place: Any, note: Any) -> Iterator[Any]:
        yield from real(self, place, note)
        if place.path.endswith("/a"):
            remove_source(view.id, by="cli:ann")  # another process's command, at the worst moment

    monkeypatch.setattr(website_module.WebsiteReader, "read", read_and_remove)
    import_in_background(view.id)  # an ordinary end of the job
    assert (titles(), list_sources()) == ([], [])
