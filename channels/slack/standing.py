"""Whether the app may still do its work: its tokens, its scopes, and the channel in which threads are opened."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import structlog

from bot import ChannelDown, DeliveryFailure

from .failures import PERMANENT, code_of, failure_of
from .scopes import missed, missing_scopes

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

log = structlog.get_logger("channels")
USABLE, UNUSABLE = 600.0, 30.0
"""Seconds until the channel is looked at again."""


async def introduce(client: AsyncWebClient) -> Any:
    """Ask Slack who we are. Raises with a sentence when the app could not do its work."""
    try:
        me = await client.auth_test()
    except Exception as error:
        raise failure_of(error) from None
    missing = missing_scopes(me.headers)
    if missing:
        raise ChannelDown(
            f"The Slack app lacks the scopes {', '.join(missing)}. Add them on its page (OAuth & Permissions) and install "
            "it again; slack-manifest.yaml has all of them. Nothing is lost: conversations wait meanwhile."
        )
    for scope, what in missed(me.headers).items():
        log.warning("scope_missing", desk="slack", scope=scope, missed=what)
    return me


async def place_problem(client: AsyncWebClient, place: str) -> str:
    """Why nobody can be reached in the channel, as a sentence for the admin; empty when all is well. Raises when nobody can tell."""
    try:
        channel = (await client.conversations_info(channel=place))["channel"]
    except Exception as error:
        code = code_of(getattr(error, "response", None))
        if code in PERMANENT:
            return PERMANENT[code]
        raise failure_of(error) from None
    if channel.get("is_archived"):
        return PERMANENT["is_archived"]
    return "" if channel.get("is_member") else PERMANENT["not_in_channel"]


class Standing:
    """Looks after the channel now and then, and at once when something was refused (``doubt``).

    ``say(yes)`` is told whether agents can be reached there. What is wrong with the whole app is raised.
    """

    def __init__(
        self, client: AsyncWebClient, place: str, doubt: asyncio.Event, say: Callable[[bool], Awaitable[None]]
    ) -> None:
        self.client, self.place, self.doubt, self.say = client, place, doubt, say
        self.problem = ""

    async def look(self) -> bool:
        """Whether agents can be reached in the channel; also true while Slack cannot be asked."""
        try:
            problem = await place_problem(self.client, self.place)
        except ChannelDown:
            raise
        except DeliveryFailure:
            return not self.problem
        if problem and problem != self.problem:
            log.error("desk_channel_unusable", desk="slack", place=self.place, reason=problem, next="everything waits")
            self.doubt.set()  # whoever watches looks more often from now on
        elif self.problem and not problem:
            log.info("desk_channel_usable", desk="slack", place=self.place)
        self.problem = problem
        return not problem

    async def watch(self) -> None:
        """Until the app as a whole is refused: then it raises :class:`bot.ChannelDown`."""
        while True:
            try:
                async with asyncio.timeout(UNUSABLE if self.problem else USABLE):
                    await self.doubt.wait()
            except TimeoutError:
                pass
            else:
                self.doubt.clear()
                await self._still_ourselves()
            before = self.problem
            usable = await self.look()
            if bool(before) == usable:
                await self.say(usable)

    async def _still_ourselves(self) -> None:
        try:
            await introduce(self.client)
        except ChannelDown:
            raise
        except DeliveryFailure:
            return  # nobody can tell now; the connection itself will show
