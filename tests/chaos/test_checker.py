"""The judge finds what must not be: each of these worlds is one small step away from a good one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.chaos.checker import World, count, judge
from tests.chaos.snapshot import Snapshot

CONV, LETTER = "c1", "c2"


def question(number: int, who: str = "w00") -> str:
    return f"q:{who}:1:{number}; where is it?"


def message(conv: str, seq: int, author: str, body: str, **more: Any) -> dict[str, Any]:
    row = {"id": f"{conv}-m{seq}", "conversation_id": conv, "seq": seq, "rev": seq, "author": author, "body": body}
    return {**row, "client_key": None, "turn": None, "kind": "", **more}


def turn(conv: str, number: int, upto: int) -> dict[str, Any]:
    row = {
        "id": f"{conv}-t{number}",
        "conversation_id": conv,
        "upto_seq": upto,
        "state": "done",
        "attempt": 1,
        "crashes": 0,
    }
    return {**row, "input_tokens": 10, "output_tokens": 5}


def conversation(conv: str, size: int, channel: str) -> dict[str, Any]:
    row = {
        "id": conv,
        "state": "ai",
        "seq": size,
        "rev": size,
        "state_rev": 0,
        "needs": False,
        "lease_owner": "",
        "channel": channel,
    }
    return {**row, "created_at": 1.0}


def ledger(row: dict[str, Any]) -> dict[str, Any]:
    return {"key": f"k-{row['id']}", "kind": "message", "message": row["id"], "error": ""}


def world() -> World:
    """Two questions in the widget with their answers, and one letter that was answered in two parts."""
    chat = [
        message(CONV, 1, "customer", question(1), client_key="cid1"),
        message(CONV, 2, "ai", f"You asked: {question(1)} Yes.", turn=f"{CONV}-t1", kind="ai"),
        message(CONV, 3, "customer", question(2), client_key="cid2"),
        message(CONV, 4, "ai", f"You asked: {question(2)} No.", turn=f"{CONV}-t2", kind="ai"),
    ]
    letter = [
        message(LETTER, 1, "customer", question(1, "p00")),
        message(LETTER, 2, "ai", f"You asked: {question(1, 'p00')} Perhaps.", turn=f"{LETTER}-t1", kind="ai"),
    ]
    deliveries = [
        {"key": f"key{n}", "ord": n, "channel": "nonce", "place": "p00", "state": "sent", "error": ""} for n in (1, 2)
    ]
    database = Snapshot()
    database.tables |= {
        "conversation": [conversation(CONV, 4, "widget"), conversation(LETTER, 2, "nonce")],
        "message": [*chat, *letter],
        "turn": [turn(CONV, 1, 1), turn(CONV, 2, 3), turn(LETTER, 1, 1)],
        "ledger": [ledger(chat[0]), ledger(chat[2]), ledger(letter[0])],
        "delivery": deliveries,
        "route": [{"conversation_id": LETTER, "channel": "nonce", "place": "p00"}],
        "spend": [{"scope": "cap", "tokens": 45, "held_tokens": 0}, {"scope": "site", "tokens": 45, "held_tokens": 0}],
    }
    log: list[dict[str, Any]] = []
    for row in chat:
        if row["client_key"]:
            log.append(
                {"event": "sent", "at": row["seq"], "cid": row["client_key"], "kind": "send", "text": row["body"]}
            )
            log.append({"event": "acked", "at": row["seq"], "cid": row["client_key"], "conv": CONV, "id": row["id"],
                        "seq": row["seq"], "rev": row["rev"]})  # fmt: skip
        shown = {name: row[name] for name in ("id", "seq", "rev", "author", "turn")}
        log.append({"event": "shown", "at": row["seq"], "conv": CONV, "text": row["body"], "type": row["kind"] or None,
                    "cid": row["client_key"], **shown})  # fmt: skip
    words = letter[1]["body"]
    half = words.index(" where")
    platform = [
        {"event": "written", "at": 1, "id": "1", "channel": "nonce", "place": "p00", "text": letter[0]["body"]},
        {"event": "taken", "at": 2, "id": "1"},
        {"event": "accepted", "at": 3, "channel": "nonce", "place": "p00", "key": "key1", "text": words[:half]},
        {"event": "accepted", "at": 4, "channel": "nonce", "place": "p00", "key": "key2", "text": words[half:]},
    ]
    return World(database, {"widget-w00": log}, platform, token_cap=1_000)


def rows(w: World, table: str) -> list[dict[str, Any]]:
    return w.database[table]


def shown(w: World) -> list[dict[str, Any]]:
    return [event for event in w.customers["widget-w00"] if event["event"] == "shown"]


def log(w: World) -> list[dict[str, Any]]:
    return w.customers["widget-w00"]


def test_a_good_world_is_found_good() -> None:
    assert judge(world()) == []


def lose_a_message(w: World) -> None:
    del rows(w, "message")[2]


def lose_the_last_message_and_count_again(w: World) -> None:
    w.database.tables["message"] = [row for row in rows(w, "message") if row["id"] not in {f"{CONV}-m3", f"{CONV}-m4"}]
    rows(w, "conversation")[0] |= {"seq": 2, "rev": 2}
    w.database.tables["turn"] = [row for row in rows(w, "turn") if row["id"] != f"{CONV}-t2"]


def change_a_stored_text(w: World) -> None:
    rows(w, "message")[2]["body"] = question(9)


def forget_to_show_an_answer(w: World) -> None:
    log(w).remove(shown(w)[-1])


def lose_an_answer(w: World) -> None:
    del rows(w, "message")[3]
    del rows(w, "turn")[1]
    rows(w, "conversation")[0] |= {"seq": 3, "rev": 3}
    log(w).remove(shown(w)[-1])


def end_a_turn_without_an_answer(w: World) -> None:
    rows(w, "message")[3]["turn"] = "elsewhere"


def lose_a_letter(w: World) -> None:
    w.database.tables["message"] = [row for row in rows(w, "message") if row["conversation_id"] != LETTER]


def lose_a_delivery(w: World) -> None:
    del w.platform[3]


def bury_a_delivery(w: World) -> None:
    rows(w, "delivery")[1] |= {"state": "dead", "error": "given up"}


def deliver_nothing_at_all(w: World) -> None:
    w.platform[:] = w.platform[:2]
    rows(w, "delivery").clear()


def swallow_a_question_by_a_stop(w: World) -> None:
    rows(w, "turn")[1]["state"] = "stopped"
    log(w).append({"event": "stop", "at": 2, "conv": CONV, "turn": f"{CONV}-t2"})


def stop_without_being_asked(w: World) -> None:
    rows(w, "turn")[1]["state"] = "stopped"


@pytest.mark.parametrize(
    "damage",
    [
        lose_a_message, lose_the_last_message_and_count_again, change_a_stored_text, forget_to_show_an_answer, lose_an_answer,
        end_a_turn_without_an_answer, lose_a_letter, lose_a_delivery, bury_a_delivery, deliver_nothing_at_all,
        swallow_a_question_by_a_stop, stop_without_being_asked,
    ],
)  # fmt: skip
def test_a_loss_is_found(damage: Callable[[World], None]) -> None:
    w = world()
    damage(w)
    assert count(judge(w))["lost"] >= 1


def store_a_message_twice(w: World) -> None:
    rows(w, "message").append(message(CONV, 5, "customer", question(2), client_key="cid3"))
    rows(w, "conversation")[0] |= {"seq": 5, "rev": 5}


def acknowledge_at_two_places(w: World) -> None:
    log(w).append({"event": "acked", "at": 9, "cid": "cid1", "conv": CONV, "id": f"{CONV}-m7", "seq": 7, "rev": 7})


def answer_twice(w: World) -> None:
    body = rows(w, "message")[3]["body"]
    rows(w, "message").append(message(CONV, 5, "ai", body, turn=f"{CONV}-t2", kind="ai"))


def answer_twice_in_two_turns(w: World) -> None:
    body = rows(w, "message")[3]["body"]
    rows(w, "message").append(message(CONV, 5, "ai", body, turn=f"{CONV}-t3", kind="ai"))
    rows(w, "turn").append(turn(CONV, 3, 3))


def show_twice_at_two_places(w: World) -> None:
    log(w).append({**shown(w)[-1], "seq": 5})


def show_two_at_one_place(w: World) -> None:
    log(w).append({**shown(w)[-1], "id": "another"})


def show_what_is_not_stored(w: World) -> None:
    log(w).append({**shown(w)[-1], "id": "another", "seq": 5, "rev": 5, "text": "a ghost", "turn": None})


def deliver_twice(w: World) -> None:
    w.platform.append(w.platform[3])


def take_a_letter_twice(w: World) -> None:
    rows(w, "message").append(message(LETTER, 3, "customer", question(1, "p00")))


@pytest.mark.parametrize(
    "damage",
    [
        store_a_message_twice, acknowledge_at_two_places, answer_twice, answer_twice_in_two_turns, show_twice_at_two_places,
        show_two_at_one_place, show_what_is_not_stored, deliver_twice, take_a_letter_twice,
    ],
)  # fmt: skip
def test_a_double_is_found(damage: Callable[[World], None]) -> None:
    w = world()
    damage(w)
    assert count(judge(w))["twice"] >= 1


def test_a_double_on_a_platform_that_cannot_prevent_it_is_only_counted() -> None:
    w = world()
    for row in [*rows(w, "delivery"), *rows(w, "route"), *w.platform]:
        if "channel" in row:
            row["channel"] = "none"
    w.platform.append(w.platform[3])
    assert judge(w) == []


def show_in_another_order(w: World) -> None:
    first, second = shown(w)[2:]
    one, two = log(w).index(first), log(w).index(second)
    log(w)[one], log(w)[two] = second, first


def store_in_another_order_than_sent(w: World) -> None:
    events = [event for event in log(w) if event["event"] == "sent"]
    log(w).remove(events[1])
    log(w).insert(0, events[1])


def deliver_in_another_order(w: World) -> None:
    w.platform[2], w.platform[3] = w.platform[3], w.platform[2]


def answer_what_was_not_asked_yet(w: World) -> None:
    rows(w, "turn")[0]["upto_seq"] = 3


@pytest.mark.parametrize(
    "damage",
    [show_in_another_order, store_in_another_order_than_sent, deliver_in_another_order, answer_what_was_not_asked_yet],
)
def test_a_swap_is_found(damage: Callable[[World], None]) -> None:
    w = world()
    damage(w)
    assert count(judge(w))["order"] >= 1


def skip_a_seq(w: World) -> None:
    rows(w, "message")[3]["seq"] = 5


def skip_a_rev(w: World) -> None:
    rows(w, "message")[3]["rev"] = 5


def count_a_change_too_many(w: World) -> None:
    rows(w, "conversation")[0]["rev"] = 5


def count_a_message_too_many(w: World) -> None:
    rows(w, "conversation")[0]["seq"] = 5


def show_a_gap(w: World) -> None:
    log(w).remove(shown(w)[1])


@pytest.mark.parametrize(
    "damage", [skip_a_seq, skip_a_rev, count_a_change_too_many, count_a_message_too_many, show_a_gap]
)
def test_a_gap_is_found(damage: Callable[[World], None]) -> None:
    w = world()
    damage(w)
    assert count(judge(w))["gap"] >= 1


def test_closing_and_opening_again_is_no_gap() -> None:
    w = world()
    closed = message(CONV, 5, "system", "closed", kind="resolved")
    again = message(CONV, 6, "customer", question(3), client_key="cid3", rev=7)
    answer = message(CONV, 7, "ai", f"You asked: {question(3)}", turn=f"{CONV}-t3", kind="ai", rev=8)
    rows(w, "message").extend([closed, again, answer])
    rows(w, "turn").append(turn(CONV, 3, 6))
    rows(w, "conversation")[0] |= {"seq": 7, "rev": 8}
    assert not [one for one in judge(w) if one.kind == "gap"]


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
