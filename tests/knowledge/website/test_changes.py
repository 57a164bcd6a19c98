"""What changes and vanishes on a website, when an article follows it, and when it stays."""

from __future__ import annotations

import gzip

import pytest

from bot import (
    SourceRefused,
    approve_article,
    article_text,
    edit_article,
    find_source,
    list_articles,
    list_drafts,
    list_sources,
    remove_source,
)
from bot.store import SourcePlace, read
from plugins.sources import website as website_module
from tests.fakes.website import Website, sitemap

from .conftest import LONG, add, look, titles


def test_an_unchanged_page_costs_one_request_and_no_reading(site: Website, monkeypatch: pytest.MonkeyPatch) -> None:
    site.article("/", "Start", LONG, links=("/a", "/b"))
    site.article("/a", "A", f"A. {LONG}")
    site.page("/b", f"<h1>B</h1><p>B. {LONG}</p>", etag=False)  # a server without marks: the bytes tell
    view = add(site, "/", depth=1)
    look(view)
    versions = [(article.id, article.version) for article in list_articles()]
    site.forget()
    read_with: list[str] = []
    real = website_module.Reading.ask
    monkeypatch.setattr(website_module.Reading, "ask", lambda *a, **k: (read_with.append("x"), real(*a, **k))[1])
    after = look(view)
    assert site.asked() == {"/robots.txt": 1, "/": 1, "/a": 1, "/b": 1}
    assert sum(1 for entry in site.visits.log if entry.get("unchanged")) == 2
    assert (read_with, after.report.unchanged, after.report.changed) == ([], 3, 0)
    assert [(article.id, article.version) for article in list_articles()] == versions


def test_a_changed_page_is_changed(site: Website) -> None:
    site.article("/", "Start", "Shipping is free and takes two working days in all of Europe.")
    view = add(site)
    look(view)
    site.article("/", "Start", "Shipping costs five euro and takes two working days in all of Europe.")
    after = look(view)
    (article,) = list_articles()
    assert (after.report.changed, after.report.added) == (1, 0)
    assert "five euro" in article_text(article.id)


def test_a_page_that_answers_404_leaves_at_once(site: Website) -> None:
    site.article("/", "Start", LONG, links=("/a",))
    site.article("/a", "A", f"A. {LONG}")
    view = add(site, "/", depth=1)
    look(view)
    del site.pages["/a"]
    after = look(view)
    assert (titles(), after.report.removed) == (["Start"], 1)


def test_a_page_that_nobody_links_to_leaves_after_two_looks_and_comes_back(site: Website) -> None:
    site.article("/", "Start", LONG, links=("/a",))
    site.article("/a", "A", f"A. {LONG}")
    view = add(site, "/", depth=1)
    look(view)
    (before,) = [article.id for article in list_articles() if article.title == "A"]
    site.article("/", "Start", LONG)
    assert look(view).report.removed == 0
    assert titles() == ["A", "Start"]
    assert look(view).report.removed == 1
    assert titles() == ["Start"]
    site.article("/", "Start", LONG, links=("/a",))
    look(view)
    assert [article.id for article in list_articles() if article.title == "A"] == [before]


def test_a_site_that_is_down_loses_nothing(site: Website) -> None:
    site.article("/", "Start", LONG, links=("/a",))
    site.article("/a", "A", f"A. {LONG}")
    view = add(site, "/", depth=1)
    look(view)
    site.down()
    for _ in range(3):
        after = look(view)
    site.up()
    assert (titles(), after.report.removed) == (["A", "Start"], 0)
    assert after.report.failed >= 1
    site.page("/", status=500)
    for _ in range(3):
        look(view)
    assert titles() == ["A", "Start"]


def test_a_page_that_was_good_before_stays_while_it_is_bad(site: Website) -> None:
    site.article("/", "Start", LONG)
    view = add(site)
    look(view)
    for bad in (b"<script>x</script>", b"<p>" + b"x" * 6_000_000):
        site.page("/", bad)
        assert look(view).report.failed == 1
        assert titles() == ["Start"]


