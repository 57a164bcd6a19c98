"""One delivery to Slack: which call it is, in whose name, and what a refusal means."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import structlog

from bot import EVERYBODY, DeskPost, PermanentFailure, Posted

from .buttons import actions_block
from .card import card_blocks, card_fallback
from .failures import GONE, PLACE, Refused, code_of, failure_of, retry_after
from .looking import metadata
from .marks import Marks
from .pacing import Pacer
from .permalinks import Permalinks
from .personal import Personal, user_of
from .prose import prose
from .reacting import Reactions
from .rich import Block, cut, escape, everybody, link, person, rich, section, verbatim, words
from .said_before import remark, said_before
from .scopes import USEFUL
from .uploading import Uploads, as_link

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

log = structlog.get_logger("channels")
FALLBACK = 3_000
AGAIN = 3_600.0
"""Seconds for which a scope that was missing is not asked for."""
SOURCES = 10
MENTIONS = 20
AI_NAME = "AI assistant"


class Posting:
    """Everything that a desk posts, with what must be remembered between two posts."""

    def __init__(self, pacer: Pacer, marks: Marks) -> None:
        self.pacer = pacer
        self.marks = marks
        self.reactions = Reactions()
        self.uploads = Uploads()
        self.links = Permalinks()
        self.personal = Personal(pacer)
        self._without: dict[str, float] = {}

    async def post(self, client: AsyncWebClient, post: DeskPost) -> Posted:
        """Do what ``post.op`` says. Raises TemporaryFailure, PermanentFailure, ChannelDown or Uncertain, and nothing else."""
        if post.op in {"aside", "direct"}:
            return await self.personal.post(client, post)
        if post.op == "mark":
            return await _mark(client, post, self.pacer, self.marks)
        if post.op == "delete":
            return await _delete(client, await self.personal.where(client, post), self.pacer)
        if post.op not in {"card", "event"} and not post.thread:
            raise PermanentFailure("there is no thread to post into")
        if post.op == "react":
            return await self._react(client, post)
        if post.op == "message" and post.files:
            return await self._file(client, post)
        text, blocks = _content(post)
        if post.op == "card":
            await self.links.learn(client)
        if post.op == "edit" or (post.op == "card" and post.subject):
            posted = await _change(client, post, self.pacer, text, blocks)
        else:
            posted = await self._new(client, post, text, blocks)
        return replace(posted, link=self.links.of(post.place, posted.thread)) if post.op == "card" else posted

    async def _new(self, client: AsyncWebClient, post: DeskPost, text: str, blocks: list[Block]) -> Posted:
        """A message that was not there before, under the speaker's name where the app may."""
        name, picture = _speaker(post)
        arguments: dict[str, Any] = {"thread_ts": post.thread} if post.thread and post.op != "card" else {}
        if (name or picture) and self._lacks("chat:write.customize"):
            text, blocks = _named(name, text, blocks)
        else:
            arguments |= {"username": name} if name else {}
            arguments |= {"icon_url": picture} if picture else {}
        await asyncio.sleep(self.pacer.wait_for_post(post.place))
        try:
            answer = await _call(
                "chat.postMessage",
                post.place,
                self.pacer,
                lambda: client.chat_postMessage(
                    channel=post.place,
                    text=text,
                    blocks=blocks,
                    metadata=metadata(post.key),
                    unfurl_links=False,
                    unfurl_media=False,
                    **arguments,
                ),
            )
        except Refused as refused:
            # Refused is certainly not sent, so it may be sent at once in another way.
            if refused.code != "missing_scope" or ("username" not in arguments and "icon_url" not in arguments):
                raise
            self._note_lack("chat:write.customize")
            return await self._new(client, post, text, blocks)
        return Posted(answer["ts"], post.thread or answer["ts"])

    async def _file(self, client: AsyncWebClient, post: DeskPost) -> Posted:
        why = "The app may not post files (files:write), so here is a link." if self._lacks("files:write") else ""
        if not why:
            try:
                return await self.uploads.post(client, post, self.pacer)
            except Refused as refused:
                if refused.code == "missing_scope":
                    self._note_lack("files:write")
                    why = "The app may not post files (files:write), so here is a link."
                elif refused.code in GONE | PLACE:
                    raise
                else:
                    why = f"{refused}"
            except PermanentFailure as failure:
                why = str(failure)
        return await self._new(client, post, *as_link(post.files[0], why))

    async def _react(self, client: AsyncWebClient, post: DeskPost) -> Posted:
        done = await self.reactions.show(client, post, self.pacer)
        if done is not None:
            return done
        line = f"{post.author_name or 'The customer'} reacted with {cut(post.text, 20)}"
        return await self._new(
            client, replace(post, op="event"), escape(line), [rich(section(words(line, italic=True)))]
        )

    def _lacks(self, scope: str) -> bool:
        """Whether Slack said so lately: an admin may have added it since."""
        return time.monotonic() < self._without.get(scope, 0.0)

    def _note_lack(self, scope: str) -> None:
        log.warning("scope_missing", desk="slack", scope=scope, missed=USEFUL[scope], next="asked again in an hour")
        self._without[scope] = time.monotonic() + AGAIN


