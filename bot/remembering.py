"""Answers that were given a moment ago, given again: plugins keep them (the hooks ``recall_answer`` and ``keep_answer``), and of many who
ask the same at once only one makes the AI work.

The others wait for that answer, in this process and no longer than a provider may take to its first words; whoever waited in vain
asks by itself. Other processes are not waited for: one question more costs less than a lock that is held by the dead.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog

from bot.ai import Prompt
from bot.asking import Cancelled, Running
from bot.events import Answer, Recalled, TurnContext

if TYPE_CHECKING:
    from bot.fleet import Fleet
    from bot.plugins import Snapshot

log = structlog.get_logger("answering")

PATIENCE = 15.0
"""Seconds that others wait at most: as long as a provider may take to its first words."""
LOOK = 0.05
"""Seconds between two looks of one who waits at whether the turn was taken away."""


class Flights:
    """What is being asked just now, by key."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._landing: dict[str, threading.Event] = {}

    def begin(self, key: str) -> threading.Event | None:
        """``None``: nobody asks this, and now you do: call :meth:`end`. Else what tells when the other one is done."""
        with self._lock:
            other = self._landing.get(key)
            if other is None:
                self._landing[key] = threading.Event()
            return other

    def end(self, key: str) -> None:
        with self._lock:
            done = self._landing.pop(key, None)
        if done is not None:
            done.set()


FLIGHTS = Flights()


@dataclass
class Memory:
    """For one turn: :meth:`recall` before the AI is asked, :meth:`keep` with its answer. Made by :func:`memory`."""

    plugins: Snapshot
    turn: TurnContext
    prompt: Prompt
    conditions: str
    key: str = ""
    flying: bool = field(default=False, init=False)

    def recall(self, running: Running) -> Answer | None:
        """The answer that may be given again, if there is one. Raises :class:`Cancelled`."""
        said = self._look()
        if said is not None or not self.key:
            return said
        other = FLIGHTS.begin(self.key)
        if other is None:
            self.flying = True
            # It may have landed between the look and now.
            return self._look()
        waited = 0.0
        while not other.wait(LOOK):
            waited += LOOK
            if running.cancelled:
                raise Cancelled
            if waited >= PATIENCE:
                log.info("same_question_not_awaited", conversation=self.turn.conversation_id, seconds=waited)
                return None
        return self._look()

    def _look(self) -> Answer | None:
        found = self.plugins.first("recall_answer", prompt=self.prompt, turn=self.turn, conditions=self.conditions)
        if found is None:
            return None
        recalled: Recalled = found[1]
        self.key = recalled.key
        said = recalled.answer
        if said is None or not said.text.strip() or said.handoff_reason:
            return None
        known = {passage.id for passage in self.prompt.passages}
        if any(source.passage_id not in known for source in said.sources):
            return None  # what it rests on was not found today
        return replace(said, type="cache")

    def keep(self, said: Answer, judged: Answer) -> None:
        """Offer the AI's answer for others: as it said it, with what was found out about it since. Whatever ends in a person, is not
        an AI's or was not finished is not offered."""
        if self.key and judged.type == "ai" and not judged.handoff_reason and said.text.strip():
            self.plugins.each(
                "keep_answer",
                key=self.key,
                answer=replace(said, confidence=judged.confidence, grounded=judged.grounded, stated=judged.stated),
                turn=self.turn,
            )


@contextlib.contextmanager
def memory(
    plugins: Snapshot, turn: TurnContext, prompt: Prompt, fleet: Fleet, *, link_hosts: str = ""
) -> Iterator[Memory]:
    """Those who wait for this turn's answer wait until the end of the block. ``link_hosts``: the site's setting, as what is kept was let
    out with the links of its day."""
    models = ";".join(f"{provider.name}/{provider.model}" for provider in fleet.providers)
    made = Memory(plugins, turn, prompt, f"{plugins.version}|{turn.prompt_version}|{models}|{link_hosts}")
    try:
        yield made
    finally:
        if made.flying:
            FLIGHTS.end(made.key)