def test_a_broken_sitemap_changes_nothing(site: Website) -> None:
    site.page("/sitemap.xml", sitemap((site.url("/a"), "")), type="text/xml")
    site.article("/a", "A", LONG)
    site.article("/", "Home", LONG)
    view = add(site, "/", sitemap=True)
    look(view)
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><urlset><url><loc>&b;</loc></url></urlset>'
    for bad in (bomb, "<urlset><url>", "nothing", gzip.compress(bytes(60_000_000))):
        site.page("/sitemap.xml", bad, type="text/xml")
        after = look(view)
        assert (after.state, titles()) == ("failed", ["A"])
        assert "Its articles stay as they were" in after.error


def test_a_crawl_never_overwrites_a_reviewed_page_silently(site: Website) -> None:
    site.article("/", "Start", "Returns are possible within thirty days after the parcel has arrived.")
    view = add(site)
    look(view)
    (article,) = list_articles()
    edit_article(article.id, by="cli:ann", body="Returns are possible within sixty days.")
    site.article("/", "Start", "Returns are possible within fourteen days after the parcel has arrived.")
    after = look(view)
    assert (after.report.drafts, article_text(article.id)) == (1, "Returns are possible within sixty days.")
    assert look(view).report.drafts == 0  # what waits already is not brought again
    (draft,) = list_drafts()
    assert "fourteen" in draft.body
    approve_article(draft.id, by="cli:ann")
    assert "fourteen" in article_text(article.id)


def test_a_removed_source_takes_its_articles_along(site: Website) -> None:
    site.article("/", "Start", LONG)
    view = add(site)
    look(view)
    assert remove_source(view.id, by="cli:ann") == 1
    assert (titles(), list_sources(), read(lambda: SourcePlace.select().count())) == ([], [], 0)
    with pytest.raises(SourceRefused, match="no source"):
        find_source(view.id)


def test_a_site_that_sends_everybody_to_its_maintenance_page_for_an_hour_has_lost_nothing(site: Website) -> None:
    site.article("/", "Start", LONG, links=("/a", "/b"))
    for name in ("a", "b"):
        site.article(f"/{name}", name.upper(), f"{name}. {LONG}")
    view = add(site, "/", depth=1)
    look(view)
    before = dict(site.pages)
    site.article("/sorry", "Sorry", "We are back in an hour, please have a little patience with us.")
    for path in ("/", "/a", "/b"):
        site.redirect(path, "/sorry", 302)
    after = look(view)
    assert (titles(), after.report.removed) == (["A", "B", "Sorry", "Start"], 0)
    site.pages = before
    look(view)
    look(view)
    assert titles() == ["A", "B", "Start"]
    site.article("/c", "C", f"c. {LONG}")
    site.redirect("/a", "/c", 301)  # for good
    look(view)
    assert titles() == ["B", "C", "Start"]


def test_a_robots_txt_that_was_put_there_by_mistake_empties_nothing_in_one_look(site: Website) -> None:
    site.article("/", "Start", LONG, links=("/a",))
    site.article("/a", "A", f"A. {LONG}")
    view = add(site, "/", depth=1)
    look(view)
    site.page("/robots.txt", "User-agent: *\nDisallow: /\n", type="text/plain")
    after = look(view)
    assert (titles(), after.report.removed) == (["A", "Start"], 0)
    assert any("robots.txt" in problem for problem in after.report.problems)
    look(view)
    assert titles() == []  # it is meant
    del site.pages["/robots.txt"]
    look(view)
    assert titles() == ["A", "Start"]


def test_an_empty_sitemap_takes_nothing_away(site: Website) -> None:
    site.page("/sitemap.xml", sitemap((site.url("/a"), "")), type="text/xml")
    site.article("/a", "A", LONG)
    site.article("/", "Home", LONG)
    view = add(site, "/", sitemap=True)
    look(view)
    for empty in (sitemap(), "<html><body>Our new shop</body></html>"):
        site.page("/sitemap.xml", empty, type="text/xml")
        for _ in range(2):
            after = look(view)
            assert (after.state, titles()) == ("failed", ["A"])
            assert "names no page" in after.error
