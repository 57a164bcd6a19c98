"""The channels process: one asyncio loop for all platform connections and for the senders of the outbox.

What should run (the plugins that are on) and what runs are compared every second. Each channel has its own tasks, its own
backoff and its own leadership of its credential, so one that crashes, floods or hangs does not disturb the others. This is
the only place where asyncio meets the blocking core: every call inwards goes through a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import time

import structlog

from bot import (
    Capability,
    Claimed,
    DeskOutbox,
    Outbox,
    PermanentFailure,
    Registry,
    StoreUnavailable,
    TemporaryFailure,
    enter_process,
    failpoint,
    get_bus,
    lead,
    resign,
)
from channels.host.ports import ChannelPort, DeskPort, Port

log = structlog.get_logger("channels")

RECONCILE = 1.0
LEAD_EVERY = 5.0
LISTENER_STOP = 5.0
MAX_SENDS = 32
"""Places of one channel that are sent to at once."""
BACKOFF = (1.0, 60.0)


class Hosted:
    """One running connection: leadership, listener and sender."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self.outbox = port.outbox
        self.wake = asyncio.Event()
        self.draining: dict[str, asyncio.Task[None]] = {}
        self.limit = asyncio.Semaphore(MAX_SENDS)
        self.children: list[asyncio.Task[None]] = []
        self.task = asyncio.create_task(self._run(), name=f"channel {port.name}")

    async def stop(self) -> None:
        """Stop listening within 5 s; a send that has begun is finished first."""
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await self.task
        if self.draining:
            await asyncio.wait(self.draining.values(), timeout=self.port.limits.timeout + 1)
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self.port.close(), LISTENER_STOP)
        with contextlib.suppress(StoreUnavailable):
            await asyncio.to_thread(resign, f"channel:{self.port.name}")

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
            await _cancel(self.children)

    async def _keep_running(self) -> None:
        """Start what should run and does not, also what ended by a fault; stop it when somebody else leads."""
        name = self.port.name
        leading = await self._lead(name)
        faults = [fault for child in self.children if child.done() and (fault := child.exception()) is not None]
        for fault in faults:
            log.error("channel_part_failed", channel=name, exc_info=fault)
        if self.children and (faults or not leading):
            if not leading:
                log.warning("channel_led_elsewhere", channel=name)
            await _cancel(self.children)
            self.children = []
        if leading and not self.children:
            await asyncio.to_thread(self.outbox.declare)
            self.children = [asyncio.create_task(work()) for work in (self._listen, self._send, self.port.tend)]
            log.info("channel_started", channel=name)

    @staticmethod
    async def _lead(name: str) -> bool:
        try:
            return await asyncio.to_thread(lead, f"channel:{name}")
        except StoreUnavailable as error:
            log.warning("database_away", reason=str(error), next="the channel waits")
            return False

    async def _listen(self) -> None:
        name, wait = self.port.name, BACKOFF[0]
        while True:
            began = time.monotonic()
            try:
                if not await self.port.listen():
                    return  # it only sends
                reason = "returned"
            except asyncio.CancelledError:
                raise
            except (SystemExit, KeyboardInterrupt, Exception) as error:
                reason = f"{type(error).__name__}"
            if time.monotonic() - began > BACKOFF[1]:
                wait = BACKOFF[0]
            log.warning("listener_ended", channel=name, reason=reason, next=f"again in {wait:.0f} s")
            await asyncio.sleep(wait * random.uniform(0.7, 1.0))
            wait = min(wait * 2, BACKOFF[1])

    async def _send(self) -> None:
        while True:
            self.wake.clear()
            try:
                for place in await asyncio.to_thread(self.outbox.due):
                    if place not in self.draining:
                        task = asyncio.create_task(self._drain(place))
                        self.draining[place] = task
                        task.add_done_callback(lambda _, place=place: self.draining.pop(place, None))
            except StoreUnavailable as error:
                log.warning("database_away", reason=str(error), next="deliveries wait")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.wake.wait(), 1.0)

    async def _drain(self, place: str) -> None:
        """Send what waits for one place, in order, until nothing may move."""
        async with self.limit:
            try:
                while True:
                    claimed = await asyncio.to_thread(self.outbox.claim, place)
                    if claimed is None:
                        return
                    await self._act(claimed)
            except StoreUnavailable as error:
                log.warning("database_away", reason=str(error), next="the outbox settles it later")
            except Exception:
                log.exception("delivery_failed", channel=self.port.name)

    async def _act(self, claimed: Claimed) -> None:
        step = self.outbox.step(claimed)
        if step == "hold":
            await asyncio.to_thread(self.outbox.hold, claimed)
        elif step == "find":
            await self._find(claimed)
        else:
            await self._send_one(claimed)

    async def _find(self, claimed: Claimed) -> None:
        try:
            found = await asyncio.wait_for(self.port.find(claimed), self.port.limits.timeout)
        except Exception as error:
            await asyncio.to_thread(self.outbox.perhaps, claimed, f"could not look: {type(error).__name__}")
            return
        if found is not None:
            await asyncio.to_thread(self.port.settle, claimed, found)
        else:
            await asyncio.to_thread(self.outbox.missing, claimed)

    async def _send_one(self, claimed: Claimed) -> None:
        out = claimed.out
        failpoint("out.before_bytes")
        if claimed.late:
            # Paused since the claim: another process may settle it any moment, so no byte leaves here any more.
            await asyncio.to_thread(self.outbox.not_sent, claimed, "paused before it was sent")
            return
        try:
            sent = await asyncio.wait_for(self.port.send(claimed), self.port.limits.timeout)
        except TemporaryFailure as error:
            await asyncio.to_thread(self.outbox.not_sent, claimed, str(error), error.retry_after)
        except PermanentFailure as error:
            log.warning("delivery_refused", channel=self.port.name, delivery=out.key, reason=str(error))
            await asyncio.to_thread(self.outbox.refused, claimed, str(error))
        except (SystemExit, Exception) as error:
            # Only the channel can know that no byte left; what it does not say is uncertain.
            await asyncio.to_thread(self.outbox.perhaps, claimed, type(error).__name__)
        else:
            failpoint("out.after_bytes")
            await asyncio.to_thread(self.port.settle, claimed, sent)


