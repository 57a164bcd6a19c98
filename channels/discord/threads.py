"""Threads of a server: a conversation there lives in one, and one person is answered in it."""

from __future__ import annotations

import re
from typing import Any

import structlog

from bot import DeliveryFailure

from .drafts import QUIET, SEND
from .failures import PERMANENT, Refusal
from .memory import Memory, Spot
from .prose import bounded

log = structlog.get_logger("channels")
NAME = 90
"""Longest name of a thread of ours; Discord takes 100."""
ARCHIVE_AFTER = 10_080
"""Minutes without a message after which Discord archives the thread: a week, as long as a conversation can be opened again."""
MADE_ALREADY, DELETED = 160004, 10008
THREAD_TYPES = {10, 11, 12}
STRANGERS = 5_000
_CUSTOMER = re.compile(r"<@(\d{5,25})>")
_DIGITS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"


class Threads:
    """Makes threads, and finds out whose a thread is."""

    def __init__(self, rest: Any, memory: Memory) -> None:
        self.rest = rest
        self.memory = memory
        self.me = ""
        self._strange: set[str] = set()
        """Channels that are known to be none of ours."""

    async def under(self, channel: str, message: str, text: str) -> str:
        """Make the thread under a mention; its id is the message's. Empty, or a sentence that says why it cannot be."""
        body = {"name": _named(text) or "Support", "auto_archive_duration": ARCHIVE_AFTER}
        path = "/channels/{channel_id}/messages/{message_id}/threads"
        try:
            await self.rest.call("POST", path, channel_id=channel, message_id=message, body=body)
        except Refusal as refusal:
            if refusal.code != MADE_ALREADY:
                log.warning("thread_not_made", channel="discord", code=refusal.code)
                return _cannot(refusal)
        spot = self.memory.spot(message)
        if spot is not None and not spot.opened:
            spot.opened = True
            self.memory.changed += 1
        return ""

    async def open_late(self, channel: str) -> bool:
        """Make the thread under a mention that a crash left without one; whether there is one now."""
        spot = self.memory.spot(channel)
        if spot is None or not spot.parent or spot.opened:
            return False
        return not await self.under(spot.parent, channel, "")

    async def for_request(
        self, guild: str, channel: str, interaction: str, user: str, text: str, *, again: bool
    ) -> str:
        """Make the private thread of a ``/support``; its id. ``again``: the request came before, so one may be there already.

        Raises Refusal when it cannot be made here.
        """
        code, found = short(interaction), ""
        if again:
            found = await self._named(guild, code)
        name = f"{_named(text) or 'Support'} · {code}"
        body = {"name": name, "type": 12, "invitable": False, "auto_archive_duration": ARCHIVE_AFTER}
        if not found:
            made = await self.rest.call("POST", "/channels/{channel_id}/threads", channel_id=channel, body=body)
            found = str(made["id"])
        # Before anything is committed: nobody may get answers in a thread that they cannot see.
        path = "/channels/{channel_id}/thread-members/{user_id}"
        await self.rest.call("PUT", path, channel_id=found, user_id=user)
        return found

    async def open_with(self, thread: str, interaction: str, user: str, text: str) -> None:
        """Say whose thread it is and what was asked: a form leaves nothing in the chat."""
        quoted = "\n".join(f"> {line}" for line in text[:1_500].splitlines())
        head = f"<@{user}> asked for support. Only messages of <@{user}> are answered here.\n"
        body = {"content": bounded(head, quoted), "nonce": f"o{interaction}"[:25], "enforce_nonce": True, **QUIET}
        # Anybody else stays unpinged; this one is the person who asked.
        body["allowed_mentions"] = {"parse": [], "users": [user]}
        await self.rest.call("POST", SEND, channel_id=thread, body=body)

    async def _named(self, guild: str, code: str) -> str:
        found = await self.rest.call("GET", "/guilds/{guild_id}/threads/active", guild_id=guild)
        for one in found.get("threads", []):
            if str(one.get("owner_id")) == self.me and str(one.get("name", "")).endswith(f"· {code}"):
                return str(one["id"])
        return ""

    def strange(self, channel: str) -> bool:
        """Known to be no thread of ours."""
        return channel in self._strange

    async def whose(self, channel: str) -> Spot | None:
        """Find out whose a thread is that is not remembered: after the loss of the memory. ``None``: it is none of ours."""
        if channel in self._strange:
            return None
        try:
            customer, parent = await self._look(channel)
        except (Refusal, DeliveryFailure) as error:
            if isinstance(error, DeliveryFailure) or not error.code:
                return None  # asked again with the next message
            customer = parent = ""
        if customer:
            return self.memory.know(channel, customer, parent=parent)
        if len(self._strange) > STRANGERS:
            self._strange.clear()
        self._strange.add(channel)
        return None

    async def _look(self, channel: str) -> tuple[str, str]:
        found = await self.rest.call("GET", "/channels/{channel_id}", channel_id=channel)
        parent = str(found.get("parent_id") or "")
        if found.get("type") not in THREAD_TYPES or str(found.get("owner_id")) != self.me or not parent:
            return "", ""
        try:  # under a mention: the message has the thread's id
            path = SEND + "/{message_id}"
            starter = await self.rest.call("GET", path, channel_id=parent, message_id=channel)
            return str(starter["author"]["id"]), parent
        except Refusal as refusal:
            if refusal.code != DELETED:
                raise
        first = await self.rest.call("GET", SEND, channel_id=channel, query={"after": channel, "limit": "5"})
        for one in sorted(first, key=lambda one: int(one["id"])):
            named = _CUSTOMER.search(str(one.get("content", "")))
            if str(one.get("author", {}).get("id")) == self.me and named:
                return named[1], parent
        return "", ""


def short(interaction: str) -> str:
    """Four characters for people that tell one request from another."""
    number, found = int(interaction) >> 12 if interaction.isdigit() else 0, ""
    for _ in range(4):
        number, digit = divmod(number, len(_DIGITS))
        found += _DIGITS[digit]
    return found


def _named(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= NAME - 8 else line[: NAME - 9].rstrip() + "…"


def _cannot(refusal: Refusal) -> str:
    if refusal.code in {50013, 50001}:
        return "I may not open a thread in this channel. Write to me in a direct message instead, or use /support elsewhere."
    if refusal.code == 160006:
        return "This server has as many open threads as Discord allows. Write to me in a direct message instead."
    if refusal.code == DELETED:
        return ""
    words = PERMANENT.get(refusal.code, "")
    return f"I cannot open a thread here. {words} Write to me in a direct message instead.".replace("  ", " ")


def words_of(refusal: Refusal) -> str:
    """Why a thread could not be made, for the person who asked."""
    return _cannot(refusal) or "I cannot open a thread here. Write to me in a direct message instead."
