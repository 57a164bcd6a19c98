"""More channels that are broken on purpose: when sending fails, and in what they declare."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

from bot import (
    Capability,
    ChannelDown,
    Draft,
    Inbound,
    Inbox,
    Outbound,
    PermanentFailure,
    Receipt,
    Resend,
    Sent,
    TemporaryFailure,
)
from tests.conformance.mutants import breaks
from tests.conformance.pager import Pager

# Failures ---------------------------------------------------------------------------------------------------------------


@breaks("an_outage_is_temporary", "a_fault_of_the_platform_is_no_refusal")
class Despairing(Pager):
    """Every failure is for good."""

    async def ask(self, do: str, place: str, **more: Any) -> dict[str, Any]:
        try:
            return await super().ask(do, place, **more)
        except Exception as error:
            raise PermanentFailure(str(error)) from None


@breaks(
    "a_refusal_is_permanent", "a_lost_answer_is_uncertain_and_sends_nothing_twice", "a_revoked_token_needs_an_admin"
)
class Hoping(Pager):
    """Every failure passes."""

    async def ask(self, do: str, place: str, **more: Any) -> dict[str, Any]:
        try:
            return await super().ask(do, place, **more)
        except Exception as error:
            raise TemporaryFailure(str(error)) from None


@breaks("a_rate_limit_tells_how_long_to_wait")
class Impatient(Pager):
    def judged(self, answer: dict[str, Any]) -> dict[str, Any]:
        return super().judged({**answer, "seconds": None} if "seconds" in answer else answer)


@breaks("a_refusal_is_permanent")
class Cheerful(Pager):
    """Whatever happens, it was sent."""

    async def send(self, out: Outbound) -> Sent:
        try:
            return await super().send(out)
        except Exception:
            return Sent("1")


@breaks("a_lost_answer_is_uncertain_and_sends_nothing_twice", "a_send_can_be_cancelled")
class Repeating(Pager):
    """Tries again by itself, under another key."""

    async def send(self, out: Outbound) -> Sent:
        try:
            return await super().send(out)
        except (Exception, asyncio.CancelledError):
            return await super().send(replace(out, key=f"{out.key}-again"))


@breaks("an_uncertain_send_is_settled_as_declared")
class Boasting(Pager):
    """Says that the platform drops seconds, and gives it another key each time."""

    async def send(self, out: Outbound) -> Sent:
        return await super().send(replace(out, key=f"{out.key}-{out.attempt}"))


@breaks("an_uncertain_send_is_settled_as_declared")
class Inventing(Pager):
    """Finds whatever it is asked for."""

    resend = Resend.READBACK

    async def find(self, key: str, place: str) -> Sent | None:
        return Sent("1")


@breaks("a_silent_platform_is_given_up_in_time")
class Patient(Pager):
    async def ask(self, do: str, place: str, **more: Any) -> dict[str, Any]:
        self.limits = replace(self.limits, timeout=600)
        return await super().ask(do, place, **more)


@breaks("a_send_can_be_cancelled")
class IgnoringCancel(Pager):
    async def send(self, out: Outbound) -> Sent:
        work = asyncio.ensure_future(super().send(out))
        while not work.done():
            try:
                await asyncio.shield(work)
            except asyncio.CancelledError:
                pass
            except Exception:
                break
        return work.result()


@breaks("listening_with_a_refused_token_needs_an_admin")
class Stubborn(Pager):
    """Asks again and again with the same token, and tells nobody."""

    async def listen(self, inbox: Inbox) -> None:
        while True:
            try:
                await super().listen(inbox)
            except ChannelDown:
                await asyncio.sleep(0.05)


@breaks("listening_with_a_refused_token_needs_an_admin")
class Terse(Pager):
    async def listen(self, inbox: Inbox) -> None:
        try:
            await super().listen(inbox)
        except ChannelDown:
            raise ChannelDown("401") from None


@breaks("no_error_and_no_log_shows_a_token")
class Leaking(Pager):
    def judged(self, answer: dict[str, Any]) -> dict[str, Any]:
        if answer.get("error") == "fault":
            raise TemporaryFailure(f"POST /send?token={self.token} failed")
        return super().judged(answer)


@breaks("no_error_and_no_log_shows_a_token")
class Logging(Pager):
    async def ask(self, do: str, place: str, **more: Any) -> dict[str, Any]:
        import logging

        logging.getLogger("pager.http").info("asking with %s", self.token)
        return await super().ask(do, place, **more)


# Declared ---------------------------------------------------------------------------------------------------------------


@breaks("what_is_declared_is_written_and_the_other_way_round")
class Modest(Pager):
    """Writes drafts and tells nobody."""

    capabilities = Pager.capabilities - {Capability.DRAFT}


@breaks("what_is_not_declared_is_refused")
class Undeclared(Pager):
    capabilities = Pager.capabilities - {Capability.EDIT}


@breaks(
    "an_edit_changes_the_message_in_place",
    "an_edit_of_nothing_is_refused",
    "a_deletion_takes_away_one_message",
    "a_reaction_is_put_on_and_taken_off",
)
class Posting(Pager):
    """Whatever is to be done, it posts."""

    async def send(self, out: Outbound) -> Sent:
        return await super().send(replace(out, op="send", text=out.text or "?"))


@breaks("a_customers_edit_arrives", "a_customers_deletion_arrives", "a_customers_reaction_arrives")
class Conservative(Pager):
    """What was written was written."""

    def understood(self, event: dict[str, Any]) -> Inbound | None:
        return super().understood(event) if event["kind"] in {"message", "button"} else None


@breaks("a_file_is_shown_with_its_bytes", "buttons_are_shown_under_the_message", "a_press_brings_the_value_back")
class Plain(Pager):
    """Text is enough."""

    async def send(self, out: Outbound) -> Sent:
        return await super().send(replace(out, files=(), buttons=()))


@breaks("a_customers_file_arrives", "a_file_that_is_too_large_is_named")
class Fileless(Pager):
    def understood(self, event: dict[str, Any]) -> Inbound | None:
        inbound = super().understood(event)
        return inbound and replace(inbound, files=())


@breaks("a_press_brings_the_value_back")
class Shortening(Pager):
    def understood(self, event: dict[str, Any]) -> Inbound | None:
        inbound = super().understood(event)
        return inbound and replace(inbound, text=inbound.text[:32]) if event["kind"] == "button" else inbound


@breaks("buttons_are_taken_away_after_a_press")
class Leaving(Pager):
    """Who wants to press twice may press twice."""

    async def pressed(self, event: dict[str, Any], receipt: Receipt) -> None:
        pass


@breaks("buttons_are_taken_away_after_a_press")
class Withdrawing(Pager):
    """Takes the message away with its buttons."""

    async def pressed(self, event: dict[str, Any], receipt: Receipt) -> None:
        await self.ask("change", event["place"], how="edit", id=event["under"], text="✓")
        await super().pressed(event, receipt)


@breaks("buttons_that_may_be_pressed_again_stay")
class Tidying(Pager):
    """Pressed is pressed."""

    async def pressed(self, event: dict[str, Any], receipt: Receipt) -> None:
        await super().pressed(event, replace(receipt, stays=False))


@breaks("typing_is_shown_and_posts_nothing", "a_draft_grows_and_ends_in_the_answer")
class Chatty(Pager):
    """Says aloud that somebody writes."""

    async def typing(self, place: str) -> None:
        await self.ask("send", place, text="…", key=f"typing{time.monotonic()}", buttons=[], files=[])

    async def draft(self, draft: Draft) -> None:
        await super().draft(draft)
        await self.typing(draft.place)
