"""The turns process: a pool of threads that answers for every channel.

Wakes come over the bus; a sweep every two seconds finds what a lost wake left. One watching thread reacts to what happens
to running turns: a new message before anything was shown starts the turn again at once, a stop ends it with what was shown.
"""

from __future__ import annotations

import contextlib
import gc
import signal
import threading
import time
from dataclasses import dataclass
from queue import Empty, SimpleQueue

import structlog

from bot import lease, pacing, turns
from bot.answering import answer, fallback
from bot.asking import Cancelled, Running
from bot.bus import bus
from bot.config import config
from bot.containment import Call, CallAbandoned
from bot.drafts import Drafts
from bot.events import Answer
from bot.failpoints import failpoint
from bot.fleet_building import keeper_of
from bot.forsaken import end_forsaken
from bot.lease import LostLease
from bot.pacing import PutOff
from bot.plugins import Registry
from bot.process import process
from bot.store import StoreUnavailable, read, write
from bot.turns import Account, Begun, Ended

log = structlog.get_logger("turns")

SHED_AFTER = 20.0
"""Seconds a conversation may wait for a free thread before it goes to a person."""
SWEEP = 2.0
DRAIN = 25.0
IDLE = 30.0
"""Seconds after which a thread with nothing to do ends."""
PATIENCE = 60.0
"""Seconds an answer is kept for a database that is away."""


@dataclass(frozen=True, slots=True)
class Wanted:
    conversation_id: str
    at: float