class Host:
    """What runs, reconciled with what should run."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.hosted: dict[str, Hosted] = {}
        self.pulled: set[str] = set()
        """Channels that clients pull from: nothing runs for them here, but the planner must know of them."""
        self.changed = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop``; then every channel is stopped."""
        loop = asyncio.get_running_loop()
        listener = get_bus().listen(
            {
                "out": lambda payload: loop.call_soon_threadsafe(self._wake, payload.decode()) and None,
                "plugins": lambda payload: loop.call_soon_threadsafe(self._plugins_changed, payload) and None,
            }
        )
        log.info("ready")
        stopped = asyncio.create_task(stop.wait())
        while not stop.is_set():
            try:
                await self._reconcile()
            except StoreUnavailable as error:
                log.warning("database_away", reason=str(error), next="trying again")
            self.changed.clear()
            changed = asyncio.create_task(self.changed.wait())
            await asyncio.wait([stopped, changed], timeout=RECONCILE, return_when=asyncio.FIRST_COMPLETED)
            changed.cancel()
        await asyncio.to_thread(listener.stop)
        await asyncio.gather(*(hosted.stop() for hosted in self.hosted.values()), return_exceptions=True)

    def _wake(self, channel: str) -> None:
        for name, hosted in self.hosted.items():
            if channel in {"", name}:
                hosted.wake.set()

    def _plugins_changed(self, payload: bytes) -> None:
        self.registry.on_changed(payload)
        self.changed.set()

    async def _reconcile(self) -> None:
        snapshot = await asyncio.to_thread(self.registry.snapshot)
        found = await asyncio.to_thread(snapshot.objects, "channel")
        for _, channel in found:
            if Capability.PULL in channel.capabilities and channel.name not in self.pulled:
                await asyncio.to_thread(Outbox(channel).declare)
                self.pulled.add(channel.name)
        desks = await asyncio.to_thread(snapshot.objects, "desk")
        ports: list[Port] = [
            ChannelPort(channel) for _, channel in found if Capability.PULL not in channel.capabilities
        ]
        ports += [DeskPort(desk) for _, desk in desks]
        wanted = {port.name: port for port in ports}
        for name, hosted in list(self.hosted.items()):
            if name not in wanted or wanted[name].source is not hosted.port.source:
                await hosted.stop()
                del self.hosted[name]
                if isinstance(hosted.outbox, DeskOutbox) and name not in wanted:
                    await asyncio.to_thread(hosted.outbox.withdraw)
                log.info("channel_stopped", channel=name)
        for name, port in wanted.items():
            if name not in self.hosted:
                self.hosted[name] = Hosted(port)


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=LISTENER_STOP)


async def _main() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with enter_process("channels") as registry:
        await Host(registry).run(stop)
    log.info("stopped")


def main() -> None:
    """Run until SIGTERM."""
    asyncio.run(_main())
