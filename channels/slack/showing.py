"""The core's answers as their person sees them: a form, a sentence in its place, a line above the inbox, words beside the thread.

None of it is the only place of what it says, so a lost one loses nothing; and none of it holds up an acknowledgement for long.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog

from bot import Action, DeskAnswer, DeskInbox, Option, Page, Press, Presses, TemporaryFailure, Words

from .asides import Asides
from .buttons import LABELS
from .controls import option
from .failures import code_of, failure_of
from .forms import explained, sentence
from .heard import Heard
from .homes import Homes
from .pages import message_blocks, modal_view, page_text
from .rich import cut, escape, rich, section, words

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

log = structlog.get_logger("channels")
PATIENCE = 2.3
"""Seconds after which a trigger is as good as gone, and an acknowledgement late; Slack allows three."""
REMEMBERED = 500
WELL = {"done", "sent", "held", "note", "ignored", "duplicate"}
TOO_LATE = "Slack took too long to open the form. Nothing was changed: press the button once more."
UNDER_WAY = "This takes a moment. The answer follows here."
NO_ANSWER = "Nothing could be stored just now, so nothing was changed. Please try once more in a minute."
_LATE = {"expired_trigger_id", "exchanged_trigger_id"}
SLACKS_HOOKS = "hooks.slack.com"


class Showing:
    """Shows answers and opens pages. ``inbox`` is set while there is somebody to ask."""

    inbox: DeskInbox
    homes: Homes

    def __init__(self, client: AsyncWebClient, asides: Asides) -> None:
        self.client = client
        self.asides = asides
        self.tasks: set[asyncio.Task[None]] = set()
        """What is under way to people."""
        self._newest: OrderedDict[str, float] = OrderedDict()

    async def stop(self) -> None:
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def soon(self, what: Coroutine[Any, Any, None]) -> None:
        """In the background; what goes wrong is logged and nothing else."""
        task = asyncio.ensure_future(self._kept(what))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _kept(self, what: Coroutine[Any, Any, None]) -> None:
        try:
            await what
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.warning("answer_not_shown", desk="slack", reason=f"{type(error).__name__}: {error}"[:200])

    # Answers -------------------------------------------------------------------------------------------------------------

    def acknowledgement(self, heard: Heard, answer: DeskAnswer) -> dict[str, Any] | None:
        """What Slack is answered at once, for a form that was sent: it closes, changes, or stays open with what is wrong."""
        if heard.surface == "home":
            self.homes.soon(heard.user)
        if answer.code == "duplicate":
            return None
        if answer.code == "invalid" and answer.errors and heard.blocks:
            return _wrong(heard, answer)
        if answer.page is not None and answer.page.kind == "home":
            self.homes.soon(heard.user, page=answer.page)
        elif answer.page is not None and (answer.page.kind == "form" or not heard.place):
            return {"response_action": "update", "view": modal_view(answer.page, heard.place, heard.thread)}
        elif answer.page is not None:
            self._beside(heard, answer)
            return None
        if answer.aside and (answer.code not in WELL or not heard.place):
            # In the place of the form: a sentence in the channel is easily missed while it is open.
            return {"response_action": "update", "view": sentence(answer.aside)}
        self.asides.tell(heard, answer)
        return None

    def answered(self, heard: Heard, answer: DeskAnswer) -> None:
        """Show what came of a press or of words in a thread."""
        if heard.surface == "home":
            home = answer.page if answer.page is not None and answer.page.kind == "home" else None
            said = "" if answer.code == "duplicate" else _said(answer)
            self.homes.soon(heard.user, said=said, page=home)
            if answer.page is not None and home is None and answer.code != "duplicate":
                self.soon(self._open(heard, answer.page))
        elif answer.code == "duplicate":
            return
        elif answer.page is None and heard.surface == "modal" and _said(answer):
            self.soon(self._over(heard, sentence(_said(answer))))
        elif answer.page is None or answer.page.kind == "home":
            self.asides.tell(heard, answer if not answer.errors else replace(answer, aside=_said(answer)))
        elif heard.surface == "modal":
            self.soon(self._open(heard, answer.page))
        elif answer.page.kind == "form" and heard.trigger:
            self.soon(self._open(heard, answer.page))
            if answer.aside:
                self.asides.tell(heard, answer)
        else:
            self._beside(heard, answer)

    def _beside(self, heard: Heard, answer: DeskAnswer) -> None:
        """The page as a message that only its person sees. A form needs a press before it can be opened."""
        text, blocks = _as_message(heard, answer)
        self.asides.show(heard, text, blocks)

    # Pages ---------------------------------------------------------------------------------------------------------------

    def wanted(self, heard: Heard) -> None:
        """Read a page and open it while the trigger is good."""
        self.soon(self._read_and_open(heard))

    async def _read_and_open(self, heard: Heard) -> None:
        assert heard.wanted is not None  # noqa: S101
        try:
            async with asyncio.timeout(self._left(heard)):
                page = await self.inbox.page(heard.wanted)
        except TimeoutError:
            log.warning("page_late", desk="slack", page=heard.wanted.name)
            self.say(heard, TOO_LATE)
            return
        except Exception as error:
            log.warning("page_not_read", desk="slack", page=heard.wanted.name, reason=type(error).__name__)
            self.say(
                heard, "This could not be read just now. Nothing was changed: press the button once more in a moment."
            )
            return
        if page.kind == "home":
            self.homes.soon(heard.user, page=page)
            return
        await self._open(heard, page)

    async def _open(self, heard: Heard, page: Page) -> None:
        """In a window of its own, or in place of the form that is open."""
        place, thread = (heard.wanted.place, heard.wanted.thread) if heard.wanted else (heard.place, heard.thread)
        view = modal_view(page, place, thread)
        if heard.modal:
            await self._update(heard, view)
            return
        try:
            await self.client.views_open(trigger_id=heard.trigger, view=view)
        except Exception as error:
            failure = failure_of(error)
            log.warning("form_not_opened", desk="slack", page=page.name, reason=str(failure))
            late = code_of(getattr(error, "response", None)) in _LATE or isinstance(failure, TemporaryFailure)
            self.say(heard, TOO_LATE if late else f"The form could not be opened. {failure}")

    async def _update(self, heard: Heard, view: dict[str, Any]) -> None:
        """Change an open form. An older answer never takes the place of a newer one."""
        if self._newest.get(heard.modal, 0.0) > heard.began:
            return
        self._newest[heard.modal] = heard.began
        self._newest.move_to_end(heard.modal)
        while len(self._newest) > REMEMBERED:
            self._newest.popitem(last=False)
        try:
            await self.client.views_update(view_id=heard.modal, hash=heard.modal_hash, view=view)
        except Exception as error:
            code = code_of(getattr(error, "response", None))
            if code == "hash_conflict" and self._newest.get(heard.modal) == heard.began:
                # What changed it meanwhile was the answer to something that was pressed before this.
                await self.client.views_update(view_id=heard.modal, view=view)
            elif code not in {"hash_conflict", "not_found"}:  # closed meanwhile
                log.warning("form_not_changed", desk="slack", reason=str(failure_of(error)))

    async def _over(self, heard: Heard, view: dict[str, Any]) -> None:
        """A sentence over an open form, which stays as it is below."""
        try:
            await self.client.views_push(trigger_id=heard.trigger, view=view)
        except Exception as error:
            log.warning("sentence_not_shown", desk="slack", reason=str(failure_of(error)))

    def say(self, heard: Heard, text: str) -> None:
        """A sentence of our own, where its person is."""
        if heard.surface == "home":
            self.homes.soon(heard.user, said=text)
        elif heard.surface == "modal":
            self.soon(self._over(heard, sentence(text)))
        else:
            self.asides.tell(replace(heard, words=text), None)

    async def options(self, heard: Heard) -> dict[str, Any]:
        """Entries of a list that is searched. None when they cannot be had in time."""
        assert heard.wanted is not None  # noqa: S101
        found: list[dict[str, Any]] = []
        try:
            async with asyncio.timeout(self._left(heard)):
                read: list[Option] = list(await self.inbox.options(heard.wanted, heard.query or ""))
            found = list({one.value: option(one) for one in read}.values())[:100]
        except Exception as error:
            log.warning(
                "options_not_read", desk="slack", page=heard.wanted.name, field=heard.wanted.value, reason=type(error).__name__
            )  # fmt: skip
        return {"options": found}

    def _left(self, heard: Heard) -> float:
        return max(0.1, heard.began + PATIENCE - time.monotonic())

    # Commands ------------------------------------------------------------------------------------------------------------

    async def commanded(self, heard: Heard, done: asyncio.Future[DeskAnswer]) -> dict[str, Any] | None:
        """The answer to ``/desk``: in the acknowledgement, which works in every channel, or later at Slack's own address."""
        await asyncio.wait({done}, timeout=self._left(heard))
        if done.done():
            return await self._command_answer(heard, done)
        self.soon(self._later(heard, done))
        return {"response_type": "ephemeral", "text": UNDER_WAY}

    async def _command_answer(self, heard: Heard, done: asyncio.Future[DeskAnswer]) -> dict[str, Any] | None:
        try:
            answer = await done
        except Exception as error:
            log.warning("command_not_done", desk="slack", reason=type(error).__name__)
            return {"response_type": "ephemeral", "text": NO_ANSWER}
        if answer.code == "duplicate":
            return None
        if answer.page is not None and answer.page.kind == "form" and time.monotonic() < heard.began + PATIENCE:
            self.soon(self._open(heard, answer.page))
            if not answer.aside:
                return None
            answer = replace(answer, page=None)
        if answer.page is None and not _said(answer):
            return {"response_type": "ephemeral", "text": "Done."}
        text, blocks = _as_message(heard, answer)
        return {"response_type": "ephemeral", "text": text, "blocks": blocks}

    async def _later(self, heard: Heard, done: asyncio.Future[DeskAnswer]) -> None:
        body = await self._command_answer(heard, done)
        session: Any = self.client.session
        if body is None or not _is_slacks(heard.later, str(self.client.base_url)):
            return
        async with asyncio.timeout(10), session.post(heard.later, json=body, allow_redirects=False) as answer:
            if answer.status != 200:
                log.warning("command_answer_not_taken", desk="slack", status=answer.status)


