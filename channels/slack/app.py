"""Listening: bolt's AsyncApp over Socket Mode, the commit before the acknowledgement, and catching up after every gap."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import structlog

from bot import DeliveryFailure, DeskInbox, failpoint

from .asides import Asides
from .catching_up import CatchingUp
from .events import Reader
from .failures import failure_of
from .heard import Heard
from .homes import Homes
from .intake import Intake
from .late import Late
from .people import People
from .presence import PresenceWatch
from .scopes import missed
from .standing import Standing, introduce
from .telling import TakesLonger, Telling

if TYPE_CHECKING:
    from slack_bolt.app.async_app import AsyncApp
    from slack_sdk.web.async_client import AsyncWebClient

log = structlog.get_logger("channels")
LINGER = 3.0
"""Seconds for which a replaced connection stays open, so that acknowledgements on their way still leave."""
ANSWERS = 3.0
"""Seconds in which what was committed is answered when listening ends. The host gives a listener 4.5 for all of its end."""
SHORT = 10.0
"""A connection that lives for fewer seconds is a bad sign; after the second one the next ones wait."""
SETTLE = 5.0
"""Seconds without a failed commit before the events that failed are looked for."""


class Listening:
    """One run of ``listen``: until it is cancelled, or raises because Slack cannot be listened to now."""

    def __init__(
        self, client: AsyncWebClient, app_token: str, inbox: DeskInbox, *, place: str, doubt: asyncio.Event, largest_file: int,
        catch_up_per_minute: float,
    ) -> None:  # fmt: skip
        self.client = client
        self.app_token = app_token
        self.inbox = inbox
        self.per_minute = catch_up_per_minute
        self.asides = Asides(client)
        self.telling = Telling(client, self.asides, largest_file)
        self.standing = Standing(client, place, doubt, self._say_connected)
        self._background: set[asyncio.Task[Any]] = set()
        self._catching: asyncio.Task[None] | None = None
        self._refused_at = 0.0
        self._leaving = False
        self.missed: dict[str, str] = {}
        """Scopes that the app could use and has not."""
        self._turn: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def run(self) -> None:
        from ._socket import make_app

        self.standing.doubt.clear()
        self.reader = await self._introduce()
        self.telling.intake = Intake(self.inbox)
        homes = Homes(self.client, self.reader.people, self.inbox)
        self.telling.showing.inbox, self.telling.showing.homes = self.inbox, homes
        self._late = Late(self.inbox, CatchingUp(self.client, self.reader, self.telling.tell, self.per_minute))
        app = make_app(self.client, self.commit)
        watching = asyncio.ensure_future(self.standing.watch())
        connecting = asyncio.ensure_future(self._connections(app))
        self._later(self._late.run())
        self._later(homes.run())
        self._later(PresenceWatch(self.client, self.inbox, self.reader.people.team, self.missed).run())
        try:
            done, _ = await asyncio.wait({watching, connecting}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except DeliveryFailure as failure:
            log.warning("desk_cannot_listen", desk="slack", reason=str(failure))
            raise
        finally:
            until = time.monotonic() + ANSWERS
            self._leaving = True
            # What is committed, or on its way to it, is acknowledged and shown first; the rest is refused and comes again.
            await _ended(watching, connecting, *self._background, *([self._catching] if self._catching else []))
            await self.telling.shown(until)
            await homes.stop()
            await self.telling.stop()
            await self.asides.stop()
            await self._say_connected(False)

    async def _introduce(self) -> Reader:
        """Ask Slack who we are. Raises with a sentence when the app could not do its work."""
        try:
            me = await introduce(self.client)
        except DeliveryFailure as failure:
            log.warning("desk_cannot_listen", desk="slack", reason=str(failure))
            raise
        people = People(self.client, str(me["team_id"]), str(me.get("enterprise_id") or ""))
        self.missed = missed(me.headers)
        files = "files:read" not in self.missed
        return Reader(people, str(me["user_id"]), str(me.get("bot_id") or ""), files=files)

    async def _connections(self, app: AsyncApp) -> None:
        """One connection after the other. The next one is opened before Slack closes the old, where it says so."""
        socket = await self._open(app)
        try:
            await self._say_connected(await self.standing.look())
            self.catch_up_soon()
            short = 0
            while True:
                opened = time.monotonic()
                why = await socket.ended()
                short = short + 1 if time.monotonic() - opened < SHORT else 0
                if short > 1:  # too many connections, or Slack in trouble: no running in circles
                    if why == "lost":
                        await self._say_connected(False)
                    await asyncio.sleep(min(2.0 ** (short - 1), 30.0))
                before, socket = socket, await self._open(app)
                if why == "lost":
                    log.info("desk_reconnected", desk="slack")
                    await before.end()
                    await self._say_connected(not self.standing.problem)
                    self.catch_up_soon()
                    self.telling.showing.homes.forget()
                else:
                    self._later(self._end_later(before))
        finally:
            await socket.leave(ANSWERS)

    async def _open(self, app: AsyncApp) -> Any:
        from ._socket import open_socket

        try:
            return await open_socket(self.client, self.app_token, app)
        except Exception as error:
            failure = failure_of(error)
            log.warning("desk_not_connected", desk="slack", reason=str(failure))
            raise failure from None

    async def commit(self, body: dict[str, Any]) -> dict[str, Any] | None:
        """Commit what a payload says; return only then, with what Slack is to be answered. Raises when Slack must send it again."""
        try:
            # The SDK runs a task for each event. Read one after the other, or those that wait for a name are overtaken.
            async with self._turn[_place(body)]:
                heard = await self._understood(body)
                if body.get("type") == "event_callback":  # a press waits only behind words of its channel
                    await self._late.before(heard)
                told = [self.telling.begin(one) for one in heard]
            answers = [await one for one in told]
            if heard:
                failpoint("desk.before_ack")
        except TakesLonger:
            raise  # it goes on; Slack's redelivery finds it done
        except Exception as error:
            self._refused_at = time.monotonic()
            if not self._leaving:  # whoever listens next looks by themselves
                self._later(self._look_again(self._refused_at))
            log.warning("event_not_committed", desk="slack", reason=type(error).__name__, next="Slack sends it again")
            raise
        return next((one for one in answers if one), None)

    async def _understood(self, body: dict[str, Any]) -> list[Heard]:
        try:
            return await self.reader.read(body)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            # Sent again it would fail again, for ever: named, and acknowledged.
            log.warning("event_not_understood", desk="slack", kind=str(body.get("type")), reason=type(error).__name__)
            return []

    def catch_up_soon(self) -> None:
        """Read open threads again; a run that is under way is replaced by one that sees everything."""
        if self._catching is not None:
            self._catching.cancel()
        self._catching = asyncio.ensure_future(self._catch_up())

    async def _catch_up(self) -> None:
        try:
            threads = list(await self.inbox.threads())
            await CatchingUp(self.client, self.reader, self.telling.tell, self.per_minute).run(threads)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.warning("not_caught_up", desk="slack", reason=type(error).__name__, next="again in a minute")
            await asyncio.sleep(60)
            self._catching = None
            self.catch_up_soon()

    async def _look_again(self, refused_at: float) -> None:
        """Commits failed while the connection held: what Slack gave up on meanwhile is found in the threads."""
        await asyncio.sleep(SETTLE)
        if self._refused_at == refused_at:
            self.catch_up_soon()

    async def _end_later(self, socket: Any) -> None:
        try:
            await asyncio.sleep(LINGER)
        finally:
            await socket.leave(ANSWERS)

    def _later(self, what: Any) -> None:
        task = asyncio.ensure_future(what)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _say_connected(self, yes: bool) -> None:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(3):
                await self.inbox.connected(yes)


async def _ended(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _place(body: dict[str, Any]) -> str:
    """The channel of a payload; odd ones share a turn."""
    found: Any = body.get("event") or body.get("channel") or {}
    found = (found.get("channel") or found.get("id")) if isinstance(found, dict) else ""
    return found if isinstance(found, str) else ""
