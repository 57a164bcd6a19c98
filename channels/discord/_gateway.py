"""One gateway connection over discord.py. It is never mended, only replaced: see ``listening.py``.

discord.py's client keeps a session for itself and ends it when it closes. Here the session is the caller's, so that another
process can resume it, and events arrive raw and in order, without the SDK's caches.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Literal

import aiohttp
import discord
import yarl
from discord.errors import ConnectionClosed
from discord.gateway import DiscordWebSocket, ReconnectWebSocket

from bot import ChannelDown, TemporaryFailure

from ._rest import Rest
from .failures import INTENT, UNKNOWN_BOT

CONNECT = 20.0
KEEP_SESSION = 4000
"""Close code of ours. 1000 and 1001 would end the session, any other leaves it for some minutes (events/gateway)."""
LOST = {4007, 4009}
"""Close codes after which the session cannot be resumed, but a new one is welcome: wrong number, timed out. discord.py takes them
for a reason to resume (topics/opcodes-and-status-codes)."""
EVENTS = (
    "READY", "RESUMED", "MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE", "MESSAGE_DELETE_BULK", "MESSAGE_REACTION_ADD",
    "MESSAGE_REACTION_REMOVE", "INTERACTION_CREATE",
)  # fmt: skip

OnEvent = Callable[[str, int, str, dict[str, Any]], None]
"""Session, number in the session, name, data. Called in the order in which Discord sent them."""
Ended = Literal["resume", "invalid"]


class Shell(discord.Client):
    """The part of discord.py's client that a connection asks for: who we are and what we want to hear."""

    def __init__(self, rest: Rest, heartbeat_timeout: float) -> None:
        self._rest = rest
        intents = discord.Intents.none()
        intents.guilds = intents.guild_messages = intents.dm_messages = intents.message_content = True
        intents.guild_reactions = intents.dm_reactions = True
        super().__init__(intents=intents, max_messages=None, heartbeat_timeout=heartbeat_timeout)

    def _get_state(self, **options: Any) -> Any:
        self.http = self._rest
        return super()._get_state(**options)

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        """Nobody listens to the SDK's own events: ``parsers`` get the raw ones."""

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """The pauses before an IDENTIFY are ``budget.py``'s."""


class Wire:
    """One connection. ``ended`` says how it ended; ``end`` leaves the session as it is."""

    def __init__(self, rest: Rest, on_event: OnEvent, *, heartbeat_timeout: float = 60.0) -> None:
        self.shell = Shell(rest, heartbeat_timeout)
        self.on_event = on_event
        self.socket: DiscordWebSocket | None = None

    async def open(self, address: str, session: str = "", seq: int = 0) -> None:
        """Connect and resume ``session``, or identify without one. Raises TemporaryFailure when nobody answers."""
        await self.shell._async_setup_hook()
        state: Any = self.shell._connection
        state.parsers = {name: self._parser(name) for name in EVENTS}
        made: list[DiscordWebSocket] = []

        class Socket(DiscordWebSocket):
            def __init__(self, socket: Any, *, loop: asyncio.AbstractEventLoop) -> None:
                super().__init__(socket, loop=loop)
                made.append(self)

        try:
            # Not wait_for: until Python 3.12 it loses a cancellation that comes when the connection is just made.
            async with asyncio.timeout(CONNECT):
                self.socket = await Socket.from_client(
                    self.shell,
                    gateway=yarl.URL(address),
                    session=session or None,
                    sequence=seq if session else None,
                    resume=bool(session),
                    initial=True,
                )
        except BaseException as error:
            for one in made:  # its heartbeat is a thread, which nothing else would stop
                with contextlib.suppress(Exception):
                    async with asyncio.timeout(3):
                        await one.close(KEEP_SESSION)
            if isinstance(error, ConnectionClosed):
                raise _closed(error.code) from None
            if isinstance(error, (OSError, TimeoutError, aiohttp.ClientError, ReconnectWebSocket)):
                raise TemporaryFailure(f"Discord's gateway cannot be reached ({type(error).__name__})") from None
            raise

    def _parser(self, name: str) -> Callable[[Any], None]:
        def parse(data: Any) -> None:
            socket = self.socket
            if isinstance(data, dict) and socket is not None:
                self.on_event(socket.session_id or "", socket.sequence or 0, name, data)

        return parse

    @property
    def seq(self) -> int:
        """Number of the last event that came, of any kind."""
        return (self.socket.sequence or 0) if self.socket is not None else 0

    async def one(self) -> Ended | None:
        """Wait for one frame and hand it on; how the connection ended, or ``None`` while it lives."""
        if self.socket is None:
            return "resume"
        try:
            await self.socket.poll_event()
        except ReconnectWebSocket as again:
            return "resume" if again.resume and self._code() not in LOST else "invalid"
        except ConnectionClosed as closed:
            if closed.code == 1000:
                return "resume"
            raise _closed(closed.code) from None
        except (OSError, aiohttp.ClientError):
            return "resume"
        return None

    def _code(self) -> int | None:
        """With which code the connection was closed."""
        return None if self.socket is None else self.socket._close_code or self.socket.socket.close_code

    async def end(self) -> None:
        """Close so that the session can be resumed, here or in another process."""
        if self.socket is not None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(2):
                    await self.socket.close(KEEP_SESSION)


def _closed(code: int) -> ChannelDown | TemporaryFailure:
    """Close codes after which trying again is no use (topics/opcodes-and-status-codes)."""
    if code == 4004:
        return ChannelDown(UNKNOWN_BOT)
    if code == 4014:
        return ChannelDown(INTENT)
    if code in {4010, 4011, 4012, 4013}:
        return ChannelDown(f"Discord refuses the connection for good (close code {code}). Please report this.")
    return TemporaryFailure(f"Discord closed the connection ({code})")
