"""Rules in memory: read again after a change, kept while the database is away, and never a reason to wait long."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from bot import ReplyRule, StoreUnavailable, add_rule
from plugins.auto_reply import memory
from plugins.auto_reply.memory import RulesInMemory
from tests.patience import patient


def rule(name: str) -> ReplyRule:
    return ReplyRule(name=name, phrases=("opening hours",), answer=name)


def answer(rules: RulesInMemory) -> str:
    found = rules.current("en").best("opening hours", site="s1")
    return found.rule.answer if found is not None else ""


def test_a_change_is_seen_by_the_next_look(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "LOOK_SECONDS", 0.0)
    rules = RulesInMemory()
    assert answer(rules) == ""
    add_rule(rule("one"), actor="t")
    assert answer(rules) == "one"


def test_between_two_looks_the_database_is_left_alone(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    real = memory.rules_version
    monkeypatch.setattr(memory, "rules_version", lambda: looks.append(1) or real())
    rules = RulesInMemory()
    for _ in range(50):
        rules.current("en")
    assert len(looks) <= 2


def test_while_the_database_is_away_the_last_rules_stay(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "LOOK_SECONDS", 0.0)
    add_rule(rule("one"), actor="t")
    rules = RulesInMemory()
    assert answer(rules) == "one"

    def away() -> Any:
        raise StoreUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(memory, "rules_version", away)
        assert answer(rules) == "one"
        patch.setattr(memory, "rules_version", lambda: "another")
        patch.setattr(memory, "list_rules", away)
        assert answer(rules) == "one"
    add_rule(rule("a second"), actor="t")
    assert answer(rules) == "a second"


def test_a_question_does_not_wait_for_rules_that_take_long(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(memory, "PATIENCE", 0.1)
    add_rule(rule("one"), actor="t")
    rules = RulesInMemory()
    assert answer(rules) == "one"
    ready, real = threading.Event(), memory.list_rules

    def slow() -> list[ReplyRule]:
        ready.wait(10)
        return real()

    monkeypatch.setattr(memory, "list_rules", slow)
    add_rule(rule("a second"), actor="t")
    began = time.monotonic()
    assert answer(rules) == "one" and time.monotonic() - began < patient(1.0)
    ready.set()
    until = time.monotonic() + patient(5)
    while answer(rules) != "a second" and time.monotonic() < until:
        time.sleep(0.01)
    assert answer(rules) == "a second"


def test_the_first_question_of_a_process_waits_longer(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "FIRST_PATIENCE", patient(5))
    monkeypatch.setattr(memory, "PATIENCE", 0.0)
    add_rule(rule("one"), actor="t")
    real = memory.list_rules

    def slow() -> list[ReplyRule]:
        time.sleep(0.3)
        return real()

    monkeypatch.setattr(memory, "list_rules", slow)
    assert answer(RulesInMemory()) == "one"


def test_everybody_who_asks_while_rules_are_read_waits_for_them(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "FIRST_PATIENCE", patient(5))
    monkeypatch.setattr(memory, "PATIENCE", patient(5))
    monkeypatch.setattr(memory, "LOOK_SECONDS", patient(5))
    add_rule(rule("one"), actor="t")
    rules = RulesInMemory()
    reading, ready, real = threading.Event(), threading.Event(), memory.list_rules

    def slow() -> list[ReplyRule]:
        reading.set()
        ready.wait(patient(5))
        return real()

    monkeypatch.setattr(memory, "list_rules", slow)
    answers: list[str] = []
    asking = [threading.Thread(target=lambda: answers.append(answer(rules))) for _ in range(2)]
    asking[0].start()
    assert reading.wait(patient(5))
    asking[1].start()
    asking[1].join(0.2)
    ready.set()
    for thread in asking:
        thread.join()
    assert answers == ["one", "one"]


def test_another_language_for_all_makes_them_anew(store: Any) -> None:
    add_rule(ReplyRule(name="r", phrases=("Öffnungszeit",), answer="yes"), actor="t")
    rules = RulesInMemory()
    assert rules.current("en").best("öffnungszeiten", site="s1") is None
    assert rules.current("de").best("öffnungszeiten", site="s1") is not None
