"""Slash commands, the form of ``/support`` and buttons. Discord waits three seconds for an answer; the commit comes before it, and
when that takes long, Discord is told that the answer follows: then there are 15 minutes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

import structlog

from bot import DeliveryFailure, Inbound, Refused, StoreUnavailable, TemporaryFailure

from .failures import Refusal
from .intake import Entry, Outcome
from .memory import Spot, moment
from .prose import LONGEST, bounded, escape
from .reading import modal_values, profile_of
from .threads import THREAD_TYPES, words_of

if TYPE_CHECKING:
    from .listening import Listening

log = structlog.get_logger("channels")
COMMAND, COMPONENT, MODAL = 2, 3, 5
MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, SHOW_MODAL = 4, 5, 6, 7, 9
ONLY_YOU = 64
DEFER_AFTER = 1.8
"""Seconds after which Discord is told that the answer follows: a commit or a thread that is being made takes its time."""
LATE = 3.0
"""An older interaction was sent before: it came again with a resumed session."""
HERE = "/channels/{channel_id}"
CALLBACK = "/interactions/{webhook_id}/{webhook_token}/callback"
FOLLOW_UP = "/webhooks/{webhook_id}/{webhook_token}"
ORIGINAL = FOLLOW_UP + "/messages/@original"
"""The first answer; of a button the message that it is under."""
ACKNOWLEDGED = 40060
"""The interaction had its first answer before, perhaps by a process that died then."""
NO_CONVERSATION = "There is no conversation here. Use /support to begin one, or write to me in a direct message."
NOT_YOURS = "This conversation belongs to somebody else. Use /support to begin your own."
FORM: dict[str, Any] = {
    "custom_id": "support",
    "title": "Ask for support",
    "components": [
        {
            "type": 1,
            "components": [
                {
                    "type": 4,
                    "custom_id": "subject",
                    "label": "Subject",
                    "style": 1,
                    "max_length": 100,
                    "required": False,
                }
            ],
        },
        {
            "type": 1,
            "components": [
                {
                    "type": 4,
                    "custom_id": "text",
                    "label": "How can we help?",
                    "style": 2,
                    "max_length": 3_800,
                    "required": True,
                }
            ],
        },
    ],
}


class Asked:
    """One interaction: who pressed or typed what, and where."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.id, self.token, self.kind = str(data["id"]), str(data["token"]), int(data["type"])
        self.app = str(data.get("application_id") or "")
        where = data.get("channel") or {}
        self.channel = str(data.get("channel_id") or where["id"])
        self.channel_type = where.get("type")
        self.guild = str(data.get("guild_id") or "")
        member = data.get("member") or {}
        self.user: dict[str, Any] = data.get("user") or member["user"]
        self.who = str(self.user["id"])
        self.profile = profile_of(self.user, member, str(data.get("locale") or ""))
        self.data: dict[str, Any] = data.get("data") or {}
        self.message: dict[str, Any] = data.get("message") or {}
        self.again = time.time() - moment(self.id) > LATE
        self.answering = asyncio.Lock()
        self.answered = False
        """Whether Discord had its first answer; what follows must go another way."""


