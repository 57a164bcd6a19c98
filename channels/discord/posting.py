"""One delivery to Discord: which request it is, in whose name, and what a refusal means."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from bot import DeliveryFailure, Outbound, PermanentFailure, Sent, TemporaryFailure, Uncertain

from .drafts import EDIT, QUIET, SEND, WRITING, Drafts, nonce_of
from .failures import LOCKED, Refusal, failure_of
from .prose import bounded, escape, sources_line
from .threads import Threads

AGAIN = 1.0
"""Seconds before the one second try of a request whose answer was lost. It carries the same nonce or changes the same message."""
BUTTONS_A_ROW = 5
MOST_BUTTONS = 25
LABEL = 80
ARCHIVED, GONE, UNKNOWN_CHANNEL = 50083, 10008, 10003
SOURCES_ROOM = 600


class Posting:
    """Sends for one channel object."""

    def __init__(self, rest: Any, drafts: Drafts, threads: Threads, echoes: dict[str, str]) -> None:
        self.rest = rest
        self.drafts = drafts
        self.threads = threads
        self.echoes = echoes
        """Nonces of messages that Discord showed us back, with their ids."""

    async def send(self, out: Outbound) -> Sent:
        """Do what ``out.op`` says. Raises what the outbox knows and nothing else."""
        if out.author == "note":
            raise PermanentFailure("A note is internal and never leaves for a customer.")
        if out.op != "send" and not out.subject:
            raise PermanentFailure("There is no message to change: it never arrived.")
        work = {"send": self._send, "edit": self._edit, "delete": self._delete, "react": self._react}.get(out.op)
        if work is None:
            raise PermanentFailure(f"Discord has nothing like {out.op}.")
        try:
            return await self._reopening(work, out)
        except Exception as error:
            raise failure_of(error) from None

    async def _reopening(self, work: Any, out: Outbound) -> Sent:
        channel = out.place
        try:
            return await work(out, channel)
        except Refusal as refusal:
            if refusal.code == ARCHIVED:
                await self._reopen(channel)
            elif refusal.code != UNKNOWN_CHANNEL or not await self.threads.open_late(channel):
                raise
        return await work(out, channel)

    async def _reopen(self, channel: str) -> None:
        try:
            await self.rest.call("PATCH", "/channels/{channel_id}", channel_id=channel, body={"archived": False})
        except Refusal as refusal:
            if refusal.status == 403:
                raise PermanentFailure(LOCKED) from None
            raise

    async def _twice(self, method: str, path: str, **more: Any) -> Any:
        """Ask, and once more when the answer was lost: the nonce, or the message that is changed, makes that harmless."""
        try:
            return await self.rest.call(method, path, **more)
        except Uncertain:
            await asyncio.sleep(AGAIN)
            try:
                return await self.rest.call(method, path, **more)
            except TemporaryFailure:
                raise Uncertain("Discord did not answer, and asks for a pause now") from None

    async def _send(self, out: Outbound, channel: str) -> Sent:
        body: dict[str, Any] = {"content": _content(out), **QUIET}
        if out.buttons:
            body["components"] = rows(out)
        placeholder = await self.drafts.take(out.turn) if out.part == 0 else ""
        if placeholder and not out.files:
            try:
                await self._twice("PATCH", EDIT, channel_id=channel, message_id=placeholder, body=body)
                return Sent(placeholder)
            except Refusal as refusal:
                if refusal.code != GONE:
                    raise
        # Under its draft's nonce: should there be a draft that a dead process could not note, Discord names that one.
        as_draft = bool(out.turn) and out.part == 0 and not placeholder and not out.files
        changes = dict(body)
        body |= {"nonce": nonce_of(out.turn) if as_draft else out.key[:25], "enforce_nonce": True}
        if out.files:
            made = await self.rest.call("POST", SEND, channel_id=channel, form=_form(body, out))
        else:
            made = await self._twice("POST", SEND, channel_id=channel, body=body)
        if as_draft and str(made.get("content", "")).endswith(WRITING.strip()):
            await self._twice("PATCH", EDIT, channel_id=channel, message_id=str(made["id"]), body=changes)
        return Sent(str(made["id"]))

    async def _edit(self, out: Outbound, channel: str) -> Sent:
        body: dict[str, Any] = {"content": _content(out), **QUIET}
        if out.buttons:
            body["components"] = rows(out)
        await self._twice("PATCH", EDIT, channel_id=channel, message_id=out.subject, body=body)
        return Sent(out.subject)

    async def _delete(self, out: Outbound, channel: str) -> Sent:
        try:
            await self._twice("DELETE", EDIT, channel_id=channel, message_id=out.subject)
        except Refusal as refusal:
            if refusal.code != GONE:
                raise
        return Sent(out.subject)

    async def _react(self, out: Outbound, channel: str) -> Sent:
        """Ours is at most one: the new one replaces it, an empty one takes it back."""
        message = out.subject
        if message.startswith("dc:"):  # a customer's message is named by the key it came in with
            _, channel, message = message.split(":", 2)
            if not channel.isdigit():
                raise PermanentFailure("This was written into a form: there is no message in Discord to react to.")
        found = await self._twice("GET", EDIT, channel_id=channel, message_id=message)
        path = EDIT + "/reactions/{emoji}/@me"
        there = False
        for reaction in found.get("reactions") or []:
            emoji = str((reaction.get("emoji") or {}).get("name") or "")
            if not reaction.get("me") or not emoji:
                continue
            there = there or emoji == out.text
            if emoji != out.text:
                await self._twice("DELETE", path, channel_id=channel, message_id=message, emoji=emoji)
        if out.text and not there:
            await self._twice("PUT", path, channel_id=channel, message_id=message, emoji=out.text)
        return Sent(out.subject)

    async def find(self, key: str, place: str) -> Sent | None:
        """Look for a message by its nonce: among what Discord showed us, then in the last hundred of the place."""
        nonce = key[:25]
        if nonce in self.echoes:
            return Sent(self.echoes[nonce])
        try:
            found = await self.rest.call("GET", SEND, channel_id=place, query={"limit": "100"})
        except Refusal as refusal:
            raise failure_of(refusal) from None
        return next((Sent(str(one["id"])) for one in found if str(one.get("nonce") or "") == nonce), None)

    async def say(self, channel: str, text: str, nonce: str, *, reply_to: str = "") -> str:
        """A sentence that is no part of the conversation; its id, or empty when it could not be said."""
        body: dict[str, Any] = {"content": bounded("", text), "nonce": nonce[:25], "enforce_nonce": True, **QUIET}
        if reply_to:
            body["message_reference"] = {"message_id": reply_to, "fail_if_not_exists": False}
        try:
            made = await self._twice("POST", SEND, channel_id=channel, body=body)
        except (DeliveryFailure, Refusal):
            return ""
        return str(made["id"])


def _content(out: Outbound) -> str:
    head = (
        f"**{escape(out.author_name[:60])}:** " if out.author == "agent" and out.author_name and out.part == 0 else ""
    )
    if out.files:
        return head.removesuffix(" ") if not out.text else bounded(head, out.text)
    if head and out.text.startswith(("```", "> ", "# ", "## ", "### ", "- ", "1. ")):
        head = head.removesuffix(" ") + "\n"
    return bounded(head, out.text, sources_line(out.sources, SOURCES_ROOM))


def rows(out: Outbound) -> list[dict[str, Any]]:
    """Buttons in rows of five. Their ``custom_id`` is the value that comes back."""
    buttons = [
        {"type": 2, "style": 2, "label": _label(one.label), "custom_id": one.value}
        for one in out.buttons[:MOST_BUTTONS]
    ]
    return [{"type": 1, "components": buttons[at : at + BUTTONS_A_ROW]} for at in range(0, len(buttons), BUTTONS_A_ROW)]


def _label(text: str) -> str:
    text = " ".join(text.split()) or "…"
    return text if len(text) <= LABEL else text[: LABEL - 1].rstrip() + "…"


def _form(body: dict[str, Any], out: Outbound) -> list[dict[str, Any]]:
    named = [(" ".join(file.name.split())[:100] or "file", file) for file in out.files]
    payload = {**body, "attachments": [{"id": at, "filename": name} for at, (name, _) in enumerate(named)]}
    return [
        {"name": "payload_json", "value": json.dumps(payload, ensure_ascii=False), "content_type": "application/json"},
        *(
            {
                "name": f"files[{at}]",
                "value": file.content,
                "filename": name.replace('"', "'").replace("\\", "_"),
                "content_type": "application/octet-stream",
            }
            for at, (name, file) in enumerate(named)
        ),
    ]
