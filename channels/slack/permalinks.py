"""Addresses that open a thread in Slack's own apps. Slack makes them of the workspace's address, the channel and the message's time."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import structlog

from .failures import failure_of

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

log = structlog.get_logger("channels")
PATIENCE = 3.0
"""Seconds that a card waits to learn the workspace's address."""
AGAIN = 300.0
"""Seconds until it is asked for again after it could not be learned. Cards do without meanwhile."""


class Permalinks:
    """Asks Slack once for the workspace's address. It never keeps a card from being posted."""

    def __init__(self) -> None:
        self._workspace = ""
        self._next = 0.0

    async def learn(self, client: AsyncWebClient) -> None:
        """See to it that the address is known, if Slack can be asked now."""
        if self._workspace or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + AGAIN
        try:
            async with asyncio.timeout(PATIENCE):
                url = str((await client.auth_test()).get("url") or "")
        except Exception as error:
            reason = "no answer" if isinstance(error, TimeoutError) else str(failure_of(error))
            log.warning("workspace_address_unknown", desk="slack", reason=reason, next="asked again in some minutes")
            return
        if url.startswith(("https://", "http://")):
            self._workspace = f"{url.rstrip('/')}/"

    def of(self, place: str, ts: str) -> str:
        """The address of a message; empty while the workspace's is not known."""
        return f"{self._workspace}archives/{place}/p{ts.replace('.', '')}" if self._workspace and ts else ""
