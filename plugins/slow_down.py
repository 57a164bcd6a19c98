"""Slows down who asks the same again and again, asks in bursts or asks only what nobody can answer here: the earlier answer once more, then
answers that come later, then a person. Nobody is dropped, and who talks as people do never meets it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

import structlog

from bot import (
    Escalation,
    Pace,
    PluginInfo,
    Reason,
    RecentAnswer,
    Settings,
    TurnContext,
    fingerprint_question,
    hookimpl,
    now,
    recent_answers,
    setting,
)

PLUGIN = PluginInfo(
    title="Slow down", summary="Repeated, endless and unanswerable questions of one person cost less and less.", on=True
)
log = structlog.get_logger("slow_down")

MINUTE = 60.0
BURST = 5
"""Minutes in which a burst is counted."""
SHORTEST = 0.5
"""Seconds: nobody notices less."""
WORDS, BEYOND = 4, 16
"""Of a question in the middle of a conversation that can mean the same twice."""
MOST_OVER = 20
"""More over a limit than this does not make it slower."""


class SlowSettings(Settings):
    """0 switches a limit off."""

    repeats: int = setting(
        1,
        ge=0,
        le=100,
        label="Repeats",
        help="So often the same question is answered anew; after that the answer is given again.",
    )
    remember: int = setting(30, ge=1, le=1_440, label="Repeats within, minutes")
    burst: int = setting(
        12,
        ge=0,
        le=1_000,
        label="Answers in a burst",
        help="So many in five minutes come at once; from then on each a little later.",
    )
    address_burst: int = setting(
        300,
        ge=0,
        le=100_000,
        label="Answers to an address",
        help="The same for all visitors behind one network address.",
    )
    astray: int = setting(
        4,
        ge=0,
        le=100,
        label="Without an answer",
        help="So many questions in a row that the articles do not answer; then it is slower.",
    )
    longest: int = setting(60, ge=1, le=600, label="Longest wait, seconds")
    person_after: int = setting(
        30,
        ge=0,
        le=10_000,
        label="A person after",
        help="So many in five minutes, or a third of them unanswerable in a row, bring a person.",
    )
    say: str = setting(
        "You have many questions, so a person will go on with you. Nothing you wrote is lost.",
        max_length=500,
        label="Words",
        help="Said when it is passed on.",
    )


@hookimpl
def settings_schema() -> type[Settings]:
    return SlowSettings


@hookimpl
def pace(settings: SlowSettings, turn: TurnContext) -> Pace | None:
    mine = recent_answers(turn.conversation_id, settings.remember * MINUTE)
    near: list[RecentAnswer] = []
    if settings.address_burst:
        most = settings.address_burst + MOST_OVER
        near = recent_answers(turn.conversation_id, BURST * MINUTE, origin=True, limit=most)
    question = fingerprint_question(turn.question) if standing_alone(turn) else ""
    found = judge(settings, mine, near, question, now(), turn.put_off)
    if found is not None:
        log.info(
            "slowed_down", why=found.why, seconds=round(found.wait), conversation=turn.conversation_id, turn=turn.turn_id
        )  # fmt: skip
    return found


def standing_alone(turn: TurnContext) -> bool:
    """Whether a question means the same each time it is asked. “Yes” is the answer to something else each time, and “What is this?”
    beside a picture is about the picture."""
    if turn.files:
        return False
    # Scripts without blanks have no words that could be counted: there it goes by what their characters take beyond one byte.
    return (
        not turn.earlier
        or len(turn.question.split()) >= WORDS
        or len(turn.question.encode("utf-8", "replace")) - len(turn.question) >= BEYOND
    )


def judge(
    settings: SlowSettings, mine: Sequence[RecentAnswer], near: Sequence[RecentAnswer], question: str, at: float, put_off: int = 0
) -> Pace | None:  # fmt: skip
    """What becomes of a question at the time ``at``: ``mine`` are the visitor's latest answers, ``near`` those to the same address,
    both newest first."""
    burst = [one for one in mine if one.at >= at - BURST * MINUTE]
    found = passed_on(settings, burst, mine) or repeated(settings, mine, question)
    if found is not None:
        return found
    wait, why = slower(settings, burst, mine)
    crowd = growing(len(near) - settings.address_burst, settings.longest) if settings.address_burst else 0.0
    # How long it has to be between two answers, counted from the last one: whoever paused anyway does not wait.
    wait = max(0.0, wait - (at - mine[0].at if mine else 0.0))
    wait, why = max((wait, why), (crowd, "address"))
    return Pace(wait=wait - put_off, why=why) if wait - put_off > SHORTEST else None


def passed_on(settings: SlowSettings, burst: Sequence[RecentAnswer], mine: Sequence[RecentAnswer]) -> Pace | None:
    """A person, when slowing down did not help."""
    if not settings.person_after:
        return None
    many = len(burst) >= settings.person_after
    if not many and (not settings.astray or in_a_row(mine) < max(settings.astray + 1, settings.person_after // 3)):
        return None
    detail = "many questions in a short time" if many else "many questions that the articles do not answer"
    return Pace(
        escalation=Escalation(
            reason=Reason.TURN_CAP, detail=detail, say=settings.say, answer_first=False, priority="low"
        ),
        why="person",
    )


def repeated(settings: SlowSettings, mine: Sequence[RecentAnswer], question: str) -> Pace | None:
    """The earlier answer, for a question that was answered so often already. Only in a row: with something else in between, “How much
    is it?” is asked of something else."""
    same = [one for one in takewhile(lambda one: one.question == question, mine) if question and not one.handoff]
    worth = [one for one in same if one.type in {"ai", "offline", "auto", "cache"}]
    if not settings.repeats or len(same) <= settings.repeats or not worth:
        return None
    return Pace(again=worth[0].message_id, why="repeat")


def slower(settings: SlowSettings, burst: Sequence[RecentAnswer], mine: Sequence[RecentAnswer]) -> tuple[float, str]:
    """Seconds between two answers, and why: more with each one over a limit."""
    ways = [(0.0, "")]
    if settings.burst:
        ways.append((growing(len(burst) + 1 - settings.burst, settings.longest), "burst"))
    if settings.astray:
        ways.append((growing(in_a_row(mine) + 1 - settings.astray, settings.longest), "astray"))
    return max(ways)


def in_a_row(mine: Sequence[RecentAnswer]) -> int:
    """The newest answers for which the articles had nothing."""
    return sum(1 for _ in takewhile(lambda one: not one.answerable, mine))


def growing(over: int, longest: int) -> float:
    """Seconds for the so-manieth one over a limit: 2, 4, 8 … up to the longest."""
    return float(min(longest, 2 ** min(over, 10))) if over > 0 else 0.0
