"""The index of a host: derived, scoped, swapped whole, made by one process at a time."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bot import Question, knowledge_version
from plugins.knowledge import index as index_module
from plugins.knowledge.index import Index
from plugins.knowledge.search import search
from tests.knowledge.conftest import Shelf
from tests.patience import patient


def files(index: Index) -> list[str]:
    return sorted(path.name for path in index.folder.glob("*.sqlite3"))


def test_a_site_sees_its_own_and_everybodys_articles_only(shelf: Shelf, make_site: Callable[[str], str]) -> None:
    one, two = make_site("one"), make_site("two")
    shelf.write("one.md", "---\nsites: [one]\n---\n# Plums\n\nThe secret price of plums is seven.")
    shelf.write("all.md", "# Pears\n\nThe price of pears is eight.")
    shelf.sync()
    assert shelf.titles("secret price of plums", one)[0] == "Plums"
    for stranger in (two, "", "nobody", "0", "' OR 1=1"):
        assert shelf.titles("secret price of plums", stranger) in ([], ["Pears"])
        assert not shelf.ask("the secret of plums", stranger).answerable
    assert shelf.titles("pears", two) == ["Pears"]


def test_another_sites_articles_do_not_move_a_score(shelf: Shelf, make_site: Callable[[str], str]) -> None:
    one = make_site("one")
    make_site("two")
    shelf.write("a.md", "---\nsites: [one]\n---\n# Plums\n\nPlums are blue. Plums are sweet.")
    shelf.write("b.md", "# Pears\n\nPears are green, not blue.")
    shelf.sync()
    before = shelf.ask("blue plums", one)
    for number in range(30):
        shelf.write(f"two/{number}.md", f"---\nsites: [two]\n---\n# Blue plums {number}\n\nBlue plums and blue plums.")
    shelf.sync()
    after = shelf.ask("blue plums", one)
    assert [(passage.id, passage.score) for passage in after.passages] == [
        (passage.id, passage.score) for passage in before.passages
    ]


def test_catching_up_gives_the_same_as_making_it_anew(shelf: Shelf, tmp_path: Path) -> None:
    for number in range(12):
        shelf.write(f"{number}.md", f"# Article {number}\n\nBees, heather and number{number}.\n\n## More\n\nHoney.")
    shelf.sync()
    shelf.write("3.md", "# Article three\n\nWasps and plums and heather.", age=30)
    (shelf.root / "5.md").unlink()
    shelf.write("new.md", "# New\n\nClover, heather and honey.")
    shelf.sync()
    anew = Index(tmp_path / "anew")
    anew.refresh()

    def facts(index: Index) -> tuple[list[object], ...]:
        file = index.current()
        assert file is not None
        with file.connection() as db:
            terms = db.execute("SELECT * FROM term ORDER BY scope, word").fetchall()
            meta = db.execute("SELECT * FROM meta ORDER BY key").fetchall()
            passages = db.execute("SELECT id, title, text, body_words FROM passage ORDER BY id").fetchall()
        return terms, meta, passages

    assert facts(shelf.index) == facts(anew)
    for text in ("heather", "wasps plums", "number5", "honey clover", "article"):
        for index in (shelf.index, anew):
            assert {p.id: p.score for p in search(index, Question(site="", text=text, limit=50)).passages} == {
                p.id: p.score for p in search(anew, Question(site="", text=text, limit=50)).passages
            }


def test_an_index_of_another_history_is_made_anew(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a restored backup the same number may stand for other articles."""
    from bot.articles import VERSION_KEY
    from bot.store import Setting, write

    shelf.write("a.md", "# Plums\n\nBlue.")
    shelf.sync()
    number = knowledge_version().number
    other = {"number": number, "tag": "0123456789ab", "recent": []}
    write(lambda: Setting.update(value=other).where(Setting.key == VERSION_KEY).execute())
    bases = []
    real = index_module.build
    monkeypatch.setattr(
        index_module, "build", lambda target, version, *base: (bases.append(base), real(target, version, *base))
    )
    assert shelf.index.refresh()
    assert bases == [()]
    assert (file := shelf.index.current())
    assert file.tag == "0123456789ab"
    assert shelf.titles("blue") == ["Plums"]


