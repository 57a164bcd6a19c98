"""From what was heard to the commit, and what follows it: files fetched before, sentences and answered buttons after."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
from zlib import crc32

import structlog

from bot import DeliveryFailure, Inbound, Inbox, Receipt, Refused, StoreUnavailable, TemporaryFailure

from .connection import Connection
from .fetching import fetch, missing
from .places import spot_of
from .reading import CHANNEL, Heard

log = structlog.get_logger("channels")
LANES = 2
"""Calls to the inbox at once, besides those that wait for files. Each commits many events together."""
FILES = 3
"""Files in memory at once, of up to 20 MB."""
PATIENCE = 30.0
"""Seconds that one batch waits for its files; what is not there by then is asked for again with the next poll."""
GRACE = 1.5
"""Seconds that a stop waits for what is being committed; then two more for the sentences that follow."""
GIVE_UP = 3
"""Polls for an event that cannot be stored although the database is there, or a file that cannot be fetched."""
SORRY = "Sorry, this could not be stored. Please write it again."
QUIET = {"key_reused", "unknown_message"}
"""Refusals that are no news for the person: an edit of what never was for us, a reaction on what is gone."""


class Intake:
    """Commits in the order of each place; places do not wait for each other."""

    def __init__(self, connection: Connection, inbox: Inbox) -> None:
        self.connection, self.inbox = connection, inbox
        self.heard_at: dict[str, int] = {}
        """Place → the person's newest message there, to which the answer is tied in a group."""
        self._failed: dict[str, int] = {}
        self._missed: dict[str, int] = {}
        self._fetching = asyncio.Semaphore(FILES)
        self._after: set[asyncio.Task[None]] = set()
        self._taking: asyncio.Task[None] | None = None

    async def take(self, heard: Sequence[Heard]) -> None:
        """Return after everything is committed. Raises :class:`StoreUnavailable`: do not confirm, Telegram sends again.

        What has begun is not cut short when the caller is cancelled: who was committed is answered, see :meth:`stop`.
        """
        self._taking = asyncio.ensure_future(self._take(heard))
        await asyncio.shield(self._taking)

    async def _take(self, heard: Sequence[Heard]) -> None:
        lanes: dict[str, list[Heard]] = {}
        slow = {one.place for one in heard if one.files}
        for one in heard:
            if one.ignored:
                log.debug("update_ignored", channel=CHANNEL, reason=one.ignored)
            if one.event or one.say or one.press:
                # Who sent a file waits for its bytes alone; all others share the transactions of a few lanes.
                lane = one.place if one.place in slow else f"lane {crc32(one.place.encode()) % LANES}"
                lanes.setdefault(lane, []).append(one)
        until = time.monotonic() + PATIENCE
        done = await asyncio.gather(*(self._lane(many, until) for many in lanes.values()), return_exceptions=True)
        for result in done:
            if isinstance(result, BaseException):
                raise result

    async def _lane(self, heard: list[Heard], until: float) -> None:
        """In their order; each file is fetched, committed and let go before the next one, so that a flood of them fills no memory."""
        plain: list[Heard] = []
        for one in heard:
            if not one.files:
                plain.append(one)
                continue
            await self._together(plain)
            plain = []
            async with self._fetching:
                event = await self._with_files(one, until)
                await self._together([replace(one, event=event, files=())])
        await self._together(plain)

    async def _with_files(self, one: Heard, until: float) -> Inbound | None:
        if one.event is None:
            return None
        files = []
        for wanted in one.files:
            try:
                files.append(await fetch(self.connection, wanted, until))
            except TemporaryFailure as failure:
                self._missed[wanted.id] = self._missed.get(wanted.id, 0) + 1
                if self._missed[wanted.id] < GIVE_UP:
                    raise StoreUnavailable(str(failure)) from None
                files.append(missing(wanted, "unavailable"))
            self._missed.pop(wanted.id, None)
        return replace(one.event, files=tuple(files))

    async def _together(self, heard: Sequence[Heard]) -> None:
        outcomes = iter(await self._commit([one.event for one in heard if one.event]))
        for one in heard:
            if one.place.partition(":")[2] and one.reply_to:
                self._remember(one.place, one.reply_to)
            outcome = next(outcomes) if one.event else None
            if isinstance(outcome, Refused) and outcome.code in QUIET and one.instead:
                (outcome,) = await self._commit([one.instead])
            self._later(one, outcome)

    async def _commit(self, events: Sequence[Inbound]) -> Sequence[Receipt | Refused | None]:
        if not events:
            return []
        try:
            return list(await self.inbox.receive(*events))
        except StoreUnavailable:
            raise
        except Exception as error:
            if len(events) > 1:  # one that cannot be stored must not take the others with it
                return [outcome for event in events for outcome in await self._commit([event])]
            key = events[0].key
            self._failed[key] = self._failed.get(key, 0) + 1
            if self._failed[key] < GIVE_UP:
                raise StoreUnavailable(f"an event could not be stored ({type(error).__name__})") from error
            log.exception("event_given_up", channel=CHANNEL, key=key, next="the person is asked to write again")
            del self._failed[key]
            return [Refused(key=key, code="bad_field", message=SORRY)]

    def _remember(self, place: str, message: int) -> None:
        self.heard_at.pop(place, None)
        self.heard_at[place] = message
        if len(self.heard_at) > 5_000:
            del self.heard_at[next(iter(self.heard_at))]

    # What follows ---------------------------------------------------------------------------------------------------

    def _later(self, one: Heard, outcome: Receipt | Refused | None) -> None:
        words = sentences(one, outcome)
        if words or one.press:
            task = asyncio.ensure_future(self._follow(one, outcome, words))
            self._after.add(task)
            task.add_done_callback(self._after.discard)

    async def _follow(self, one: Heard, outcome: Receipt | Refused | None, words: list[str]) -> None:
        """Best effort: the event is safe, these are only courtesies."""
        try:
            for method, data in calls(one, outcome, words):
                if "place" in data:
                    spot = spot_of(data.pop("place"))
                    await self.connection.ask_in(spot, method, **data)
                else:
                    await self.connection.ask(method, **data)
        except DeliveryFailure as failure:
            log.info("courtesy_failed", channel=CHANNEL, reason=str(failure))

    async def stop(self) -> None:
        """Let what is under way come to its end, for a moment: the commit, and what people are told of it."""
        if self._taking is not None:
            await asyncio.wait({self._taking}, timeout=GRACE)
            self._taking.cancel()
            await asyncio.gather(self._taking, return_exceptions=True)
        if self._after:
            await asyncio.wait(self._after, timeout=2)
        for task in self._after:
            task.cancel()


