"""Listening: the bot introduces itself, then polls (or has its webhook called) until it is cancelled.

The SDK's own loop confirms updates that are still only in its memory: a crash loses them for good. Here the next offset is asked for only
after the commit, and nothing else is remembered: what comes twice has the key it had before.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

import structlog

from bot import ChannelDown, DeliveryFailure, Inbox, StoreUnavailable, TemporaryFailure

from .commands import LIST
from .connection import Connection, Refusal
from .failures import failure_of, scrub, seconds_of
from .intake import Intake
from .memory import Memory
from .reading import CHANNEL, Me, Reader

log = structlog.get_logger("channels")
WAITS = (1.0, 30.0)
"""Seconds between tries while Telegram is away: the first, and the longest."""
CONFLICT = 10.0
"""Somebody else polls with our token: perhaps a process that is just ending (its poll lasts 25 s), perhaps a second installation."""
STORE_WAIT = 1.0
LOOK_EVERY = 60.0
"""Seconds between looks whether the webhook is still ours and called."""


class Listening:
    """One run of ``listen``."""

    def __init__(self, connection: Connection, intake: Intake, memory: Memory) -> None:
        self.connection, self.intake, self.memory = connection, intake, memory

    async def introduce(self, inbox: Inbox) -> Reader:
        """Ask who we are. Raises :class:`ChannelDown` for a refused token."""
        while True:
            try:
                me = await self.connection.ask("getMe")
                break
            except TemporaryFailure as failure:
                if failure.retry_after is None:
                    raise
                await asyncio.sleep(failure.retry_after)
        who = Me(id=int(me["id"]), username=str(me.get("username") or ""))
        await self.memory.open(inbox, who)
        try:
            commands = [{"command": name, "description": words} for name, words in LIST]
            await self.connection.ask("setMyCommands", commands=commands)
        except DeliveryFailure as failure:
            log.info("commands_not_set", channel=CHANNEL, reason=str(failure))
        return Reader(who, self.memory.moves)

    async def poll(self, reader: Reader) -> None:
        """Until cancelled. A webhook that somebody set before would keep everything from us: it is taken away, its backlog kept."""
        await self.connection.ask("deleteWebhook", drop_pending_updates=False)
        offset: int | None = None
        moves = len(reader.moves.began)
        trouble = _Trouble()
        while True:
            try:
                updates = await self._updates(offset)
                trouble.over()
                heard = [one for update in updates for one in reader.read(update)]
                if len(reader.moves.began) != moves:
                    await self.memory.keep()
                    moves = len(reader.moves.began)
                await self.intake.take(heard)
                if updates:
                    offset = int(updates[-1]["update_id"]) + 1
            except StoreUnavailable as error:
                log.warning(
                    "not_committed", channel=CHANNEL, reason=str(error), next="Telegram keeps it and sends it again"
                )
                await asyncio.sleep(STORE_WAIT)
            except ChannelDown:
                raise
            except _Conflict:
                log.warning(
                    "second_poller",
                    channel=CHANNEL,
                    reason="somebody else polls with this bot's token",
                    next=f"again in {CONFLICT:.0f} s; stop the other program, or give each its own bot",
                )
                await asyncio.sleep(CONFLICT * random.uniform(0.7, 1.0))
            except DeliveryFailure as failure:
                await trouble.wait(failure)

    async def _updates(self, offset: int | None) -> list[dict[str, Any]]:
        if self.connection.pace.paused:
            await asyncio.sleep(self.connection.pace.paused)
        api = await self.connection.api()
        from telegram import error as sdk

        try:
            return await api.updates(offset)
        except sdk.Conflict:
            raise _Conflict from None
        except sdk.RetryAfter as error:
            self.connection.pace.pause(seconds_of(error))
            raise TemporaryFailure("Telegram asked for a pause", seconds_of(error)) from None
        except Exception as error:
            raise failure_of(error) from None

    async def watch_webhook(self, url: str, secret: str) -> None:
        """Until cancelled: see to it that Telegram calls ``url``, and say what it says about that."""
        from ._api import KINDS

        told = 0
        while True:
            info = await self.connection.ask("getWebhookInfo")
            if info.get("url") != url or sorted(info.get("allowed_updates") or ()) != sorted(KINDS) or not told:
                await self._set_webhook(url, secret, list(KINDS))
            failed = int(info.get("last_error_date") or 0)
            if failed > max(told, time.time() - 2 * LOOK_EVERY):
                log.warning(
                    "webhook_failing", channel=CHANNEL, reason=scrub(str(info.get("last_error_message") or "")),
                    waiting=int(info.get("pending_update_count") or 0), next="Telegram tries again; see docs/telegram.md",
                )  # fmt: skip
            told = max(told, failed, 1)
            await asyncio.sleep(LOOK_EVERY)

    async def _set_webhook(self, url: str, secret: str, kinds: list[str]) -> None:
        try:
            await self.connection.ask(
                "setWebhook", url=url, secret_token=secret, allowed_updates=kinds, drop_pending_updates=False, max_connections=20
            )  # fmt: skip
        except Refusal as refusal:
            raise ChannelDown(
                f"Telegram does not take {url} as the address of the webhook ({scrub(refusal.said)}). It must be https and reachable from "
                "outside: set DESKHAND_PUBLIC_URL, or DESKHAND_TELEGRAM_MODE to poll."
            ) from None
        log.info("webhook_set", channel=CHANNEL)


class _Conflict(Exception):
    """Another program polls with our token."""


class _Trouble:
    """Said once when it begins and once when it is over, with growing pauses between the tries."""

    def __init__(self) -> None:
        self.since = 0.0
        self.next = WAITS[0]

    async def wait(self, failure: DeliveryFailure) -> None:
        asked = getattr(failure, "retry_after", None)
        if not self.since:
            self.since = time.monotonic()
            log.warning(
                "cannot_listen",
                channel=CHANNEL,
                reason=str(failure),
                next="trying again; Telegram keeps messages for a day",
            )
        await asyncio.sleep(asked or self.next * random.uniform(0.7, 1.0))
        self.next = min(self.next * 2, WAITS[1])

    def over(self) -> None:
        if self.since:
            log.info("listening_again", channel=CHANNEL, after_seconds=round(time.monotonic() - self.since, 1))
        self.since, self.next = 0.0, WAITS[0]