def test_a_search_sees_a_change_shortly_after_without_waiting_for_the_build(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.write("a.md", "# Plums\n\nBlue.")
    shelf.sync()
    monkeypatch.setattr(index_module, "ASK_EVERY", 0.0)
    monkeypatch.setattr(index_module, "LOOK_EVERY", 0.0)
    real = index_module.build
    building = threading.Event()
    go_on = threading.Event()

    def slow(*arguments: object) -> None:
        building.set()
        assert go_on.wait(patient(10))
        real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(index_module, "build", slow)
    shelf.write("b.md", "# Pears\n\nGreen.")
    shelf.folder.sync()
    shelf.ask("green")
    assert building.wait(patient(5))
    began = time.monotonic()
    assert shelf.titles("blue") == ["Plums"]
    assert shelf.titles("green") == []
    assert time.monotonic() - began < patient(1)
    go_on.set()
    deadline = time.monotonic() + patient(5)
    while shelf.titles("green") != ["Pears"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_first_search_of_a_host_makes_the_index(shelf: Shelf) -> None:
    shelf.write("a.md", "# Plums\n\nBlue.")
    shelf.folder.sync()
    assert shelf.titles("blue") == ["Plums"]


def test_an_empty_knowledge_base_finds_nothing(shelf: Shelf) -> None:
    found = shelf.ask("blue plums")
    assert (found.passages, found.answerable) == ((), False)


def test_a_damaged_file_is_replaced(shelf: Shelf) -> None:
    shelf.write("a.md", "# Plums\n\nBlue.")
    shelf.sync()
    (name,) = files(shelf.index)
    (shelf.index.folder / name).write_bytes(b"not a database" * 100)
    fresh = Index(shelf.index.folder)
    assert [p.title for p in search(fresh, Question(site="", text="blue")).passages] == ["Plums"]


def test_a_file_cut_in_its_middle_is_replaced(shelf: Shelf) -> None:
    for number in range(200):
        shelf.write(f"{number}.md", f"# Plums {number}\n\nBlue and sweet and number{number}. " + f"word{number} " * 150)
    shelf.sync()
    (name,) = files(shelf.index)
    path = shelf.index.folder / name
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 4 // 4096 * 4096])
    fresh = Index(shelf.index.folder)
    deadline = time.monotonic() + patient(10)
    while not search(fresh, Question(site="", text="blue number77")).answerable:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_a_killed_builder_left_is_removed(shelf: Shelf) -> None:
    shelf.index.folder.mkdir()
    (shelf.index.folder / "building-1.sqlite3").write_bytes(b"half")
    shelf.write("a.md", "# Plums\n\nBlue.")
    shelf.sync()
    assert [name for name in files(shelf.index) if name.startswith("building")] == []


def test_a_reader_goes_on_with_the_file_it_has_while_newer_ones_come(shelf: Shelf) -> None:
    shelf.write("a.md", "# Plums\n\nBlue.")
    shelf.sync()
    old = shelf.index.current()
    assert old is not None
    with old.connection() as db:
        for number in range(4):
            shelf.write(f"{number}.md", f"# Pears {number}\n\nGreen.")
            shelf.sync()
        assert db.execute("SELECT count(*) FROM passage").fetchone() == (1,)
    assert len(files(shelf.index)) <= 2
    assert len(shelf.titles("green")) == 4


def test_a_search_whose_file_was_removed_under_it_uses_the_next(shelf: Shelf) -> None:
    shelf.write("a.md", "# Plums\n\nBlue.")
    shelf.sync()
    reader = Index(shelf.index.folder)
    assert search(reader, Question(site="", text="blue")).passages
    stale = reader.current()
    assert stale is not None
    stale.close()
    for number in range(3):
        shelf.write(f"{number}.md", f"# Pears {number}\n\nGreen.")
        shelf.sync()
    assert not stale.path.exists()
    time.sleep(index_module.LOOK_EVERY)
    assert search(reader, Question(site="", text="blue")).passages


def test_many_threads_search_at_once_while_it_changes(shelf: Shelf) -> None:
    for number in range(30):
        shelf.write(f"{number}.md", f"# Plums {number}\n\nBlue number{number}.")
    shelf.sync()
    failures: list[object] = []
    stop = threading.Event()

    def ask(seed: int) -> None:
        while not stop.is_set():
            number = seed = (seed * 7 + 3) % 30
            try:
                if shelf.titles(f"number{number}")[:1] != [f"Plums {number}"]:
                    failures.append(number)
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(12)]
    for thread in threads:
        thread.start()
    for number in range(6):
        shelf.write(f"new{number}.md", f"# Pears\n\nGreen {number}.")
        shelf.sync()
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []


def _build_in_a_process(url: str, folder: str, gate: object) -> None:
    from bot import store

    store.open_database(url)
    gate.wait()  # type: ignore[attr-defined]
    Index(Path(folder)).refresh()
    store.close_database()


def test_several_processes_make_one_index(shelf: Shelf, database_url: str) -> None:
    for number in range(40):
        shelf.write(f"{number}.md", f"# Plums {number}\n\nBlue number{number}.")
    shelf.folder.sync()
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(3)
    builders = [
        context.Process(target=_build_in_a_process, args=(database_url, str(shelf.index.folder), gate))
        for _ in range(3)
    ]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join(patient(30))
    assert [builder.exitcode for builder in builders] == [0, 0, 0]
    assert len(files(shelf.index)) == 1
    assert shelf.titles("number17") == ["Plums 17"]


def test_a_builder_elsewhere_is_not_waited_for_by_a_search(shelf: Shelf) -> None:
    shelf.write("a.md", "# Plums\n\nBlue.")
    shelf.sync()
    shelf.write("b.md", "# Pears\n\nGreen.")
    shelf.folder.sync()
    lock = os.open(shelf.index.folder / "build.lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        began = time.monotonic()
        shelf.index.refresh(wait=False)
        assert shelf.titles("blue") == ["Plums"]
        assert time.monotonic() - began < patient(1)
    finally:
        os.close(lock)
    assert shelf.index.refresh()
    assert shelf.titles("green") == ["Pears"]


def test_a_failed_build_keeps_the_present_index(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.write("a.md", "# Plums\n\nBlue.")
    shelf.sync()

    def full(target: Path, *_: object) -> None:
        target.write_bytes(b"half")
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(index_module, "build", full)
    shelf.write("b.md", "# Pears\n\nGreen.")
    shelf.folder.sync()
    with pytest.raises(sqlite3.OperationalError):
        shelf.index.refresh()
    assert [name for name in files(shelf.index) if name.startswith("building")] == []
    assert shelf.titles("blue") == ["Plums"]
