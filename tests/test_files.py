"""Files: what is taken, what it becomes, where its bytes are, and how they end."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import time
import wave
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from bot import clock, crypto, file_keeping, file_links, file_types, files, pictures
from bot.messages import Attachment
from bot.store.statements import Place, insert_message, last_messages


def png(width: int = 40, height: int = 30, mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, (width, height), "red" if mode != "L" else 128).save(out, "PNG")
    return out.getvalue()


def photo(orientation: int = 6) -> bytes:
    """A JPEG as phones make them: turned by a mark, with a place, a thumbnail and something glued to its end."""
    picture = Image.new("RGB", (60, 40), "green")
    exif = picture.getexif()
    exif[0x0112] = orientation
    exif[0x010E] = "SECRET-PLACE"
    exif.get_ifd(0x8825)[1] = "N"
    out = io.BytesIO()
    picture.save(out, "JPEG", exif=exif, comment=b"SECRET-COMMENT")
    return out.getvalue() + b"SECRET-TAIL<script>"


def gif(frames: int = 4) -> bytes:
    pictures = [Image.new("RGB", (20, 20), (color * 60, 0, 255 - color * 60)) for color in range(frames)]
    out = io.BytesIO()
    pictures[0].save(out, "GIF", save_all=True, append_images=pictures[1:], duration=80, loop=0)
    return out.getvalue()


def sound() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1), file.setsampwidth(1), file.setframerate(8000), file.writeframes(b"\x80" * 100)
    return out.getvalue()


def packed(member: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(member, "x")
    return out.getvalue()


M4A = struct.pack(">I", 24) + b"ftypM4A \0\0\0\0M4A isom" + b"\0" * 20
SAMPLES = {
    "a.png": png(), "a.jpg": photo(), "a.gif": gif(), "a.pdf": b"%PDF-1.7\n...", "a.txt": "Grüße 🙂\n".encode(),
    "a.ogg": b"OggS\0\x02" + b"\0" * 20, "a.mp3": b"ID3\x04" + b"\0" * 20, "b.mp3": b"\xff\xfb\x90\x00" + b"\0" * 20, "a.m4a": M4A,
}  # fmt: skip


def on_disk() -> list[Path]:
    return [path for path in files.folder().rglob("*") if path.is_file()]


@pytest.fixture
def conversation(store: Any) -> str:
    def work() -> None:
        store.sql(
            "INSERT INTO site (id, key, name, origins, look, settings, created_at) VALUES ('s', 'demo', 'Demo', '[]', '{}', '{}', 0)"
        )
        store.sql(
            "INSERT INTO contact (id, site_id, name, email, language, created_at) VALUES ('c', 's', '', '', '', 0)"
        )
        store.Conversation.create(id="v", site="s", contact="c", channel="test", created_at=0, active_at=0)

    store.write(work)
    return "v"


def stored(store: Any, conversation: str, kept: Any, contact: str = "c") -> Any:
    def work() -> None:
        told = files.attach(kept, conversation, message="m1", contact=contact)
        insert_message(
            "m1", conversation, Place(1, 1), author="customer", body="", created_at=1.0, extra={"files": told}
        )

    store.write(work)
    files.settle(kept)
    return store.read(lambda: last_messages(conversation, 1, 5))[0].files


@pytest.mark.parametrize("name", SAMPLES)
def test_a_kind_that_is_possible_is_kept_and_read_again(store: Any, conversation: str, name: str) -> None:
    (one,) = kept = files.keep([Attachment(name=name, content=SAMPLES[name], type="application/x-lies")])
    assert one.path and not one.problem
    (view,) = stored(store, conversation, kept)
    assert (view.id, view.name, view.problem) == (one.id, name, "") and view.type != "application/x-lies"
    loaded, digest = store.read(lambda: files.load(one.id))
    assert loaded.name == name and len(loaded.content) == view.size == loaded.size and digest == one.sha256
    if not view.type.startswith("image/"):
        assert loaded.content == SAMPLES[name]


def test_bytes_lie_apart_under_a_random_name_for_nobody_else(store: Any, conversation: str) -> None:
    stored(store, conversation, files.keep([Attachment(name="a.txt", content=b"hello")]))
    (path,) = on_disk()
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o077 == 0
    assert len(path.relative_to(files.folder()).parts) == 3 and "a.txt" not in str(path)


def test_a_photo_loses_its_place_and_stands_upright(store: Any, conversation: str) -> None:
    assert b"SECRET-PLACE" in photo()
    (one,) = kept = files.keep([Attachment(name="a.jpg", content=photo())])
    stored(store, conversation, kept)
    content = store.read(lambda: files.load(one.id))[0].content
    assert b"SECRET" not in content and b"script" not in content
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.size == (40, 60) == (one.width, one.height) and not picture.getexif()


def test_moving_pictures_still_move(store: Any) -> None:
    (one,) = files.keep([Attachment(name="a.gif", content=gif(4))])
    with Image.open(files.folder() / one.path) as picture:
        assert picture.format == "GIF" and picture.n_frames == 4 and picture.info["duration"] == 80  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("virus.exe", b"MZ\x90\0", "this kind of file is not possible"),
        ("page.html", b"<script>", "this kind of file is not possible"),
        ("drawing.svg", b"<svg xmlns=''/>", "this kind of file is not possible"),
        ("photo.png", photo(), "its content is something else"),
        ("photo.jpg", b"\xff\xd8\xff" + b"no picture", "damaged"),
        ("letter.txt", b"\0\1\2", "its content is something else"),
        ("empty.txt", b"", "it is empty"),
        ("film.mov", M4A.replace(b"M4A ", b"qt  "), "this kind of file is not possible"),
        ("packed.zip", packed("x"), "this kind of file is not possible"),
        ("bomb.png", png(8_000, 7_000, "L"), "8000 × 7000 pixels"),
    ],
)
def test_what_is_not_taken_is_said_in_a_sentence_and_leaves_nothing(
    store: Any, name: str, content: bytes, why: str
) -> None:
    (one,) = files.keep([Attachment(name=name, content=content)])
    assert one.problem.startswith(f"{name} was not taken: ") and why in one.problem and one.problem.endswith(".")
    assert not one.path and not on_disk()


def test_sizes_counts_and_troubles_of_platforms_are_said(store: Any, environment: Any) -> None:
    large, gone = files.keep([
        Attachment(name="video.mov", size=40_000_000, problem="too_large"), Attachment(name="b.png", size=10, problem="unavailable"),
    ])  # fmt: skip
    assert large.problem == "video.mov was not taken: 40 MB, and 10 MB are possible here."
    assert "could not be fetched" in gone.problem
    many = files.keep([Attachment(name=f"{n}.txt", content=b"x") for n in range(7)])
    assert [bool(one.path) for one in many] == [True] * 5 + [False] * 2 and "5 files are possible" in many[-1].problem
    environment(DESKHAND_FILE_MB="0.5")
    assert (
        "600 KB, and 500 KB are possible" in files.keep([Attachment(name="a.txt", content=b"x" * 600_000)])[0].problem
    )
    environment(DESKHAND_FILES="false")
    assert "files cannot be sent here" in files.keep([Attachment(name="a.txt", content=b"x")])[0].problem


def test_an_admin_may_allow_more_kinds(store: Any, environment: Any) -> None:
    environment(DESKHAND_FILE_TYPES="docx,wav zip")
    kept = files.keep([
        Attachment(name="a.docx", content=packed("word/document.xml")), Attachment(name="a.wav", content=sound()),
        Attachment(name="b.docx", content=packed("other/x")), Attachment(name="a.png", content=png()),
    ])  # fmt: skip
    assert [bool(one.path) for one in kept] == [True, True, False, False]
    assert "Possible are: docx, wav, zip." in kept[3].problem


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("../../etc/passwd", "passwd"), ("C:\\temp\\a b.TXT", "a b.TXT"), ("", "file"), ("...", "file"), (".png", "file.png"),
        ("a\u202egpj.exe", "agpj.exe"), ('<img src="x">.png', "img src=x.png"), ("x" * 300 + ".jpeg", "x" * 95 + ".jpeg"),
        ("re\r\nset: x.txt", "reset x.txt"), ("Grüße\u0000 🙂.pdf", "Grüße 🙂.pdf"), ("\ud800.txt", "file.txt"),
    ],
)  # fmt: skip
def test_names_are_made_safe(given: str, safe: str) -> None:
    assert file_types.safe_name(given) == safe


def test_a_name_without_an_ending_gets_one(store: Any) -> None:
    kept = files.keep([Attachment(name="voice", content=SAMPLES["a.ogg"]), Attachment(name="photo", content=png())])
    assert [one.name for one in kept] == ["voice.ogg", "photo.png"]


def test_a_day_has_so_many_bytes_for_each_customer(store: Any, conversation: str, environment: Any) -> None:
    environment(DESKHAND_FILE_MB_PER_DAY="0.0015")
    kept = files.keep([Attachment(name=f"{n}.txt", content=b"x" * 1_000) for n in range(2)])
    first, second = stored(store, conversation, kept)
    assert first.url and not second.url and "used up" in second.problem
    assert len(on_disk()) == 1, "the bytes of what was over the amount are gone"


def test_a_full_disk_takes_messages_but_no_files(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.shutil, "disk_usage", lambda path: SimpleNamespace(total=10**12, free=10**9))
    (one,) = files.keep([Attachment(name="a.txt", content=b"x")])
    assert one.no_room and "no room" in one.problem and not on_disk()


def test_a_folder_that_cannot_be_written_is_a_problem_of_the_file_only(store: Any) -> None:
    files.folder().write_text("in the way")
    (one,) = files.keep([Attachment(name="a.txt", content=b"x")])
    assert one.no_room and one.problem


def test_what_is_rolled_back_leaves_no_bytes(store: Any, conversation: str) -> None:
    kept = files.keep([Attachment(name="a.txt", content=b"x")])

    def work() -> None:
        files.attach(kept, conversation, message="m1", contact="c")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.write(work)
    assert len(on_disk()) == 1
    files.settle(kept)
    assert not on_disk() and not store.read(lambda: store.StoredFile.select().count())


def test_encrypted_at_rest_when_messages_are(store: Any, conversation: str, environment: Any) -> None:
    environment(DESKHAND_ENCRYPT_MESSAGES="true")
    kept = files.keep([Attachment(name="diary.txt", content=b"my secret words")])
    (view,) = stored(store, conversation, kept)
    row = store.read(store.StoredFile.get)
    assert b"secret" not in on_disk()[0].read_bytes() and crypto.is_sealed(row.name) and crypto.is_sealed(row.key)
    assert view.name == "diary.txt" and store.read(lambda: files.load(view.id))[0].content == b"my secret words"
    on_disk()[0].write_bytes(on_disk()[0].read_bytes()[:-1] + b"?")
    with pytest.raises(files.Gone, match="changed"):
        store.read(lambda: files.load(view.id))


def test_links_are_signed_expire_and_cannot_be_forged(store: Any, environment: Any) -> None:
    path = file_links.path_of("abc", "a b/ü.png")
    assert path.startswith("/f/abc/a%20b/%C3%BC.png?e=") or path.startswith("/f/abc/a%20b%2F%C3%BC.png?e=")
    expiry, signature = path.partition("?e=")[2].split("&s=")
    assert file_links.is_valid("abc", expiry, signature)
    assert int(expiry) >= time.time() + 86_400 - 1 and int(expiry) < time.time() + 2 * 86_400
    for bad in [("abd", expiry, signature), ("abc", str(int(expiry) + 1), signature), ("abc", expiry, signature[:-1] + "!"),
                ("abc", "", ""), ("abc", "９" * 10, signature), ("abc", "-5", signature), ("abc", "1" * 5000, signature)]:  # fmt: skip
        assert not file_links.is_valid(*bad)
    old = str(int(time.time()) - 10)
    assert not file_links.is_valid("abc", old, file_links._signature(file_links._signing_keys()[0], "abc", old))
    assert file_links.link_of("abc", "x") == ""
    environment(DESKHAND_PUBLIC_URL="https://help.example")
    assert file_links.link_of("abc", "x").startswith("https://help.example/f/abc/x?e=")


def test_the_sweep_removes_what_nobody_sent_and_what_no_row_names(
    store: Any, conversation: str, environment: Any
) -> None:
    old = clock.now() - 2 * 86_400
    sent, unsent, nameless, fresh = (files.keep([Attachment(name="a.txt", content=b"x")])[0] for _ in range(4))

    def work() -> None:
        files.attach([sent], conversation, message="m1", contact="c")
        files.insert(unsent, None, contact="c")
        store.sql("UPDATE stored_file SET created_at = ?", (old,))

    store.write(work)
    for one in (sent, unsent, nameless):
        os.utime(files.folder() / one.path, (old, old))
    file_keeping.sweep()
    (job,) = store.read(lambda: list(store.Job.select().where(store.Job.kind == "files.remove")))
    files.remove(job.ref)
    left = {path.relative_to(files.folder()).as_posix() for path in on_disk()}
    assert left == {sent.path, fresh.path}, "what may still be committed stays"


def test_files_may_have_their_days_and_the_message_says_so(store: Any, conversation: str, environment: Any) -> None:
    (view,) = stored(store, conversation, files.keep([Attachment(name="a.txt", content=b"x")]))
    store.write(lambda: store.sql("UPDATE stored_file SET created_at = created_at - 864000"))
    file_keeping.sweep()
    assert store.read(lambda: last_messages(conversation, 1, 5))[0].files == (view,), "kept by default"
    environment(DESKHAND_FILE_DAYS="9")
    file_keeping.sweep()
    (after,) = store.read(lambda: last_messages(conversation, 1, 5))[0].files
    assert after.problem == "a.txt was removed after 9 days." and not after.url
    assert store.read(lambda: store.Conversation.get_by_id(conversation)).rev == 1


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_bytes_and_no_name_break_the_judge(data: st.DataObject) -> None:
    """Samples with bytes changed, taken out and put in, and names of anything: an answer in words, never an error."""
    name = data.draw(st.text(max_size=130) | st.sampled_from(sorted(SAMPLES)))
    content = bytearray(SAMPLES[data.draw(st.sampled_from(sorted(SAMPLES)))])
    for _ in range(data.draw(st.integers(0, 6))):
        at = data.draw(st.integers(0, max(0, len(content) - 1)))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    judged = file_types.judge(name, bytes(content), tuple(file_types.KINDS))
    assert 0 < len(judged.name) <= file_types.MAX_NAME and not set(judged.name) & set('/\\\0\n"<>')
    assert bool(judged.kind) != bool(judged.problem)
    if judged.kind and judged.kind.picture:
        with contextlib.suppress(pictures.BadPicture):
            made = pictures.renew(bytes(content), judged.kind.picture)
            assert made.width > 0 and judged.kind.fits(made.content)
