"""Sealing: what opens, what does not, and what is said when it does not."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import crypto, master_key
from bot.config import ConfigError
from bot.crypto import CryptoError, seal, unseal
from bot.store import DataKey
from tests.patience import patient

PLACE = "plugin_state|settings.key|openai"
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _no_keys_from_before() -> Iterator[None]:
    crypto.forget_keys()
    yield
    crypto.forget_keys()


@pytest.mark.parametrize("text", ["", "sk-123", "ein Löffel 🥄 ", "x" * 100_000, "\ud800 a lone surrogate"])
@pytest.mark.usefixtures("store")
def test_what_was_sealed_opens_at_its_place(text: str) -> None:
    sealed = seal("secret", text, PLACE)
    assert crypto.is_sealed(sealed)
    assert text not in sealed or not text
    assert unseal("secret", sealed, PLACE) == text


@pytest.mark.usefixtures("store")
def test_the_same_text_is_never_sealed_the_same_way_twice() -> None:
    assert len({seal("secret", "x", PLACE) for _ in range(50)}) == 50


def test_the_form_names_the_key_and_the_key_is_stored_wrapped(store: Any) -> None:
    sealed = seal("secret", "x", PLACE)
    (row,) = store.read(lambda: list(DataKey.select()))
    assert crypto.key_id(sealed) == row.id
    assert (row.purpose, row.master) == ("secret", master_key.load(may_make=False)[0].fingerprint)
    assert crypto.unwrap(row) not in base64.urlsafe_b64decode(row.wrapped)
    seal("secret", "y", PLACE)
    seal("message", "y", PLACE)
    assert store.read(lambda: DataKey.select().count()) == 2


@pytest.mark.usefixtures("store")
def test_a_value_that_was_changed_or_moved_does_not_open() -> None:
    sealed = seal("secret", "x" * 40, PLACE)
    swapped = "A" if sealed[-3] != "A" else "B"
    with pytest.raises(CryptoError, match="was changed or put there from elsewhere"):
        unseal("secret", sealed[:-3] + swapped + sealed[-2:], PLACE)
    with pytest.raises(CryptoError, match="was changed or put there from elsewhere"):
        unseal("secret", sealed, PLACE.replace("openai", "anthropic"))
    with pytest.raises(CryptoError, match="sealed for another purpose"):
        unseal("message", sealed, PLACE)
    with pytest.raises(CryptoError, match="not a sealed value"):
        unseal("secret", sealed[:20], PLACE)
    other = seal("message", "x", PLACE)
    renamed = sealed.replace(crypto.key_id(sealed), crypto.key_id(other))
    with pytest.raises(CryptoError):
        unseal("message", renamed, PLACE)


@pytest.mark.parametrize(
    "make",
    [
        lambda raw: base64.b64encode(raw).decode(),
        lambda raw: raw.hex(),
        lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("="),
    ],
)
@pytest.mark.usefixtures("store")
def test_the_master_key_may_be_given_in_base64_or_hex(
    make: Callable[[bytes], str], environment: Callable[..., None], tmp_path: Path
) -> None:
    raw = os.urandom(32)
    environment(DESKHAND_KEY=make(raw))
    sealed = seal("secret", "x", PLACE)
    crypto.forget_keys()
    environment(DESKHAND_KEY=base64.b64encode(raw).decode())
    assert unseal("secret", sealed, PLACE) == "x"
    assert not (tmp_path / "master.key").exists()


@pytest.mark.parametrize("wrong", ["short", "x" * 44, base64.b64encode(b"x" * 31).decode(), "é" * 44, "00" * 33])
@pytest.mark.usefixtures("store")
def test_a_wrong_master_key_setting_is_one_sentence_that_names_it(wrong: str, environment: Callable[..., None]) -> None:
    environment(DESKHAND_KEY=wrong)
    with pytest.raises(
        ConfigError, match=r"^The setting DESKHAND_KEY is wrong: it must be 32 bytes in base64 or hex"
    ) as caught:
        seal("secret", "x", PLACE)
    assert wrong not in str(caught.value)


@pytest.mark.usefixtures("store")
def test_the_wrong_master_key_is_one_clear_sentence_and_makes_no_new_keys(
    environment: Callable[..., None], tmp_path: Path
) -> None:
    sealed = seal("secret", "x", PLACE)
    mine = master_key.load(may_make=False)[0].fingerprint
    crypto.forget_keys()
    environment(DESKHAND_KEY=os.urandom(32).hex())
    with pytest.raises(
        CryptoError, match=rf"sealed with master key {mine}, but DESKHAND_KEY is master key \w+; nothing is lost"
    ):
        unseal("secret", sealed, PLACE)
    environment(DESKHAND_KEY="")
    (tmp_path / "master.key").rename(tmp_path / "elsewhere")
    with pytest.raises(CryptoError, match="is missing; nothing is lost: put the right key back"):
        unseal("secret", sealed, PLACE)
    with pytest.raises(CryptoError, match="is missing"):
        seal("new purpose", "x", PLACE)
    assert not (tmp_path / "master.key").exists()
    (tmp_path / "elsewhere").rename(tmp_path / "master.key")
    assert unseal("secret", sealed, PLACE) == "x"


@pytest.mark.usefixtures("store")
def test_the_key_file_is_for_its_owner_only_and_its_loss_is_explained_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    seal("secret", "x", PLACE)
    seal("message", "x", PLACE)
    assert (tmp_path / "master.key").stat().st_mode & 0o777 == 0o600
    said = capfd.readouterr()
    assert (said.out + said.err).count("Whoever loses it loses them: keep a copy apart from the database.") == 1
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("master.key")] == ["master.key"]


@pytest.mark.usefixtures("store")
def test_processes_that_start_together_agree_on_one_master_key_and_one_data_key(store: Any) -> None:
    script = (
        "from bot import crypto, store; from bot.config import config; store.open_database(config().database);"
        f"print(crypto.seal('secret', 'x', {PLACE!r})); store.close_database()"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    sealed = [process.communicate(timeout=patient(30))[0].splitlines()[-1] for process in running]
    assert [unseal("secret", one, PLACE) for one in sealed] == ["x"] * 4
    assert store.read(lambda: DataKey.select().count()) == 1


def test_threads_that_seal_for_the_first_time_together_make_one_key(store: Any) -> None:
    sealed: list[str] = []
    threads = [threading.Thread(target=lambda: sealed.append(seal("secret", "x", PLACE))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({crypto.key_id(one) for one in sealed}) == 1
    assert store.read(lambda: DataKey.select().count()) == 1


def test_sealing_inside_a_transaction_needs_no_second_one(store: Any) -> None:
    sealed = store.write(lambda: seal("message", "x", "message|body|1"))
    assert unseal("message", sealed, "message|body|1") == "x"


def test_a_key_made_in_a_transaction_that_failed_is_not_used_again(store: Any) -> None:
    def fails() -> None:
        seal("message", "x", "message|body|1")
        raise ValueError("rolled back")

    with pytest.raises(ValueError, match="rolled back"):
        store.write(fails)
    assert store.read(lambda: DataKey.select().count()) == 0
    sealed = seal("message", "x", "message|body|1")
    crypto.forget_keys()
    assert unseal("message", sealed, "message|body|1") == "x"


def test_erasing_the_key_of_one_conversation_erases_its_texts_alone(store: Any) -> None:
    gone, kept = seal("message:c1", "x", "message|body|1"), seal("message:c2", "y", "message|body|2")
    assert unseal("message", gone, "message|body|1") == "x"
    assert store.write(lambda: crypto.erase_keys("message:c1")) == 1
    with pytest.raises(CryptoError, match="names a data key that no longer exists"):
        unseal("message", gone, "message|body|1")
    assert unseal("message", kept, "message|body|2") == "y"


@pytest.mark.usefixtures("store")
def test_columns_without_a_flag_are_told_apart_by_form_and_nobody_can_pass_one_off(
    environment: Callable[..., None],
) -> None:
    assert crypto.keep("conversation", "title", "c1", "Where is it?") == "Where is it?"
    environment(DESKHAND_ENCRYPT_MESSAGES="1")
    sealed = crypto.keep("conversation", "title", "c1", "Where is it?")
    assert crypto.is_sealed(sealed)
    environment(DESKHAND_ENCRYPT_MESSAGES=None)
    assert crypto.reveal("conversation", "title", "c1", sealed) == "Where is it?"
    stored = crypto.keep("conversation", "title", "c2", sealed)  # a customer who types a sealed text
    assert stored != sealed
    assert crypto.reveal("conversation", "title", "c2", stored) == sealed
    assert crypto.keep("conversation", "title", "c3", "") == ""
