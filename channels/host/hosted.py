"""One running connection: leadership of its credential, its listener, its sender, and what it shows meanwhile.

A part that fails is started again, later and later; nothing of it reaches another connection. A send that has begun is
finished: neither a stop nor a lost lead cuts it in two, but nothing new is claimed then.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import structlog

from bot import (
    Capability,
    ChannelDown,
    Claimed,
    DeliveryFailure,
    Outbound,
    PermanentFailure,
    StoreUnavailable,
    TemporaryFailure,
    announce_channel,
    failpoint,
    forget_troubles,
    lead,
    resign,
    tell_trouble,
    withdraw_channel,
)
from channels.host.circuit import Circuit
from channels.host.contained import Overdue, Threads, abandon, cancel, contained, within
from channels.host.live import Live
from channels.host.ports import Port

log = structlog.get_logger("channels")

LEAD_EVERY = 5.0
LEAD_LASTS = 10.0
"""Seconds after the last renewal that the lead is certainly still ours (it is given away after 15)."""
LISTENER_STOP = 5.0
CLOSE = 5.0
AFTER_CUT = 3.0
"""Seconds after which a message is said once more because a draft of it, cut off, may have arrived after it."""
MAX_SENDS = 32
"""Places of one channel that are sent to at once."""
THREADS = 4
BACKOFF = (1.0, 60.0)
DOWN_BACKOFF = (15.0, 300.0)
"""Seconds between two tries to listen while an admin must act."""
PERSISTENT = 3
"""Failures of a listener in a row after which ``deskhand doctor`` tells of them."""
WELL_AFTER = 20.0
"""A listener that has run so long works."""


class Hosted:
    """One running connection."""

    def __init__(self, port: Port, look: Callable[[str], None] = lambda conversation_id: None) -> None:
        self.port = port
        self.outbox = port.outbox
        self.wake = asyncio.Event()
        self.draining: dict[str, asyncio.Task[None]] = {}
        self.limit = asyncio.Semaphore(MAX_SENDS)
        self.children: list[asyncio.Task[None]] = []
        self.threads = Threads(f"out {port.name}", THREADS)
        self.circuit = Circuit(self._tell_sender)
        self.live = Live(port.channel, self.threads, look) if port.channel is not None and port.shows else None
        self.leading = False
        self.stopping = False
        self._stopped = asyncio.Event()
        self._led_at = 0.0
        self._link: str | None = None
        self._telling: set[asyncio.Task[None]] = set()
        self.task = asyncio.create_task(self._run(), name=f"channel {port.name}")

    async def stop(self, seconds: float = float("inf")) -> None:
        """Stop listening within 5 s; a send that has begun is finished first. ``seconds`` is what there is for all of it: a send
        that takes longer is left as uncertain, and settled by whoever sends next."""
        self.stopping = True
        self._stopped.set()
        until = time.monotonic() + min(self.port.limits.timeout + 5, seconds - CLOSE)
        await cancel([self.task], LISTENER_STOP + 1)
        if self.live is not None:
            self.live.stop()
        if self.draining:
            _, late = await asyncio.wait(self.draining.values(), timeout=max(0.1, until - time.monotonic()))
            for task in late:
                abandon(task)
        with contextlib.suppress(Exception):
            await within(self.port.close(), CLOSE, f"close {self.port.name}")
        for call in (self._withdraw, self._resign, self._forget):
            with contextlib.suppress(StoreUnavailable):
                await self.threads.call(call)
        self.threads.close()

    def _resign(self) -> None:
        resign(f"channel:{self.port.name}")

    def _withdraw(self) -> None:
        if self.port.channel is not None:
            withdraw_channel(self.port.name)

    def _forget(self) -> None:
        forget_troubles(self.port.name)

    # Keeping it running ---------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while True:
                try:
                    await self._keep_running()
                except StoreUnavailable as error:
                    log.warning("database_away", reason=str(error), next="the channel waits")
                except Exception:
                    log.exception("channel_failed", channel=self.port.name, next=f"again in {LEAD_EVERY:.0f} s")
                await asyncio.sleep(LEAD_EVERY)
        finally:
            self.leading = False
            await cancel(self.children, LISTENER_STOP)

    async def _keep_running(self) -> None:
        """Start what should run and does not, also what ended by a fault; stop it when somebody else leads."""
        name = self.port.name
        self.leading = await self._lead(name)
        faults = [fault for child in self.children if child.done() and (fault := _fault(child)) is not None]
        for fault in faults:
            log.error("channel_part_failed", channel=name, exc_info=fault)
        if self.children and (faults or not self.leading):
            if not self.leading:
                log.warning("channel_led_elsewhere", channel=name)
            await cancel(self.children, LISTENER_STOP)
            self.children = []
        if self.leading and not self.children:
            await self.threads.call(self.outbox.declare)
            await self.threads.call(self._forget)
            parts = {"listener": self._listen, "sender": self._send, "tender": self.port.tend}
            self.children = [
                asyncio.create_task(contained(work()), name=f"{part} {name}") for part, work in parts.items()
            ]
            log.info("channel_started", channel=name)
        if self.leading and self.port.channel is not None:
            self._link = await self.threads.call(announce_channel, self.port.channel, self._link)

    async def _lead(self, name: str) -> bool:
        try:
            leading = await self.threads.call(lead, f"channel:{name}")
        except StoreUnavailable as error:
            log.warning("database_away", reason=str(error), next="the channel waits")
            # Nobody else can have taken the lead yet: a database that is away for a moment ends no listener.
            return self.leading and time.monotonic() - self._led_at < LEAD_LASTS
        if leading:
            self._led_at = time.monotonic()
        return leading

    def _tell_sender(self, text: str) -> None:
        name = self.port.name
        if text:
            log.error("channel_paused", channel=name, reason=text, next=f"one try in {self.circuit.wait:.0f} s")
        else:
            log.info("channel_resumed", channel=name)
        self._note("send", text, admin=self.circuit.needs_admin)

    def _note(self, part: Literal["send", "listen"], text: str, *, admin: bool = False) -> None:
        async def note() -> None:
            with contextlib.suppress(StoreUnavailable):
                await self.threads.call(tell_trouble, self.port.name, part, text, admin=admin)

        task = asyncio.create_task(note())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    # Listening ------------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        name, wait, troubled, failures = self.port.name, 0.0, False, 0
        while True:
            began = time.monotonic()
            listening = asyncio.create_task(contained(self.port.listen()), name=f"listener of {name}")
            limits, reason = BACKOFF, "returned"
            try:
                if troubled:
                    await asyncio.wait({listening}, timeout=WELL_AFTER)
                    if not listening.done():
                        troubled, failures = False, 0
                        self._note("listen", "")
                await asyncio.wait({listening})
                if not listening.result():
                    return  # it only sends
            except asyncio.CancelledError:
                if _being_cancelled():
                    self.port.hush()
                    await cancel([listening], LISTENER_STOP - 0.5)
                    raise
                reason = "cancelled itself"
            except ChannelDown as error:
                reason, limits = str(error), DOWN_BACKOFF
                if not troubled:
                    log.error("channel_does_not_listen", channel=name, reason=reason)
                troubled = True
                self._note("listen", reason, admin=True)
            except DeliveryFailure as error:
                reason = f"{type(error).__name__}: {error}"
            except Exception as error:
                reason = type(error).__name__  # its text may hold anything
            if time.monotonic() - began > BACKOFF[1]:
                wait, failures = 0.0, 0
            failures += 1
            if failures == PERSISTENT and not troubled:
                troubled = True
                self._note("listen", f"It ends again and again ({reason}); it is tried again.")
            wait = min(limits[1], max(limits[0], wait * 2))
            log.warning("listener_ended", channel=name, reason=reason, next=f"again in {wait:.0f} s")
            await asyncio.sleep(wait * random.uniform(0.7, 1.0))

    # Sending --------------------------------------------------------------------------------------------------------

    async def _send(self) -> None:
        while True:
            self.wake.clear()
            try:
                if not self.circuit.open:
                    for place in await self.threads.call(self.outbox.due):
                        self._begin(place)
                elif self.circuit.probe():
                    await self._probe()
            except StoreUnavailable as error:
                log.warning("database_away", reason=str(error), next="deliveries wait")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self.wake.wait()

    async def _probe(self) -> None:
        """Try one delivery to learn whether the channel works again."""
        for place in await self.threads.call(self.outbox.due):
            if place not in self.draining:
                self._begin(place, probe=True)
                return
        self.circuit.unused()

    def _begin(self, place: str, *, probe: bool = False) -> None:
        if place in self.draining:
            return
        task = asyncio.create_task(self._drain(place, probe=probe), name=f"sender of {self.port.name}")
        self.draining[place] = task
        task.add_done_callback(lambda _: self.draining.pop(place, None))

    async def _drain(self, place: str, *, probe: bool) -> None:
        """Send what waits for one place, in order, until nothing may move."""
        async with self.limit:
            try:
                while self.leading and not self.stopping and (probe or not self.circuit.open):
                    claimed = await self.threads.call(self.outbox.claim, place)
                    if claimed is None:
                        break
                    await self._act(claimed)
                    probe = False
            except StoreUnavailable as error:
                log.warning("database_away", reason=str(error), next="the outbox settles it later")
            except Exception:
                log.exception("delivery_failed", channel=self.port.name)
            finally:
                if probe:
                    self.circuit.unused()

    async def _act(self, claimed: Claimed) -> None:
        step = self.outbox.step(claimed)
        if step == "hold":
            await self.threads.call(self.outbox.hold, claimed)
            self.circuit.unused()
        elif step == "find":
            await self._find(claimed)
        else:
            await self._send_one(claimed)

    async def _find(self, claimed: Claimed) -> None:
        name, timeout = f"find {self.port.name}", self.port.limits.timeout
        try:
            found = await within(self.port.find(claimed), timeout, name)
        except Exception as error:
            await self.threads.call(self.outbox.perhaps, claimed, f"could not look: {type(error).__name__}")
            if isinstance(error, ChannelDown):
                self.circuit.down(str(error))
            else:
                self.circuit.failed(claimed.place, type(error).__name__)
            return
        self.circuit.worked()
        if found is not None:
            self.outbox.count("found")
            await self.threads.call(self.port.settle, claimed, found)
        else:
            await self.threads.call(self.outbox.missing, claimed)

    async def _send_one(self, claimed: Claimed) -> None:
        out, timeout = claimed.out, self.port.limits.timeout
        if self.live is not None and out.op == "send":
            await self.live.before_send(claimed.place, self.port.turn_of(claimed))
        failpoint("out.before_bytes")
        if claimed.late:
            # Paused since the claim: another process may settle it any moment, so no byte leaves here any more.
            await self.threads.call(self.outbox.not_sent, claimed, "paused before it was sent")
            return
        if claimed.settle:
            self.outbox.count("resent")
        try:
            sent = await within(self.port.send(claimed), timeout, f"send {self.port.name}")
        except TemporaryFailure as error:
            # While the channel pauses a try costs the delivery nothing; otherwise a long outage would use up its tries.
            wait = error.retry_after if error.retry_after is not None or not self.circuit.open else 1.0
            await self.threads.call(self.outbox.not_sent, claimed, str(error), wait)
            if error.retry_after is None:
                self.circuit.failed(claimed.place, str(error))
            else:
                self.circuit.worked()  # it answers, and says when
        except ChannelDown as error:
            await self.threads.call(self.outbox.not_sent, claimed, str(error), 0.1)
            self.circuit.down(str(error))
        except PermanentFailure as error:
            self.circuit.worked()
            log.warning("delivery_refused", channel=self.port.name, delivery=out.key, reason=str(error))
            await self.threads.call(self.outbox.refused, claimed, str(error))
        except Exception as error:
            # Only the channel can know that no byte left; what it does not say is uncertain.
            reason = str(error) if isinstance(error, Overdue) else type(error).__name__
            await self.threads.call(self.outbox.perhaps, claimed, reason)
            self.circuit.failed(claimed.place, reason)
        else:
            self.circuit.worked()
            failpoint("out.after_bytes")
            await self.threads.call(self.port.settle, claimed, sent)
            await self._once_more(claimed, sent)

    async def _once_more(self, claimed: Claimed, sent: Any) -> None:
        """A draft that was cut off may reach the platform after the message it became, and then half an answer stands there: say
        the message again as a change of itself. The next delivery of the place waits for it, so no later change is undone."""
        channel, out = self.port.channel, claimed.out
        if self.live is None or channel is None or not isinstance(out, Outbound) or out.op != "send" or out.part:
            return
        cut = self.live.was_cut(out.turn)
        if not cut or out.files or not sent.platform_id or Capability.EDIT not in channel.capabilities:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(AFTER_CUT):
                await self._stopped.wait()
        try:
            again = replace(out, op="edit", subject=sent.platform_id)
            await within(channel.send(again), self.port.limits.timeout, f"send {self.port.name}")
        except Exception as error:
            log.warning("not_said_once_more", channel=self.port.name, delivery=out.key, reason=type(error).__name__)


def _being_cancelled() -> bool:
    """Whether it is this task that was cancelled, and not one that it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _fault(task: asyncio.Task[None]) -> BaseException | None:
    return None if task.cancelled() else task.exception()
