"""What one customer sees of one conversation, kept by the rules of docs/protocol.md, with a log line for all that is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.journal import Journal

TOKEN = re.compile(r"q:[a-z0-9]+:\d+:\d+;")
"""Every question carries one, such as ``q:w07:2:11;`` (person, conversation, number). The fake model's answers repeat it."""


def tokens(text: str) -> list[str]:
    return TOKEN.findall(text)


@dataclass
class Draft:
    """An answer being written, as far as it was seen."""

    turn: str
    attempt: int
    text: str = ""


@dataclass
class Transcript:
    """One conversation on one screen. ``conv`` is empty until the server has named it."""

    journal: Journal
    conv: str = ""
    cursor: int = 0
    state: str = "ai"
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    draft: Draft | None = None

    def page(self, after: int, cursor: int, rows: Iterable[dict[str, Any]], state: str = "") -> bool:
        """Apply a ``msgs`` frame. False: something before it was missed, so nothing was applied: pull."""
        if after > self.cursor:
            return False
        for row in rows:
            self._upsert(row)
        self.cursor = max(self.cursor, cursor)
        if state and state != self.state:
            self.state = state
            self.journal.note("state", conv=self.conv, state=state)
        return True

    def _upsert(self, row: dict[str, Any]) -> None:
        old = self.rows.get(row["id"])
        if old is not None and old["rev"] >= row["rev"]:
            if old["rev"] == row["rev"] and old["text"] != row["text"]:
                self.journal.note(
                    "changed_silently", conv=self.conv, id=row["id"], before=old["text"], after=row["text"]
                )
            return
        self.rows[row["id"]] = row
        shown = {name: row.get(name) for name in ("id", "seq", "rev", "author", "text", "turn", "type", "cid")}
        self.journal.note("shown", conv=self.conv, **shown)
        if self.draft is not None and row.get("turn") == self.draft.turn:
            self.drop_draft()

    def drop_draft(self) -> None:
        if self.draft is not None and self.draft.text:
            draft = self.draft
            self.journal.note("draft", conv=self.conv, turn=draft.turn, attempt=draft.attempt, text=draft.text)
        self.draft = None

    def given_draft(self, turn: dict[str, Any] | None) -> None:
        """The answer in progress as a page told it."""
        if turn is not None and not self._ended(turn["id"]):
            self.draft = Draft(turn["id"], turn["attempt"], turn["text"])

    def progress(self, frame: dict[str, Any]) -> bool:
        """Apply a ``turn`` or ``delta`` frame as the widget does. False: something was missed: pull."""
        turn, attempt, draft = frame["turn"], frame["attempt"], self.draft
        if self._ended(turn):
            return True
        if draft is None or draft.turn != turn or attempt > draft.attempt:
            if frame.get("off"):
                return False
            if frame["t"] == "turn" and frame["phase"] not in {"thinking", "writing"}:
                return False
            self.drop_draft()
            draft = self.draft = Draft(turn, attempt)
        if attempt < draft.attempt:
            return True
        if frame["t"] == "delta":
            length = len(draft.text)  # all texts here are ASCII: a character is a UTF-16 unit
            if frame["off"] > length:
                return False
            draft.text += frame["text"][length - frame["off"] :]
        return True

    def _ended(self, turn: str) -> bool:
        return any(row.get("turn") == turn for row in self.rows.values())

    def answered(self, token: str) -> bool:
        """Whether the question with ``token`` needs no more waiting: an answer repeats it, or people have the conversation."""
        if self.state != "ai":
            return True
        seq = next(
            (row["seq"] for row in self.rows.values() if row["author"] == "customer" and token in row["text"]), None
        )
        if seq is None:
            return False
        return any(
            row["author"] == "ai"
            and row["seq"] > seq
            and (row.get("type") != "ai" or token in row["text"] or self._later(row, seq))
            for row in self.rows.values()
        )

    def _later(self, answer: dict[str, Any], seq: int) -> bool:
        """An answer to a later question covers the earlier ones."""
        found = tokens(answer["text"])
        return any(
            row["author"] == "customer" and row["seq"] > seq and found and found[-1] in row["text"]
            for row in self.rows.values()
        )
