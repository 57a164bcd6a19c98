"""What holds for every file: size, absence, the process that reads it, odd characters; and Markdown."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from bot import (
    SourceRefused,
    accounts,
    find_source,
    import_source,
    list_articles,
)
from plugins.knowledge.frontmatter import parse
from plugins.sources import _reader
from plugins.sources._reader import Reading, Unreadable

from .conftest import add, answers, look, pdf, problem


def test_a_file_that_is_too_large_or_no_file_is_refused_at_once(tmp_path: Path) -> None:
    big = tmp_path / "big.csv"
    with big.open("wb") as file:
        file.truncate(21_000_000)
    for path, match in (
        (big, "at most 20 MB are read. Split it"), (tmp_path / "none.pdf", "No such file"),
        (tmp_path / "pipe.csv", "not a file"),
    ):  # fmt: skip
        if path.name == "pipe.csv":
            os.mkfifo(path)
        with pytest.raises(SourceRefused, match=match):
            add(path)


def test_a_file_that_went_away_leaves_its_articles(tmp_path: Path) -> None:
    path = tmp_path / "faq.csv"
    path.write_text("question,answer\nA?,1\n")
    view = add(path)
    import_source(view.id)
    path.rename(tmp_path / "elsewhere.csv")
    after = import_source(view.id)
    assert (after.state, len(list_articles())) == ("failed", 1)
    assert "Put it back or remove the source" in after.error
    path.write_text("broken")
    after = import_source(view.id)
    assert (after.report.failed, len(list_articles())) == (1, 1)


def test_a_reader_that_takes_too_long_is_ended_and_the_next_file_gets_another(tmp_path: Path) -> None:
    slow = tmp_path / "slow.html"
    slow.write_bytes(b"<div>" * 200_000 + b"x")
    with Reading() as reading:
        with pytest.raises(Unreadable, match="could not be read within 0 seconds"):
            list(reading.ask("html", slow, 0.01, url="https://x.example/"))
        found = reading.one("html", b"<h1>A</h1><p>Good text here.</p>", url="https://x.example/")
    assert found["title"] == "A"


def test_who_takes_long_to_store_what_was_read_does_not_use_up_the_readers_time(tmp_path: Path) -> None:
    path = tmp_path / "faq.csv"
    path.write_text("question,answer\n" + "".join(f"Number {n}?,{'x' * 200}\n" for n in range(5_000)))
    rows = 0
    with Reading() as reading:
        for _row in reading.ask("rows", path, 8.0, name=path.name):
            rows += 1
            if rows % 500 == 0:
                time.sleep(1.0)
    assert rows == 5_000


def test_the_reading_process_knows_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("DESKHAND_KEY", "secret")
    assert not [name for name in _reader._environment() if "KEY" in name or name.startswith("DESKHAND")]
    assert set(_reader._environment()["PYTHONPATH"].split(os.pathsep)) <= set(sys.path)


def test_a_markdown_folder_can_be_added(tmp_path: Path) -> None:
    folder = tmp_path / "help"
    folder.mkdir()
    (folder / "bees.md").write_text("---\ntitle: Bees\nlanguage: en\n---\n\nBees like heather.")
    (folder / "draft.md").write_text("---\ndraft: true\n---\nNot yet.")
    (folder / "bad.md").write_bytes(b"\xff\xfe")
    (folder / "bomb.md").write_text("---\na: &a [x]\nb: [*a, *a]\n---\nText.")
    view = add(folder)
    after = import_source(view.id)
    assert (after.articles, after.report.failed) == (1, 2)
    assert {p.split(" was")[0] for p in after.report.problems} == {"bad.md", "bomb.md"}
    (folder / "bees.md").unlink()
    (folder / "wasps.md").write_text("# Wasps\n\nWasps like plums.")
    after = import_source(view.id)
    assert ([article.title for article in list_articles()], after.report.removed) == (["Wasps"], 1)
    os.rename(folder, tmp_path / "away")
    after = import_source(view.id)
    assert (after.state, len(list_articles())) == ("failed", 1)


def test_one_markdown_file_can_be_added(tmp_path: Path) -> None:
    path = tmp_path / "bees.md"
    path.write_text("# Bees\n\nBees like heather.")
    (tmp_path / "other.md").write_text("# Other\n\nNot asked for.")
    assert look(path).articles == 1
    assert find_source(str(path)).kind == "markdown"
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceRefused, match="no file in it ends in"):
        add(tmp_path / "empty")


def test_odd_characters_of_a_file_stop_no_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = tmp_path / "no-header.csv"
    head.write_bytes(b"one\x00,two\nthree,four\n")
    assert "Its first row is: one, two" in problem(head)  # PostgreSQL refuses a text with a NUL in it
    odd = {"title": "Half \ud83d of it", "body": "Three\x00 days\ud83d.", "updated": "", "pages": 1}
    monkeypatch.setattr(Reading, "one", lambda *_a, **_k: odd)  # some PDFs have such texts
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf("Text."))
    assert look(path).state == "done"
    assert answers() == {"Half of it": "Three days."}


def test_a_row_for_a_site_that_is_made_later_is_read_then(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("question,answer,sites\nHow long?,Three days.,\nHow much?,Five euro.,later\n")
    view = add(path)
    assert "the site later, which does not exist" in import_source(view.id).report.problems[0]
    assert "the site later" in import_source(view.id).report.problems[0]  # said as long as it is so
    accounts.add_site("Later", key="later", origins=["https://later.example"])
    after = import_source(view.id)
    assert (sorted(answers()), after.report.added, after.report.problems) == (["How long?", "How much?"], 1, ())
    assert import_source(view.id).report.unchanged == 2


def test_a_heading_of_a_megabyte_is_read_at_once() -> None:
    began = time.process_time()
    for line in ("# " + "#" * 900_000 + "x", "# " + "[" * 900_000 + "x", "#" + " " * 900_000):
        assert len(parse(f"{line}\n\nText.".encode(), "name").title) <= 300
    assert parse(b"# Returns of *gifts* ##\n\nText.", "name").title == "Returns of gifts"
    assert parse(b"# C#\n\nText.", "name").title == "C"
    assert time.process_time() - began < 5
