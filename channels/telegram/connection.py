"""Calls to the Bot API with what every one of them needs: the pace, a moved group, failures in our kinds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

import structlog

from bot import Limits, PermanentFailure, TemporaryFailure

from .failures import failure_of, seconds_of
from .memory import Memory
from .pacing import Pace
from .places import Spot

if TYPE_CHECKING:
    from ._api import Api

log = structlog.get_logger("channels")
FROM_BEFORE = "The group became a supergroup since; messages from before cannot be changed. Write a new one instead."


class Refusal(PermanentFailure):
    """A refusal with what the platform said, for those who can do something about it."""

    def __init__(self, reason: str, said: str) -> None:
        super().__init__(reason)
        self.said = said.lower()


class Connection:
    """One bot. The client is made in the running loop, at the first call."""

    def __init__(self, token: str, api_url: str, memory: Memory, limits: Callable[[], Limits]) -> None:
        self._token, self._api_url = token, api_url
        self.limits = limits
        self.memory = memory
        self.pace = Pace()
        self._api: Api | None = None
        self._opening = asyncio.Lock()

    async def api(self) -> Api:
        async with self._opening:
            if self._api is None:
                # Beside the loop: loading the SDK and the certificates takes a second in which others must be heard.
                _api = await asyncio.to_thread(import_module, f"{__package__}._api")
                made = await asyncio.to_thread(_api.make_api, self._token, self._api_url)
                await _api.open_api(made)
                self._api = made
        return self._api

    async def close(self) -> None:
        api, self._api = self._api, None
        if api is not None:
            from . import _api

            await _api.close_api(api)

    async def ask(self, method: str, wait: float = 0.0, /, **data: Any) -> Any:
        """Call ``method``. Raises one of our failures; a refusal is a :class:`Refusal`."""
        await self.api()
        from telegram import error as sdk

        try:
            return await self._ask(method, wait, **data)
        except sdk.ChatMigrated:
            raise PermanentFailure(FROM_BEFORE) from None

    async def _ask(self, method: str, wait: float, /, **data: Any) -> Any:
        """As :meth:`ask`. Raises also that the chat has another id now."""
        if self.pace.paused:
            raise TemporaryFailure("Telegram asked for a pause", self.pace.paused)
        api = await self.api()
        from telegram import error as sdk

        try:
            # Sooner than the host gives up, so that the failure is told apart here.
            return await api.call(method, wait or 0.8 * self.limits().timeout, **data)
        except asyncio.CancelledError:
            raise
        except sdk.RetryAfter as error:
            self.pace.pause(seconds_of(error))
            log.warning("asked_to_pause", channel="telegram", seconds=seconds_of(error))
            raise failure_of(error) from None
        except sdk.ChatMigrated:
            raise
        except (sdk.BadRequest, sdk.Forbidden) as error:
            raise Refusal(str(failure_of(error)), str(error)) from None
        except Exception as error:
            raise failure_of(error) from None

    async def ask_in(self, spot: Spot, method: str, wait: float = 0.0, /, *, paced: bool = True, **data: Any) -> Any:
        """As :meth:`ask`, in the chat of ``spot``; follows a group that became a supergroup."""
        await self.api()
        from telegram import error as sdk

        chat = self.memory.moves.now(spot.chat)
        if paced:
            await self.pace.turn(chat)
        if spot.topic and method.startswith(("send", "copy")):
            data["message_thread_id"] = spot.topic
        try:
            return await self._ask(method, wait, chat_id=chat, **data)
        except sdk.ChatMigrated as moved:
            if self.memory.moves.learn(chat, int(moved.new_chat_id)):
                log.info("group_moved", channel="telegram")
                await self.memory.keep()
            if "message_id" in data:
                raise PermanentFailure(FROM_BEFORE) from None
            data.pop("reply_parameters", None)
            try:
                return await self._ask(method, wait, chat_id=self.memory.moves.now(spot.chat), **data)
            except sdk.ChatMigrated:
                raise PermanentFailure("The group moved twice at once. Nothing was sent.") from None
