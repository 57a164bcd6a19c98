"""What a host makes of a channel that fails: it is named, waited for, and nothing is lost or hammered."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot import troubles
from bot.channel import ChannelDown, Limits, PermanentFailure, TemporaryFailure
from bot.messages import Outbound
from channels.host import Host
from channels.host import hosted as hosting
from channels.host.circuit import WAITS
from tests.channels.boards import Board, Switches, installed, states
from tests.channels.hosting import hangs, hosting_of, planned
from tests.patience import until


@pytest.fixture(autouse=True)
def ready(store: Any) -> None:
    installed(store)


def test_a_revoked_token_pauses_the_channel_and_new_settings_send_everything() -> None:
    down, well = Board(), Board()
    planned(down, 12)
    tries: list[str] = []

    async def refused(out: Outbound) -> None:
        tries.append(out.place)
        raise ChannelDown("The platform refuses the token. Make a new one and set it.")

    down.sending = refused

    async def story(host: Host) -> None:
        await until(troubles.found)
        (trouble,) = troubles.found()
        assert (trouble.channel, trouble.part, trouble.waiting) == ("board", "send", 12)
        assert trouble.text == "The platform refuses the token. Make a new one and set it."
        await until(lambda: not host.hosted["board"].draining)  # what was under way when it was found out
        seen = len(tries)
        host.hosted["board"].wake.set()
        await asyncio.sleep(1.2)
        assert len(tries) == seen <= 12, "it is not hammered"
        assert set(states("board")) == {"pending"}
        switches.channels = {"board": well}
        await until(lambda: len(well.sent) == 12)
        await until(lambda: not troubles.found())

    switches = Switches(down)
    hosting_of(switches, story)


def test_an_outage_pauses_the_sender_and_the_first_success_lets_everything_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("channels.host.circuit.WAITS", (0.5, 1.0))
    assert WAITS[0] == 5.0, "in earnest"
    board = Board()
    planned(board, 30)
    away, tries = True, []

    async def perhaps(out: Outbound) -> None:
        tries.append(out.place)
        if away:
            raise TemporaryFailure("connection refused")

    board.sending = perhaps

    async def story(host: Host) -> None:
        nonlocal away
        await until(lambda: "board" in host.hosted and host.hosted["board"].circuit.open)
        await until(troubles.found)
        seen = len(tries)
        await asyncio.sleep(1.5)
        assert len(tries) - seen <= 4, "only probes"
        away = False
        await until(lambda: len(board.sent) == 30, 20)
        await until(lambda: not troubles.found())

    hosting_of(Switches(board), story)
    assert len({out.place for out in board.sent}) == 30


def test_a_listener_that_is_down_is_named_and_sends_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosting, "DOWN_BACKOFF", (0.2, 0.2))
    monkeypatch.setattr(hosting, "WELL_AFTER", 0.5)
    board = Board()
    planned(board, 3)
    missing = True

    async def listen(inbox: Any) -> None:
        if missing:
            raise ChannelDown("The intent for message content is missing. Switch it on in the developer portal.")
        await asyncio.Event().wait()

    board.listen = listen  # type: ignore[method-assign]

    async def story(host: Host) -> None:
        nonlocal missing
        await until(lambda: len(board.sent) == 3)
        await until(lambda: [t.part for t in troubles.found()] == ["listen"])
        missing = False
        await until(lambda: not troubles.found())

    hosting_of(Switches(board), story)


def test_a_listener_that_fails_again_and_again_is_told_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosting, "BACKOFF", (0.05, 0.05))
    monkeypatch.setattr(hosting, "WELL_AFTER", 0.5)
    board = Board()
    tried = 0

    async def listen(inbox: Any) -> None:
        nonlocal tried
        tried += 1
        if tried <= 4:
            raise PermanentFailure("The board's licence is over. Renew it.")
        await asyncio.Event().wait()

    board.listen = listen  # type: ignore[method-assign]

    async def story(host: Host) -> None:
        await until(troubles.found)
        assert "The board's licence is over. Renew it." in troubles.found()[0].text
        await until(lambda: not troubles.found())

    with capture_logs() as logs:
        hosting_of(Switches(board), story)
    told = [line["reason"] for line in logs if line["event"] == "listener_ended"]
    assert told and all(reason == "PermanentFailure: The board's licence is over. Renew it." for reason in told)


@pytest.mark.parametrize("uncertain", ["resend", "hold"])
def test_what_nobody_can_tell_is_sent_again_or_held_as_the_channel_says(uncertain: str, store: Any) -> None:
    board = Board()
    board.uncertain = uncertain  # type: ignore[assignment]
    planned(board, 1)
    tries = 0

    async def once(out: Outbound) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise ConnectionResetError

    board.sending = once

    async def story(host: Host) -> None:
        await until(lambda: states("board") == ["uncertain"])
        store.write(lambda: store.Delivery.update(next_at=0).execute())
        await until(lambda: states("board") == (["sent"] if uncertain == "resend" else ["held"]))

    hosting_of(Switches(board), story)
    assert tries == (2 if uncertain == "resend" else 1)


class Tight(Board):
    name = "tight"
    limits = Limits(max_text=400, timeout=0.5)


def test_a_send_that_does_not_end_is_uncertain_after_the_channels_own_time() -> None:
    tight = Tight()
    tight.sending = hangs
    planned(tight, 1)

    async def story(host: Host) -> None:
        await until(lambda: states("tight") == ["uncertain"], 5)

    hosting_of(Switches(tight), story)
