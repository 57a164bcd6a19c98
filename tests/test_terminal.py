"""``deskhand chat``: what is printed of an answer that arrives in pieces, restarts and is corrected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.terminal import Answer
from tests.ports import free_port
from tests.running import Deskhand


def piece(text: str, off: int, *, turn: str = "t", attempt: int = 1) -> dict[str, Any]:
    return {"turn": turn, "attempt": attempt, "off": off, "text": text}


def test_pieces_are_printed_once_whatever_overlaps() -> None:
    answer = Answer()
    assert answer.delta(piece("Hello", 0)) == "Hello"
    assert answer.delta(piece("lo there", 3)) == " there"
    assert answer.delta(piece("late", 40)) == ""  # one is missing: the final message brings it
    assert answer.rest("Hello there, Anna.") == ", Anna."


def test_places_count_utf_16_units() -> None:
    answer = Answer()
    answer.delta(piece("😀a", 0))
    assert answer.delta(piece("b", 3)) == "b"


def test_a_new_attempt_begins_again_and_a_correction_is_named() -> None:
    answer = Answer()
    answer.delta(piece("Wrong", 0))
    assert answer.delta(piece("Right", 0, attempt=2)) == "\n[begins again]\nRight"
    assert answer.rest("Other") == "\n[corrected]\nOther"


@pytest.mark.once
def test_a_conversation_with_choices_a_person_and_an_address(deskhand: Any) -> None:
    running: Deskhand = deskhand()
    told = running.run("chat", text="What does shipping cost?\n/person\n/email Anna anna@example.com\n/help\n/quit\n")
    assert told.returncode == 0, told.stderr
    assert "[1]" in told.stdout
    assert "ticket #1001" in told.stdout
    assert "leaves an address" in told.stdout
    listed = running.run("tickets", "list").stdout
    assert "#1001" in listed and "Anna <anna@example.com>" in listed
    saved = running.run("backup", str(running.data.parent / "b.tgz"))  # online
    assert saved.returncode == 0, saved.stderr
    refused = running.run("restore", "--yes", str(running.data.parent / "b.tgz"))
    assert refused.returncode == 1 and "is running" in refused.stderr


def test_when_nothing_runs_it_says_how_to_start_it(tmp_path: Path) -> None:
    told = Deskhand(tmp_path / "data", {"DESKHAND_PORT": str(free_port())}).run("chat", "hello")
    assert told.returncode == 1
    assert "deskhand run" in told.stderr
    assert "Traceback" not in told.stderr
