"""The Slack desk: what :class:`bot.Desk` asks for, each part in a file of its own."""

from __future__ import annotations

import asyncio
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from bot import ChannelDown, Desk, DeskCapability, DeskInbox, DeskPost, Limits, Posted, Resend, ThreadGone

from .failures import GONE, PLACE, Refused
from .looking import find
from .marks import Marks
from .pacing import Pacer
from .posting import Posting

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

MAX_TEXT = 3_900
"""Slack cuts texts above 4,000 characters in some of its views."""


CLOCKS = 60.0
"""Seconds that this clock may be behind Slack's."""


class SlackDesk(Desk):
    """One workspace, by one app of the company's own. ``place`` is a channel's ID."""

    name: ClassVar[str] = "slack"
    capabilities: ClassVar[frozenset[DeskCapability]] = frozenset(DeskCapability)
    limits: ClassVar[Limits] = Limits(max_text=MAX_TEXT, timeout=15.0)
    resend: ClassVar[Resend] = Resend.READBACK

    catch_up_per_minute: float = 20
    """Threads that are read again in a minute after an outage."""

    def __init__(self, *, bot_token: str, app_token: str, place: str, api_url: str = "") -> None:
        self.place = place
        self.api_url = api_url
        self._bot_token = bot_token
        self._app_token = app_token
        self._client: AsyncWebClient | None = None
        self.pacer = Pacer()
        self.marks = Marks()
        self.posting = Posting(self.pacer, self.marks)
        self.doubt = asyncio.Event()
        """Slack refused the whole app, or the desk's channel: whoever listens looks whether it still can."""

    def __repr__(self) -> str:
        return f"SlackDesk(place={self.place!r})"

    def client(self) -> AsyncWebClient:
        """The Web API, made in the loop that uses it. It never sends anything twice by itself."""
        if self._client is None:
            from ._web import make_client

            self._client = make_client(self._bot_token, self.api_url)
        return self._client

    async def listen(self, inbox: DeskInbox) -> None:
        # Loading the SDKs takes up to a second: in a thread, because other platforms share this loop.
        await asyncio.to_thread(import_module, f"{__package__}._socket")
        from .app import Listening

        self.marks.since = time.time() + CLOCKS
        await Listening(
            self.client(),
            self._app_token,
            inbox,
            place=self.place,
            doubt=self.doubt,
            largest_file=self.limits.max_file_bytes,
            catch_up_per_minute=self.catch_up_per_minute,
        ).run()

    async def post(self, post: DeskPost) -> Posted:
        try:
            return await self.posting.post(self.client(), post)
        except ChannelDown:
            self.doubt.set()
            raise
        except Refused as refused:
            if post.op in {"aside", "direct"}:
                raise
            if refused.code in GONE or (post.op == "card" and post.subject and refused.code == "message_not_found"):
                raise ThreadGone(f"{refused} This ticket goes on in a new thread.") from None
            # Whatever Slack has against a place of a rule: threads are opened in the desk's own channel then.
            opens_elsewhere = post.op == "card" and not post.subject and post.place != self.place
            if refused.code not in PLACE and not opens_elsewhere:
                raise
            if post.place != self.place:
                raise ThreadGone(f"{refused} This ticket goes on in a new thread in SLACK_CHANNEL.") from None
            # Where new threads open nothing will work until an admin acts.
            self.doubt.set()
            raise ChannelDown(f"{refused} Nothing is lost: everything waits until then.") from None

    async def find(self, key: str, place: str, thread: str) -> Posted | None:
        if ":" in place:  # a person: a message to them alone
            return await self.posting.personal.find(self.client(), key, place)
        try:
            return await find(self.client(), key, place, thread)
        except Refused as refused:
            if place == self.place or refused.code not in PLACE:
                raise
            raise ThreadGone(f"{refused} This ticket goes on in SLACK_CHANNEL.") from None

    async def close(self) -> None:
        await self.posting.uploads.stop()
        client: Any = self._client
        self._client = None
        if client is not None and client.session is not None:
            await client.session.close()
