"""The judge finds what is left over, spent in secret, said wrongly or refused: what is neither lost nor doubled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.chaos.checker import World, judge
from tests.chaos.good_world import CONV, log, question, rows, world


def answer_something_else(w: World) -> None:
    rows(w, "message")[3]["body"] = f"You asked: {question(1)} No."


def leave_a_turn_wanted(w: World) -> None:
    rows(w, "conversation")[0]["needs"] = True


def leave_a_lease(w: World) -> None:
    rows(w, "conversation")[0]["lease_owner"] = "turns-1"


def leave_a_turn_running(w: World) -> None:
    rows(w, "turn")[1]["state"] = "running"


def leave_a_delivery_under_way(w: World) -> None:
    rows(w, "delivery")[1]["state"] = "uncertain"


def leave_a_job(w: World) -> None:
    rows(w, "job").append(a_job(state="running"))


def leave_a_job_that_was_due(w: World) -> None:
    rows(w, "job").append(a_job(next_at=101.0))


def leave_a_job_that_was_tried(w: World) -> None:
    rows(w, "job").append(a_job(next_at=20_000.0, attempts=1))


def a_job(**changed: Any) -> dict[str, Any]:
    job = {
        "kind": "x",
        "ref": "",
        "occasion": "",
        "state": "queued",
        "error": "",
        "attempts": 0,
        "next_at": 0.0,
        "created_at": 100.0,
    }
    return job | changed


def spend_too_much(w: World) -> None:
    rows(w, "spend")[0]["tokens"] = 1_001


def spend_in_secret(w: World) -> None:
    rows(w, "spend")[0]["tokens"] = 44  # the budgets' row of the site stays: it is not what the cap looks at


def change_a_text_without_a_word(w: World) -> None:
    log(w).append({"event": "changed_silently", "at": 9, "conv": CONV, "id": f"{CONV}-m2"})


def refuse_an_honest_customer(w: World) -> None:
    log(w).append({"event": "error", "at": 9, "code": "bad_token", "final": True, "cid": ""})


def stream_something_else(w: World) -> None:
    log(w).append(
        {"event": "draft", "at": 9, "conv": CONV, "turn": f"{CONV}-t2", "attempt": 1, "text": "Another answer"}
    )


def switch_a_plugin_off(w: World) -> None:
    rows(w, "plugin_state").append({"name": "nonce", "off_reason": "3 failures in a row"})


def come_past_the_ledger(w: World) -> None:
    rows(w, "ledger")[0]["message"] = f"{CONV}-m3"


@pytest.mark.parametrize(
    "damage",
    [
        answer_something_else, leave_a_turn_wanted, leave_a_lease, leave_a_turn_running, leave_a_delivery_under_way, leave_a_job, leave_a_job_that_was_due,
        leave_a_job_that_was_tried,
        spend_too_much, spend_in_secret, change_a_text_without_a_word, refuse_an_honest_customer, stream_something_else,
        switch_a_plugin_off, come_past_the_ledger,
    ],
)  # fmt: skip
def test_whatever_else_must_not_be_is_found(damage: Callable[[World], None]) -> None:
    w = world()
    damage(w)
    assert judge(w)


def test_a_reminder_in_some_hours_is_not_left_over() -> None:
    w = world()
    rows(w, "job").append(a_job(next_at=20_000.0))
    assert judge(w) == []
