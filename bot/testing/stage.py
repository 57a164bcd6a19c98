"""The world of one promise about a channel: the double in its own thread, the channel as the host runs it, and a real store."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import itertools
import time
from collections.abc import Awaitable, Callable
from typing import Any

from bot.channel import TemporaryFailure
from bot.messages import Outbound, Sent
from bot.testing.doubles import Shown, Trouble
from bot.testing.elsewhere import Elsewhere
from bot.testing.kit_inbox import KitInbox
from bot.testing.on_disk import OnDisk, Stored

STOP = 5.0
"""Seconds in which a listener must end when it is cancelled."""
PAUSES = 10
"""So often a channel may ask for a pause of its own before one message."""
PATIENCE = 15.0
"""Seconds for which something that must happen is waited for."""


class Stage:
    """``platform`` is the double (awaitable), ``channel`` the real one, ``disk`` what is committed."""

    channel: Any
    inbox: Any
    strangers = True
    """Each place has a person of its own."""

    def __init__(self, make: Callable[[Any], Any], double: Any, disk: OnDisk) -> None:
        self.disk = disk
        self.double = double
        self.platform: Any = Elsewhere(double)
        self.make = make
        self.troubles: list[BaseException] = []
        """What ``listen`` raised. The host would start it again, and so does the kit."""
        self.acks: list[tuple[str, frozenset[str]]] = []
        """Each message whose receipt the platform was told, and the texts that were on disk at that moment."""
        self._texts: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Stage:
        self.double.on_ack = self._acked
        try:
            await self.platform.start()
            self.channel = self.make(self.double)
        except BaseException:
            self.platform.end()
            raise
        await self.open()
        return self

    async def open(self) -> None:
        """Make ready what the promise needs beside the double and the channel."""
        self.inbox = KitInbox(self.channel.name)

    async def place(self, number: int) -> str:
        """A place where people write, as the channel calls it."""
        place: str = await self.platform.place(number)
        return place

    def on_disk(self, place: str) -> list[Stored]:
        """What people wrote there, as it is committed."""
        return self.disk.written(self.channel.name, place)

    async def __aexit__(self, *_: object) -> None:
        try:
            with contextlib.suppress(Exception):
                await self.platform.heal()
            if self._listening is not None:
                self._listening.cancel()
                await asyncio.wait({self._listening}, timeout=STOP)
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self.channel.close(), STOP)
            with contextlib.suppress(Exception):
                await self.platform.stop()
        finally:
            self.platform.end()

    # The channel ----------------------------------------------------------------------------------------------------

    async def listen(self) -> None:
        """Start listening, as the host does: what ends is started again."""
        self._listening = asyncio.create_task(self._keep_listening(), name="kit: listen")
        await self.until(self.platform.ready, "the channel connected (the double's ready() is true)")

    async def listening_fails(self, kind: type[BaseException]) -> BaseException:
        """Start listening, and stop when ``listen`` has raised an error of that kind."""
        self._listening = asyncio.create_task(self._keep_listening(), name="kit: listen")
        error: BaseException = await self.until(
            lambda: next((one for one in self.troubles if isinstance(one, kind)), None),
            f"listen() raised {kind.__name__}",
        )
        await self.stop()
        return error

    async def _keep_listening(self) -> None:
        wait = 0.05
        while True:
            try:
                await self.channel.listen(self.inbox)
            except asyncio.CancelledError:
                raise
            except (Exception, SystemExit) as error:
                self.troubles.append(error)
            await asyncio.sleep(wait)
            wait = min(wait * 2, 1.0)

    async def stop(self) -> None:
        """Stop listening; it must end within 5 s."""
        task, self._listening = self._listening, None
        assert task is not None
        task.cancel()
        began = time.monotonic()
        await asyncio.wait({task}, timeout=STOP)
        assert task.done(), "listen() was cancelled and did not end within 5 s: let CancelledError pass"
        assert time.monotonic() - began <= STOP

    async def renew(self) -> None:
        """Another process, or changed settings: a new channel object."""
        await self.channel.close()
        self.channel = self.make(self.double)

    # In -------------------------------------------------------------------------------------------------------------

    async def write(self, place: str, text: str) -> str:
        """A person writes."""
        message: str = await self.platform.write(place, text)
        self._texts[message] = text
        return message

    def _acked(self, message: str) -> None:
        self.acks.append((message, frozenset(row[0] for row in self.disk.rows("SELECT body FROM message"))))

    def acked_too_early(self) -> list[str]:
        """Texts whose receipt the platform was told before they were on disk."""
        return [
            self._texts[message] for message, there in self.acks if self._texts.get(message, "") not in {"", *there}
        ]

    async def arrived(self, place: str, number: int = 1) -> list[Stored]:
        """Messages on disk from that place, once there are ``number`` of them."""
        stored: list[Stored] = await self.until(
            lambda: found if len(found := self.on_disk(place)) >= number else None,
            f"{number} message(s) of {place!r} are on disk",
            lambda: f"there are {[one.text for one in self.on_disk(place)]!r:.300}",
        )
        return stored

    async def nothing_more(self, place: str, texts: list[str]) -> None:
        """After a marker there is exactly this at the place, nothing twice and nothing else."""
        marker = f"marker {next(self._numbers)}"
        await self.write(place, marker)
        await self.until(lambda: self.disk.has(marker), "a message written later arrived")
        found = [one.text for one in self.on_disk(place)]
        assert found == [*texts, marker], f"on disk are {found!r:.600}, and written was {[*texts, marker]!r:.600}"

    async def event(self, kind: str) -> Any:
        """The first event of a kind that the channel gave to ``receive``."""
        return await self.until(
            lambda: next((one for one in self.inbox.events if one.kind == kind), None),
            f"receive() was given an event of the kind {kind!r}",
        )

    # Out ------------------------------------------------------------------------------------------------------------

    def new_key(self) -> str:
        """As the core makes them: 24 characters of base32."""
        number = f"{id(self)}.{next(self._numbers)}"
        return base64.b32encode(hashlib.sha256(number.encode()).digest()).decode()[:24].lower()

    def out(self, place: str, text: str, **more: Any) -> Any:
        """A delivery with a key of its own."""
        return Outbound(**{"key": self.new_key(), "op": "send", "place": place, "text": text, **more})

    async def deliver(self, out: Any) -> Sent:
        """Hand a delivery to the channel."""
        sent: Sent = await self.channel.send(out)
        return sent

    async def find(self, key: str, place: str) -> Sent | None:
        """Ask the channel whether a delivery is there."""
        sent: Sent | None = await self.channel.find(key, place)
        return sent

    async def send(self, out: Any) -> Sent:
        """Send what must succeed."""
        try:
            sent = await self.patiently(lambda: self.deliver(out))
        except Exception as error:
            raise AssertionError(f"send() of {out.text!r:.60} must succeed here, and raised {error!r:.300}") from error
        assert isinstance(sent, Sent), f"send() returned {sent!r}; it must return bot.Sent"
        return sent

    async def patiently(self, send: Callable[[], Any]) -> Any:
        """Send, and wait for as long as the channel asks for (its own pace), as the core does."""
        for _ in range(PAUSES):
            try:
                return await self.in_time(send())
            except TemporaryFailure as pause:
                if pause.retry_after is None:
                    raise
                await asyncio.sleep(min(pause.retry_after, PATIENCE))
        raise AssertionError(f"the channel asked for {PAUSES} pauses and sent nothing")

    async def fails(self, out: Any) -> BaseException | None:
        """What ``send`` raises, or ``None``."""
        try:
            await self.in_time(self.deliver(out))
        except (AssertionError, asyncio.CancelledError):
            raise
        except Exception as error:
            return error
        return None

    async def in_time(self, work: Any) -> Any:
        """Await a send; it must end within ``limits.timeout`` (and two seconds for a busy machine)."""
        seconds = self.channel.limits.timeout + 2
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait({task}, timeout=seconds)
        finally:
            late = not task.done()
            task.cancel()
        assert not late, f"send() did not end within limits.timeout ({self.channel.limits.timeout:g} s)"
        return task.result()

    async def shown(self, place: str, number: int = 1) -> list[Shown]:
        """What people see at a place, once there are ``number`` messages of ours."""

        async def enough() -> Any:
            found = list(await self.platform.shown(place))
            return found if len(found) >= number else None

        found: list[Shown] = await self.until(enough, f"people see {number} message(s) of ours at {place!r}")
        return found

    async def shows_now(self, place: str) -> list[str]:
        """Texts that people see at a place now."""
        return [one.text for one in await self.platform.shown(place)]

    async def trouble(self, kind: Trouble, seconds: float = 0.0) -> None:
        await self.platform.trouble(kind, seconds)

    # Waiting --------------------------------------------------------------------------------------------------------

    async def until(
        self,
        condition: Callable[[], Any],
        what: str,
        instead: Callable[[], str] = lambda: "",
        seconds: float | None = None,
    ) -> Any:
        """The first true value of ``condition``; else an error that says what did not happen."""
        seconds = PATIENCE if seconds is None else seconds
        end = time.monotonic() + seconds
        while True:
            value = condition()
            if isinstance(value, Awaitable):
                value = await value
            if value:
                return value
            if time.monotonic() > end:
                why = f"; listen() raised {self.troubles[-1]!r}" if self.troubles else ""
                raise AssertionError(
                    f"within {seconds:.0f} s it did not happen that {what}; {instead()}{why}".rstrip("; ")
                )
            await asyncio.sleep(0.01)
