"""A folder of Markdown files and the stored articles are kept alike."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bot import knowledge_version, list_articles, passages_of
from plugins.knowledge import folder as folder_module
from plugins.knowledge.scan import FolderMissing
from tests.knowledge.conftest import Shelf

GOOD = (
    "---\ntitle: Bees\nlanguage: en\nurl: https://shop.example/bees\nupdated: 2026-02-03\n---\n\nBees like heather.\n"
)


def test_a_file_becomes_an_article_with_its_front_matter(shelf: Shelf) -> None:
    shelf.write("animals/bees.md", GOOD)
    assert shelf.sync().added == 1
    (view,) = list_articles()
    assert (view.title, view.language, view.url, view.updated, view.slug, view.path, view.site) == (
        "Bees", "en", "https://shop.example/bees", "2026-02-03", "bees", "animals/bees.md", "",
    )  # fmt: skip
    found = shelf.ask("do bees like heather?")
    assert found.answerable
    assert found.passages[0].url == "https://shop.example/bees"
    assert found.passages[0].updated == "2026-02-03"
    assert found.version == knowledge_version().number


def test_changes_renames_and_removals_follow(shelf: Shelf) -> None:
    shelf.write("bees.md", GOOD)
    shelf.write("wasps.md", "# Wasps\n\nWasps like plums.")
    shelf.sync()
    ids = {stored.passage.id for stored in passages_of([view.id for view in list_articles()])}

    shelf.write("wasps.md", "# Wasps\n\nWasps like pears.", age=50)
    assert (shelf.sync().changed, shelf.titles("plums"), shelf.titles("pears")) == (1, [], ["Wasps"])

    before = [view.id for view in list_articles() if view.title == "Bees"]
    os.rename(shelf.root / "bees.md", shelf.root / "honey.md")
    report = shelf.sync()
    assert (report.moved, report.added, report.removed) == (1, 0, 0)
    assert [view.id for view in list_articles() if view.path == "honey.md"] == before
    moved = {stored.passage.id for stored in passages_of(before)}
    assert moved
    assert moved <= ids

    (shelf.root / "honey.md").unlink()
    assert shelf.sync().removed == 1
    assert shelf.paths() == ["wasps.md"]
    assert shelf.titles("heather") == []


def test_an_article_that_comes_back_has_its_old_ids(shelf: Shelf) -> None:
    path = shelf.write("bees.md", GOOD)
    shelf.sync()
    (before,) = list_articles()
    passages = passages_of([before.id])
    path.unlink()
    shelf.sync()
    shelf.write("bees.md", GOOD)
    assert shelf.sync().added == 1
    (after,) = list_articles()
    assert after.id == before.id
    assert passages_of([after.id]) == passages


def test_a_new_file_at_the_place_of_a_moved_one_is_another_article(shelf: Shelf) -> None:
    shelf.write("bees.md", GOOD)
    shelf.sync()
    os.rename(shelf.root / "bees.md", shelf.root / "old.md")
    shelf.sync()
    shelf.write("bees.md", "# Bumblebees\n\nThey like clover.")
    assert shelf.sync().added == 1
    assert sorted(view.title for view in list_articles()) == ["Bees", "Bumblebees"]
    assert len({view.id for view in list_articles()}) == 2


def test_nothing_is_written_when_nothing_changed(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.write("bees.md", GOOD)
    shelf.sync()
    version = knowledge_version()
    assert (shelf.folder.sync().unchanged, knowledge_version()) == (1, version)

    def read(*_: object) -> bytes:
        raise AssertionError("a file was read although its time and size are the same")

    monkeypatch.setattr(folder_module, "read_bytes", read)
    assert shelf.folder.sync().unchanged == 1
    shelf.write("wasps.md", "# Wasps\n\nNew.")
    monkeypatch.undo()
    assert (shelf.folder.sync().unchanged, len(list_articles())) == (1, 2)


def test_a_change_within_the_clocks_grain_is_not_missed(shelf: Shelf) -> None:
    path = shelf.write("bees.md", "# Bees\n\nOne.", age=0)
    shelf.sync()
    info = path.stat()
    with path.open("r+b") as file:  # same inode, same size
        file.write(b"# Bees\n\nTwo.")
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert shelf.sync().changed == 1
    assert shelf.titles("two") == ["Bees"]


def test_broken_files_are_named_and_the_rest_is_imported(shelf: Shelf, tmp_path: Path) -> None:
    shelf.write("good.md", GOOD)
    shelf.write("latin.md", "Größe".encode("latin-1"))
    shelf.write("yaml.md", "---\ntitle: [a\n---\nText.")
    shelf.write("list.md", "---\n- a\n---\nText.")
    shelf.write("open.md", "---\ntitle: a\nText.")
    shelf.write("typed.md", "---\ntitle: {a: b}\n---\nText.")
    shelf.write("date.md", "---\nupdated: soon\n---\nText.")
    shelf.write("link.md", "---\nurl: javascript:alert(1)\n---\nText.")
    shelf.write("tag.md", "---\nlanguage: English please\n---\nText.")
    shelf.write("empty.md", "")
    shelf.write("blank.md", "---\ntitle: a\n---\n\n \n")
    shelf.write("heads.md", "# Only\n\n## Headings")
    shelf.write("big.md", b"a" * 1_000_001)
    shelf.write("nosite.md", "---\nsites: [nowhere]\n---\nText.")
    secret = tmp_path / "secret.md"
    secret.write_text("The password is heather.")
    (shelf.root / "escape.md").symlink_to(secret)
    (shelf.root / "circle.md").symlink_to(shelf.root / "circle.md")
    (shelf.root / "gone.md").symlink_to(shelf.root / "nothing.md")
    os.mkfifo(shelf.root / "pipe.md")
    (shelf.root / "folder.md").mkdir()
    report = shelf.sync()
    reasons = {problem.path: problem.reason for problem in report.problems}
    assert set(reasons) == {
        "latin.md", "yaml.md", "list.md", "open.md", "typed.md", "date.md", "link.md", "tag.md", "empty.md", "blank.md",
        "heads.md", "big.md", "nosite.md", "escape.md", "circle.md", "gone.md", "pipe.md",
    }  # fmt: skip
    assert "not UTF-8" in reasons["latin.md"]
    assert "YAML in line" in reasons["yaml.md"]
    assert "outside the folder" in reasons["escape.md"]
    assert "nowhere" in reasons["nosite.md"]
    assert "Split it" in reasons["big.md"]
    assert shelf.paths() == ["good.md"]
    assert shelf.ask("what is the password?").answerable is False
    again = shelf.sync()
    assert {problem.path for problem in again.problems} == set(reasons)


def test_a_file_that_becomes_broken_keeps_its_last_good_version(shelf: Shelf) -> None:
    shelf.write("bees.md", GOOD)
    shelf.sync()
    shelf.write("bees.md", b"\xff\xfe", age=30)
    report = shelf.sync()
    assert (len(report.problems), report.removed) == (1, 0)
    assert shelf.titles("heather") == ["Bees"]


def test_a_missing_folder_changes_nothing_and_names_the_setting(shelf: Shelf) -> None:
    shelf.write("bees.md", GOOD)
    shelf.sync()
    os.rename(shelf.root, shelf.root.with_name("elsewhere"))
    with pytest.raises(FolderMissing, match="DESKHAND_KNOWLEDGE_DIR"):
        shelf.sync()
    assert shelf.paths() == ["bees.md"]


def test_titles_come_from_the_heading_or_the_name(shelf: Shelf) -> None:
    shelf.write("a.md", "# Hot *tea*\n\nText.")
    shelf.write("how-to_wash.md", "Text.")
    shelf.write("b.md", "Setext\n======\n\nText.")
    shelf.sync()
    assert sorted(view.title for view in list_articles()) == ["Hot tea", "How to wash", "Setext"]


def test_articles_for_sites_are_stored_once_for_each(shelf: Shelf, make_site: Callable[[str], str]) -> None:
    one, two = make_site("one"), make_site("two")
    shelf.write("both.md", "---\nsites: [one, two]\n---\nShared heather.")
    shelf.write("first.md", "---\nsites: one\n---\nOnly plums.")
    shelf.sync()
    assert sorted((view.path, view.site) for view in list_articles()) == [
        ("both.md", one),
        ("both.md", two),
        ("first.md", one),
    ]
    shelf.write("both.md", "---\nsites: [two]\n---\nShared heather.", age=30)
    shelf.sync()
    assert sorted((view.path, view.site) for view in list_articles()) == [("both.md", two), ("first.md", one)]


def test_an_unknown_site_is_imported_once_it_exists(shelf: Shelf, make_site: Callable[[str], str]) -> None:
    shelf.write("a.md", "---\nsites: [later]\n---\nText.")
    assert len(shelf.sync().problems) == 1
    make_site("later")
    assert (shelf.sync().added, shelf.sync().problems) == (1, [])


def test_drafts_and_hidden_files_are_left_out(shelf: Shelf) -> None:
    shelf.write("a.md", "---\ndraft: true\n---\nText.")
    shelf.write(".hidden.md", "Text.")
    shelf.write(".git/b.md", "Text.")
    shelf.write("notes.txt", "Text.")
    assert shelf.sync().problems == []
    assert shelf.paths() == []


def test_hidden_characters_do_not_reach_the_passages(shelf: Shelf) -> None:
    shelf.write("a.md", "# Tea\n\nHot\u202e \u200btea\U000e0041\x07.\r\n")
    shelf.sync()
    assert shelf.ask("hot tea").passages[0].text == "Hot tea."


def test_three_hundred_files_are_stored(shelf: Shelf) -> None:
    for number in range(300):
        shelf.write(f"{number}.md", f"# Article {number}\n\nIt is about number{number}.")
    assert shelf.sync().added == 300
    assert len(shelf.paths()) == 300
    for number in range(300):
        (shelf.root / f"{number}.md").unlink()
    assert shelf.sync().removed == 300


def test_a_large_change_is_taken_in_pieces(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(10):
        shelf.write(f"{number}.md", f"# Article {number}\n\nIt is about number{number}.")
    shelf.write("old.md", GOOD)
    shelf.sync()
    os.rename(shelf.root / "old.md", shelf.root / "zzz.md")
    for number in range(10):
        shelf.write(f"{number}.md", f"# Article {number}\n\nNow about word{number}.", age=30)
    real = folder_module.read_bytes
    monkeypatch.setattr(folder_module, "read_bytes", lambda *a: (time.sleep(0.02), real(*a))[1])
    first = shelf.folder.sync(0.05)
    assert first.waiting > 0
    assert (first.removed, first.moved) == (0, 0)
    assert "still waiting" in str(first)
    for _ in range(20):
        report = shelf.folder.sync(0.05)
        if not report.waiting:
            break
    assert report.moved == 1
    assert len(list_articles()) == 11
    shelf.index.refresh()
    assert shelf.titles("word9") == ["Article 9"]


def test_a_file_for_agents_only_is_never_found_by_customers(shelf: Shelf) -> None:
    shelf.write("in.md", "---\nvisibility: internal\n---\n\nThe discount code is heather.")
    shelf.write("out.md", "# Plums\n\nOur plums are blue.")
    shelf.sync()
    assert {view.path: view.visibility for view in list_articles()} == {"in.md": "internal", "out.md": "public"}
    assert shelf.titles("what is the discount code?") == []
    shelf.write("in.md", "---\nvisibility: public\n---\n\nThe discount code is heather.", age=30)
    shelf.sync()
    assert shelf.titles("what is the discount code?") == ["In"]
    shelf.write("in.md", "---\nvisibility: internal\n---\n\nThe discount code is heather.", age=20)
    shelf.sync()
    assert shelf.titles("what is the discount code?") == []
