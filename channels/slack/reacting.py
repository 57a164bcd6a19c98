"""A customer's emoji on a message in Slack: as a reaction where Slack has it, else as a line in the thread."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from bot import DeskPost, Posted

from .emoji import name_of
from .failures import code_of, failure_of, needed_scope
from .marks import EMOJI
from .pacing import Pacer

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

REMEMBERED = 2_000
_DONE = {"already_reacted", "no_reaction", "message_not_found"}
_NOT_HERE = {"too_many_emoji", "too_many_reactions", "invalid_name", "thread_locked", "is_archived"}


class Reactions:
    """Sets one emoji of the customer's and takes the one before away."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], str] = OrderedDict()

    async def show(self, client: AsyncWebClient, post: DeskPost, pacer: Pacer) -> Posted | None:
        """Do it; ``None`` when Slack has no such emoji, or does not let the app: then a line must say it."""
        pacer.check("reactions", "")
        wanted = name_of(post.text) if post.text else ""
        place = (post.place, post.subject)
        try:
            for old in await self._old(client, post) - {wanted}:
                await self._call(client, "remove", place, old)
            shown = not post.text or (bool(wanted) and wanted not in EMOJI.values())
            if shown and wanted:
                shown = await self._call(client, "add", place, wanted)
        except Exception as error:
            failure = failure_of(error)
            wait = getattr(failure, "retry_after", None)
            if wait:
                pacer.block("reactions", "", wait)
            raise failure from None
        self._known[place] = wanted if shown else ""
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return Posted(post.subject, post.thread) if shown else None

    async def _old(self, client: AsyncWebClient, post: DeskPost) -> set[str]:
        """What may be there of ours, without the marks."""
        known = self._known.get((post.place, post.subject))
        if known is not None:
            return {known} - {""}
        try:
            answer = await client.reactions_get(channel=post.place, timestamp=post.subject, full=True)
        except Exception as error:
            if needed_scope(error) or code_of(getattr(error, "response", None)) in _DONE:
                return set()
            raise
        # Those of others are tried as well, and refused: whose they are is not worth another call.
        there = (answer.get("message") or {}).get("reactions") or []
        return {str(one.get("name", "")) for one in there} - {"", *EMOJI.values()}

    async def _call(self, client: AsyncWebClient, what: str, place: tuple[str, str], name: str) -> bool:
        """False when Slack does not let us."""
        act = client.reactions_add if what == "add" else client.reactions_remove
        try:
            await act(channel=place[0], timestamp=place[1], name=name)
        except Exception as error:
            code = code_of(getattr(error, "response", None))
            if code in _NOT_HERE or needed_scope(error):
                return False
            if code not in _DONE:
                raise
        return True
