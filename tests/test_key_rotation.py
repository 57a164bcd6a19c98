"""Changing keys: in any order, interrupted anywhere, while others write."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import crypto, key_rotation, master_key, switches
from bot.config import ConfigError
from bot.crypto import CryptoError, is_sealed, seal, unseal
from bot.key_rotation import follow_message_setting, forget_retired, key_views, rotate_data_keys, rotate_master
from bot.messages import Inbound
from bot.plugin_settings import secret_place
from bot.receive import receive
from bot.store import Conversation, DataKey, Ledger, Message, PluginState
from bot.store.statements import changed_messages

PLACE = "plugin_state|settings.key|openai"


@pytest.fixture(autouse=True)
def _no_keys_from_before() -> Iterator[None]:
    crypto.forget_keys()
    yield
    crypto.forget_keys()


def write_messages(count: int, first: int = 0) -> str:
    """Store some messages the way customers do; returns the conversation's id."""
    from bot.accounts import add_site
    from bot.store import Site, read

    if not read(lambda: Site.select().count()):
        add_site("Shop")
    receipts = receive(
        [
            Inbound(channel="test", key=f"k{n}", external_id="ida", place="p", text=f"text {n}", site="")
            for n in range(first, first + count)
        ]
    )
    return receipts[0].conversation_id  # type: ignore[union-attr]


def bodies(store: Any) -> list[str]:
    return store.read(lambda: [row.body for row in Message.select().order_by(Message.seq)])


def texts(store: Any, conversation: str) -> list[str]:
    return [
        view.text for view in store.read(lambda: changed_messages(conversation, 0, 1_000)) if view.author == "customer"
    ]


# The master key


def test_another_master_key_opens_what_the_old_one_sealed(store: Any, tmp_path: Path) -> None:
    sealed = seal("secret", "x", PLACE)
    before = (tmp_path / "master.key").read_text()
    assert rotate_master("test") == 1
    assert (tmp_path / "master.key").read_text() != before
    assert (tmp_path / "master.key").stat().st_mode & 0o777 == 0o600
    crypto.forget_keys()
    assert unseal("secret", sealed, PLACE) == "x"
    (tmp_path / "master.key.old").unlink()
    crypto.forget_keys()
    assert unseal("secret", sealed, PLACE) == "x"
    (tmp_path / "master.key").write_text(before)
    crypto.forget_keys()
    with pytest.raises(CryptoError, match="nothing is lost"):
        unseal("secret", sealed, PLACE)


