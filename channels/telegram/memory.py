"""The few things that outlive a process: who the bot is, which groups moved, and answers that are being shown while they are written.

They are the channel's stored position, one small JSON text. Without an inbox (a process that only sends) they live in memory alone.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any

import structlog

from bot import Inbox

from .places import Moves
from .reading import Me

log = structlog.get_logger("channels")
NAME = "channel:telegram"
"""Under which the host keeps it, for the process ``web``."""


class Memory:
    """What is known of one bot."""

    def __init__(self) -> None:
        self.me: Me | None = None
        self.moves = Moves()
        self.shown: Callable[[], dict[str, Any]] = dict
        """The drafts of this moment, for :meth:`keep`."""
        self.left: dict[str, Any] = {}
        """Drafts that a process before this one left behind."""
        self._inbox: Inbox | None = None
        self._writing = asyncio.Lock()

    async def open(self, inbox: Inbox, me: Me) -> None:
        """Read what was kept, unless it belongs to another bot, and keep who we are."""
        self._inbox, self.me = inbox, me
        kept = parse(await inbox.cursor())
        if kept.get("id") == me.id:
            learn(self.moves, kept)
            self.left = {turn: at for turn, at in _dict(kept.get("drafts")).items() if isinstance(at, list)}
        await self.keep()

    async def keep(self) -> None:
        """Write it down. A move that ``web`` noted meanwhile is kept, too."""
        if self._inbox is None or self.me is None:
            return
        me, moved, drafts = self.me, dict(self.moves.began), {**self.left, **self.shown()}

        def change(before: str) -> str:
            kept, moves = parse(before), Moves()
            moves.began.update(moved)
            if kept.get("id") == me.id:
                learn(moves, kept)
            return written(me, moves, drafts)

        async with self._writing:
            learn(self.moves, parse(await self._inbox.change_cursor(change)))


def parse(value: str) -> dict[str, Any]:
    try:
        return _dict(json.loads(value)) if value else {}
    except ValueError:
        log.warning("memory_unreadable", channel="telegram", next="begun anew")
        return {}


def written(me: Me, moves: Moves, drafts: dict[str, Any]) -> str:
    moved: Iterable[tuple[int, int]] = moves.began.items()
    kept = {"id": me.id, "username": me.username, "moved": {str(new): old for new, old in moved}, "drafts": drafts}
    return json.dumps(kept, separators=(",", ":"))


def learn(moves: Moves, kept: dict[str, Any]) -> None:
    for new, old in _dict(kept.get("moved")).items():
        moves.began.setdefault(int(new), int(old))


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
