"""⏳ ✅ ⚠️ on agents' own messages. Decoration: what cannot be marked is no failure of a delivery."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from bot import TemporaryFailure

from .failures import code_of, failure_of

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

EMOJI = {"queued": "hourglass_flowing_sand", "sent": "white_check_mark", "failed": "warning"}
PER_MINUTE, AT_FIRST = 36, 8
"""Slack allows about 50 reactions a minute. Beyond this, ✅ is left out; ⏳ and ⚠️ are always set. In the first minute of a process it
is less: Slack counts as well what the one before it did."""
REMEMBERED = 2_000
_DONE = {"already_reacted", "no_reaction", "message_not_found", "too_many_reactions", "thread_locked"}


class Marks:
    """Sets one mark and takes the others away."""

    def __init__(self) -> None:
        self.since = float("inf")
        """Unix seconds since when nobody else sets marks: messages that are younger have none that are not known here."""
        self._known: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._calls: deque[float] = deque()
        self._began = time.monotonic()

    async def set(self, client: AsyncWebClient, place: str, message: str, mark: str, *, first: bool = False) -> None:
        """Show ``mark`` (empty: none); ``first``: there is none yet. Raises like a post when Slack cannot be reached."""
        known = self._known.get((place, message))
        if known is None and (first or float(message) > self.since):
            known = ""
        if known == mark:
            return
        # Of what was marked before a restart nobody knows what is there: all others are taken away.
        old = ([known] if known else []) if known is not None else [one for one in EMOJI if one != mark]
        if mark and not (mark == "sent" and self._spent() + 1 + len(old) > self._most()):
            try:
                await self._call(client, "reactions.add", place, message, mark)
            except TemporaryFailure:
                if mark != "sent" or old:
                    raise
                return  # a tick is not worth that the thread waits for it
        for one in old:
            await self._call(client, "reactions.remove", place, message, one)
        self._known[(place, message)] = mark
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def _most(self) -> int:
        return PER_MINUTE if time.monotonic() - self._began > 60 else AT_FIRST

    def _spent(self) -> int:
        now = time.monotonic()
        while self._calls and self._calls[0] < now - 60:
            self._calls.popleft()
        return len(self._calls)

    async def _call(self, client: AsyncWebClient, method: str, place: str, message: str, mark: str) -> None:
        self._calls.append(time.monotonic())
        act = client.reactions_add if method == "reactions.add" else client.reactions_remove
        try:
            await act(channel=place, timestamp=message, name=EMOJI[mark])
        except Exception as error:
            if code_of(getattr(error, "response", None)) not in _DONE:
                raise failure_of(error) from None
