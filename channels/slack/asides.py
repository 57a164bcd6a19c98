"""Sentences that only one person sees. They never hold up an acknowledgement, and a lost one loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import structlog

from bot import DeskAnswer, TemporaryFailure

from .buttons import actions_block
from .failures import failure_of
from .heard import Heard
from .rich import cut, escape, rich, section, words

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

log = structlog.get_logger("channels")
LONGEST_PAUSE = 30.0


class Asides:
    """Sends ephemeral messages in the background."""

    def __init__(self, client: AsyncWebClient) -> None:
        self.client = client
        self.tasks: set[asyncio.Task[None]] = set()
        """What is under way to people."""

    def tell(self, heard: Heard, answer: DeskAnswer | None) -> None:
        """Say what there is to say about what somebody did; nothing about what they did already before."""
        if answer is not None and answer.code == "duplicate":
            return
        text = "\n".join(part for part in (answer.aside if answer else "", heard.words) if part)
        if not text or not heard.user or not heard.place:
            return
        block = None
        if answer is not None and answer.offer:
            conversation = heard.event.conversation_id if heard.event else ""
            thread = heard.event.thread if heard.event else heard.thread
            block = actions_block(answer.offer, conversation=conversation, thread=thread, value=answer.value)
        text = cut(text, 2_800)
        self.show(heard, escape(text), [rich(section(words(text))), *([block] if block else [])])

    def show(self, heard: Heard, text: str, blocks: list[dict[str, Any]]) -> None:
        """Show blocks to one person, where they did something. ``text`` is escaped already."""
        task = asyncio.ensure_future(self._send(heard, text, blocks))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def stop(self) -> None:
        for task in list(self.tasks):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _send(self, heard: Heard, text: str, blocks: list[dict[str, Any]]) -> None:
        place: dict[str, Any] = {"thread_ts": heard.thread} if heard.thread else {}
        for last in (False, True):
            try:
                await self.client.chat_postEphemeral(
                    channel=heard.place, user=heard.user, text=text, blocks=blocks, **place
                )
            except Exception as error:
                failure = failure_of(error)
                if isinstance(failure, TemporaryFailure) and not last:
                    await asyncio.sleep(min(failure.retry_after or 1.0, LONGEST_PAUSE))
                    continue
                log.warning("aside_not_shown", desk="slack", reason=str(failure))
            return
