"""The end of files, and what outlives an installation: erased with their conversation, in every backup, looked after by the doctor."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot import audit, backup, clock, crypto, erase, file_keeping, files, restore, uploads
from bot.config import config
from bot.doctor import examine
from bot.messages import Attachment, Inbound, Receipt
from bot.receive import receive
from bot.store.statements import last_messages
from tests.test_files import on_disk


@pytest.fixture(autouse=True)
def site(store: Any) -> None:
    store.write(lambda: store.Site.create(id=clock.new_id(), key="demo", name="Demo", created_at=clock.now()))


def bring(key: str = "k1", place: str = "room", content: bytes = b"hello") -> Receipt:
    note = Attachment(name="note.txt", content=content)
    got = receive([Inbound(channel="test", key=key, external_id="anna", place=place, text="see", files=(note,))])[0]
    assert isinstance(got, Receipt), got
    return got


def doctor() -> Any:
    return next(finding for finding in examine(config()) if finding.what == "files")


def test_an_erased_conversation_takes_its_bytes_and_leaves_a_trace(store: Any) -> None:
    one, two = bring("k1", "room"), bring("k2", "other")
    (unsent,) = kept = files.keep([Attachment(name="a.txt", content=b"x")])
    contact = store.read(store.Contact.get).id
    store.write(lambda: files.insert(unsent, None, contact=contact))
    assert len(on_disk()) == 3
    assert erase.erase_conversation(one.conversation_id)
    assert len(on_disk()) == 2, "at once"
    (entry,) = audit.entries(action="conversation.erase")
    assert (
        entry.actor == "visitor"
        and entry.object == erase.tombstone(one.conversation_id)
        and entry.detail == {"files": 1}
    )
    assert one.conversation_id not in str(entry) and not audit.verify().problem
    erase.erase_conversation(two.conversation_id, actor="cli:ops")
    assert not on_disk() and not store.read(lambda: store.StoredFile.select().count()), (
        "and what was uploaded and never sent"
    )
    assert kept and audit.entries()[0].actor == "cli:ops"


def test_an_erasure_that_was_cut_short_is_finished_by_its_jobs(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    got = bring()
    monkeypatch.setattr(erase, "offload", lambda *what: None)  # the process ends right after the commit
    erase.erase_conversation(got.conversation_id)
    (left,) = on_disk()
    (job,) = store.read(lambda: list(store.Job.select().where(store.Job.kind == "files.remove")))
    assert job.ref == left.relative_to(files.folder()).as_posix()
    files.remove(job.ref)
    files.remove(job.ref)
    assert not on_disk()


def test_files_are_in_the_backup_and_back_after_a_restore(
    store: Any, environment: Callable[..., None], tmp_path: Path, database_url: str, request: pytest.FixtureRequest
) -> None:
    got = bring(content=b"worth keeping")
    crypto.prepare("secret")
    made = tmp_path / "made.backup"
    manifest = backup.make(config(), made, with_key=True)
    assert [name for name in manifest.members if name.startswith("files/")]
    fresh = f"sqlite:///{tmp_path / 'second' / 'deskhand.sqlite3'}"
    if not database_url.startswith("sqlite"):
        fresh = str(request.getfixturevalue("postgres").fresh())
    (tmp_path / "second").mkdir()
    store.close_database()
    crypto.forget_keys()
    environment(DESKHAND_DATA=str(tmp_path / "second"), DATABASE_URL=fresh)
    restore.restore(config(), made)
    (message,) = store.read(lambda: last_messages(got.conversation_id, 10, 10))
    (file,) = message.files
    assert file.url and store.read(lambda: files.load(file.id))[0].content == b"worth keeping"
    assert doctor().level == "ok"


def test_a_file_that_goes_while_the_backup_is_made_stops_nothing(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring("k1"), bring("k2")
    gone, stays = sorted(on_disk())
    real = backup._hold

    def hold(path: Path, place: Path) -> Path | None:
        if path == gone:
            path.unlink(missing_ok=True)
        return real(path, place)

    monkeypatch.setattr(backup, "_hold", hold)
    names = [name for name in backup.make(config(), tmp_path / "made.backup").members if name.startswith("files/")]
    assert names == [f"files/{stays.relative_to(files.folder()).as_posix()}"]


def test_the_doctor_names_a_folder_that_is_missing_full_or_locked(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (doctor().level, doctor().text) == ("ok", "there are none yet")
    bring()
    assert doctor().level == "ok" and doctor().text.startswith("1 files, 1 KB")
    on_disk()[0].rename(files.folder() / "elsewhere")
    assert doctor().level == "warn" and "is not in" in doctor().text
    monkeypatch.setattr(files, "room_left", lambda: False)
    assert doctor().level == "fail" and "nearly full" in doctor().text
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != str(files.folder()))
    assert doctor().level == "fail" and "cannot be written" in doctor().text
    monkeypatch.undo()
    shutil.rmtree(files.folder())
    found = doctor()
    assert found.level == "fail" and "1 files should be in it" in found.text and found.fix


def test_uploads_count_for_the_day_and_end_when_their_bringer_is_blocked(
    store: Any, environment: Callable[..., None]
) -> None:
    bring(content=b"x" * 1_000)
    contact = store.read(store.Contact.get).id
    environment(DESKHAND_FILE_MB_PER_DAY="0.0025")
    first, second = (uploads.take_upload(contact, "a.txt", "text/plain", b"x" * 1_000) for _ in range(2))
    assert first.url and "used up" in second.problem and len(on_disk()) == 2
    store.write(lambda: store.sql("UPDATE contact SET blocked = ?", (True,)))
    environment(DESKHAND_FILE_MB_PER_DAY=None)
    assert "cannot write here" in uploads.take_upload(contact, "a.txt", "text/plain", b"x").problem
    assert "cannot write here" in uploads.take_upload("nobody", "a.txt", "text/plain", b"x").problem
    assert len(on_disk()) == 2, "what was refused leaves nothing"


def test_the_sweep_is_work_that_is_due_by_itself(store: Any) -> None:
    from bot.housekeeping import core_jobs

    jobs = core_jobs()
    assert jobs["files.sweep"].every == 3_600.0 and jobs["files.remove"].every is None
    file_keeping.sweep()
