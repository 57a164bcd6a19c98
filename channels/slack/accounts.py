"""Accounts that were ended in Slack. The event that says so is lost when nobody listens for hours; so Slack is asked as well."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bot import DeskEvent, DeskInbox

from .failures import code_of
from .heard import DESK, seconds

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

EVERY = 1_800.0
"""Seconds between two rounds through all agents."""
AT_ONCE = 20
"""Calls of ``users.info`` in a minute; Slack allows a hundred, and events need some."""
_UNKNOWN = {"user_not_found", "user_not_visible"}


def ended(user: Mapping[str, Any], team: str, stamp: str = "") -> DeskEvent:
    """That this account was ended, under one key however it was learned."""
    team = str(user.get("team_id") or team)
    return DeskEvent(
        desk=DESK,
        key=f"slackuser:{team}:{user['id']}:{user.get('updated') or stamp}",
        kind="left",
        who=f"{team}:{user['id']}",
        at=seconds(stamp) if stamp else time.time(),
    )


class Accounts:
    """Asks about every agent when listening begins, and then every half hour."""

    def __init__(self, client: AsyncWebClient, inbox: DeskInbox, team: str) -> None:
        self.client, self.inbox, self.team = client, inbox, team
        self._next = 0.0
        self._waiting: deque[str] = deque()

    async def look(self) -> None:
        """To be called every minute. Tells the core of accounts that are no more. Raises when Slack cannot be asked: who is left is
        asked about the next time."""
        if time.monotonic() >= self._next:
            agents = await self.inbox.agents()
            self._next = time.monotonic() + EVERY
            ours = (one for one in agents if one.startswith(f"{self.team}:"))
            self._waiting.extend(one for one in ours if one not in self._waiting)
        for _ in range(min(AT_ONCE, len(self._waiting))):
            one = self._waiting.popleft()
            try:
                answer = await self.client.users_info(user=one.rpartition(":")[2])
            except Exception as error:
                if code_of(getattr(error, "response", None)) in _UNKNOWN:
                    continue  # a wrong id, or somebody whom the app may not see: that says nothing of an account
                self._waiting.append(one)  # behind the others, so that one who cannot be asked about hides nobody
                raise
            user = answer.get("user") or {}
            if user.get("deleted") and user.get("id"):
                await self.inbox.receive(ended(user, self.team))
