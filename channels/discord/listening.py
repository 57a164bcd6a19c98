"""Listening: one gateway connection after the other, the commit before anything else, and catching up after a lost session."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from typing import TYPE_CHECKING, Any

import structlog

from bot import ChannelDown, Inbox, StoreUnavailable, TemporaryFailure, Uncertain

from .budget import allowance
from .catching_up import CatchingUp
from .failures import failure_of
from .intake import Intake
from .interactions import Interactions
from .messages import Messages

if TYPE_CHECKING:
    from ._gateway import Wire
    from .channel import DiscordChannel

log = structlog.get_logger("channels")
SHORT = 10.0
"""A connection that lives for fewer seconds is a bad sign; after the second one the next ones wait."""
LONGEST_PAUSE = 15.0
STALE = 2
"""So often the address that Discord gave for resuming is tried in vain; then it is asked for one. Addresses of a region go away."""
IN_VAIN = 3
"""So many connections at an address just given may end without the session; then it is given up for a new one."""
SAVE_EVERY = 0.5
PASSED_EVERY = 5.0
"""Seconds between two notes of numbers that only passed by: a busy server says much that is not for us."""
HEARD_EVERY = 60.0
"""Seconds between two notes of the time up to which all was heard, while nothing comes."""
SWEEP_EVERY = 30.0


class Listening:
    """One run of ``listen``: until it is cancelled, or raises because Discord cannot be listened to now."""

    def __init__(self, channel: DiscordChannel, inbox: Inbox) -> None:
        self.channel = channel
        self.rest = channel.rest()
        self.memory = channel.memory
        self.inbox = inbox
        self.wire: Wire | None = None
        self.me = ""
        self._live = False
        """Whether the connection has said READY or RESUMED and not ended since."""
        self._saved: tuple[int, str, int, int] = (0, "", 0, 0)
        self._address = ""
        """Of the connection that is open, or was tried last."""
        self._tried = self._in_vain = 0
        """Attempts to resume since the last READY or RESUMED; and those of them at a new address that reached the gateway."""

    async def run(self) -> None:
        self.memory.adopt(type(self.memory).read(await self.inbox.cursor()))
        await self._introduce()
        self.intake = Intake(self.inbox)
        self.messages = Messages(self)
        self.interactions = Interactions(self)
        self.catching_up = CatchingUp(self)
        beside = [asyncio.ensure_future(one) for one in (self._keep_saving(), self._keep_sweeping())]
        try:
            await self._connections()
        finally:
            self.catching_up.stop()
            for task in beside:
                task.cancel()
            # Together at most four seconds: the host gives a listener four and a half.
            await asyncio.gather(self._hang_up(), self.intake.stop(), return_exceptions=True)
            with contextlib.suppress(Exception):
                async with asyncio.timeout(1):
                    await self.save()

    async def _hang_up(self) -> None:
        self._live = False
        if self.wire is not None:
            await self.wire.end()

    async def _introduce(self) -> None:
        try:
            me = await self.rest.call("GET", "/users/@me")
        except Exception as error:
            raise failure_of(error) from None
        self.me = self.channel.threads.me = str(me["id"])
        self.memory.belongs_to(self.me)

    # Connections ----------------------------------------------------------------------------------------------------

    async def _connections(self) -> None:
        bad = 0
        while True:
            began = time.monotonic()
            try:
                await self._connect()
                await self._read()
            except (TemporaryFailure, Uncertain) as error:
                log.warning("channel_not_connected", channel="discord", reason=str(error), next="trying again")
                began = time.monotonic()
            finally:
                await self._hang_up()
            bad = bad + 1 if time.monotonic() - began < SHORT else 0
            if bad > 1:  # no running in circles
                await asyncio.sleep(min(2.0 ** (bad - 2), LONGEST_PAUSE) * random.uniform(0.7, 1.0))

    async def _connect(self) -> None:
        from ._gateway import Wire

        self.wire = Wire(self.rest, self._on_event, heartbeat_timeout=self.channel.heartbeat_timeout)
        if self._in_vain >= IN_VAIN:
            self._forget_session()
        if self.memory.session and self.memory.url:
            self._address, self._tried = self.memory.url, self._tried + 1
            fresh = self._tried > STALE
            if fresh:
                self._address = str((await self._gateway())["url"])
            if self.memory.missing and not self.catching_up.busy:
                # A crash ended the reading. It goes on before the events that are told again now: they are newer.
                self.catching_up.begin(self.memory.missing)
            await self.wire.open(self._address, self.memory.session, self.memory.seq)
            # A gateway that nobody reaches says nothing about the session: it is kept through an outage.
            self._in_vain += fresh
            return
        self._address = await self._may_identify()
        await self.wire.open(self._address)

    def _forget_session(self) -> None:
        """Discord does not know it any more: the next connection begins a new one and catches up."""
        log.info("session_lost", channel="discord")
        self.memory.session, self.memory.seq = "", 0
        self.memory.changed += 1
        self._tried = self._in_vain = 0

    async def _gateway(self) -> dict[str, Any]:
        try:
            return dict(await self.rest.call("GET", "/gateway/bot"))
        except Exception as error:
            raise failure_of(error) from None

    async def _may_identify(self) -> str:
        """Wait for the budget of new sessions; the gateway's address. Raises ChannelDown when it must not be for long."""
        while True:
            found = await self._gateway()
            limit = found.get("session_start_limit") or {}
            allowed = allowance(
                time.time(),
                self.memory.identified,
                total=int(limit.get("total", 1_000)),
                remaining=int(limit.get("remaining", 1_000)),
                reset_after=float(limit.get("reset_after", 0)) / 1000,
            )
            if allowed.refused:
                raise ChannelDown(allowed.refused)
            if not allowed.wait:
                break
            log.warning("channel_waits_to_connect", channel="discord", seconds=round(allowed.wait))
            await asyncio.sleep(allowed.wait)
        now = time.time()
        self.memory.identified = [*(at for at in self.memory.identified if now - at < 86_400), now]
        await self.save()  # before it is used: a crash must not make it forgotten
        return str(found["url"])

    async def _read(self) -> None:
        wire = self.wire
        while wire is not None:
            if self.intake.full:
                self.intake.committed.clear()
                await self.intake.committed.wait()
            ended = await wire.one()
            if ended is None:
                continue
            self._note()
            if ended == "invalid":
                self._forget_session()
                await asyncio.sleep(random.uniform(*self.channel.after_invalid))
            return

    # Events ---------------------------------------------------------------------------------------------------------

    def _on_event(self, session: str, seq: int, name: str, data: dict[str, Any]) -> None:
        """Called for each event in Discord's order; whatever takes time is put into the intake."""
        try:
            if name == "READY":
                self._ready(session, seq, data)
            elif name == "RESUMED":
                log.info("channel_resumed", channel="discord")
                self._live = True
                self._tried = self._in_vain = 0
                if self.memory.url != self._address:
                    self.memory.url = self._address
                    self.memory.changed += 1
            elif name == "INTERACTION_CREATE":
                self.interactions.heard(session, seq, data)
            else:
                self.messages.heard(session, seq, name, data)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            # Sent again it would fail again: named, and passed over.
            log.warning("event_not_understood", channel="discord", kind=name, reason=type(error).__name__)

    def _ready(self, session: str, seq: int, data: dict[str, Any]) -> None:
        since = self.memory.missing or self.memory.at
        self._live = True
        self._tried = self._in_vain = 0
        self.memory.session, self.memory.seq = session, seq
        self.memory.url = str(data.get("resume_gateway_url") or "")
        self.memory.changed += 1
        log.info("channel_connected", channel="discord")
        if since:
            self.memory.missing = since
            self.catching_up.begin(since)
        else:
            self.memory.at = time.time()

    # Remembering ----------------------------------------------------------------------------------------------------

    def _note(self) -> None:
        """Note the number up to which everything is committed."""
        if self.wire is None or not self.memory.session:
            return
        latest = max(self.wire.seq, self.memory.seq)
        safe = self.intake.safe(self.memory.session, latest)
        self.memory.seq = max(self.memory.seq, safe)
        if self.memory.missing and not self.catching_up.busy and self._live and safe == latest:
            self.memory.missing = 0.0
            self.memory.changed += 1
        if safe == latest and self._live and not self.memory.missing:
            self.memory.at = time.time()

    async def save(self) -> None:
        """Store what must outlive this process. Raises StoreUnavailable."""
        if hasattr(self, "intake"):
            self._note()
        now = self._state()
        await self.inbox.save_cursor(self.memory.text())
        self._saved = now

    def _state(self) -> tuple[int, str, int, int]:
        """What is worth saving at once, and last what may wait."""
        commits = self.intake.commits if hasattr(self, "intake") else 0
        return (self.memory.changed, self.memory.session, commits, self.memory.seq)

    async def _keep_saving(self) -> None:
        quiet = time.monotonic()
        while True:
            await asyncio.sleep(SAVE_EVERY)
            self._note()
            now, waited = self._state(), time.monotonic() - quiet
            if now[:3] == self._saved[:3] and waited < (HEARD_EVERY if now == self._saved else PASSED_EVERY):
                continue
            quiet = time.monotonic()
            with contextlib.suppress(StoreUnavailable, TimeoutError):
                await self.save()

    async def _keep_sweeping(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            with contextlib.suppress(Exception):
                await self.channel.drafts.sweep(self.rest)
