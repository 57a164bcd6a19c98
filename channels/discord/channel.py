"""Discord as a channel: the object that the host runs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bot import Capability, Channel, Draft, Inbox, Limits, Outbound, Resend, Sent, Uncertain

from .drafts import Drafts
from .memory import Memory
from .posting import Posting
from .threads import Threads

if TYPE_CHECKING:
    from ._rest import Rest


class DiscordChannel(Channel):
    """One bot. Nothing is connected before it is needed, and only inside the running loop."""

    name = "discord"
    capabilities = frozenset(
        {
            Capability.EDIT, Capability.DELETE, Capability.FILES, Capability.BUTTONS, Capability.REACTIONS, Capability.TYPING,
            Capability.DRAFT,
        }
    )  # fmt: skip
    # Discord takes 2,000 characters; the rest is for the agent's name, the sources and what must be escaped.
    limits = Limits(max_text=1_800, max_file_bytes=10_000_000, draft_every=1.5, timeout=20.0)
    resend = Resend.NONCE
    heartbeat_timeout = 60.0
    """Seconds of silence after which a connection is given up. Discord asks for a heartbeat about every 41 s."""
    after_invalid = (1.0, 5.0)
    """Seconds to wait, at random, before a new session when Discord ended the old one (events/gateway)."""

    def __init__(self, token: str, *, api_url: str = "", cdn_url: str = "") -> None:
        self._token, self._api_url, self._cdn_url = token, api_url, cdn_url
        self._rest: Rest | None = None
        self.memory = Memory()
        self.echoes: dict[str, str] = {}
        self.drafts = Drafts(self.memory, self.limits.draft_every, self.echoes)
        self.threads: Threads
        self.posting: Posting

    def rest(self) -> Rest:
        """The way to Discord, made in the running loop when it is first needed."""
        if self._rest is None:
            from ._rest import Rest

            self._rest = Rest(self._token, self._api_url, self._cdn_url)
            self.threads = Threads(self._rest, self.memory)
            self.posting = Posting(self._rest, self.drafts, self.threads, self.echoes)
        return self._rest

    async def listen(self, inbox: Inbox) -> None:
        from .listening import Listening

        await Listening(self, inbox).run()

    async def send(self, out: Outbound) -> Sent:
        self.rest()
        try:
            async with asyncio.timeout(max(0.5, self.limits.timeout - 1)):
                return await self.posting.send(out)
        except TimeoutError:
            raise Uncertain("Discord did not answer in time") from None

    async def find(self, key: str, place: str) -> Sent | None:
        self.rest()
        return await self.posting.find(key, place)

    async def typing(self, place: str) -> None:
        rest, channel = self.rest(), place
        path = "/channels/{channel_id}/typing"
        if rest.spare("POST", path, channel_id=channel) > 0:
            await rest.call("POST", path, channel_id=channel)

    async def draft(self, draft: Draft) -> None:
        await self.drafts.show(self.rest(), draft)

    async def close(self) -> None:
        if self._rest is not None:
            await self._rest.close()
            self._rest = None
