"""Somebody else's chat service: redelivers, loses answers, says 429. Its own log says what really arrived.

One server plays three platforms: ``nonce`` keeps one of two sends with the same key, ``readback`` can be asked whether a
key arrived, ``none`` does neither.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.chaos.journal import Journal

CHANNELS = ("nonce", "readback", "none")
CLIENT_TIMEOUT = 2.0
"""What the channels declare: after it they have given up."""
FAULTS = ("429", "refuse", "drop_before", "drop_after", "500_before", "500_after", "slow_after", "late")


@dataclass
class Mail:
    """What a person wrote, until the channel has taken it."""

    id: str
    channel: str
    place: str
    text: str
    taken: int = 0
    acked: bool = False
    due: float = 0.0


@dataclass
class Platform:
    """``write`` is a person's side; the HTTP calls are the channel's."""

    journal: Journal
    seed: int
    rate: float = 0.05
    redeliver: float = 0.1
    channels: tuple[str, ...] = CHANNELS
    url: str = ""
    mail: list[Mail] = field(default_factory=list)
    accepted: list[dict[str, Any]] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    redelivered: int = 0

    def __post_init__(self) -> None:
        self.rng = random.Random(f"{self.seed}/platform")
        self.changed = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._by_key: dict[tuple[str, str, str], dict[str, Any]] = {}

    # A person's side ------------------------------------------------------------------------------------------------

    def write(self, channel: str, place: str, text: str) -> None:
        """A person writes. Delivered at least once, in the order of its place; now and then again, later and out of order."""
        item = Mail(f"{len(self.mail) + 1}", channel, place, text)
        self.mail.append(item)
        self.journal.note("written", id=item.id, channel=channel, place=place, text=text)
        self._tell()

    def has_answer(self, channel: str, place: str, token: str) -> bool:
        """Whether a later text at ``place`` repeats the question, or says that a person will."""
        got = [row["text"] for row in self.accepted if (row["channel"], row["place"]) == (channel, place)]
        return any(token in text for text in got) or any("ticket" in text for text in got)

    async def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not condition():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self.changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.changed.wait(), min(left, 1.0))
        return True

    @property
    def waiting(self) -> int:
        """Letters that no channel has acknowledged yet."""
        return sum(not item.acked for item in self.mail)

    def _tell(self) -> None:
        self.changed.set()

    # The channel's side ---------------------------------------------------------------------------------------------

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/{channel}/send", self._send)
        app.router.add_get("/{channel}/find", self._find)
        app.router.add_get("/{channel}/updates", self._updates)
        app.router.add_post("/{channel}/ack", self._ack)
        self._runner = web.AppRunner(app, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def _fault(self) -> str:
        if self.rng.random() >= self.rate:
            return ""
        fault = self.rng.choice(FAULTS)
        self.faults[fault] = self.faults.get(fault, 0) + 1
        return fault

    async def _send(self, request: web.Request) -> web.StreamResponse:
        channel = request.match_info["channel"]
        body = await request.json()
        fault = self._fault()
        if fault == "429":
            return web.json_response({"retry_after": 0.3}, status=429)
        if fault == "refuse":
            return web.json_response({"error": "busy, nothing was done"}, status=409)
        if fault == "drop_before":
            return self._hang_up(request)
        if fault == "500_before":
            return web.json_response({}, status=500)
        if fault == "late":  # it takes what it was sent after the sender has given up
            await asyncio.sleep(CLIENT_TIMEOUT + 1)
        row = self._accept(channel, body)
        if fault == "drop_after":
            return self._hang_up(request)
        if fault == "500_after":
            return web.json_response({}, status=500)
        if fault == "slow_after":
            await asyncio.sleep(CLIENT_TIMEOUT + 0.5)
        return web.json_response({"id": row["id"]})

    def _accept(self, channel: str, body: dict[str, Any]) -> dict[str, Any]:
        known = self._by_key.get((channel, body["place"], body["key"]))
        if known is not None and channel == "nonce":
            self.journal.note("nonce_hit", channel=channel, place=body["place"], key=body["key"])
            return known
        row = {
            "channel": channel,
            "id": f"m{len(self.accepted) + 1}",
            **{n: body[n] for n in ("place", "key", "text", "op")},
        }
        self.accepted.append(row)
        self._by_key[(channel, body["place"], body["key"])] = row
        self.journal.note("accepted", **row)
        self._tell()
        return row

    async def _find(self, request: web.Request) -> web.Response:
        row = self._by_key.get((request.match_info["channel"], request.query["place"], request.query["key"]))
        return web.json_response({"id": row["id"] if row else None})

    async def _updates(self, request: web.Request) -> web.Response:
        """What is new, the oldest of each place first; a tenth of it comes again later, although it was acknowledged."""
        channel, now = request.match_info["channel"], time.monotonic()
        deadline = now + 2.0
        while True:
            found: dict[str, Mail] = {}
            late: list[Mail] = []
            now = time.monotonic()
            held: set[str] = set()
            for item in self.mail:
                if item.channel != channel:
                    continue
                if not item.acked and item.place not in held:
                    held.add(item.place)  # one at a time for each place, so that its order is kept
                    if item.due <= now:
                        found[item.place] = item
                elif item.acked and item.taken == -1 and item.due <= now:
                    item.taken = 1
                    late.append(item)
            if found or late or now > deadline:
                break
            self.changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.changed.wait(), 0.2)
        batch = [*found.values(), *late]
        self.rng.shuffle(batch)
        for item in batch:
            if item.taken:
                self.redelivered += 1
            if not item.acked:
                item.taken += 1
                item.due = time.monotonic() + 1.0  # again if it is not acknowledged
        events = [{"id": item.id, "place": item.place, "text": item.text} for item in batch]
        return web.json_response({"events": events})

    async def _ack(self, request: web.Request) -> web.Response:
        wanted = set((await request.json())["ids"])
        if self.rng.random() < self.rate / 2:
            return self._hang_up(request)  # type: ignore[return-value]
        for item in self.mail:
            if item.id in wanted and not item.acked:
                item.acked = True
                self.journal.note("taken", id=item.id)
                if self.rng.random() < self.redeliver:
                    item.taken, item.due = -1, time.monotonic() + self.rng.uniform(0.1, 5)
        self._tell()
        return web.json_response({})

    @staticmethod
    def _hang_up(request: web.Request) -> web.Response:
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)