def sentences(one: Heard, outcome: Receipt | Refused | None) -> list[str]:
    """What the person is told at once."""
    if isinstance(outcome, Refused):
        kind = one.event.kind if one.event is not None else ""
        if kind == "reaction" or (kind == "edit" and outcome.code == "unknown_conversation"):
            return []  # nobody waits for an answer to that
        if outcome.code == "unknown_conversation" and kind == "new" and one.say:
            return [one.say]  # there was nothing to end
        return [] if outcome.code in QUIET else [outcome.message]
    words = [outcome.aside] if outcome is not None and outcome.aside else []
    said_in_it = one.event is not None and one.event.kind == "new"  # what was closed says so itself
    if one.say and not said_in_it and not (outcome is not None and outcome.duplicate):
        words.append(one.say)
    return words


def calls(one: Heard, outcome: Receipt | Refused | None, words: Iterable[str]) -> list[tuple[str, dict[str, Any]]]:
    """Calls to the Bot API that follow the commit, in their order."""
    made: list[tuple[str, dict[str, Any]]] = []
    if one.press:
        text = " ".join(words)[:200]
        alert = isinstance(outcome, Refused)
        made.append(
            ("answerCallbackQuery", {"callback_query_id": one.press.id, "text": text or None, "show_alert": alert})
        )
        if isinstance(outcome, Receipt) and one.press.message and not outcome.stays:
            # Pressed is pressed: nobody presses it again, and the wheel of a second press does not spin for nothing.
            made.append(("editMessageReplyMarkup", {"chat_id": one.press.chat, "message_id": one.press.message}))
        return made
    for text in words:
        data: dict[str, Any] = {"place": one.place, "text": text, "link_preview_options": {"is_disabled": True}}
        if one.reply_to and one.place.startswith("-"):
            data["reply_parameters"] = {"message_id": one.reply_to, "allow_sending_without_reply": True}
        made.append(("sendMessage", data))
    return made
