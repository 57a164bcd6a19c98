"""Who asks as people do is never slowed down; who repeats, bursts or asks for nothing gets less, later, and in the end a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot import Pace, RecentAnswer, TurnContext
from plugins.slow_down import SlowSettings, judge, standing_alone

NOW = 1_800_000_000.0


def answer(
    ago: float, *, question: str = "", answerable: bool = True, kind: str = "ai", handoff: bool = False
) -> RecentAnswer:
    return RecentAnswer(
        message_id=f"m{ago:.0f}", conversation_id="c", at=NOW - ago, type=kind, question=question or f"q{ago}",
        answerable=answerable, handoff=handoff,
    )  # fmt: skip


def paced(
    mine: list[RecentAnswer], near: Sequence[RecentAnswer] = (), put_off: int = 0, **settings: object
) -> Pace | None:
    made = SlowSettings.model_validate(settings)
    since = NOW - made.remember * 60
    return judge(made, [one for one in mine if one.at >= since], near, "same", NOW, put_off)


def test_a_lively_ordinary_conversation_never_meets_it() -> None:
    """Forty questions, one every 20 seconds, every third of them small talk to which no article answers."""
    for count in range(1, 41):
        mine = [answer(20.0 * n, answerable=(count - n) % 3 != 0) for n in range(1, count)]
        assert paced(mine, mine) is None, f"question {count}"


def test_a_greeting_and_thanks_in_a_row_are_nothing() -> None:
    assert paced([answer(n * 4.0, answerable=False) for n in range(1, 4)]) is None


def test_the_same_question_gets_the_earlier_answer_after_it_was_answered_twice() -> None:
    once = [answer(30, question="same")]
    assert paced(once) is None
    found = paced([answer(10, question="same"), *once])
    assert isinstance(found, Pace) and (found.again, found.why, found.wait) == ("m10", "repeat", 0.0)
    late = [answer(40 * 60, question="same"), answer(50 * 60, question="same")]
    assert paced(late) is None, "half an hour later it is a new question"
    given = [answer(5, question="same", kind="fallback"), answer(9, question="same"), answer(12, question="same")]
    found = paced(given)
    assert isinstance(found, Pace) and found.again == "m9", "an excuse is no answer to give again"


def test_a_word_that_means_something_else_each_time_is_no_question_that_comes_again() -> None:
    between = [answer(10), answer(20, question="same"), answer(30), answer(40, question="same")]
    assert paced(between) is None, "“And how much is it?” is asked of something else now"
    turn = TurnContext(turn_id="t", conversation_id="c", site="s", channel="widget")
    assert standing_alone(replace(turn, question="How long does a refund take?", earlier=4))
    assert not standing_alone(replace(turn, question="Yes, please!", earlier=4)), (
        "each time to another question of the assistant"
    )
    assert standing_alone(replace(turn, question="hello"))
    assert not standing_alone(replace(turn, question="What is this, please?", files=1)), "of another picture each time"
    assert standing_alone(replace(turn, question="返品は何日以内ですか", earlier=4))


def test_each_answer_over_the_burst_comes_later_and_waits_no_longer_than_set() -> None:
    waits = []
    for count in range(10, 24):
        found = paced([answer(n * 0.5) for n in range(1, count + 1)])
        waits.append(found.wait + 0.5 if isinstance(found, Pace) else 0.0)
    assert waits[:2] == [0.0, 0.0] and [round(one) for one in waits[2:7]] == [2, 4, 8, 16, 32]
    assert all(round(one) == 60 for one in waits[7:]), "never longer"


def test_who_paused_by_themselves_or_was_put_off_does_not_wait_again() -> None:
    mine = [answer(10 + n * 0.5) for n in range(14)]
    assert paced(mine) is None
    fast = [answer(n * 0.5) for n in range(1, 15)]
    found = paced(fast)
    assert isinstance(found, Pace) and found.wait > 0
    assert paced(fast, put_off=30) is None


def test_a_run_of_questions_that_nobody_can_answer_gets_slower_and_then_a_person() -> None:
    for count, wait in ((3, 0), (5, 4), (7, 16), (9, 60)):
        found = paced([answer(n * 0.5, answerable=False) for n in range(1, count + 1)])
        assert round(found.wait + 0.5 if isinstance(found, Pace) else 0) == wait, count
    found = paced([answer(n * 0.5, answerable=False) for n in range(1, 11)])
    assert isinstance(found, Pace) and found.escalation is not None
    assert "articles do not answer" in found.escalation.detail and "person" in found.escalation.say


def test_far_too_many_bring_a_person_and_never_silence() -> None:
    found = paced([answer(n) for n in range(1, 31)])
    assert isinstance(found, Pace) and found.escalation is not None and found.escalation.priority == "low"


def test_visitors_behind_one_address_are_counted_together() -> None:
    near = [answer(n) for n in range(1, 64)]
    found = paced([answer(100)], near, address_burst=60)
    assert isinstance(found, Pace) and (found.why, round(found.wait)) == ("address", 8)
    assert paced([answer(100)], near, address_burst=0) is None
    assert paced([], near[:60], address_burst=60) is None


def test_every_limit_can_be_switched_off() -> None:
    off = dict.fromkeys(("repeats", "burst", "address_burst", "astray", "person_after"), 0)
    mine = [answer(n * 0.5, question="same", answerable=False) for n in range(1, 100)]
    assert paced(mine, mine, **off) is None