class Pool:
    """Threads that run turns, at most ``size`` at once; a hung one is replaced."""

    def __init__(self, size: int, registry: Registry) -> None:
        self.size = size
        self.registry = registry
        self.drafts = Drafts()
        self.fleets = keeper_of(registry, warm=True)
        self.queue: SimpleQueue[Wanted | None] = SimpleQueue()
        self.looks: SimpleQueue[str | None] = SimpleQueue()
        self.lock = threading.Lock()
        self.waiting: dict[str, bool] = {}
        """Conversations in the queue, and whether the one who takes them goes on with what this process holds."""
        self.running: dict[str, Running] = {}
        self.failed: dict[str, int] = {}
        """Conversations whose turn could not even be begun, and how often in a row."""
        self.by_thread: dict[int, Running] = {}
        self.threads = 0
        self.idle = 0
        self.stopping = False
        self.last_sweep = 0.0
        threading.Thread(target=self._look_loop, name="watch", daemon=True).start()

    # -- what comes in ---------------------------------------------------------------------------------------------

    def on_wake(self, payload: bytes) -> None:
        """Handler of the bus topic ``turns``."""
        if payload:
            self.want(payload.decode())
        else:
            self.sweep()

    def want(self, conversation_id: str, *, restart: bool = False) -> None:
        """See to it that the conversation gets its turn."""
        with self.lock:
            if not restart and conversation_id in self.running:
                self.looks.put(conversation_id)
                return
            if conversation_id in self.waiting:
                self.waiting[conversation_id] |= restart
                return
            self.waiting[conversation_id] = restart
            # Not "if nobody is idle": of two that come at once, the second would wait for the whole answer to the first.
            if len(self.waiting) > self.idle and self.threads < self.size:
                self._start_thread()
        self.queue.put(Wanted(conversation_id, time.monotonic()))

    def sweep(self) -> None:
        """Find what waits in the database."""
        self.last_sweep = time.monotonic()
        with contextlib.suppress(StoreUnavailable):
            for conversation_id in read(turns.wanted):
                self.want(conversation_id)
            for conversation_id in list(self.running):
                self.looks.put(conversation_id)
            end_forsaken()

    # -- threads ---------------------------------------------------------------------------------------------------

    def _start_thread(self) -> None:
        self.threads += 1
        threading.Thread(target=self._work, name=f"turn-{self.threads}", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self.lock:
                self.idle += 1
            try:
                item = self.queue.get(timeout=IDLE)
            except Empty:
                item = None
            with self.lock:
                self.idle -= 1
                if item is None:
                    if self.waiting:
                        continue  # one who brings work just now has counted on this thread
                    self.threads -= 1
                    return
                restart = self.waiting.pop(item.conversation_id, False)
            try:
                abandoned = self._run(item, restart)
            except Exception:
                log.exception("turn_crashed", conversation=item.conversation_id)
                abandoned = False
            if abandoned:
                return  # this thread was replaced while a plugin held it

    def _run(self, item: Wanted, restart: bool) -> bool:
        """Run turns of one conversation until nothing is unanswered; True: this thread was given up meanwhile."""
        shed = time.monotonic() - item.at > SHED_AFTER
        while not self.stopping:
            begun = self._begin(item.conversation_id, restart=restart)
            if begun is None:
                if item.conversation_id in self.running:
                    self.looks.put(
                        item.conversation_id
                    )  # another thread has it: it may have begun before the last message
                return False
            running = Running(begun, self.drafts.open(begun.conversation_id, begun.turn_id, begun.attempt))
            ident = threading.get_ident()
            with self.lock:
                self.running[begun.conversation_id] = running
                self.by_thread[ident] = running
            try:
                ended = self._one(running, shed=shed)
            finally:
                with self.lock:
                    self.by_thread.pop(ident, None)
                    if self.running.get(begun.conversation_id) is running:
                        del self.running[begun.conversation_id]
                    again = running.again
            if running.given_up:
                if again:
                    self.want(begun.conversation_id)
                return True
            if ended is None or not ended.more:
                if again:
                    self.want(begun.conversation_id)
                return False
            restart, shed = True, False
        return False

    def _begin(self, conversation_id: str, *, restart: bool) -> Begun | None:
        try:
            begun = write(lambda: turns.begin(conversation_id, restart=restart))
        except StoreUnavailable as error:
            log.warning("database_away", reason=str(error), next="the sweep tries again")
            return None
        except Exception:
            self._cannot_begin(conversation_id)
            return None
        self.failed.pop(conversation_id, None)
        return begun

    def _cannot_begin(self, conversation_id: str) -> None:
        """A row that cannot be read (a lost key, a missing site) must not be tried every two seconds for ever."""
        failures = self.failed[conversation_id] = self.failed.get(conversation_id, 0) + 1
        log.exception("turn_cannot_begin", conversation=conversation_id, failures=failures)
        if failures >= turns.MAX_CRASHES:
            self.failed.pop(conversation_id, None)
            with contextlib.suppress(StoreUnavailable):
                write(lambda: turns.give_up(conversation_id))
                bus().publish([("changed", conversation_id.encode()), ("out", b"")])

    def _one(self, running: Running, *, shed: bool) -> Ended | None:
        begun = running.begun
        if begun.stop:
            if not running.finish():
                return None
            # Its process died between the wish and the end: what was shown is kept, as far as Redis still has it.
            shown = bus().draft(begun.turn_id, begun.attempt - turns.FAILOVERS).rstrip()
            return self._end(running, Answer(text=shown, type="stopped"), running.account(), state="stopped")
        running.draft.phase("thinking")
        try:
            if shed:
                said, account = fallback(begun, "too many questions at once"), Account()
            else:
                snapshot = self.registry.snapshot()
                said, account = answer(running, snapshot, self.fleets.fleet(snapshot), self.drafts)
        except (Cancelled, CallAbandoned, LostLease):
            self._book_lost(running)
            return None
        except PutOff as later:
            if running.finish():
                pacing.put_off(begun, later)
            return None
        except BaseException as error:
            # A fault of ours ends in a person, never in silence.
            log.exception(
                "turn_failed", conversation=begun.conversation_id, turn=begun.turn_id, error=type(error).__name__
            )
            said, account = fallback(begun, "technical error"), running.account(running.spent)
        if not running.finish():
            self._book_lost(running)
            return None
        ended = self._end(running, said, account, state="failed" if said.type == "fallback" else "done")
        if ended is None:
            self._book_lost(running)
        return ended

    @staticmethod
    def _book_lost(running: Running) -> None:
        """An attempt that was begun again, stopped or lost costs as much: without this, the daily cap would not be hard."""
        account = running.account(running.spent)
        try:
            write(lambda: turns.spend(running.begun, account))
        except StoreUnavailable as error:
            log.warning("tokens_not_booked", turn=running.begun.turn_id, reason=str(error))

    def _end(self, running: Running, said: Answer, account: Account, *, state: str) -> Ended | None:
        begun = running.begun
        until = time.monotonic() + PATIENCE
        while True:
            try:
                ended = write(lambda: turns.end(begun, said, account, state=state))
                break
            except LostLease:
                log.info("lost_lease", conversation=begun.conversation_id, turn=begun.turn_id)
                return None
            except StoreUnavailable as error:
                if time.monotonic() > until:
                    log.error(
                        "answer_not_stored",
                        conversation=begun.conversation_id,
                        reason=str(error),
                        next="the turn runs again",
                    )
                    return None
                time.sleep(0.5)
        failpoint("turn.after_commit")
        running.draft.close()
        topics = [("changed", begun.conversation_id.encode())]
        if ended.deliveries:
            topics.append(("out", begun.channel.encode()))
        self.drafts.send(topics)
        return ended

    # -- watching running turns ------------------------------------------------------------------------------------

    def _look_loop(self) -> None:
        while True:
            conversation_id = self.looks.get()
            if conversation_id is None:
                return
            try:
                self._look(conversation_id)
            except StoreUnavailable:
                pass  # the sweep looks again
            except Exception:
                log.exception("look_failed", conversation=conversation_id)

    def _look(self, conversation_id: str) -> None:
        running = self.running.get(conversation_id)
        if running is None:
            self.want(conversation_id)
            return
        begun = running.begun
        stop, newest, changed = read(lambda: turns.news(begun))
        if stop:
            self._stop(running)
        elif changed and running.cancel(unless_released=True):
            if newest <= begun.answered:  # nothing is left to be answered
                running.draft.phase("stopped")
            self.want(conversation_id, restart=True)
        elif newest > begun.upto_seq:
            if running.cancel(unless_released=True):
                self.want(conversation_id, restart=True)
                return
            with self.lock:
                running.again = self.running.get(conversation_id) is running
            if not running.again:
                self.want(conversation_id)

    def _stop(self, running: Running) -> None:
        if not running.cancel():
            return
        said = Answer(text=running.draft.text.rstrip(), type="stopped")
        running.draft.phase("stopped")
        ended = self._end(running, said, running.account(), state="stopped")
        if ended is not None and ended.more:
            self.want(running.begun.conversation_id, restart=True)

    def on_overdue(self, call: Call) -> bool:
        """A plugin holds a thread and cannot be ended: go on without both. Says whether the work was given to another."""
        with self.lock:
            running = self.by_thread.get(call.thread_id)
            if running is None:
                return False
            running.given_up = True
            self.threads -= 1  # it ends when it comes back
            self._start_thread()
        if running.cancel():
            self.want(running.begun.conversation_id, restart=True)
        return True

    # -- life ------------------------------------------------------------------------------------------------------

    def housekeeping(self) -> None:
        """Every second: free the dead, renew what runs, sweep when it is time."""
        lease.free_dead()
        if time.monotonic() - self.last_sweep >= SWEEP:
            self.sweep()

    def renew(self) -> None:
        lease.renew(list(self.running))

    def drain(self) -> None:
        """Take no more; let running turns finish for 25 s, then give them back."""
        self.stopping = True
        until = time.monotonic() + DRAIN
        while self.running and time.monotonic() < until:
            time.sleep(0.05)
        for running in list(self.running.values()):
            if running.cancel():
                with contextlib.suppress(StoreUnavailable):
                    write(lambda begun=running.begun: turns.let_go(begun))  # type: ignore[misc]
        self.drafts.stop()
        self.looks.put(None)


def main() -> None:
    """Run until SIGTERM."""
    with process("turns") as registry:
        _run(registry)
    log.info("stopped")


def _run(registry: Registry) -> None:
    settings = config()
    pool = Pool(settings.turns, registry)
    registry.on_overdue = pool.on_overdue
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    pool.fleets.warm()
    listener = bus().listen({"turns": pool.on_wake, "plugins": registry.on_changed})
    # What is loaded now lives as long as the process: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    log.info("ready", threads=settings.turns)
    renewed = time.monotonic()
    while not stop.wait(1.0):
        try:
            if time.monotonic() - renewed >= lease.RENEW:
                renewed = time.monotonic()
                pool.renew()
            pool.housekeeping()
        except StoreUnavailable as error:
            log.warning("database_away", reason=str(error), next="trying again")
        except Exception:
            log.exception("housekeeping_failed")
    listener.stop()
    pool.drain()


if __name__ == "__main__":
    main()
