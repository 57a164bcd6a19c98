"""Of many who ask the same at once one makes the AI work, and the others wait, but not for ever."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from bot import remembering
from bot.turns_process import Pool
from plugins import reply_cache
from tests.fakes.llm import FakeLLM
from tests.patience import patient, wait_for
from tests.reply_cache.conftest import CLEAN, QUESTION, answers, ask, rows, say


def test_of_fifty_who_ask_at_once_one_makes_the_ai_work(store: Any, pool: Pool, llm: FakeLLM) -> None:
    llm.script(CLEAN)
    ask(
        store, pool, "Is a soft sponge good for my tent?"
    )  # what is known of the articles is the same for all from here on
    llm.clear()
    llm.script(replace(CLEAN, first_token_after=0.5))
    talks = [say(pool, QUESTION, wake=False) for _ in range(50)]
    for conversation in talks:
        pool.want(conversation)
    found = [wait_for(lambda c=c: answers(store, c), 30)[-1] for c in talks]  # type: ignore[misc]
    assert len(llm.requests) == 2
    assert sorted(one.kind for one in found) == ["ai"] + ["cache"] * 49
    assert len({one.body for one in found}) == 1 and len(rows(store)) == 2


def test_those_who_ask_while_the_database_is_away_wait_for_one_too(
    store: Any, pool: Pool, llm: FakeLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bot.store import StoreUnavailable

    known, first = reply_cache.cached_answer, threading.Event()

    def away_at_first(key: str) -> Any:
        if not first.is_set():
            raise StoreUnavailable("away")
        return known(key)

    monkeypatch.setattr(reply_cache, "cached_answer", away_at_first)
    llm.script(replace(CLEAN, first_token_after=1.0))
    talks = [say(pool, QUESTION, wake=False) for _ in range(3)]
    for conversation in talks:
        pool.want(conversation)
    wait_for(lambda: llm.requests and len(pool.running) == 3, 15)
    first.set()
    found = [wait_for(lambda c=c: answers(store, c), 30)[-1] for c in talks]  # type: ignore[misc]
    assert sorted(one.kind for one in found) == ["ai", "cache", "cache"] and len(llm.requests) == 1


def test_who_waited_for_an_answer_that_is_not_kept_asks_alone(store: Any, pool: Pool, llm: FakeLLM) -> None:
    llm.script(replace(CLEAN, first_token_after=0.3, conclude={"confidence": 0.2}))
    talks = [say(pool, QUESTION, wake=False) for _ in range(5)]
    for conversation in talks:
        pool.want(conversation)
    found = [wait_for(lambda c=c: answers(store, c), 30)[-1] for c in talks]  # type: ignore[misc]
    assert len(llm.requests) == 5 and {one.kind for one in found} == {"ai"}


def test_nobody_waits_longer_than_for_the_first_words(
    store: Any, pool: Pool, llm: FakeLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembering, "PATIENCE", 0.4)
    llm.script(replace(CLEAN, first_token_after=min(patient(2.0), 8.0)))
    first, second = say(pool, QUESTION, wake=False), say(pool, QUESTION, wake=False)
    pool.want(first)
    wait_for(lambda: len(llm.requests) == 1, 15)
    pool.want(second)
    wait_for(lambda: len(llm.requests) == 2, 1.5)


def test_one_who_waits_can_be_stopped(store: Any, pool: Pool, llm: FakeLLM) -> None:
    from bot.stopping import request_stop
    from bot.turns import running_turn

    llm.script(replace(CLEAN, first_token_after=min(patient(3.0), 8.0)))
    first, second = say(pool, QUESTION, wake=False), say(pool, QUESTION, wake=False)
    pool.want(first)
    wait_for(lambda: len(llm.requests) == 1, 15)
    pool.want(second)
    wait_for(lambda: second in pool.running, 15)
    time.sleep(0.3)
    turn = store.read(lambda: running_turn(second))
    assert turn is not None
    request_stop(second, turn[0])
    pool.on_wake(second.encode())
    assert wait_for(lambda: answers(store, second), 1.5)[0].kind == "stopped"
    assert wait_for(lambda: answers(store, first), 15)[0].kind == "ai" and len(llm.requests) == 1


def test_a_leader_that_dies_leaves_nobody_waiting() -> None:
    flights = remembering.Flights()
    assert flights.begin("k") is None
    other = flights.begin("k")
    assert other is not None and not other.is_set()
    waiting = threading.Thread(target=other.wait)
    waiting.start()
    flights.end("k")
    waiting.join(patient(1))
    assert not waiting.is_alive() and flights.begin("k") is None
