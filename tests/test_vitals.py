"""What waits too long is said in words and in numbers, whatever process is to blame."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from bot import clock
from bot.accounts import ensure_default_site
from bot.messages import Inbound
from bot.receive import receive
from bot.vitals import Collector, vitals


@pytest.fixture
def site(store: Any) -> None:
    ensure_default_site()


def wrote(number: int = 1) -> str:
    event = Inbound(channel="dove", key=f"k{number}", external_id=f"u{number}", place=f"p{number}", text="Hello")
    return receive([event])[0].conversation_id  # type: ignore[union-attr]


def test_a_quiet_house_has_no_complaints(store: Any) -> None:
    assert vitals().complaints == ()


def test_a_message_that_nobody_answers_is_named_after_ten_seconds(store: Any, site: Any) -> None:
    conversation = wrote()
    assert (vitals().waiting_turns, vitals().complaints) == (1, ())
    store.write(
        lambda: store.sql("UPDATE conversation SET active_at = ? WHERE id = ?", (clock.now() - 30, conversation))
    )
    assert vitals().complaints == ("A customer has waited 30 s for an answer (1 waiting). Does deskhand turns run?",)


def test_a_turn_that_runs_does_not_wait(store: Any, site: Any) -> None:
    conversation = wrote()
    store.write(
        lambda: store.sql(
            "UPDATE conversation SET active_at = ?, lease_until = ? WHERE id = ?",
            (clock.now() - 30, clock.lease_now() + 30, conversation),
        )
    )
    assert vitals().complaints == ()


def test_an_uncertain_send_is_named_after_five_minutes(store: Any, site: Any) -> None:
    conversation = wrote()
    store.write(
        lambda: store.sql(
            "INSERT INTO delivery (key, conversation_id, message, channel, place, op, version, part, parts, state, attempts, crashes,"
            " next_at, first_sent_at, owner, error, created_at) VALUES ('k', ?, 'm', 'dove', 'p', 'send', 0, 0, 1, 'uncertain', 1, 0,"
            " 0, ?, '', '', ?)",
            (conversation, clock.now() - 400, clock.now() - 400),
        )
    )
    (complaint,) = vitals().complaints
    assert complaint.startswith("A send has been uncertain for 7 min.")
    registry = CollectorRegistry()
    registry.register(Collector())
    text = generate_latest(registry).decode()
    assert 'deskhand_deliveries{state="uncertain"} 1.0' in text
    assert "deskhand_oldest_uncertain_seconds 4" in text