def _said(answer: DeskAnswer) -> str:
    """The sentence of an answer; what is wrong with a form is said in it where the form cannot say so. An aside that is a page says
    it all itself."""
    if answer.page is not None and answer.page.kind == "aside":
        return ""
    return "\n".join(one for one in (answer.aside, *(answer.errors or {}).values()) if one)


def _wrong(heard: Heard, answer: DeskAnswer) -> dict[str, Any]:
    """The form stays, and each field says what is wrong with it. What belongs to no field stands under the first."""
    errors: dict[str, str] = {}
    first = next(iter(heard.blocks.values()))
    for name, text in answer.errors.items():
        block = heard.blocks.get(name, first)
        errors[block] = cut(f"{errors[block]} {text}" if block in errors else text, 500)
    found = {"response_action": "errors", "errors": {}}
    for block, text in errors.items():
        found["errors"] |= explained(block, text)["errors"]  # type: ignore[operator]
    return found


def _as_message(heard: Heard, answer: DeskAnswer) -> tuple[str, list[dict[str, Any]]]:
    """An answer as the text and the blocks of a message that one person sees."""
    page = answer.page
    said = "\n".join(one for one in (_said(answer), heard.words) if one)
    if page is not None and page.kind == "form":
        opener = Press(
            label=cut(page.title, 60) or "Open", opens=page.name, value=page.value, conversation_id=page.conversation_id,
            style="primary",
        )  # fmt: skip
        page = Page(
            name=page.name, kind="aside", conversation_id=page.conversation_id,
            parts=(*(() if said else (Words("Press the button to go on."),)), Presses((opener,))),
        )  # fmt: skip
    lines = [rich(section(words(cut(said, 2_800))))] if said else []
    blocks = [*lines, *(message_blocks(page) if page is not None else [])]
    offered = tuple(
        Press(label=LABELS[Action(one)].rstrip("…"), action=one, value=answer.value if one is Action.UNDO else "")
        for one in answer.offer
    )
    conversation = heard.event.conversation_id if heard.event else ""
    if offered and conversation:
        blocks += message_blocks(
            Page(name="offer", kind="aside", conversation_id=conversation, parts=(Presses(offered),))
        )
    text = "\n".join(one for one in (said, page_text(page) if page is not None else "") if one)
    return escape(cut(text, 3_000)), blocks


def _is_slacks(address: str, api: str) -> bool:
    """Whether an answer may be sent there: Slack's own host for that, or the gateway that the API is asked at."""
    there, ours = urlsplit(address), urlsplit(api)
    if there.scheme == "https" and there.hostname == SLACKS_HOOKS and there.port in {None, 443}:
        return True
    return (there.scheme, there.netloc) == (ours.scheme, ours.netloc) and ours.hostname != "slack.com"