def _named(name: str, text: str, blocks: list[Block]) -> tuple[str, list[Block]]:
    """The speaker's name in the message itself, where the app may not post under it."""
    if not name:
        return text, blocks
    return f"{escape(name)}: {text}", [rich(section(words(name, bold=True))), *blocks]


def _content(post: DeskPost) -> tuple[str, list[Block]]:
    """The fallback line and the blocks."""
    if post.op == "card":
        if post.card is None:
            raise PermanentFailure("a card without content cannot be shown")
        return card_fallback(post.card), card_blocks(post.card)
    fallback = escape(cut(post.text, FALLBACK)) or "(empty)"
    if post.op == "event" or post.author == "system":
        blocks = said_before(post.lines) if post.lines else [remark(post.text)]
        buttons = actions_block(post.actions, thread=post.thread, value=post.value)
        alerted = [user for user in map(user_of, dict.fromkeys(post.mention)) if user][:MENTIONS]
        if EVERYBODY in post.mention:
            fallback, blocks = f"<!channel> {fallback}", [rich(section(everybody(), words(" "))), *blocks]
        elif alerted:
            # Slack alerts only those who are named by id: never by what anybody wrote.
            fallback = f"{' '.join(f'<@{user}>' for user in alerted)} {fallback}"
            blocks = [rich(section(*(part for user in alerted for part in (person(user), words(" "))))), *blocks]
        return fallback, [*blocks, buttons] if buttons else blocks
    if post.author == "ai":
        blocks = prose(post.text)
        if post.sources:
            blocks.append(_sources(post))
        return f"{AI_NAME}: {fallback}", blocks
    if post.author == "note":
        label = f"🔒 Note by {cut(post.author_name, 60)}" if post.author_name else "🔒 Note"
        return f"{escape(label)}: {fallback}", [rich(section(words(f"{label}\n", bold=True))), *verbatim(post.text)]
    return fallback, verbatim(post.text)


def _sources(post: DeskPost) -> Block:
    parts: list[dict[str, Any]] = [words("Sources: ", bold=True)]
    for source in post.sources[:SOURCES]:
        label = f"[{source.n}] {source.label()}"
        parts.extend((link(source.url, label) if source.url else words(label), words("  ")))
    return rich(section(*parts))


def _speaker(post: DeskPost) -> tuple[str, str]:
    """In whose name and with whose picture. A customer can never look like the AI or like an agent."""
    if post.op != "message":
        return "", ""
    name = cut(" ".join(post.author_name.split()), 60)
    picture = post.picture if post.picture.startswith("https://") else ""
    if post.author == "customer":
        return f"{name or 'Visitor'} · customer", picture
    if post.author == "ai":
        return AI_NAME, picture
    return (f"{name} · agent" if name else "", picture) if post.author == "agent" else ("", "")


async def _change(client: AsyncWebClient, post: DeskPost, pacer: Pacer, text: str, blocks: list[Block]) -> Posted:
    pacer.take_turn(post.place, post.subject)
    await _call(
        "chat.update",
        post.place,
        pacer,
        # No metadata: Slack keeps what the message has, and with it the key of its first delivery.
        lambda: client.chat_update(channel=post.place, ts=post.subject, text=text, blocks=blocks),
    )
    return Posted(post.subject, post.thread or post.subject)


async def _delete(client: AsyncWebClient, post: DeskPost, pacer: Pacer) -> Posted:
    await _call(
        "chat.delete",
        post.place,
        pacer,
        lambda: client.chat_delete(channel=post.place, ts=post.subject),
        fine={"message_not_found"},
    )
    return Posted(post.subject, post.thread)


async def _mark(client: AsyncWebClient, post: DeskPost, pacer: Pacer, marks: Marks) -> Posted:
    pacer.check("reactions", "")
    try:
        await marks.set(client, post.place, post.subject, post.mark, first=post.first)
    except Exception as error:
        failure = failure_of(error)
        wait = getattr(failure, "retry_after", None)
        if wait:
            pacer.block("reactions", "", wait)
        raise failure from None
    return Posted(post.subject, post.thread)


async def _call(
    method: str, place: str, pacer: Pacer, call: Callable[[], Awaitable[Any]], fine: set[str] | None = None
) -> Any:
    """Call once. A 429 holds this method and channel until its time has come; other channels go on."""
    await asyncio.sleep(pacer.wait_for(method, place))
    try:
        return await call()
    except Exception as error:
        response = getattr(error, "response", None)
        if fine and code_of(response) in fine:
            return {}
        if getattr(response, "status_code", 0) == 429:
            pacer.block(method, place, retry_after(response))
        raise failure_of(error) from None
