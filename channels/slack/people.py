"""Who somebody in Slack is: name, team, and whether they belong to the company."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .failures import code_of, failure_of

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

FRESH = 600.0
"""Seconds for which a person is not asked for again."""
REMEMBERED = 5_000
PATIENCE = 2.0
"""Seconds to wait for Slack while an event is not acknowledged yet: it redelivers after three."""
_NOBODY = {"user_not_found", "user_not_visible", "users_not_found"}


@dataclass(frozen=True, slots=True)
class Person:
    """``id`` has the team in it, as the core knows agents: ``T1:U1``."""

    id: str
    name: str
    trusted: bool
    zone: str = ""
    """Their time zone, such as ``Europe/Zagreb``."""


class People:
    """Asks Slack once in ten minutes, and keeps what it knows when Slack cannot be asked."""

    def __init__(self, client: AsyncWebClient, team: str, enterprise: str = "") -> None:
        self.client = client
        self.team = team
        self.enterprise = enterprise
        self._known: dict[str, tuple[float, Person]] = {}
        self._asking: dict[str, asyncio.Task[Person]] = {}

    async def get(self, user: str) -> Person:
        """The person. Raises when Slack cannot be asked and they are not known: better late than trusted blindly."""
        at, known = self._known.get(user, (0.0, None))
        if known is not None and time.monotonic() - at < FRESH:
            return known
        task = self._asking.get(user)
        if task is None:
            task = self._asking[user] = asyncio.ensure_future(self._ask(user))
            task.add_done_callback(lambda done: (self._asking.pop(user, None), done.cancelled() or done.exception()))
        try:
            async with asyncio.timeout(PATIENCE):
                return await asyncio.shield(task)
        except Exception as error:
            if known is not None:
                return known
            raise failure_of(error) from None

    def forget(self, user: str) -> None:
        """Ask again the next time."""
        self._known.pop(user, None)

    async def names(self, users: Iterable[str]) -> dict[str, str]:
        """Names for mentions; who cannot be asked for is left out."""
        wanted = list(dict.fromkeys(users))[:20]
        found = await asyncio.gather(*(self.get(user) for user in wanted), return_exceptions=True)
        return {user: one.name for user, one in zip(wanted, found, strict=True) if isinstance(one, Person)}

    async def _ask(self, user: str) -> Person:
        try:
            answer = await self.client.users_info(user=user)
        except Exception as error:
            if code_of(getattr(error, "response", None)) not in _NOBODY:
                raise
            person = Person(f"{self.team}:{user}", "", trusted=False)
        else:
            person = self._read(user, answer.get("user") or {})
        if len(self._known) > REMEMBERED:
            self._known.clear()
        self._known[user] = (time.monotonic(), person)
        return person

    def _read(self, user: str, data: dict[str, Any]) -> Person:
        profile = data.get("profile") or {}
        name = (
            profile.get("display_name") or profile.get("real_name") or data.get("real_name") or data.get("name") or ""
        )
        team = data.get("team_id") or self.team
        enterprise = (data.get("enterprise_user") or {}).get("enterprise_id", "")
        ours = team == self.team or (bool(self.enterprise) and enterprise == self.enterprise)
        odd = any(data.get(one) for one in ("is_restricted", "is_ultra_restricted", "is_stranger", "deleted", "is_bot"))
        return Person(f"{team}:{user}", str(name)[:80], trusted=ours and not odd, zone=str(data.get("tz") or "")[:60])
