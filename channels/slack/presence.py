"""Which agents are there: Slack's presence and do-not-disturb, told to the core every minute, and whose account is no more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import structlog

from bot import DeskInbox, Presence

from .accounts import Accounts
from .failures import code_of, failure_of, retry_after

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

log = structlog.get_logger("channels")
EVERY = 60.0
PER_MINUTE = 40
"""Calls of ``users.getPresence``; Slack allows fifty or so a minute. Of more agents some are asked about in the next minute."""
TOGETHER = 50
"""People of one ``dnd.teamInfo``."""
SCOPE = "dnd:read"
_UNKNOWN = {"user_not_found", "user_not_visible"}


class PresenceWatch:
    """Tells the core. What cannot be learned is not told, and what was told is forgotten there after a while."""

    def __init__(self, client: AsyncWebClient, inbox: DeskInbox, team: str, missed: Mapping[str, str]) -> None:
        self.client, self.inbox, self.team = client, inbox, team
        self._quiet_known = SCOPE not in missed
        self._next = 0
        self.accounts = Accounts(client, inbox, team)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            began = time.monotonic()
            pause = 0.0
            try:
                states = await self.look()
                if states:
                    await self.inbox.people(states)
                await self.accounts.look()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                response = getattr(error, "response", None)
                pause = retry_after(response) if getattr(response, "status_code", 0) == 429 else 0.0
                log.warning("presence_not_read", desk="slack", reason=str(failure_of(error)), next="again in a minute")
            await asyncio.sleep(max(pause, EVERY - (time.monotonic() - began)))

    async def look(self) -> dict[str, Presence]:
        """Who is there, by the core's ids: of all agents, or of the next forty. What was read before a failure is told all the same, and
        the next minute begins behind whoever it was."""
        ours = [one for one in await self.inbox.agents() if one.startswith(f"{self.team}:")]
        if not ours:
            return {}
        start = self._next % len(ours)
        now = [*ours[start:], *ours[:start]][:PER_MINUTE]
        self._next = start + len(now)
        quiet = await self._quiet(now)
        states: dict[str, Presence] = {}
        for count, one in enumerate(now, start=1):
            try:
                answer = await self.client.users_getPresence(user=_user(one))
            except Exception as error:
                if code_of(getattr(error, "response", None)) in _UNKNOWN:
                    continue
                self._next = start + count
                if not states:
                    raise
                log.warning(
                    "presence_read_in_part", desk="slack", reason=str(failure_of(error)), next="the others in a minute"
                )
                break
            states[one] = "away" if answer.get("presence") != "active" else "quiet" if one in quiet else "here"
            await asyncio.sleep(0)
        return states

    async def _quiet(self, people: list[str]) -> set[str]:
        """Who does not want to be disturbed now. Nobody, where the app may not know."""
        found: set[str] = set()
        for start in range(0, len(people) if self._quiet_known else 0, TOGETHER):
            part = people[start : start + TOGETHER]
            try:
                answer = await self.client.dnd_teamInfo(users=[_user(one) for one in part])
            except Exception as error:
                code = code_of(getattr(error, "response", None))
                if code == "missing_scope":
                    self._quiet_known = False
                    return found
                if code in _UNKNOWN:
                    continue
                raise
            told: dict[str, Any] = dict(answer.get("users") or {})
            found |= {one for one in part if _holds(told.get(_user(one)) or {})}
        return found


def _holds(told: Mapping[str, Any]) -> bool:
    start, end = float(told.get("next_dnd_start_ts") or 0), float(told.get("next_dnd_end_ts") or 0)
    return bool(told.get("dnd_enabled")) and start <= time.time() < end


def _user(person: str) -> str:
    return person.rpartition(":")[2]
