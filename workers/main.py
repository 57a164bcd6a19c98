"""The worker process: ``quick`` runs short jobs, the ticker and the sweep; ``slow`` forks for each long job."""

from __future__ import annotations

import signal
import threading

import structlog

from bot import logs
from bot.bus import bus
from bot.process import process
from workers.sweep import Sweep

log = structlog.get_logger("jobs")


class Stop:
    """Whether SIGTERM or SIGINT came."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.install()

    def install(self) -> None:
        """Take the signals (again: RQ takes them while it works)."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.event.set())

    def asked(self) -> bool:
        self.install()
        return self.event.is_set()


def main(queue: str = "quick") -> None:
    """Run until SIGTERM."""
    stop = Stop()
    if queue == "slow":
        _slow(stop)
    else:
        _quick(stop)


def _quick(stop: Stop) -> None:
    with process("quick", plugins_of="worker") as registry:
        if bus().url:
            from workers.queues import Pusher, work

            sweep = Sweep(Pusher().push)
        else:
            sweep = Sweep(None)
        listener = bus().listen({"jobs": sweep.wake, "plugins": registry.on_changed})
        sweep.start()
        log.info("ready")
        if bus().url:
            work("quick", stop.asked, stop.event.is_set)
        else:
            stop.event.wait()
        listener.stop()
        sweep.stop()
    log.info("stopped")


def _slow(stop: Stop) -> None:
    """No database and no thread here: it forks. The quick worker's sweep finds what is due for it."""
    logs.setup("slow")
    if bus().url:
        from workers.queues import work

        log.info("ready")
        work("slow", stop.asked, stop.event.is_set)
    else:
        log.info("ready", waits="there is no Redis: the quick worker starts slow jobs itself")
        stop.event.wait()
    log.info("stopped")
