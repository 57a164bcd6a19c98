"""Wakes and live frames over Redis or Valkey. May vanish at any time: nothing is lost, it gets slower.

Topics: ``turns`` (a conversation wants its turn), ``changed`` (a conversation has a new ``rev``), ``live`` (a frame for its
watchers: 36 bytes of conversation id, then JSON, which is sealed on its way), ``out`` (deliveries wait), ``jobs``, ``plugins``.
A handler that gets an empty payload looks for itself: that happens after a reconnect and, without Redis, every 250 ms when the
database changed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from bot.config import config
from bot.failpoints import failpoint
from bot.live_seal import open_live, seal_live
from bot.resp import Command, Subscription, pipelined
from bot.threads import Empty, NativeQueue, native_thread_id, on_main_thread, patched

log = structlog.get_logger("bus")

PREFIX = "deskhand:"
LIVE = "live"
LIVE_TOPIC = f"{PREFIX}{LIVE}".encode()
FRAME_AT = 36
"""Where the frame begins in the payload of a live topic: behind the conversation's id."""
TICK = 0.25
DRAFT_SECONDS = 900
Handler = Callable[[bytes], None]


class Bus:
    """One per process. Publishing never raises and never waits longer than a local round trip."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._down_until = 0.0
        self._untold: set[str] = set()
        self._clients: dict[int, Any] = {}
        self._outgoing: _Outgoing | None = _Outgoing(self) if patched() else None

    @property
    def up(self) -> bool:
        """Whether the last attempt to reach Redis worked."""
        return bool(self.url) and self._down_until == 0.0

    def redis(self) -> Any:
        """The client, made at first use. Every command may raise ``redis.RedisError``.

        Under gevent each native thread has one of its own: a socket belongs to the hub of the thread that opened it.
        """
        thread = 0 if not patched() or on_main_thread() else native_thread_id()
        client = self._clients.get(thread)
        if client is None:
            import redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry

            client = self._clients[thread] = redis.Redis.from_url(
                self.url, socket_timeout=2, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0), max_connections=400
            )
        return client

    def _attempt(self, work: Callable[[Any], Any]) -> Any:
        """Do ``work`` unless Redis was found away less than a second ago; ``None`` when it is."""
        if not self.url or (self._down_until and time.monotonic() < self._down_until):
            return None
        import redis

        try:
            try:
                result = work(self.redis())
            except redis.ConnectionError:
                # A pooled connection may be older than the server's last restart. Only the idle ones: closing one that another
                # thread is using makes that thread fail in ways that are no error of Redis.
                self.redis().connection_pool.disconnect(inuse_connections=False)
                result = work(self.redis())
        except (redis.RedisError, OSError, ValueError) as error:
            if self._down_until == 0.0:
                log.warning("redis_away", reason=type(error).__name__, next="carrying on with the database alone")
            self._down_until = time.monotonic() + 1.0
            return None
        self._back()
        return result

    def _back(self) -> None:
        if self._down_until:
            log.info("redis_back")
            self._down_until = 0.0

    def recover(self) -> None:
        """Redis answers (again): let everybody look for what was not told meanwhile."""
        self._back()
        if self._untold:
            self.publish([])

    def ping(self) -> bool:
        return bool(self._attempt(lambda client: client.ping()))

    def wake(self, topic: str, ref: str = "") -> None:
        """Tell whoever listens to ``topic`` that ``ref`` wants attention."""
        failpoint("wake.before_publish")
        self.publish([(topic, ref.encode())])

    def publish(self, items: Sequence[tuple[str, bytes]]) -> None:
        """Send several ``(topic, payload)`` in one round trip."""
        if not self.url:
            return
        if self._outgoing is not None:
            self._outgoing.put(items)
        else:
            self.send_now(items)

    def publish_live(self, conversation_id: str, frame: bytes) -> None:
        """Show ``frame`` (JSON) to the watchers of a conversation, if anybody watches."""
        self.publish([(LIVE, conversation_id.encode() + frame)])

    def send_now(self, items: Sequence[tuple[str, bytes]], drafts: Sequence[tuple[str, str]] = ()) -> None:
        """Publish in this thread. ``drafts``: ``(turn:attempt, text)``, stored before the frames go out.

        The whole text each time: a Redis that was started again in mid-answer would have the end without the beginning.
        """

        commands: list[Command] = []
        for key, text in drafts:
            name = f"{PREFIX}draft:{key}".encode()
            if sealed := seal_live(text.encode("utf-8", "replace"), key.encode()):
                commands.append((b"SET", name, sealed, b"EX", b"%d" % DRAFT_SECONDS))
        untold = set(self._untold)
        for topic, payload in items:
            ready = _sealed(payload) if topic == LIVE else payload
            if ready is not None:
                commands.append((b"PUBLISH", (PREFIX + topic).encode(), ready))
        commands += [(b"PUBLISH", (PREFIX + topic).encode(), b"") for topic in untold]
        if not commands:
            return

        def work(client: Any) -> bool:
            pipelined(client, commands)
            return True

        if self._attempt(work):
            self._untold -= untold
        else:
            self._untold.update(topic for topic, _ in items if topic != LIVE)

    def draft(self, turn_id: str, attempt: int) -> str:
        """What has been shown of an answer in progress; empty when there is none or Redis is away."""
        raw = self._attempt(lambda client: client.get(f"{PREFIX}draft:{turn_id}:{attempt}"))
        text = open_live(raw, f"{turn_id}:{attempt}".encode()) if raw else None
        return text.decode("utf-8", "ignore") if text else ""

    def drop_draft(self, turn_id: str, attempts: int) -> None:
        self._attempt(lambda client: client.delete(*[f"{PREFIX}draft:{turn_id}:{n}" for n in range(1, attempts + 1)]))

    def listen(self, handlers: Mapping[str, Handler]) -> Listener:
        """Call the handlers from a thread (a greenlet in web) until ``stop``. They must be quick and must not raise."""
        return Listener(self, handlers)


def _sealed(payload: bytes) -> bytes | None:
    """A live payload as it travels; ``None``: not now."""
    about, frame = payload[:FRAME_AT], payload[FRAME_AT:]
    sealed = seal_live(frame, about)
    return about + sealed if sealed else None


def _opened(payload: bytes) -> bytes | None:
    """A live payload as it was given; ``None``: it is not of one who has our key."""
    about, sealed = payload[:FRAME_AT], payload[FRAME_AT:]
    frame = open_live(sealed, about)
    return None if frame is None else about + frame


class _Outgoing:
    """Under gevent the client belongs to the hub's thread, so other threads hand their wakes over."""

    def __init__(self, bus: Bus) -> None:
        import gevent

        self.bus = bus
        self.items: Any = NativeQueue()
        self.signal = gevent.get_hub().loop.async_()
        self.event = __import__("gevent.event", fromlist=["Event"]).Event()
        self.signal.start(self.event.set)
        gevent.spawn(self._run)

    def put(self, items: Sequence[tuple[str, bytes]]) -> None:
        self.items.put(items)
        self.signal.send()

    def _run(self) -> None:
        while True:
            self.event.wait()
            self.event.clear()
            batch: list[tuple[str, bytes]] = []
            try:
                while True:
                    batch.extend(self.items.get_nowait())
            except Empty:
                pass
            self.bus.send_now(batch)


