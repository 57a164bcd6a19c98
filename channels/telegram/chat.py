"""Telegram as a channel: the contract's methods, each in a few lines over the modules beside this one."""

from __future__ import annotations

import asyncio
from typing import ClassVar, Literal

from bot import Capability, Channel, Draft, Inbox, Limits, Outbound, PermanentFailure, Resend, Sent

from .connection import Connection
from .drafts import Drafts
from .fetching import MAX_FILE
from .intake import Intake
from .listening import Listening
from .memory import Memory
from .places import Spot, spot_of
from .posting import Posting
from .reading import CHANNEL
from .rich import MAX_TEXT


class TelegramChannel(Channel):
    """One bot. ``webhook``: the address that Telegram is to call, empty for polling; ``secret`` comes with each such call."""

    name: ClassVar[str] = CHANNEL
    where: ClassVar[str] = "on Telegram"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.EDIT,
            Capability.DELETE,
            Capability.REACTIONS,
            Capability.FILES,
            Capability.BUTTONS,
            Capability.TYPING,
            Capability.DRAFT,
        }
    )
    limits: ClassVar[Limits] = Limits(
        max_text=MAX_TEXT, unit="utf16", max_file_bytes=MAX_FILE, draft_every=1.0, timeout=15.0
    )
    resend: ClassVar[Resend] = Resend.NONE

    def __init__(
        self,
        *,
        token: str,
        api_url: str = "",
        webhook: str = "",
        secret: str = "",
        uncertain: Literal["resend", "hold"] = "resend",
    ) -> None:
        self.uncertain = uncertain
        """What becomes of a message of which nobody can tell whether it arrived."""
        self.memory = Memory()
        self.connection = Connection(token, api_url, self.memory, lambda: self.limits)
        self.posting = Posting(self.connection)
        self.drafts = Drafts(self.connection, self.posting, self._belongs_to)
        self.intake: Intake | None = None
        self._webhook, self._secret = webhook, secret

    async def listen(self, inbox: Inbox) -> None:
        self.intake = Intake(self.connection, inbox)
        listening = Listening(self.connection, self.intake, self.memory)
        reader = await listening.introduce(inbox)
        self.drafts.recover()
        tidying = asyncio.create_task(self.drafts.tidy())
        try:
            if self._webhook:
                await listening.watch_webhook(self._webhook, self._secret)
            else:
                await listening.poll(reader)
        finally:
            tidying.cancel()
            await self.intake.stop()

    async def send(self, out: Outbound) -> Sent:
        spot = _spot(out.place)
        if out.op == "edit":
            return await self.posting.edit(spot, out)
        if out.op == "delete":
            return await self.posting.delete(spot, out.subject)
        if out.op == "react":
            return await self.posting.react(spot, out.subject, out.text)
        if out.op != "send":
            raise PermanentFailure(f"Telegram has nothing like {out.op}.")
        reply_to = self._belongs_to(out.place) if out.part == 0 else 0
        if out.files:
            return await self.posting.file(spot, out, out.files[0], reply_to)
        return await self.drafts.finish(spot, out) or await self.posting.say(spot, out, reply_to)

    def _belongs_to(self, place: str) -> int:
        """In a group an answer hangs on the question, or nobody would know whom it is for."""
        return self.intake.heard_at.get(place, 0) if self.intake else 0

    async def typing(self, place: str) -> None:
        spot = _spot(place)
        if self.connection.pace.room_for_sign():
            await self.connection.ask_in(spot, "sendChatAction", 5.0, paced=False, action="typing")

    async def draft(self, draft: Draft) -> None:
        await self.drafts.show(draft)

    def repeatable(self, out: Outbound) -> bool:
        return not out.files and self.drafts.repeatable(out)

    def start_link(self, code: str) -> str:
        me = self.memory.me
        return f"https://t.me/{me.username}?start={code}" if me is not None and me.username else ""

    async def close(self) -> None:
        await self.connection.close()


def _spot(place: str) -> Spot:
    try:
        return spot_of(place)
    except ValueError:
        raise PermanentFailure("This place is no chat in Telegram.") from None
