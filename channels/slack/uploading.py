"""A customer's file into a thread: Slack's three steps. Only the last one shows anything, so only that one can be uncertain."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, cast

from bot import Attachment, DeskPost, PermanentFailure, Posted, TemporaryFailure, Uncertain

from .failures import failure_of, needed_scope, retry_after
from .looking import find
from .pacing import Pacer
from .rich import Block, cut, escape, link, rich, section, words

if TYPE_CHECKING:
    import aiohttp
    from slack_sdk.web.async_client import AsyncWebClient

SHARED_AFTER = (0.0, 0.2, 0.4, 0.8, 1.6)
"""Slack shares a file a moment after it said that it did."""
AT_ONCE = 7.0
"""Seconds that one attempt waits for an upload."""
LONGEST = 120.0
"""Seconds that one upload may take in all."""
MARK = 12
"""Characters of the delivery's key in the file's name: files carry no metadata, and this is how one is found again."""
_ODD = re.compile(r"[\x00-\x1f\x7f/\\<>:\"|?*\u202a-\u202e\u2066-\u2069]+")


def marked_name(name: str, key: str) -> str:
    """The name under which a file is uploaded: its own, with a mark before the ending. People see the title instead."""
    name = _ODD.sub("_", name).strip(" .") or "file"
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending) > 10:
        stem, ending = name, ""
    return f"{stem[:150]}-{key[:MARK]}{'.' + ending if ending else ''}"


class Uploads:
    """Uploads go on in the background: a slow one is waited for with the next attempt instead of being begun again."""

    def __init__(self) -> None:
        self._under_way: dict[str, asyncio.Task[str]] = {}

    async def post(self, client: AsyncWebClient, post: DeskPost, pacer: Pacer) -> Posted:
        """Show ``post.files[0]`` in the thread. Raises as a post does; what Slack does not take is a permanent failure."""
        file = post.files[0]
        if not file.content:
            raise PermanentFailure(f"The file {cut(file.name, 80)} has no content. Nothing was posted.")
        pacer.check("files.upload", "")
        file_id = await self._given(client, post, pacer)
        await asyncio.sleep(pacer.wait_for_post(post.place))
        try:
            await client.files_completeUploadExternal(
                files=[{"id": file_id, "title": cut(file.name, 200)}], channel_id=post.place, thread_ts=post.thread,
                initial_comment=caption(post),
            )  # fmt: skip
        except Exception as error:
            failure = failure_of(error)
            if isinstance(failure, TemporaryFailure):
                _pause(failure, pacer)
            else:
                self._under_way.pop(post.key, None)
            raise failure from None
        self._under_way.pop(post.key, None)
        return await _where(client, post, file_id)

    async def _given(self, client: AsyncWebClient, post: DeskPost, pacer: Pacer) -> str:
        """The id of the uploaded file. Nobody sees it yet, so what went wrong until here may simply be done again."""
        task = self._under_way.get(post.key)
        if task is None:
            task = self._under_way[post.key] = asyncio.ensure_future(_upload(client, post))
        try:
            async with asyncio.timeout(AT_ONCE):
                return await asyncio.shield(task)
        except TimeoutError:
            if not task.done():
                raise TemporaryFailure("the file is still being uploaded", 2.0) from None
            failure: Exception = TemporaryFailure("the upload took too long")
        except asyncio.CancelledError:
            raise
        except Exception as error:
            failure = failure_of(error)
            if isinstance(failure, Uncertain):
                failure = TemporaryFailure(f"the file was not taken: {failure}")
            _pause(failure, pacer)
        self._under_way.pop(post.key, None)
        raise failure from None

    async def stop(self) -> None:
        """Begin nothing that is left any more."""
        for task in self._under_way.values():
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)
        self._under_way.clear()


async def _upload(client: AsyncWebClient, post: DeskPost) -> str:
    file = post.files[0]
    place = await client.files_getUploadURLExternal(filename=marked_name(file.name, post.key), length=len(file.content))
    async with asyncio.timeout(LONGEST):
        await _give(client, str(place["upload_url"]), file.content)
    return str(place["file_id"])


def _pause(failure: Exception, pacer: Pacer) -> None:
    wait = getattr(failure, "retry_after", None)
    if wait:
        pacer.block("files.upload", "", wait)


async def _give(client: AsyncWebClient, address: str, content: bytes) -> None:
    """The bytes, without the token: the address itself is the permission."""
    import aiohttp

    session = cast("aiohttp.ClientSession", client.session)
    limits = aiohttp.ClientTimeout(total=LONGEST, connect=5, sock_read=30)
    kind = {"Content-Type": "application/octet-stream"}
    async with session.post(address, data=content, headers=kind, timeout=limits) as answer:
        if answer.status == 429:
            raise TemporaryFailure("Slack asked for a pause", retry_after(answer))
        if answer.status >= 500:
            raise TemporaryFailure(f"Slack could not take the file (status {answer.status})")
        if answer.status != 200:
            raise PermanentFailure(f"Slack refused the file (status {answer.status}). Nothing was posted.")


async def _where(client: AsyncWebClient, post: DeskPost, file_id: str) -> Posted:
    """The message that shows the file. Raises Uncertain when Slack does not say yet: then it is looked for later."""
    for wait in SHARED_AFTER:
        await asyncio.sleep(wait)
        try:
            answer: Any = await client.files_info(file=file_id)
            ts = _shared((answer.get("file") or {}).get("shares") or {}, post.place)
            if ts:
                return Posted(ts, post.thread)
        except Exception as error:
            if needed_scope(error):
                break
    found = await find(client, post.key, post.place, post.thread)
    if found is None:
        raise Uncertain("Slack took the file and does not show it yet")
    return found


def _shared(shares: dict[str, Any], place: str) -> str:
    for kind in ("public", "private"):
        for one in (shares.get(kind) or {}).get(place) or []:
            if one.get("ts"):
                return str(one["ts"])
    return ""


def caption(post: DeskPost) -> str:
    """Whose file it is: Slack lets files be posted under no other name than the app's."""
    who = {"ai": "AI assistant", "agent": f"{post.author_name or 'An agent'} · agent"}.get(
        post.author, f"{post.author_name or 'Visitor'} · customer"
    )
    return escape("\n".join(part for part in (f"📎 {cut(' '.join(who.split()), 90)}", cut(post.text, 1_000)) if part))


def as_link(file: Attachment, why: str) -> tuple[str, list[Block]]:
    """The line that stands for a file that cannot be posted, as fallback and as blocks."""
    label = f"📎 {cut(' '.join(file.name.split()), 120)} ({size_of(file.bytes)})"
    end = f" {why}" if file.url else f" {why} Without a public address of this server there is no link to it either."
    parts = [link(file.url, label) if file.url else words(label), words(end, italic=True)]
    return escape(f"{label}{end}"), [rich(section(*parts))]


def size_of(number: int) -> str:
    """As people say it."""
    return (
        f"{number} bytes"
        if number < 1_000
        else f"{number / 1_000:.0f} KB"
        if number < 1_000_000
        else f"{number / 1e6:.1f} MB"
    )
