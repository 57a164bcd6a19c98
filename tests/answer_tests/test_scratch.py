"""An installation for a moment: what makes the answers is in it, nothing of people is, and the real one knows nothing of it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot import accounts, lease
from bot.answer_tests.scratch import COPIED, LEFT, ScratchError, scratch, undecided
from bot.articles import list_articles
from bot.config import config
from bot.leftovers import remove_scratch
from bot.messages import Inbound, Receipt
from bot.receive import receive
from tests.patience import patient

pytestmark = pytest.mark.once


def test_of_every_table_it_is_decided_whether_it_makes_answers() -> None:
    assert undecided() == set()
    assert set(COPIED) & set(LEFT) == set()


def _hello(store: Any) -> str:
    lease.start("turns")
    (got,) = receive([Inbound(channel="test", key="k", external_id="anna", place="p", text="my secret question")])
    lease.stop()
    assert isinstance(got, Receipt)
    return got.conversation_id


def test_it_has_the_articles_and_settings_and_nobodys_words(installation: Any, tmp_path: Path) -> None:
    _hello(installation)
    before = [view.id for view in list_articles()]
    url = config().database
    with scratch() as opened:
        assert config().database != url
        assert [view.id for view in list_articles()] == before
        assert accounts.site_by_key("demo") is not None
        raw = sqlite3.connect(opened.folder / "scratch.sqlite3")
        for table in LEFT:
            if table not in {"slot", "cursor", "audit", "job"}:  # its own
                assert raw.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
        raw.close()
        assert b"my secret question" not in (opened.folder / "scratch.sqlite3").read_bytes()
        folder = opened.folder
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()
    assert config().database == url
    assert [view.id for view in list_articles()] == before
    assert lease.owner() == ""


def test_what_is_changed_in_it_stays_in_it(installation: Any) -> None:
    with scratch() as opened:
        accounts.add_site("Another", key="another")
        opened.set_plugin("prompts", {"temperature": "0.3"})
    assert accounts.site_by_key("another") is None
    rows = installation.read(lambda: list(installation.PluginState.select()))
    assert all("temperature" not in row.settings for row in rows)


def test_it_ends_cleanly_when_its_use_fails(installation: Any, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="on purpose"), scratch():
        raise RuntimeError("on purpose")
    assert not list(tmp_path.glob("answer-tests-*"))
    assert len(list_articles()) == 3


def test_a_folder_of_articles_takes_the_place_of_the_installations(installation: Any, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "tea.md").write_text("# Tea\n\nTea is served at four.\n")
    with scratch(knowledge=folder):
        assert [view.title for view in list_articles()] == ["Tea"]
    assert len(list_articles()) == 3


def test_a_process_with_other_work_is_refused(installation: Any) -> None:
    lease.start("turns")
    with pytest.raises(ScratchError, match="process of their own"), scratch():
        pass


def test_vectors_are_copied_and_the_real_file_is_left_alone(installation: Any, tmp_path: Path) -> None:
    real = tmp_path / "index" / "vectors-0123456789abcdef.sqlite3"
    with sqlite3.connect(real) as db:
        db.execute("CREATE TABLE vector (id TEXT)")
        db.execute("INSERT INTO vector VALUES ('a')")
    db.close()
    before = real.stat()
    with scratch() as opened:
        own = opened.folder / "index" / real.name
        assert own.stat().st_ino != before.st_ino
        with sqlite3.connect(own) as copy:
            assert copy.execute("SELECT id FROM vector").fetchall() == [("a",)]
            copy.execute("INSERT INTO vector VALUES ('b')")
        copy.close()
    with sqlite3.connect(real) as db:
        assert db.execute("SELECT id FROM vector").fetchall() == [("a",)]
    db.close()


def test_one_that_was_ended_leaves_no_copy_of_the_keys(installation: Any, tmp_path: Path) -> None:
    data = config().data
    code = "import os, signal\nfrom bot.process import command\nfrom bot.answer_tests.scratch import scratch\n"
    code += "with command(), scratch():\n    os.kill(os.getpid(), signal.SIG{})\n    signal.pause()"
    environment = {
        **os.environ,
        "DESKHAND_DATA": str(data),
        "DATABASE_URL": config().database,
        "REDIS_URL": "none",
    }

    def end(how: str) -> int:
        return subprocess.run(
            [sys.executable, "-c", code.format(how)], env=environment, check=False, timeout=patient(60)
        ).returncode

    def left() -> list[Path]:
        return list(data.glob("answer-tests-*"))

    assert end("TERM") == 128 + 15
    assert left() == []
    assert end("KILL") == -9
    (dead,) = left()
    assert (dead / "master.key").exists()
    with scratch() as opened:
        assert left() == [opened.folder], "the next one removes it, and nobody removes one that is in use"
        remove_scratch(data)
        os.utime(opened.folder, (0, 0))
        remove_scratch(data)
        assert left() == [opened.folder]
    assert left() == []
