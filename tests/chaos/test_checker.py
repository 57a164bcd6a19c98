"""The judge finds what must not be: each of these worlds is one small step away from a good one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.chaos.checker import World, count, judge
from tests.chaos.good_world import CONV, LETTER, log, message, question, rows, shown, turn, world


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
