"""What an operator does by hand: tickets, dead letters, doctor."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from bot import agents, clock, crypto, doctor, handoff
from bot.config import config
from bot.messages import Inbound, Receipt
from bot.receive import receive
from tests.commanding import command


@pytest.fixture
def conversation(store: Any) -> str:
    store.write(lambda: store.Site.create(id=clock.new_id(), key="demo", name="Demo", created_at=clock.now()))
    (got,) = receive(
        [Inbound(channel="test", key="k1", external_id="anna", place="room", text="Where is my \x1b[31morder?")]
    )
    assert isinstance(got, Receipt)
    return got.conversation_id


@pytest.fixture
def ticket(store: Any, conversation: str) -> str:
    store.write(lambda: handoff.hand_over(conversation, "asked for a person", summary="Wants an order", asked=True))
    return conversation


# Tickets -------------------------------------------------------------------------------------------------------------


def test_a_ticket_is_listed_shown_and_resolved_once(store: Any, ticket: str) -> None:
    listed = command(store, "tickets", "list").output
    assert "#1001" in listed and "asked for a person" in listed and "no address left" in listed
    shown = command(store, "tickets", "show", "1001").output
    assert "Wants an order" in shown and "Where is my" in shown
    assert "\x1b" not in shown
    assert command(store, "tickets", "resolve", "1001").output == "Ticket #1001 is resolved.\n"
    again = command(store, "tickets", "resolve", "1001")
    assert again.exit_code == 1 and "closed already" in again.output
    assert command(store, "tickets", "list").output == "There are none that are open.\n"
    assert "#1001" in command(store, "tickets", "list", "--state", "all").output
    row = store.read(lambda: store.Conversation.get_by_id(ticket))
    assert row.state == "resolved"


def test_a_ticket_is_pressed_given_to_somebody_closed_and_opened_again(store: Any, ticket: str) -> None:
    agents.add_agent("ana", actor="test")
    agents.add_agent("vic", role="viewer", actor="test")
    assert command(store, "tickets", "priority", "1001", "urgent").output == "Ticket #1001 is urgent.\n"
    listed = command(store, "tickets", "list").output
    assert "URGENT" in listed and "reply due in about 60 minutes" in listed
    for name in ("nobody", "vic"):
        refused = command(store, "tickets", "assign", "1001", name)
        assert refused.exit_code == 1 and "deskhand agents list" in refused.output
    assert command(store, "tickets", "assign", "1001", "ana").output == "Ticket #1001 is with ana.\n"
    row = store.read(lambda: store.Conversation.get_by_id(ticket))
    assert (row.state, row.assignee) == ("human", "ana")
    not_closed = command(store, "tickets", "reopen", "1001")
    assert not_closed.exit_code == 1 and "is not closed" in not_closed.output
    command(store, "tickets", "resolve", "1001")
    closed = command(store, "tickets", "assign", "1001", "ana")
    assert closed.exit_code == 1 and "deskhand tickets reopen 1001" in closed.output
    assert command(store, "tickets", "reopen", "1001").output == "Ticket #1001 is open again.\n"
    shown = command(store, "tickets", "show", "1001").output
    for event in ("opened", "priority urgent", "claimed", "assigned ana", "resolved", "reopened"):
        assert event in shown
    done = store.read(lambda: [row.action for row in store.Audit.select().order_by(store.Audit.id)])
    assert [action for action in done if action.startswith("ticket.")] == [
        "ticket.priority", "ticket.assign", "ticket.resolve", "ticket.reopen",
    ]  # fmt: skip


def test_agents_go_away_and_come_back(store: Any) -> None:
    agents.add_agent("ana", actor="test")
    assert command(store, "agents", "away", "ana").output == "ana is away.\n"
    assert "away" in command(store, "agents", "list").output
    assert command(store, "agents", "back", "ana").output == "ana is back.\n"
    assert "away" not in command(store, "agents", "list").output
    assert command(store, "agents", "away", "zoe").exit_code == 1


def test_an_unknown_ticket_says_where_to_look(store: Any) -> None:
    result = command(store, "tickets", "show", "7")
    assert result.exit_code == 1
    assert "deskhand tickets list" in result.output


# Dead letters --------------------------------------------------------------------------------------------------------


def delivery(store: Any, conversation: str, state: str) -> int:
    def work() -> int:
        return int(
            store.sql(
                "INSERT INTO delivery (key, conversation_id, message, channel, place, op, version, part, parts, state, attempts, crashes,"
                " next_at, owner, error, created_at) VALUES (?, ?, ?, 'test', 'room', 'send', 0, 0, 1, ?, 12, 0, 0, '', 'gone', ?)"
                " RETURNING ord",
                (clock.new_id(), conversation, clock.new_id(), state, clock.now() - 90_000),
            ).fetchone()[0]
        )

    return store.write(work)


def state_of(store: Any, number: int) -> str:
    return str(store.read(lambda: store.Delivery.get_by_id(number).state))


def test_a_dead_delivery_is_sent_again_with_its_key(store: Any, conversation: str) -> None:
    number = delivery(store, conversation, "dead")
    listed = command(store, "deadletters", "list").output
    assert f"delivery:{number}" in listed and "1 d ago" in listed and "gone" in listed
    before = store.read(lambda: store.Delivery.get_by_id(number).key)
    command(store, "deadletters", "retry", f"delivery:{number}")
    row = store.read(lambda: store.Delivery.get_by_id(number))
    assert (row.state, row.attempts, row.key) == ("pending", 0, before)
    assert command(store, "deadletters", "list").output == "There are none.\n"


def test_a_held_delivery_is_sent_again_only_after_a_yes(store: Any, conversation: str) -> None:
    number = delivery(store, conversation, "held")
    refused = command(store, "deadletters", "retry", f"delivery:{number}", text="n\n")
    assert refused.exit_code == 1 and "may be shown twice" in refused.output
    assert state_of(store, number) == "held"
    command(store, "deadletters", "retry", f"delivery:{number}", "--yes")
    assert state_of(store, number) == "pending"


def test_seen_as_delivered_and_dropped_are_kept_in_the_audit_trail(store: Any, conversation: str) -> None:
    seen, dropped = delivery(store, conversation, "held"), delivery(store, conversation, "dead")
    command(store, "deadletters", "delivered", f"delivery:{seen}")
    command(store, "deadletters", "drop", f"delivery:{dropped}", "--yes")
    assert (state_of(store, seen), state_of(store, dropped)) == ("sent", "superseded")
    actions = store.read(lambda: [(row.action, row.object) for row in store.Audit.select().order_by(store.Audit.id)])
    assert actions == [("deadletter.delivered", f"delivery:{seen}"), ("deadletter.drop", f"delivery:{dropped}")]


def test_a_dead_job_is_found_by_the_beginning_of_its_id(store: Any) -> None:
    job = clock.new_id()
    store.write(
        lambda: store.Job.create(
            id=job, kind="tea", state="dead", error="no water", created_at=clock.now(), ended_at=clock.now()
        )
    )
    assert "no water" in command(store, "deadletters", "show", f"job:{job[:12]}").output
    command(store, "deadletters", "retry", f"job:{job[:12]}")
    assert store.read(lambda: store.Job.get_by_id(job).state) == "queued"


def test_what_cannot_be_done_is_said_with_what_can(store: Any) -> None:
    store.write(
        lambda: store.Ledger.create(
            key="tg:1", channel="telegram", kind="message", body_hash="", received_at=0, error="no text"
        )
    )
    result = command(store, "deadletters", "retry", "event:tg:1")
    assert result.exit_code == 1 and "Drop it" in result.output
    assert command(store, "deadletters", "delivered", "event:tg:1").exit_code == 1
    assert "There is no dead letter" in command(store, "deadletters", "drop", "event:nothing", "--yes").output


# Doctor --------------------------------------------------------------------------------------------------------------


def findings() -> dict[str, doctor.Finding]:
    return {one.what: one for one in doctor.examine(config())}


def test_a_healthy_installation_has_nothing_to_fix(store: Any, environment: Any) -> None:
    crypto.prepare("secret")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        environment(DESKHAND_PORT=str(probe.getsockname()[1]))
    found = findings()
    assert [one.what for one in found.values() if one.level == "fail"] == []
    assert "up to date" in found["database"].text
    assert "opens all 1 data keys" in found["key"].text
    assert found["redis"].level == "warn" and "REDIS_URL" in found["redis"].fix


def test_a_redis_that_is_there_is_named_and_one_that_is_not_fails(valkey: Any, store: Any, environment: Any) -> None:
    environment(REDIS_URL=valkey.url)
    assert findings()["redis"].text.startswith("Valkey 9")
    environment(REDIS_URL="redis://127.0.0.1:1/0")
    found = findings()["redis"]
    assert found.level == "fail" and "REDIS_URL" in found.fix


def test_a_missing_master_key_fails_with_the_way_out(store: Any) -> None:
    crypto.prepare("secret")
    (config().data / "master.key").unlink()
    crypto.forget_keys()
    found = findings()["key"]
    assert found.level == "fail" and "Bring the master key back" in found.fix


def test_a_port_that_somebody_else_has_fails(store: Any, environment: Any) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        environment(DESKHAND_PORT=str(other.getsockname()[1]))
        found = findings()["web"]
    assert found.level == "fail" and "DESKHAND_PORT" in found.fix


def test_a_missing_migration_fails_with_the_command(store: Any) -> None:
    store.write(lambda: store.sql("DELETE FROM schema_migration"))
    found = findings()["database"]
    assert found.level == "fail" and "deskhand migrate" in found.fix


def test_a_database_that_is_away_fails_and_ends_with_1(store: Any, environment: Any, tmp_path: Path) -> None:
    environment(DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")
    store.close_database()
    result = command(store, "doctor")
    assert result.exit_code == 1
    assert "fail  database" in result.output and "DATABASE_URL" in result.output


def test_dead_letters_and_overdue_jobs_are_warned_of(store: Any, conversation: str) -> None:
    delivery(store, conversation, "dead")
    store.write(lambda: store.Job.create(id="j", kind="tea", next_at=clock.now() - 600, created_at=clock.now()))
    found = findings()
    assert "deskhand deadletters list" in found["dead"].fix
    assert found["work"].text == "Overdue jobs: 1. Does deskhand worker run?"


def test_settings_in_the_folder_count_for_commands_where_the_environment_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``make run`` reads them; a command that did not would silently do something else, such as publish without answer tests."""
    from bot.cli import _read_settings_file

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DESKHAND_ANSWER_TESTS", "")  # so that it is put back afterwards
    monkeypatch.delenv("DESKHAND_ANSWER_TESTS")
    monkeypatch.setenv("DESKHAND_LOG_LEVEL", "debug")
    (tmp_path / ".env").write_text('DESKHAND_ANSWER_TESTS="tests of $HOME"\nDESKHAND_LOG_LEVEL=info\n')
    _read_settings_file()
    assert (os.environ["DESKHAND_ANSWER_TESTS"], os.environ["DESKHAND_LOG_LEVEL"]) == ("tests of $HOME", "debug")
