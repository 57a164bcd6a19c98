"""From what was heard to the commit, and from the core's answer back to the person: a sentence, a form, or a form's own answer."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import structlog

from bot import DeskAnswer, TemporaryFailure

from .asides import Asides
from .failures import code_of, failure_of
from .fetching import Fetching
from .heard import Heard
from .intake import Intake
from .showing import TOO_LATE, Showing

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

log = structlog.get_logger("channels")
PATIENCE = 2.0
"""Seconds in which files must be there for the event to be acknowledged at once; Slack allows three in all."""
REMEMBERED = 1_000


class TakesLonger(Exception):
    """The files of an event are still on their way. Not acknowledged: if this process dies, Slack brings it again."""


class Telling:
    """Tells the core. ``intake`` is set while there is somebody to tell."""

    intake: Intake

    def __init__(self, client: AsyncWebClient, asides: Asides, largest_file: int) -> None:
        self.client = client
        self.asides = asides
        self.showing = Showing(client, asides)
        self.fetching = Fetching(client, largest_file)
        self._with_files: dict[str, asyncio.Task[None]] = {}
        self._fetched_before: OrderedDict[str, None] = OrderedDict()
        self._under_way: set[asyncio.Task[Any]] = set()
        """Forms that are being opened, and what was found in threads and is being committed."""

    def begin(self, heard: Heard) -> Awaitable[dict[str, Any] | None]:
        """Put it into the line to the commit now; await the outcome later."""
        if heard.view is not None:
            # The trigger is good for three seconds: opened beside everything else, and the click is acknowledged at once.
            self._kept(self._open(heard))
        if heard.query is not None:
            return self.showing.options(heard)
        if heard.wanted is not None:
            self.showing.wanted(heard)
        if heard.event is None:
            if heard.surface == "home" and heard.wanted is None and heard.view is None:
                self.showing.homes.soon(heard.user)
            return self._answered(heard, None)
        if heard.surface == "command":
            return self.showing.commanded(heard, self.intake.put(heard.event))
        if heard.files and heard.event.key not in self._fetched_before:
            return self._soon(self._fetched(heard))
        return self._answered(heard, self.intake.put(heard.event))

    async def tell(self, heard: Heard) -> None:
        """Commit one thing that was found in a thread, with its files however long they take.

        It goes on when who waits for it is cancelled: it may be committed already, and its answer comes only once.
        """
        if heard.files:
            told: asyncio.Task[Any] = self._fetched(heard)
        else:
            told = self._kept(self._answered(heard, self.intake.put(heard.event) if heard.event else None))
        await asyncio.shield(told)

    async def shown(self, until: float) -> None:
        """Wait for what is still to be committed and shown to people, until then (by the monotonic clock)."""
        while (left := until - time.monotonic()) > 0:
            showing = self.showing
            committing = {*self.intake.unanswered, *self._with_files.values(), *self._under_way}
            waited = {*committing, *showing.tasks, *self.asides.tasks, *showing.homes.tasks}
            if not waited:
                return
            await asyncio.wait(waited, timeout=left)

    async def stop(self) -> None:
        """What is not committed is not acknowledged, and comes again."""
        tasks = [*self._with_files.values(), *self._under_way]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.intake.stop()
        await self.showing.stop()

    def _kept(self, what: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.ensure_future(what)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def _answered(self, heard: Heard, done: Awaitable[DeskAnswer] | None) -> dict[str, Any] | None:
        answer = await done if done is not None else None
        if heard.answer is not None:
            return heard.answer
        if answer is None:
            self.asides.tell(heard, None)
            return None
        if heard.form:
            return self.showing.acknowledgement(heard, answer)
        self.showing.answered(heard, answer)
        return None

    def _fetched(self, heard: Heard) -> asyncio.Task[None]:
        """One task for an event, however often it is delivered."""
        assert heard.event is not None  # noqa: S101  files come with a message
        key = heard.event.key
        task = self._with_files.get(key)
        if task is None:
            task = self._with_files[key] = asyncio.ensure_future(self._fetch_and_put(heard))
            task.add_done_callback(lambda _: self._with_files.pop(key, None))
        return task

    async def _fetch_and_put(self, heard: Heard) -> None:
        assert heard.event is not None  # noqa: S101
        files = await self.fetching.all(heard.files)
        answer = await self.intake.put(replace(heard.event, files=files))
        if answer.code != "unknown_thread":  # of that nothing is kept, and it may come again
            self._fetched_before[heard.event.key] = None  # committed: a redelivery needs no bytes
        while len(self._fetched_before) > REMEMBERED:
            self._fetched_before.popitem(last=False)
        self.showing.answered(heard, answer)

    async def _soon(self, task: asyncio.Task[None]) -> None:
        done, _ = await asyncio.wait({task}, timeout=PATIENCE)
        if not done:
            raise TakesLonger
        task.result()

    async def _open(self, heard: Heard) -> None:
        show = self.client.views_push if heard.modal else self.client.views_open
        try:
            await show(trigger_id=heard.trigger, view=heard.view or {})
        except Exception as error:
            failure = failure_of(error)
            late = code_of(getattr(error, "response", None)) in {"expired_trigger_id", "exchanged_trigger_id"}
            text = (
                TOO_LATE
                if late or isinstance(failure, TemporaryFailure)
                else f"The form could not be opened. {failure}"
            )
            log.warning("form_not_opened", desk="slack", reason=str(failure))
            self.showing.say(heard, text)
