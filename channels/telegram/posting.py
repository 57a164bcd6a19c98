"""Saying things: texts, edits, deletions, reactions and files, each as Telegram really can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog

from bot import Attachment, Button, Outbound, PermanentFailure, Sent

from .connection import FROM_BEFORE, Connection, Refusal
from .places import Spot
from .rich import MAX_TEXT, hushed, render, units

log = structlog.get_logger("channels")
NO_PREVIEW = {"is_disabled": True}
"""A preview makes Telegram fetch the page: what the AI writes must fetch nothing."""
MAX_PHOTO = 10_000_000
"""Bytes that sendPhoto takes; larger pictures go as documents."""
PICTURES = {"image/jpeg", "image/png", "image/webp"}
ROW = 30
"""Characters of labels side by side; longer ones get a row of their own."""


def keyboard(buttons: Sequence[Button]) -> dict[str, Any] | None:
    """Buttons under a message, as many in a row as can be read."""
    rows: list[list[dict[str, str]]] = []
    width = ROW
    for one in buttons:
        label = one.label.strip()[:64] or "…"
        if width + len(label) + 3 > ROW or len(rows[-1]) >= 5:
            rows.append([])
            width = 0
        rows[-1].append({"text": label, "callback_data": one.value})
        width += len(label) + 3
    return {"inline_keyboard": rows} if rows else None


def _named(name: str, text: str, entities: list[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    """The agent's name in bold above their words, where there is room: people want to know who speaks."""
    head = " ".join(name.split())[:60]
    moved = units(head) + 1
    if not head or moved + units(text) > MAX_TEXT:
        return text, entities
    bold = {"type": "bold", "offset": 0, "length": moved - 1}
    return f"{head}\n{text}", [bold, *({**one, "offset": one["offset"] + moved} for one in entities)]


class Posting:
    """One per channel."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def say(self, spot: Spot, out: Outbound, reply_to: int = 0) -> Sent:
        """A new message."""
        data = self.words(spot, out)
        if reply_to:
            data["reply_parameters"] = {"message_id": reply_to, "allow_sending_without_reply": True}
        message = await self._whatever_the_form("sendMessage", spot, out, data)
        return self.sent(message)

    def words(self, spot: Spot, out: Outbound) -> dict[str, Any]:
        text, entities = render(out.text, out.sources, still=spot.shared)
        if out.author == "agent" and out.author_name and out.part == 0:
            name = hushed(out.author_name) if spot.shared else out.author_name
            text, entities = _named(name, text, entities)
        return {
            "text": text,
            "entities": entities or None,
            "link_preview_options": NO_PREVIEW,
            "reply_markup": keyboard(out.buttons),
        }

    def sent(self, message: dict[str, Any]) -> Sent:
        chat, number = int(message["chat"]["id"]), int(message["message_id"])
        return Sent(self.connection.memory.moves.platform_id(chat, number))

    async def edit(self, spot: Spot, out: Outbound) -> Sent:
        chat, number = self._message(spot, out.subject)
        return await self.rewrite(Spot(chat, spot.topic, spot.person), number, out)

    async def rewrite(self, spot: Spot, number: int, out: Outbound) -> Sent:
        """Give one of our messages another text. Done already is done."""
        data = {**self.words(spot, out), "message_id": number}
        try:
            await self._whatever_the_form("editMessageText", spot, out, data)
        except Refusal as refusal:
            if "message is not modified" not in refusal.said:
                raise
        return Sent(self.connection.memory.moves.platform_id(self.connection.memory.moves.now(spot.chat), number))

    async def _whatever_the_form(self, method: str, spot: Spot, out: Outbound, data: dict[str, Any]) -> Any:
        """The words arrive, if need be without their form: a refused entity or button must lose no message."""
        try:
            return await self.connection.ask_in(spot, method, **data)
        except Refusal as refusal:
            if not any(
                part in refusal.said for part in ("entit", "parse", "button", "reply_markup", "keyboard", "url")
            ):
                raise
            log.warning("form_refused", channel="telegram", delivery=out.key, next="sent as plain text")
        text = hushed(out.text) if spot.shared else out.text
        plain = {**data, "text": text, "entities": None, "reply_markup": data.get("reply_markup")}
        try:
            return await self.connection.ask_in(spot, method, **plain)
        except Refusal as refusal:
            if "not modified" in refusal.said or not plain["reply_markup"]:
                raise
        return await self.connection.ask_in(spot, method, **{**plain, "reply_markup": None})

    async def delete(self, spot: Spot, subject: str) -> Sent:
        chat, number = self._message(spot, subject)
        try:
            await self.connection.ask_in(Spot(chat), "deleteMessage", paced=False, message_id=number)
        except Refusal as refusal:
            if "message to delete not found" not in refusal.said:
                raise
        return Sent()

    async def react(self, spot: Spot, subject: str, emoji: str) -> Sent:
        """Put our one reaction on a message, or take it back."""
        chat, number = self._message(spot, subject)
        known = reaction(emoji) if emoji else ""
        if emoji and not known:
            raise PermanentFailure(
                f"Telegram has no reaction {emoji[:8]}; bots may use its own set only, such as 👍 ❤ 🎉 🙏 👌."
            )
        chosen = [{"type": "emoji", "emoji": known}] if known else []
        await self.connection.ask_in(Spot(chat), "setMessageReaction", paced=False, message_id=number, reaction=chosen)
        return Sent()

    async def file(self, spot: Spot, out: Outbound, file: Attachment, reply_to: int = 0) -> Sent:
        """A file, by its bytes."""
        from ._api import UPLOAD, upload

        if not file.content:
            raise PermanentFailure("The file has no content any more. Send it again.")
        more: dict[str, Any] = {}
        if reply_to:
            more["reply_parameters"] = {"message_id": reply_to, "allow_sending_without_reply": True}
        if out.buttons:
            more["reply_markup"] = keyboard(out.buttons)
        name = file.name.strip()[:200] or "file"
        if file.type in PICTURES and len(file.content) <= MAX_PHOTO:
            try:
                content = upload(file.content, name, file.type)
                return self.sent(await self.connection.ask_in(spot, "sendPhoto", UPLOAD, photo=content, **more))
            except Refusal as refusal:
                # Too long and thin, or not quite the picture it says it is: as a document Telegram takes it as it is.
                if not any(word in refusal.said for word in ("photo", "image", "dimension")):
                    raise
        content = upload(file.content, name, file.type)
        return self.sent(await self.connection.ask_in(spot, "sendDocument", UPLOAD, document=content, **more))

    def _message(self, spot: Spot, subject: str) -> tuple[int, int]:
        try:
            chat, number = self.connection.memory.moves.message_at(spot, subject)
        except ValueError:
            raise PermanentFailure("It is not known which message in Telegram this is about.") from None
        if self.connection.memory.moves.now(chat) != chat:
            raise PermanentFailure(FROM_BEFORE)
        return chat, number


_BARE = str.maketrans("", "", "\ufe0f")


def reaction(emoji: str) -> str:
    """Telegram's own spelling of an emoji that it allows as a reaction; empty if it does not."""
    from telegram.constants import ReactionEmoji

    bare = emoji.strip().translate(_BARE)
    return next((str(one.value) for one in ReactionEmoji if str(one.value).translate(_BARE) == bare), "")