class Listener:
    """A subscription that outlives Redis: without it, it watches the database."""

    def __init__(self, bus: Bus, handlers: Mapping[str, Handler]) -> None:
        self.bus = bus
        self.handlers = {(PREFIX + topic).encode(): handler for topic, handler in handlers.items()}
        self._stop = threading.Event()
        self._version = -1
        self.thread = threading.Thread(target=self._run, name="bus", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self._stop.set()
        self.thread.join(timeout=3)

    def _run(self) -> None:
        import redis

        while not self._stop.is_set():
            if self.bus.url:
                try:
                    self._subscribed()
                except (redis.RedisError, OSError):
                    pass
            # Away: look at the database for a second, then try Redis again.
            until = time.monotonic() + 1.0
            while not self._stop.is_set() and (not self.bus.url or time.monotonic() < until):
                if self._database_changed():
                    self._look()
                self._stop.wait(TICK)

    def _subscribed(self) -> None:
        import redis

        # protocol 2: no other kind of message comes unasked
        client = redis.Redis.from_url(self.bus.url, socket_connect_timeout=2, socket_timeout=5, protocol=2)
        subscription: Subscription | None = None
        try:
            subscription = Subscription(client, list(self.handlers), patience=1.0)
            self.bus.recover()
            self._look()
            while not self._stop.is_set():
                for topic, payload in subscription.messages():
                    ready = _opened(payload) if topic == LIVE_TOPIC else payload
                    if ready is not None:
                        self._call(self.handlers[topic], ready)
        finally:
            if subscription is not None:
                subscription.close()
            client.close()

    def _look(self) -> None:
        for handler in self.handlers.values():
            self._call(handler, b"")

    @staticmethod
    def _call(handler: Handler, payload: bytes) -> None:
        try:
            handler(payload)
        except Exception:
            log.exception("bus_handler_failed")

    def _database_changed(self) -> bool:
        """SQLite tells by a counter of this thread's own connection (9 µs, so also on the hub); on PostgreSQL looking costs
        one indexed query, so every tick looks.
        """
        from bot import store

        if not store.is_sqlite():
            return True
        try:
            version = store.read(lambda: int(store.db.execute_sql("PRAGMA data_version").fetchone()[0]))
        except store.StoreUnavailable:
            return False
        changed, self._version = version != self._version, version
        return changed


_bus: Bus | None = None


def bus() -> Bus:
    """This process's bus, by ``REDIS_URL`` (``none`` or empty: no Redis)."""
    global _bus
    if _bus is None:
        url = config().redis_url
        _bus = Bus("" if url == "none" else url.replace("valkey://", "redis://"))
    return _bus


def reset_bus() -> None:
    """Forget the client, after the configuration changed (tests)."""
    global _bus
    _bus = None
