"""The channels process: one asyncio loop for all platform connections and for the senders of the outbox.

What should run (the plugins that are on) and what runs are compared every second. Each channel has its own tasks, its own
threads, its own backoff and its own leadership of its credential, so one that crashes, floods or hangs does not disturb the
others. This is the only place where asyncio meets the blocking core: every call inwards goes through a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import structlog

from bot import (
    Capability,
    Channel,
    DeskOutbox,
    Hint,
    Outbox,
    Registry,
    Showing,
    StoreUnavailable,
    announce_channel,
    enter_process,
    get_bus,
)
from channels.host.contained import abandon, left, within
from channels.host.hosted import Hosted
from channels.host.ports import ChannelPort, DeskPort, Port
from channels.host.stalls import Stalls, home_of

__all__ = ["Host", "Hosted", "main"]

log = structlog.get_logger("channels")

RECONCILE = 1.0
CLOSE = 5.0
ENDS_WITHIN = 27.0
"""Seconds for the end of the process: the supervisor kills after 30. A switch alone waits as long as a send may take."""
WELL_AFTER = 600.0
"""Seconds after which a connection has run well, and earlier strikes for holding the loop are forgiven."""


class Host:
    """What runs, reconciled with what should run."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.hosted: dict[str, Hosted] = {}
        self.stopping: dict[str, asyncio.Task[None]] = {}
        """Connections on their way out. Another with the same name begins when they are gone: one credential, one consumer."""
        self.pulled: dict[str, object] = {}
        """Channels that clients pull from: nothing runs for them here, but the planner must know of them."""
        self.changed = asyncio.Event()
        self.showing = Showing(self._hints)
        self._plugin_of: dict[str, tuple[str, Path]] = {}
        self._taken: set[int] = set()
        """Objects that this host closes itself, after the last send."""
        self._closing: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop``; then every channel is stopped."""
        self._loop = asyncio.get_running_loop()
        self.registry.on_retired = self._retired
        self.showing.start()
        listener = get_bus().listen(
            {
                "out": lambda payload: self._soon(self._wake, payload.decode()),
                "plugins": lambda payload: self._soon(self._plugins_changed, payload),
                "live": self.showing.live,
                "changed": self.showing.changed,
            }
        )
        stalls = Stalls(lambda: dict(self._plugin_of), self.registry.blame)
        stalls.start()
        log.info("ready")
        stopped = asyncio.create_task(stop.wait())
        while not stop.is_set():
            try:
                await self._reconcile()
            except StoreUnavailable as error:
                log.warning("database_away", reason=str(error), next="trying again")
            except Exception:
                log.exception("reconcile_failed", next="trying again")
            self.changed.clear()
            changed = asyncio.create_task(self.changed.wait())
            await asyncio.wait([stopped, changed], timeout=RECONCILE, return_when=asyncio.FIRST_COMPLETED)
            changed.cancel()
        self.showing.stop()
        for name in list(self.hosted):
            self._stop(name, withdrawn=False, seconds=ENDS_WITHIN)
        if self.stopping:
            _, late = await asyncio.wait(list(self.stopping.values()), timeout=ENDS_WITHIN + 1)
            for task in late:
                log.error("channel_does_not_stop", task=task.get_name(), next="ending without it")
                abandon(task)
        await asyncio.to_thread(listener.stop)
        stalls.stop()

    def _soon(self, fn: Callable[..., None], *args: Any) -> None:
        """Call ``fn`` on the loop, from any thread; nothing happens after the end."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(fn, *args)

    def _wake(self, channel: str) -> None:
        for name, hosted in self.hosted.items():
            if channel in {"", name}:
                hosted.wake.set()

    def _plugins_changed(self, payload: bytes) -> None:
        self.registry.on_changed(payload)
        self.changed.set()

    def _hints(self, hints: Sequence[Hint]) -> None:
        self._soon(self._show, hints)

    def _show(self, hints: Sequence[Hint]) -> None:
        for hint in hints:
            hosted = self.hosted.get(hint.channel)
            if hosted is not None and hosted.live is not None and not hosted.stopping:
                hosted.live.hint(hint)

    async def _reconcile(self) -> None:
        snapshot = await asyncio.to_thread(self.registry.snapshot)
        channels = await asyncio.to_thread(snapshot.objects, "channel")
        desks = await asyncio.to_thread(snapshot.objects, "desk")
        for _, channel in channels:
            if Capability.PULL in channel.capabilities and self.pulled.get(channel.name) is not channel:
                await asyncio.to_thread(Outbox(channel).declare)
                await asyncio.to_thread(announce_channel, channel)
                self.pulled[channel.name] = channel
        sources = {c.name: (plugin, c) for plugin, c in channels if Capability.PULL not in c.capabilities}
        sources |= {f"desk:{desk.name}": (plugin, desk) for plugin, desk in desks}
        for name, hosted in list(self.hosted.items()):
            if name not in sources or sources[name][1] is not hosted.port.source:
                self._stop(name, withdrawn=name not in sources)
        for name, (plugin, source) in sources.items():
            if name not in self.hosted and name not in self.stopping:
                self._start(name, plugin, source)

    def _start(self, name: str, plugin: str, source: Any) -> None:
        port: Port = ChannelPort(source) if isinstance(source, Channel) else DeskPort(source)
        self._plugin_of[name] = (plugin, home_of(source))
        self._taken.add(id(source))
        hosted = self.hosted[name] = Hosted(port, self.showing.look)
        self._shown()
        asyncio.get_running_loop().call_later(WELL_AFTER, self._well, name, plugin, hosted)

    def _well(self, name: str, plugin: str, hosted: Hosted) -> None:
        if self.hosted.get(name) is hosted:
            task = asyncio.create_task(asyncio.to_thread(self.registry.absolve, plugin))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def _stop(self, name: str, *, withdrawn: bool, seconds: float = float("inf")) -> None:
        """Stop one in a task of its own: one that takes its time delays nobody else's switch."""
        hosted = self.hosted.pop(name)
        self._shown()

        async def stop() -> None:
            try:
                await hosted.stop(seconds)
                if isinstance(hosted.outbox, DeskOutbox) and withdrawn:
                    await asyncio.to_thread(hosted.outbox.withdraw)
            except StoreUnavailable as error:
                log.warning("database_away", reason=str(error), next="the channel is stopped all the same")
            finally:
                del self.stopping[name]
                self._plugin_of.pop(name, None)
                self.changed.set()
                log.info("channel_stopped", channel=name)

        self.stopping[name] = asyncio.create_task(stop(), name=f"stop {name}")

    def _shown(self) -> None:
        self.showing.channels = frozenset(name for name, hosted in self.hosted.items() if hosted.live is not None)

    def _retired(self, plugin: str, item: Any) -> None:
        """The registry lets go of an object (new settings, or off). What runs is closed by its own stop, after the last send."""
        self._soon(self._close, item)

    def _close(self, item: Any) -> None:
        if id(item) in self._taken:
            self._taken.discard(id(item))
            return

        async def close() -> None:
            with contextlib.suppress(Exception):
                await within(item.close(), CLOSE, f"close {item.name}")

        task = asyncio.create_task(close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _main() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with enter_process("channels") as registry:
        await Host(registry).run(stop)
        registry.on_retired = lambda plugin, item: None  # all of them were closed
    log.info("stopped")
    if stubborn := left():
        # The loop would wait for them for ever, and all that matters is done.
        log.error("calls_never_ended", calls=stubborn)
        sys.stderr.flush()
        os._exit(0)


def main() -> None:
    """Run until SIGTERM."""
    asyncio.run(_main())
