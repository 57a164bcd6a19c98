"""Messages of people: new ones, edits, deletions and reactions, in direct messages and in threads of ours."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bot import DeliveryFailure, Inbound, Refused

from .drafts import WRITING
from .failures import Refusal
from .files import fetched
from .intake import Entry, Outcome
from .memory import Spot
from .reading import attachments, by_a_person, emoji_of, mentions, profile_of, text_of
from .threads import THREAD_TYPES

if TYPE_CHECKING:
    from .listening import Listening

UNREADABLE = "(sent something that cannot be shown here)"
TELL_EVERY = 20.0
"""Seconds between two sentences about refused messages at one place."""
SILENT = {"key_reused", "unknown_message", "unknown_conversation", "empty"}
"""Refusals that are nobody's business: an edit of what we never had, or what came before."""
ECHOES = 2_000
TAKEN = "I am talking with somebody else in this thread. Use /support, and I answer you in a thread of your own."


class Messages:
    """Reads raw events and puts them into the intake."""

    def __init__(self, listening: Listening) -> None:
        self.listening = listening
        self.channel = listening.channel
        self.memory = listening.memory
        self.intake = listening.intake
        self.me = listening.me
        self._told: dict[str, float] = {}
        self._reacted: dict[tuple[str, str, str], str] = {}
        self._channels: dict[str, dict[str, Any]] = {}

    def heard(self, session: str, seq: int, name: str, data: dict[str, Any]) -> None:
        """One event, in Discord's order."""
        if name == "MESSAGE_CREATE":
            self._created(session, seq, data)
        elif name == "MESSAGE_UPDATE":
            self._changed(session, seq, data)
        elif name == "MESSAGE_DELETE":
            self._deleted(session, seq, data, str(data["id"]))
        elif name == "MESSAGE_DELETE_BULK":
            for one in data.get("ids") or []:
                self._deleted(session, seq, data, str(one))
        else:
            self._reaction(session, seq, data, gone=name == "MESSAGE_REACTION_REMOVE")

    def key(self, channel: str, message: str) -> str:
        """The identity of a message: the same live, resumed and caught up with."""
        return f"dc:{channel}:{message}"

    def spot(self, channel: str, message: str = "") -> tuple[str, Spot] | None:
        """The place of an event; a message that began a thread stands in the channel above."""
        found = self.memory.spot(channel)
        if found is not None:
            return channel, found
        found = self.memory.spot(message) if message else None
        return (message, found) if found is not None and found.parent == channel else None

    # New messages ---------------------------------------------------------------------------------------------------

    def _created(self, session: str, seq: int, data: dict[str, Any]) -> None:
        channel, author = str(data["channel_id"]), str((data.get("author") or {}).get("id"))
        if author == self.me:
            self.echo(data)
            return
        if not by_a_person(data, self.me):
            return
        if not data.get("guild_id"):
            self.memory.know(channel, author)
        spot = self.memory.spot(channel)
        if spot is not None:
            if spot.customer == author and (not spot.named or mentions(data, self.me)):
                self.listening.catching_up.first(channel)
                self._put(session, seq, channel, data)
            elif spot.named and mentions(data, self.me):
                message = str(data["id"])
                self.intake.later(self.channel.posting.say(channel, TAKEN, f"t{message}", reply_to=message))
        elif mentions(data, self.me):
            # The place will be a thread with this message's id; others in the channel do not wait for it.
            self.intake.put_later(str(data["id"]), lambda: self._mentioned(data, channel, author), session, seq)
        elif not self.channel.threads.strange(channel):
            self.intake.put_later(channel, lambda: self._perhaps_ours(data, channel, author), session, seq)

    def _put(self, session: str, seq: int, channel: str, data: dict[str, Any]) -> None:
        if attachments(data):
            self.intake.put_later(channel, lambda: self.entries(data, channel), session, seq)
        else:
            self.intake.put(channel, Entry(self._inbound(data, channel, ()), self._after(data, channel)), session, seq)

    async def entries(self, data: dict[str, Any], place: str) -> list[Entry]:
        """A message with its files."""
        files = await fetched(self.listening.rest, attachments(data), self.channel.limits.max_file_bytes)
        return [Entry(self._inbound(data, place, files), self._after(data, place))]

    def _inbound(self, data: dict[str, Any], place: str, files: Sequence[Any]) -> Inbound:
        channel, author = str(data["channel_id"]), data["author"]
        self.memory.know(place, str(author["id"]))
        shared = bool(data.get("guild_id")) or bool(self.memory.spots[place].parent)
        text = text_of(data, self.me, quote=shared)
        return Inbound(
            channel=self.channel.name,
            key=self.key(channel, str(data["id"])),
            external_id=str(author["id"]),
            place=place,
            text=text or ("" if files else UNREADABLE),
            files=tuple(files),
            shared=shared,
            profile=profile_of(author),
        )

    async def _mentioned(self, data: dict[str, Any], channel: str, author: str) -> list[Entry]:
        """The bot was named in a channel: the conversation lives in a thread under the message, which has the message's id."""
        threads, message = self.channel.threads, str(data["id"])
        where = await self._where(channel)
        if where.get("type") in THREAD_TYPES:
            # Of ours and forgotten, somebody's post of a forum, or a thread in which others talk, too.
            spot = await threads.whose(channel)
            if spot is None:
                own = str(where.get("owner_id")) == author
                spot = self.memory.know(channel, author, parent=str(where.get("parent_id") or "?"), named=not own)
            return await self.entries(data, channel) if spot.customer == author else []
        self.memory.know(message, author, parent=channel, opened=False)
        (entry,) = await self.entries(data, message)
        text = entry.inbound.text

        async def after(outcome: Outcome) -> None:
            if isinstance(outcome, Refused):
                await self.tell(channel, message, outcome)
                return
            problem = await threads.under(channel, message, text)
            if problem:
                await self.channel.posting.say(channel, problem, f"t{message}", reply_to=message)

        return [Entry(entry.inbound, after)]

    async def _where(self, channel: str) -> dict[str, Any]:
        """What Discord says about a channel; asked once."""
        if channel not in self._channels:
            if len(self._channels) > ECHOES:
                self._channels.clear()
            try:
                found = await self.listening.rest.call("GET", "/channels/{channel_id}", channel_id=channel)
            except (Refusal, DeliveryFailure):
                return {}
            self._channels[channel] = {key: found.get(key) for key in ("type", "owner_id", "parent_id")}
        return self._channels[channel]

    async def _perhaps_ours(self, data: dict[str, Any], channel: str, author: str) -> list[Entry]:
        spot = await self.channel.threads.whose(channel)
        if spot is None or spot.customer != author:
            return []
        return await self.entries(data, channel)

    def _after(self, data: dict[str, Any], place: str) -> Any:
        async def after(outcome: Outcome) -> None:
            if isinstance(outcome, Refused):
                await self.tell(place, str(data["id"]), outcome)
            elif outcome.aside:
                await self.channel.posting.say(place, outcome.aside, f"a{data['id']}", reply_to=str(data["id"]))

        return after

    async def tell(self, channel: str, message: str, refused: Refused) -> None:
        """Say why a message was not taken, but not to everybody who floods."""
        now = time.monotonic()
        if refused.code in SILENT or now - self._told.get(channel, -60.0) < TELL_EVERY:
            return
        if len(self._told) > 1_000:
            self._told.clear()
        self._told[channel] = now
        await self.channel.posting.say(channel, refused.message, f"r{message}", reply_to=message)

    def echo(self, data: dict[str, Any]) -> None:
        """Our own message, shown back: its nonce settles what was uncertain, and a draft that a crash left is remembered."""
        nonce, message, channel = str(data.get("nonce") or ""), str(data["id"]), str(data["channel_id"])
        echoes = self.channel.echoes
        if nonce:
            echoes[nonce] = message
            while len(echoes) > ECHOES:
                del echoes[next(iter(echoes))]
        if str(data.get("content") or "").endswith(WRITING.strip()) and not any(
            one.message == message for one in self.memory.drafts.values()
        ):
            self.channel.drafts.left_over(channel, message)

    # What happens to messages ---------------------------------------------------------------------------------------

    def _changed(self, session: str, seq: int, data: dict[str, Any]) -> None:
        # Also sent when Discord adds the picture of a link, or a pin: only people's edits have a time.
        found = self.spot(str(data["channel_id"]), str(data["id"]))
        if found is None or not data.get("edited_timestamp") or "content" not in data:
            return
        place, spot = found
        author = str((data.get("author") or {}).get("id") or spot.customer)
        if author != spot.customer or (data.get("author") and not by_a_person(data, self.me)):
            return
        self.listening.catching_up.first(place)
        self.intake.put(place, Entry(self.edit(data, place, spot)), session, seq)

    def edit(self, data: dict[str, Any], place: str, spot: Spot) -> Inbound:
        """The edit of a message."""
        key = self.key(str(data["channel_id"]), str(data["id"]))
        return Inbound(
            channel=self.channel.name,
            key=f"{key}:e{data['edited_timestamp']}",
            kind="edit",
            external_id=spot.customer,
            place=place,
            text=text_of(data, self.me, quote=bool(spot.parent)) or UNREADABLE,
            subject=key,
            shared=bool(spot.parent),
        )

    def _deleted(self, session: str, seq: int, data: dict[str, Any], message: str) -> None:
        found = self.spot(str(data["channel_id"]), message)
        if found is None:
            return
        place, spot = found
        key = self.key(str(data["channel_id"]), message)
        inbound = Inbound(
            channel=self.channel.name,
            key=f"{key}:d",
            kind="delete",
            external_id=spot.customer,
            place=place,
            subject=key,
            shared=bool(spot.parent),
        )
        self.intake.put(place, Entry(inbound), session, seq)

    def _reaction(self, session: str, seq: int, data: dict[str, Any], *, gone: bool) -> None:
        channel, message, user = str(data["channel_id"]), str(data["message_id"]), str(data["user_id"])
        found, emoji = self.spot(channel, message), emoji_of(data.get("emoji"))
        if found is None or user != found[1].customer or not emoji:
            return
        place, spot = found
        known = (message, user, emoji)
        if gone:
            subject = self._reacted.pop(known, message)
        else:
            own = str(data.get("message_author_id") or "") == user
            subject = self._reacted[known] = self.key(channel, message) if own else message
            if len(self._reacted) > ECHOES:
                del self._reacted[next(iter(self._reacted))]
        inbound = Inbound(
            channel=self.channel.name,
            # A reaction has no id of its own; its number in the session is the same when the session is resumed.
            key=f"dc:{channel}:{message}:r{user}:{session}:{seq}",
            kind="reaction",
            external_id=user,
            place=place,
            text=emoji,
            subject=subject,
            gone=gone,
            shared=bool(spot.parent),
        )
        self.intake.put(place, Entry(inbound), session, seq)
