"""Promises about what goes wrong: each kind of failure is told apart, so that nothing is lost, doubled or tried for ever."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.channel import ChannelDown, PermanentFailure, Resend, TemporaryFailure
from bot.testing.doubles import Trouble
from bot.testing.promises import promise
from bot.testing.secrecy import overhear

if TYPE_CHECKING:
    from bot.testing.stage import Stage

STOP = 5.0
CERTAIN = (TemporaryFailure, PermanentFailure, ChannelDown)
RETRY_AFTER = 7.0


class Failing:
    """When sending fails. Mixed into :class:`bot.testing.ChannelConformance`."""

    @promise("send", troubles=[Trouble.OUTAGE])
    async def test_an_outage_is_temporary(self, stage: Stage) -> None:
        """A platform that cannot be reached is a TemporaryFailure; when it is back the same delivery is sent, once."""
        place = await stage.place(1)
        await stage.trouble(Trouble.OUTAGE)
        out = stage.out(place, "after the outage")
        error = await stage.fails(out)
        assert isinstance(error, TemporaryFailure), f"nothing can have been sent, and send() gave {error!r}"
        await stage.platform.heal()
        await stage.send(replace(out, attempt=2))
        await stage.shown(place)
        assert await stage.shows_now(place) == ["after the outage"]

    @promise("send", troubles=[Trouble.REFUSED])
    async def test_a_refusal_is_permanent(self, stage: Stage) -> None:
        """What the platform refuses for good is a PermanentFailure, shows nothing, and does not disturb the next message."""
        place = await stage.place(1)
        await stage.trouble(Trouble.REFUSED)
        error = await stage.fails(stage.out(place, "refused"))
        assert isinstance(error, PermanentFailure), f"the platform refused it for good, and send() gave {error!r}"
        assert str(error), "the failure has no words: people read them"
        await stage.send(stage.out(place, "taken"))
        await stage.shown(place)
        assert await stage.shows_now(place) == ["taken"]

    @promise("send", troubles=[Trouble.RATE_LIMITED])
    async def test_a_rate_limit_tells_how_long_to_wait(self, stage: Stage) -> None:
        """A rate limit is a TemporaryFailure with the platform's own seconds in retry_after, at once, and shows nothing."""
        place = await stage.place(1)
        await stage.trouble(Trouble.RATE_LIMITED, RETRY_AFTER)
        began = time.monotonic()
        error = await stage.fails(stage.out(place, "too fast"))
        assert isinstance(error, TemporaryFailure), f"the platform asked for a pause, and send() gave {error!r}"
        assert error.retry_after is not None, "the platform said how long to wait, and retry_after is None"
        assert RETRY_AFTER <= error.retry_after <= RETRY_AFTER * 2, (
            f"retry_after is {error.retry_after}, not {RETRY_AFTER}"
        )
        assert time.monotonic() - began < RETRY_AFTER, "send() slept instead of raising: the core waits, others go on"
        assert await stage.shows_now(place) == []

    @promise("send", troubles=[Trouble.BROKEN])
    async def test_a_fault_of_the_platform_is_no_refusal(self, stage: Stage) -> None:
        """A fault of the platform's own (a 500) is uncertain or temporary, never a refusal and never a success."""
        place = await stage.place(1)
        await stage.trouble(Trouble.BROKEN)
        error = await stage.fails(stage.out(place, "broken"))
        if error is None:
            await stage.shown(place)  # it looked by itself and knows that it is there
        else:
            assert not isinstance(error, (PermanentFailure, ChannelDown)), f"it would never be tried again: {error!r}"
        await stage.platform.heal()
        await stage.send(stage.out(place, "next"))
        assert (await stage.shows_now(place))[-1] == "next"

    @promise("send", troubles=[Trouble.LOST_ANSWER])
    async def test_a_lost_answer_is_uncertain_and_sends_nothing_twice(self, stage: Stage) -> None:
        """When the platform took a message and its answer is lost, send() neither says that it was not sent nor sends it twice."""
        place = await stage.place(1)
        await stage.send(stage.out(place, "before"))
        await stage.trouble(Trouble.LOST_ANSWER)
        error = await stage.fails(stage.out(place, "perhaps"))
        assert not isinstance(error, CERTAIN), f"it was shown, and send() said that it was not sent: {error!r}"
        await stage.shown(place, 2)
        assert await stage.shows_now(place) == ["before", "perhaps"]

    @promise("send", troubles=[Trouble.LOST_ANSWER])
    async def test_an_uncertain_send_is_settled_as_declared(self, stage: Stage) -> None:
        """What was declared for uncertain sends (resend) is true: sent again it is shown once, or find() tells whether it is there."""
        place = await stage.place(1)
        channel = stage.channel
        await stage.trouble(Trouble.LOST_ANSWER)
        out = stage.out(place, "settle me")
        await stage.fails(out)
        (there,) = await stage.shown(place)
        if channel.resend in {Resend.NATIVE, Resend.NONCE, Resend.STABLE_ID}:
            await stage.renew()
            await stage.send(replace(out, attempt=2, first_sent_at=time.time()))
            found = await stage.shows_now(place)
            assert found == ["settle me"], f"{channel.resend!s} was declared, and sending again shows {found}"
        if channel.resend is Resend.READBACK:
            await stage.renew()
            sent = await stage.find(out.key, place)
            assert sent is not None, "READBACK was declared, and find() does not find what is there"
            assert sent.platform_id in {"", there.id}
            missing = await stage.find(stage.out(place, "").key, place)
            assert missing is None, "find() found a delivery that was never sent"

    @promise("send", troubles=[Trouble.SLOW])
    async def test_a_silent_platform_is_given_up_in_time(self, stage: Stage) -> None:
        """send() raises within limits.timeout when the platform does not answer, and does not say that it was not sent."""
        place = await stage.place(1)
        declared = stage.channel.limits.timeout
        # Shorter, for channels that read it from here each time; others are waited for.
        stage.channel.limits = replace(stage.channel.limits, timeout=1.0)  # type: ignore[misc]
        await stage.trouble(Trouble.SLOW, declared + 5)
        began = time.monotonic()
        sending = asyncio.ensure_future(stage.deliver(stage.out(place, "slow")))
        await asyncio.wait({sending}, timeout=declared + 2)
        assert sending.done(), f"send() still waits after limits.timeout ({declared:g} s)"
        error = sending.exception()
        assert error is not None, "send() succeeded although the platform had not answered"
        assert not isinstance(error, CERTAIN), f"after {time.monotonic() - began:.1f} s nobody can know: {error!r}"

    @promise("send", troubles=[Trouble.SLOW])
    async def test_a_send_can_be_cancelled(self, stage: Stage) -> None:
        """A send that is cancelled ends within 5 s, shows nothing twice, and the next one works."""
        place = await stage.place(1)
        await stage.send(stage.out(place, "before"))
        await stage.trouble(Trouble.SLOW, 30.0)
        sending = asyncio.ensure_future(stage.deliver(stage.out(place, "cut off")))
        await stage.shown(place, 2)
        sending.cancel()
        await asyncio.wait({sending}, timeout=STOP)
        assert sending.done(), "send() was cancelled and did not end within 5 s: let CancelledError pass"
        await stage.platform.heal()
        await stage.send(stage.out(place, "after"))
        await stage.shown(place, 3)
        assert await stage.shows_now(place) == ["before", "cut off", "after"]

    @promise("send", troubles=[Trouble.REVOKED])
    async def test_a_revoked_token_needs_an_admin(self, stage: Stage) -> None:
        """A credential that is not accepted is ChannelDown with a sentence for the admin, and works again when it is accepted."""
        place = await stage.place(1)
        await stage.trouble(Trouble.REVOKED)
        out = stage.out(place, "waits")
        error = await stage.fails(out)
        assert isinstance(error, ChannelDown), f"an admin must act, and send() gave {error!r}"
        assert len(str(error).split()) > 3, f"the admin reads only {str(error)!r}"
        await stage.platform.heal()
        await stage.renew()
        await stage.send(out)
        assert await stage.shows_now(place) == ["waits"]

    @promise("listens", troubles=[Trouble.REVOKED])
    async def test_listening_with_a_refused_token_needs_an_admin(self, stage: Stage) -> None:
        """listen() with a credential that is not accepted raises ChannelDown with a sentence for the admin, and works again when it
        is accepted."""
        place = await stage.place(1)
        await stage.trouble(Trouble.REVOKED)
        error = await stage.listening_fails(ChannelDown)
        assert len(str(error).split()) > 3, f"the admin reads only {str(error)!r}"
        await stage.platform.heal()
        await stage.renew()
        await stage.listen()
        await stage.write(place, "heard again")
        await stage.arrived(place)

    @promise("send", "secrets")
    async def test_no_error_and_no_log_shows_a_token(self, stage: Stage) -> None:
        """Whatever goes wrong, no token is in an error, in a log line at INFO or above, or in what is printed."""
        place = await stage.place(1)
        with overhear() as heard:
            heard.parts.append(repr(stage.channel))
            await stage.listen()
            for kind in sorted(stage.double.troubles):
                await stage.trouble(kind, 1.0)
                heard.error(await stage.fails(stage.out(place, f"during {kind}")))
                if kind in {Trouble.OUTAGE, Trouble.REVOKED}:
                    await asyncio.sleep(0.3)  # so that listening fails as well
                await stage.platform.heal()
            await stage.stop()
            for error in stage.troubles:
                heard.error(error)
        leak = heard.shows(stage.double.secrets)
        assert not leak, f"a token is shown: {leak}"

    @promise()
    async def test_nothing_is_left_running(self, stage: Stage) -> None:
        """After the listener was stopped and close() returned, no task of the channel runs on."""
        before = asyncio.all_tasks()
        place = await stage.place(1)
        await stage.listen()
        await stage.write(place, "hello")
        await stage.arrived(place)
        await stage.stop()
        await asyncio.wait_for(stage.channel.close(), STOP)

        def left() -> list[str]:
            return [task.get_name() for task in asyncio.all_tasks() - before if not task.done()]

        end = time.monotonic() + STOP
        while left() and time.monotonic() < end:
            await asyncio.sleep(0.02)
        assert not left(), f"still running: {left()}"
