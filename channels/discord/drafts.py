"""An answer while it is written: one message of ours, changed as the text grows, which becomes the answer in the end.

The message carries a mark of its own until then, so that after a crash one that nobody finishes can be told from an answer
and is removed.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Any

from bot import DeliveryFailure, Draft

from .failures import Refusal
from .memory import DRAFT_LIFE, Memory
from .prose import LONGEST, prose

WRITING = "\n-# writing …"
ABANDONED = 120.0
"""Seconds without a word after which a draft is nobody's any more."""
EDIT = "/channels/{channel_id}/messages/{message_id}"
SEND = "/channels/{channel_id}/messages"
QUIET = {"allowed_mentions": {"parse": []}, "flags": 4}
"""Nobody is pinged, and links show no pictures (SUPPRESS_EMBEDS)."""


def nonce_of(turn: str) -> str:
    """The nonce of a turn's draft: at most 25 characters."""
    return "d" + hashlib.sha256(turn.encode()).hexdigest()[:24]


class Drafts:
    """All drafts of one channel object."""

    def __init__(self, memory: Memory, every: float, echoes: dict[str, str]) -> None:
        self.memory = memory
        self.echoes = echoes
        """Nonces of messages that Discord showed us back, with their ids."""
        self.every = every
        self._shown: dict[str, float] = {}
        self._busy: dict[str, asyncio.Event] = {}
        self._ended: dict[str, float] = {}

    async def show(self, rest: Any, draft: Draft) -> None:
        """Show it now, or leave it out: the next one says all of it again."""
        now = time.monotonic()
        if draft.turn in self._ended or draft.turn in self._busy:
            return
        if not draft.text.strip():
            await self._withdraw(rest, draft.turn)
            return
        if now - self._shown.get(draft.place, -60.0) < self.every * 0.9:
            return
        self._shown[draft.place] = now
        channel = draft.place
        content = prose(_open(draft.text))[: LONGEST - len(WRITING)] + WRITING
        done = self._busy[draft.turn] = asyncio.Event()
        try:
            known = self.memory.drafts.get(draft.turn)
            if known is None:
                if rest.spare("POST", SEND, channel_id=channel) < 2:
                    return  # the room that is left belongs to answers
                body = {"content": content, "nonce": nonce_of(draft.turn), "enforce_nonce": True, **QUIET}
                made = await rest.call("POST", SEND, channel_id=channel, body=body)
                self.memory.remember_draft(draft.turn, channel, str(made["id"]))
            elif rest.spare("PATCH", EDIT, channel_id=channel, message_id=known.message) >= 2:
                known.at = time.time()
                await rest.call(
                    "PATCH", EDIT, channel_id=channel, message_id=known.message, body={"content": content, **QUIET}
                )
        finally:
            del self._busy[draft.turn]
            done.set()
            if len(self._shown) > 1_000:
                self._shown = {place: at for place, at in self._shown.items() if now - at < 60}

    async def take(self, turn: str) -> str:
        """The message that the answer of ``turn`` replaces, or empty. From now on no draft of it is shown."""
        if not turn:
            return ""
        now = time.monotonic()
        self._ended = {key: at for key, at in self._ended.items() if now - at < DRAFT_LIFE}
        self._ended[turn] = now
        busy = self._busy.get(turn)
        if busy is not None:  # what is on its way would come after the answer
            await busy.wait()
        known = self.memory.drafts.get(turn)
        # Of a draft whose first answer got lost only the echo tells.
        return known.message if known is not None else self.echoes.get(nonce_of(turn), "")

    async def _withdraw(self, rest: Any, turn: str) -> None:
        """No answer will come of it: a person took over."""
        known = self.memory.drafts.pop(turn, None)
        if known is None:
            return
        self._ended[turn] = time.monotonic()
        self.memory.drafts[f"?{known.message}"] = known  # should this fail, a sweep removes it
        self.memory.changed += 1
        await self._remove(rest, known.channel, known.message)
        self.memory.drafts.pop(f"?{known.message}", None)

    def left_over(self, channel: str, message: str) -> None:
        """A draft that was seen at Discord and that nobody here knows: removed like the others unless it becomes an answer."""
        self.memory.remember_draft(f"?{message}", channel, message)

    async def sweep(self, rest: Any) -> None:
        """Remove drafts that nobody finishes: their process died, or their turn went to people."""
        now = time.time()
        for turn, one in list(self.memory.drafts.items()):
            known = {draft.message for key, draft in self.memory.drafts.items() if not key.startswith("?")}
            if now - one.at > DRAFT_LIFE or (turn.startswith("?") and one.message in known):
                del self.memory.drafts[turn]
                self.memory.changed += 1
            elif now - one.at > ABANDONED and turn not in self._ended:
                try:
                    await self._remove(rest, one.channel, one.message)
                except (DeliveryFailure, Refusal):
                    continue
                self.memory.drafts.pop(turn, None)
                self.memory.changed += 1

    async def _remove(self, rest: Any, channel: str, message: str) -> None:
        try:
            found = await rest.call("GET", EDIT, channel_id=channel, message_id=message)
        except Refusal as refusal:
            if refusal.status == 404:
                return
            raise
        if str(found.get("content", "")).endswith(WRITING.strip()):
            await rest.call("DELETE", EDIT, channel_id=channel, message_id=message)


def _open(text: str) -> str:
    """A text that may end in the middle of a block of code."""
    return text + "\n```" if text.count("```") % 2 else text
