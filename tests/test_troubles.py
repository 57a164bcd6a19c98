"""What does not work at a platform is a row while it lasts: the doctor says it, and the team is told if somebody must act."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from bot import clock, troubles
from bot.config import config
from bot.doctor import Finding, examine
from tests.channels.boards import Board, conversation, installed, say


@pytest.fixture
def house(store: Any, environment: Callable[..., None], database_url: str, tmp_path: Any) -> Any:
    installed(store)
    environment(DESKHAND_TEAM_MAIL="team@example.com", DATABASE_URL=database_url)
    return store


def said(store: Any) -> list[Finding]:
    found = [one for one in examine(config()) if one.what == "channel"]
    store.open_database(config().database)  # the examination closed it
    return found


def mails(store: Any) -> list[tuple[str, str, str]]:
    return [
        tuple(row)
        for row in store.read(lambda: store.sql("SELECT to_address, subject, text FROM mail ORDER BY id").fetchall())
    ]


def test_the_doctor_says_what_is_wrong_since_when_and_what_waits(house: Any) -> None:
    from bot.outbox import Outbox

    Outbox(Board()).declare()
    say(conversation("board", "room"), "hello")
    troubles.tell("board", "send", "The token was revoked. Make a new one.")
    troubles.tell("desk:table", "listen", "An intent is missing.")
    first, second = said(house)
    assert first.level == second.level == "fail"
    assert re.match(r"board cannot send \(it began \d+ s ago\): The token was revoked\. Make a new one\.", first.text)
    assert first.text.endswith("; 1 delivery waits, nothing is lost")
    assert second.text.startswith("desk:table does not hear what people write") and "wait" not in second.text
    troubles.forget("board")
    troubles.tell("desk:table", "listen", "")
    assert said(house) == [] and troubles.found() == []


def test_a_trouble_that_goes_on_keeps_its_beginning(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    troubles.tell("board", "send", "502")
    began = troubles.found()[0].since
    monkeypatch.setattr(clock, "now", lambda: began + 600)
    troubles.tell("board", "send", "503")
    (one,) = troubles.found()
    assert (one.text, one.since) == ("503", began)


def test_the_team_is_told_once_when_somebody_must_act(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    at = 6 * 3600.0 * 80_000
    monkeypatch.setattr(clock, "now", lambda: at)
    troubles.tell("board", "send", "It is away for a moment.")
    assert mails(house) == []
    for _ in range(3):  # the process is started again and finds the same
        troubles.forget("board")
        troubles.tell("board", "send", "The token was revoked.\nBcc: x@example.com", admin=True)
    ((to, subject, text),) = mails(house)
    assert to == "team@example.com" and subject == "board cannot send"
    assert "The token was revoked." in text and "deskhand doctor" in text
    at += 6 * 3600
    troubles.forget("board")
    troubles.tell("board", "send", "The token was revoked.", admin=True)
    assert len(mails(house)) == 2