@pytest.mark.parametrize("broken_at", ["_wrap_all", "replace_file"])
def test_a_change_of_the_master_key_that_was_cut_off_loses_nothing_and_can_be_run_again(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken_at: str
) -> None:
    sealed = seal("secret", "x", PLACE)

    def cut(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(key_rotation if broken_at == "_wrap_all" else master_key, broken_at, cut)
        with pytest.raises(KeyboardInterrupt):
            rotate_master("test")
    assert (tmp_path / "master.key.next").exists()
    crypto.forget_keys()
    assert unseal("secret", sealed, PLACE) == "x"
    later = seal("message", "y", "message|body|1")
    rotate_master("test")
    assert not (tmp_path / "master.key.next").exists()
    (tmp_path / "master.key.old").unlink()
    crypto.forget_keys()
    assert unseal("secret", sealed, PLACE) == "x"
    assert unseal("message", later, "message|body|1") == "y"


def test_a_master_key_of_the_environment_is_changed_by_putting_the_new_one_in_front(
    store: Any, environment: Callable[..., None]
) -> None:
    old, new = (base64.b64encode(os.urandom(32)).decode() for _ in range(2))
    environment(DESKHAND_KEY=old)
    sealed = seal("secret", "x", PLACE)
    with pytest.raises(ConfigError, match=r"put a new one in front \(DESKHAND_KEY=NEW,OLD\)"):
        rotate_master("test")
    environment(DESKHAND_KEY=f"{new},{old}")
    crypto.forget_keys()
    assert unseal("secret", sealed, PLACE) == "x"
    assert rotate_master("test") == 1
    environment(DESKHAND_KEY=new)
    crypto.forget_keys()
    assert unseal("secret", sealed, PLACE) == "x"
    environment(DESKHAND_KEY=None)


# Data keys


def test_a_new_data_key_takes_over_the_secrets_and_the_old_one_goes(store: Any) -> None:
    place = secret_place("openai", "key")
    switches.store_settings(
        "openai", "{}", {"key": seal("secret", "sk-1", place), "model": "m"}, actor="t", changed=("key",)
    )
    old = key_views()[0].id
    assert rotate_data_keys("secret", "test").changed == 1
    stored = switches.load()[1]["openai"].stored()
    assert crypto.key_id(stored["key"]) != old
    assert unseal("secret", stored["key"], place) == "sk-1"
    assert stored["model"] == "m"
    assert [(view.id == old, view.retired, view.rows) for view in key_views()] == [(True, True, 0), (False, False, 1)]
    assert forget_retired() == 0  # another process may still seal with it for a moment
    assert forget_retired(rest=0) == 1
    assert [view.id for view in key_views()] == [crypto.key_id(stored["key"])]


def test_a_retired_key_that_still_seals_something_is_never_deleted(
    store: Any, environment: Callable[..., None]
) -> None:
    environment(DESKHAND_ENCRYPT_MESSAGES="1")
    conversation = write_messages(3)
    store.write(lambda: DataKey.update(retired_at=1.0).execute())
    assert forget_retired(rest=0) == 0
    assert texts(store, conversation) == ["text 0", "text 1", "text 2"]


def test_an_interrupted_rotation_goes_on_with_the_key_that_was_made_then(
    store: Any, environment: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment(DESKHAND_ENCRYPT_MESSAGES="1")
    monkeypatch.setattr("bot.sealed_rows.BATCH", 4)
    conversation = write_messages(10)
    old = {crypto.key_id(body) for body in bodies(store)}

    def cut(table: str, rows: int) -> None:
        if (table, rows) == ("message", 8):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rotate_data_keys("message", "test", cut)
    between = [crypto.key_id(body) for body in bodies(store)]
    assert sum(identity in old for identity in between) == 2
    assert texts(store, conversation) == [f"text {n}" for n in range(10)]

    rotate_data_keys("message", "test")
    after = {crypto.key_id(body) for body in bodies(store)}
    assert after == set(between) - old
    assert texts(store, conversation) == [f"text {n}" for n in range(10)]
    assert sum(view.retired for view in key_views()) == 1


def test_a_message_that_is_changed_during_the_rotation_keeps_its_change(
    store: Any, environment: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment(DESKHAND_ENCRYPT_MESSAGES="1")
    conversation = write_messages(3)
    from bot import sealed_rows

    original = sealed_rows._store_batch

    def meanwhile(what: Any, steps: Any) -> int:
        if what.table == "message":
            identity = steps[1][0]
            edited = seal("message", "edited", f"message|body|{identity}")
            store.write(lambda: Message.update(body=edited).where(Message.id == identity).execute())
        return original(what, steps)

    monkeypatch.setattr(sealed_rows, "_store_batch", meanwhile)
    rotate_data_keys("message", "test")
    assert texts(store, conversation) == ["text 0", "edited", "text 2"]


def test_a_text_that_does_not_open_is_named_and_left_and_stops_nobody(
    store: Any, environment: Callable[..., None]
) -> None:
    environment(DESKHAND_ENCRYPT_MESSAGES="1")
    conversation = write_messages(3)
    broken = store.read(lambda: Message.get(Message.seq == 2).id)
    store.write(lambda: Message.update(body=Message.body.concat("AAAA")).where(Message.id == broken).execute())
    done = rotate_data_keys("message", "test")
    assert done.unreadable == [f"message|body|{broken}"]
    assert sum(view.rows for view in key_views() if view.retired) == 1
    store.write(lambda: Message.delete().where(Message.id == broken).execute())
    assert texts(store, conversation) == ["text 0", "text 2"]


# Texts, sealed and opened by the setting


def test_existing_texts_are_sealed_when_the_setting_is_on_and_opened_when_it_is_off(
    store: Any, environment: Callable[..., None], tmp_path: Path
) -> None:
    conversation = write_messages(4)
    store.write(lambda: Conversation.update(title="text 0").execute())
    store.write(
        lambda: Ledger.insert(key="dead", channel="t", kind="m", body_hash="", received_at=1, payload="raw").execute()
    )
    assert bodies(store) == [f"text {n}" for n in range(4)]

    environment(DESKHAND_ENCRYPT_MESSAGES="1")
    assert follow_message_setting("test").changed == 6
    assert all(is_sealed(body) for body in bodies(store))
    title = store.read(lambda: Conversation.get_by_id(conversation).title)
    assert crypto.reveal("conversation", "title", conversation, title) == "text 0"
    write_messages(2, first=4)
    assert texts(store, conversation) == [f"text {n}" for n in range(6)]
    assert follow_message_setting("test").changed == 0
    if store.is_sqlite():
        for file in tmp_path.glob("deskhand.sqlite3*"):
            assert b"text 1" not in file.read_bytes(), file.name

    environment(DESKHAND_ENCRYPT_MESSAGES=None)
    assert follow_message_setting("test").changed == 8
    assert bodies(store) == [f"text {n}" for n in range(6)]
    assert store.read(lambda: Ledger.get_by_id("dead").payload) == "raw"
    assert texts(store, conversation) == [f"text {n}" for n in range(6)]


def test_a_customers_text_in_the_sealed_form_survives_both_ways(store: Any, environment: Callable[..., None]) -> None:
    trick = seal("message", "x", "somewhere")
    conversation = write_messages(1)
    store.write(lambda: Message.update(body=trick).execute())
    store.write(lambda: Conversation.update(title=crypto.keep("conversation", "title", conversation, trick)).execute())
    for setting in ("1", None):
        environment(DESKHAND_ENCRYPT_MESSAGES=setting)
        assert follow_message_setting("test").unreadable == []
        assert texts(store, conversation) == [trick]
        title = store.read(lambda: Conversation.get_by_id(conversation).title)
        assert crypto.reveal("conversation", "title", conversation, title) == trick


def test_a_secret_with_a_broken_key_names_its_plugin(store: Any) -> None:
    place = secret_place("openai", "key")
    sealed = seal("secret", "sk-1", place)
    store.write(lambda: PluginState.insert(name="openai", settings='{"key": "' + sealed + 'AAAA"}').execute())
    assert rotate_data_keys("secret", "test").unreadable == [place]


def test_what_the_ai_wrote_on_a_ticket_is_sealed_like_the_conversation(
    store: Any, environment: Callable[..., None]
) -> None:
    from bot import handoff
    from bot.store import Ticket

    environment(DESKHAND_ENCRYPT_MESSAGES="1")
    conversation = write_messages(1)
    store.write(lambda: handoff.hand_over(conversation, "wants a refund", summary="Paid twice for one lamp."))
    row = store.read(lambda: Ticket.get(Ticket.conversation == conversation))
    assert "refund" not in row.reason + row.summary + str(row.history)
    assert crypto.reveal("ticket", "summary", row.id, row.summary) == "Paid twice for one lamp."
    environment(DESKHAND_ENCRYPT_MESSAGES=None)
    follow_message_setting("test")
    assert store.read(lambda: Ticket.get_by_id(row.id).reason) == "wants a refund"
