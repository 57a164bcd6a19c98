"""What is for one agent alone: words in a thread that only they see, and messages to them, which stay."""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import structlog

from bot import ChannelDown, DeskPost, PermanentFailure, Posted

from .failures import Refused, code_of, failure_of, retry_after
from .looking import find, metadata
from .pacing import Pacer
from .pages import message_blocks, page_text
from .rich import Block, cut, escape, verbatim
from .scopes import USEFUL

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

log = structlog.get_logger("channels")
FALLBACK = 3_000
LONGEST = 9_000
REMEMBERED = 2_000
AGAIN = 3_600.0
"""Seconds for which ``im:write`` is not asked for once it was missing."""
_PERSON = re.compile(r"[A-Z0-9]+:([UW][A-Z0-9]+)\Z")
_UNREACHABLE = {
    "user_not_found", "users_not_found", "user_disabled", "user_not_visible", "cannot_dm_bot", "channel_not_found", "not_in_channel",
    "is_archived", "messages_tab_disabled", "user_not_in_channel", "restricted_action", "no_permission", "user_is_restricted",
    "is_inactive", "not_reachable", "ekm_access_denied", "slack_connect_canvas_sharing_blocked",
}  # fmt: skip
CANNOT = "Slack does not let the app write to this person ({code}). Their account may have ended, or they are not in the channel."


def user_of(person: str) -> str:
    """Slack's own id of a person of the core's (``T1:U1``); empty for anything else."""
    found = _PERSON.match(person)
    return found[1] if found else ""


class Personal:
    """Asides and direct messages. Raises as a post does, but never that a thread is gone: nothing depends on them."""

    def __init__(self, pacer: Pacer) -> None:
        self.pacer = pacer
        self._rooms: OrderedDict[str, str] = OrderedDict()
        self._without = 0.0

    async def post(self, client: AsyncWebClient, post: DeskPost) -> Posted:
        user = user_of(post.person)
        if not user:
            raise PermanentFailure("There is no such person in Slack. Nothing was sent.")
        try:
            return await (self._aside if post.op == "aside" else self._direct)(client, post, user)
        except ChannelDown:
            raise
        except Refused as refused:
            if refused.code in _UNREACHABLE:
                raise PermanentFailure(CANNOT.format(code=refused.code)) from None
            raise

    async def _aside(self, client: AsyncWebClient, post: DeskPost, user: str) -> Posted:
        text, blocks = _content(post)
        thread: dict[str, Any] = {"thread_ts": post.thread} if post.thread else {}
        answer = await self._call(
            "chat.postEphemeral",
            post.place,
            lambda: client.chat_postEphemeral(channel=post.place, user=user, text=text, blocks=blocks, **thread),
        )
        return Posted(str(answer.get("message_ts") or ""), post.thread)

    async def _direct(self, client: AsyncWebClient, post: DeskPost, user: str) -> Posted:
        text, blocks = _content(post)
        place = await self._room(client, user)
        await asyncio.sleep(self.pacer.wait_for_post(place))
        answer = await self._call(
            "chat.postMessage",
            place,
            lambda: client.chat_postMessage(
                channel=place,
                text=text,
                blocks=blocks,
                metadata=metadata(post.key),
                unfurl_links=False,
                unfurl_media=False,
            ),
        )
        if place == user:
            self._remember(user, str(answer.get("channel") or ""))
        return Posted(str(answer["ts"]), str(answer["ts"]))

    async def where(self, client: AsyncWebClient, post: DeskPost) -> DeskPost:
        """With the channel in which a message to one person stands."""
        user = user_of(post.person) if post.person else ""
        return replace(post, place=await self._room(client, user)) if user else post

    async def find(self, client: AsyncWebClient, key: str, person: str) -> Posted | None:
        """The message ``key`` in the conversation with this person. Where the app may not read that, it is as good as not there: told
        twice is better than never."""
        user = user_of(person)
        if not user:
            return None
        try:
            return await find(client, key, await self._room(client, user), "")
        except Refused as refused:
            if refused.code != "missing_scope":
                raise
            log.warning(
                "scope_missing", desk="slack", scope="im:history", missed=USEFUL["im:history"], next="sent once more"
            )
            return None

    async def _room(self, client: AsyncWebClient, user: str) -> str:
        """The channel of the messages to somebody; their own id, which Slack takes as well, where the app may not ask."""
        if user in self._rooms:
            return self._rooms[user]
        if time.monotonic() < self._without:
            return user
        try:
            answer = await self._call("conversations.open", "", lambda: client.conversations_open(users=[user]))
        except Refused as refused:
            if refused.code != "missing_scope":
                raise
            log.warning(
                "scope_missing",
                desk="slack",
                scope="im:write",
                missed=USEFUL["im:write"],
                next="asked again in an hour",
            )
            self._without = time.monotonic() + AGAIN
            return user
        self._remember(user, str((answer.get("channel") or {}).get("id") or ""))
        return self._rooms.get(user, user)

    def _remember(self, user: str, place: str) -> None:
        if place:
            self._rooms[user] = place
        while len(self._rooms) > REMEMBERED:
            self._rooms.popitem(last=False)

    async def _call(self, method: str, place: str, call: Any) -> Any:
        await asyncio.sleep(self.pacer.wait_for(method, place))
        try:
            return await call()
        except Exception as error:
            response = getattr(error, "response", None)
            if getattr(response, "status_code", 0) == 429:
                self.pacer.block(method, place, retry_after(response))
            if code_of(response) == "missing_scope":
                raise Refused(str(failure_of(error)), "missing_scope") from None
            raise failure_of(error) from None


def _content(post: DeskPost) -> tuple[str, list[Block]]:
    """The page, which says it all, or else the text, exactly: there may be somebody's words in it."""
    blocks: list[Block] = []
    if post.page is not None:
        blocks = message_blocks(post.page)
    elif post.text.strip():
        blocks = verbatim(cut(post.text, LONGEST))
    text = post.text if post.text.strip() else page_text(post.page) if post.page is not None else ""
    if not blocks:
        raise PermanentFailure("There is nothing to say in this message. Nothing was sent.")
    return escape(cut(text, FALLBACK)) or "Deskhand", blocks[:50]