class Interactions:
    """For one run of ``listen``."""

    def __init__(self, listening: Listening) -> None:
        self.listening = listening
        self.rest = listening.rest
        self.memory = listening.memory
        self.channel = listening.channel
        self.intake = listening.intake

    def heard(self, session: str, seq: int, data: dict[str, Any]) -> None:
        """One INTERACTION_CREATE."""
        if data.get("type") not in {COMMAND, COMPONENT, MODAL}:
            return
        asked = Asked(data)
        if not asked.guild:
            self.memory.know(asked.channel, asked.who)
        # In a channel of many each is on their own: nobody waits there for somebody else's thread.
        alone = asked.guild and self.memory.spot(asked.channel) is None
        order = f"{asked.channel}:{asked.who}" if alone else asked.channel
        if asked.kind == COMMAND and asked.data.get("name") == "support":
            order = asked.id  # a form cannot be shown later: it waits for nobody
        elif not asked.again:
            self.intake.later(self._defer(asked))
        self.intake.put_later(order, lambda: self._entries(asked), session, seq)

    async def _entries(self, asked: Asked) -> list[Entry]:
        if asked.kind == MODAL:
            return await self._form(asked)
        if asked.kind == COMPONENT:
            return await self._button(asked)
        name = str(asked.data.get("name") or "")
        if name == "support":
            await self.answer(asked, SHOW_MODAL, FORM)
            return []
        if name == "continue":
            return await self._continue(asked)
        if name not in {"person", "new"}:
            await self.say(asked, "I do not know this command. An admin can run: deskhand discord setup")
            return []
        if await self._mine(asked) is None:
            return []
        return [self._person(asked) if name == "person" else self._new(asked)]

    async def _spot(self, asked: Asked) -> Spot | None:
        found = self.memory.spot(asked.channel)
        if found is None and asked.guild and asked.channel_type in {None, *THREAD_TYPES}:
            found = await self.channel.threads.whose(asked.channel)
        return found

    async def _mine(self, asked: Asked) -> Spot | None:
        """The place, when it is this person's; else they are told."""
        found = await self._spot(asked)
        if found is None or found.customer != asked.who:
            await self.say(asked, NO_CONVERSATION if found is None else NOT_YOURS)
            return None
        self.listening.catching_up.first(asked.channel)
        return found

    def _inbound(self, asked: Asked, place: str, **more: Any) -> Inbound:
        return Inbound(
            channel=self.channel.name,
            key=f"dc:ix:{asked.id}",
            external_id=asked.who,
            place=place,
            profile=asked.profile,
            shared=bool(asked.guild),
            **more,
        )

    # Commands -------------------------------------------------------------------------------------------------------

    def _person(self, asked: Asked) -> Entry:
        async def after(outcome: Outcome) -> None:
            await self.say(asked, _words(outcome) or "You asked for a person.")

        return Entry(self._inbound(asked, asked.channel, kind="handoff"), after)

    def _new(self, asked: Asked) -> Entry:
        async def after(outcome: Outcome) -> None:
            await self.say(asked, _words(outcome) or "Your next message begins a new conversation.")

        return Entry(self._inbound(asked, asked.channel, kind="new"), after)

    async def _continue(self, asked: Asked) -> list[Entry]:
        options = {str(one.get("name")): one.get("value") for one in asked.data.get("options") or []}
        code = str(options.get("code") or "").strip()
        spot = await self._spot(asked)
        if spot is not None and spot.customer != asked.who:
            await self.say(asked, NOT_YOURS)
            return []

        async def after(outcome: Outcome) -> None:
            await self.say(asked, _words(outcome) or "The conversation goes on here.")

        return [Entry(self._inbound(asked, asked.channel, kind="continue", text=code), after)]

    # The form of /support -------------------------------------------------------------------------------------------

    async def _form(self, asked: Asked) -> list[Entry]:
        typed = modal_values(asked.data.get("components"))
        text = "\n\n".join(part for part in (typed.get("subject", "").strip(), typed.get("text", "").strip()) if part)
        if not text:
            await self.say(asked, "The form was empty. Write a few words about what you need.")
            return []
        spot = await self._spot(asked)
        if spot is not None and spot.customer == asked.who:
            return [Entry(self._inbound(asked, asked.channel, text=text), self._shown(asked, text))]
        if not asked.guild:
            return []
        parent = asked.channel
        if spot is not None or asked.channel_type in THREAD_TYPES:  # somebody else's thread: beside it
            parent = await self._parent(asked)
        try:
            subject = text.splitlines()[0]
            thread = await self.channel.threads.for_request(
                asked.guild, parent, asked.id, asked.who, subject, again=asked.again
            )
        except (Refusal, DeliveryFailure) as error:
            words = (
                words_of(error)
                if isinstance(error, Refusal)
                else "Discord did not make a thread just now. Try again in a moment."
            )
            # What was typed into a form is gone from the screen: give it back.
            await self.say(asked, bounded(f"{words}\n\n", "You wrote:\n" + text[:1_500]))
            return []
        self.memory.know(thread, asked.who, parent=parent)

        async def after(outcome: Outcome) -> None:
            if isinstance(outcome, Refused):
                await self.say(asked, bounded("", f"{outcome.message}\n\nYou wrote:\n{text[:1_200]}"))
                return
            with contextlib.suppress(StoreUnavailable):  # soon saved anyway; a thread can be known again
                await self.listening.save()
            await self.say(asked, f"Your conversation is here: <#{thread}>")
            await self.channel.threads.open_with(thread, asked.id, asked.who, text)

        return [Entry(self._inbound(asked, thread, text=text), after)]

    async def _parent(self, asked: Asked) -> str:
        try:
            found = await self.rest.call("GET", HERE, channel_id=asked.channel)
            return str(found.get("parent_id") or asked.channel)
        except (Refusal, DeliveryFailure):
            return asked.channel

    def _shown(self, asked: Asked, text: str) -> Any:
        """A form leaves nothing in the chat: show what was asked."""

        async def after(outcome: Outcome) -> None:
            if isinstance(outcome, Refused):
                await self.say(asked, bounded("", f"{outcome.message}\n\nYou wrote:\n{text[:1_200]}"))
                return
            quoted = "\n".join(f"> {line}" for line in text[:1_500].splitlines())
            await self.answer(asked, MESSAGE, {"content": bounded("You asked:\n", quoted)})

        return after

    # Buttons --------------------------------------------------------------------------------------------------------

    async def _button(self, asked: Asked) -> list[Entry]:
        found = await self._mine(asked)
        value = str(asked.data.get("custom_id") or "")
        if found is None or not value:
            return []

        async def after(outcome: Outcome) -> None:
            if isinstance(outcome, Refused):
                await self.say(asked, outcome.message)
                return
            if outcome.stays:
                await self.say(asked, outcome.aside or "It is noted.")
                return
            content = str(asked.message.get("content") or "")
            chosen = f"\n-# ✓ {escape(_label(asked.message, value))}"
            body: dict[str, Any] = {"components": []}
            if len(content) + len(chosen) <= LONGEST:
                body["content"] = content + chosen
            await self.answer(asked, UPDATE, body)
            if outcome.aside:
                await self._follow_up(asked, _only_you(outcome.aside))

        return [Entry(self._inbound(asked, asked.channel, kind="button", text=value), after)]

    # Answers --------------------------------------------------------------------------------------------------------

    async def say(self, asked: Asked, text: str) -> None:
        """A sentence that only this person sees."""
        await self.answer(asked, MESSAGE, _only_you(text))

    async def answer(self, asked: Asked, kind: int, data: dict[str, Any]) -> None:
        """Answer an interaction: at once, or where Discord was told that the answer follows."""
        if kind != SHOW_MODAL:
            data = {"allowed_mentions": {"parse": []}, **data}
        async with asked.answering:
            if not asked.answered:
                asked.answered = True
                if await self._call("POST", CALLBACK, asked, asked.id, {"type": kind, "data": data}) != ACKNOWLEDGED:
                    return
            if kind == MESSAGE and asked.kind == COMPONENT:
                await self._follow_up(asked, data)
            elif kind != SHOW_MODAL:
                body = {key: value for key, value in data.items() if key != "flags"}
                await self._call("PATCH", ORIGINAL, asked, asked.app, body)

    async def _defer(self, asked: Asked) -> None:
        """Keep an interaction alive whose answer takes long."""
        await asyncio.sleep(DEFER_AFTER)
        async with asked.answering:
            if asked.answered:
                return
            body: dict[str, Any] = {"type": DEFERRED_UPDATE}
            if asked.kind != COMPONENT:
                spot = self.memory.spot(asked.channel)
                # What was typed into a form at one's own place is shown there for good, anything else only to the person.
                shown = asked.kind == MODAL and spot is not None and spot.customer == asked.who
                body = {"type": DEFERRED, "data": {} if shown else {"flags": ONLY_YOU}}
            asked.answered = await self._call("POST", CALLBACK, asked, asked.id, body) is not None

    async def _follow_up(self, asked: Asked, data: dict[str, Any]) -> None:
        await self._call("POST", FOLLOW_UP, asked, asked.app, data)

    async def _call(self, method: str, path: str, asked: Asked, owner: str, body: dict[str, Any]) -> int | None:
        """Discord's code of a refusal, else 0; ``None`` when it was certainly not reached. What was committed stays committed."""
        try:
            await self.rest.call(method, path, webhook_id=owner, webhook_token=asked.token, body=body)
        except (Refusal, DeliveryFailure) as error:
            code = error.code if isinstance(error, Refusal) else 0
            log.warning("interaction_not_answered", channel="discord", reason=type(error).__name__, code=code)
            return None if isinstance(error, TemporaryFailure) else code
        return 0


def _only_you(text: str) -> dict[str, Any]:
    return {"content": text[:LONGEST], "flags": ONLY_YOU, "allowed_mentions": {"parse": []}}


def _words(outcome: Outcome) -> str:
    return str(outcome.message if isinstance(outcome, Refused) else outcome.aside)


def _label(message: dict[str, Any], value: str) -> str:
    for row in message.get("components") or []:
        for one in row.get("components") or []:
            if one.get("custom_id") == value:
                return str(one.get("label") or value)
    return value
