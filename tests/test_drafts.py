"""Live text: the first piece at once, the rest in windows, in order, and nothing behind the message that replaces it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import orjson

from bot.drafts import Drafts
from tests.patience import patient, wait_for

CONVERSATION = "0192b7c2-0000-7000-8000-00000000000c"


class Told:
    """Stands where the bus stands, and keeps what it is told."""

    def __init__(self) -> None:
        self.trips: list[tuple[float, list[tuple[str, bytes]], list[tuple[str, str]]]] = []
        self.held = threading.Event()
        self.held.set()
        self.begun = 0

    def send_now(self, items: Sequence[tuple[str, bytes]], drafts: Sequence[tuple[str, str]] = ()) -> None:
        self.begun += 1
        self.held.wait(patient(5))
        self.trips.append((time.monotonic(), list(items), list(drafts)))

    @property
    def frames(self) -> list[Any]:
        return [
            orjson.loads(payload[36:]) if topic == "live" else topic
            for _, items, _ in self.trips
            for topic, payload in items
        ]


def begin() -> tuple[Told, Drafts]:
    told = Told()
    return told, Drafts(told)  # type: ignore[arg-type]


def test_the_first_piece_leaves_at_once_and_the_next_ones_together() -> None:
    told, drafts = begin()
    draft = drafts.open(CONVERSATION, "t", 1)
    began = time.monotonic()
    draft.add("One ")
    wait_for(lambda: told.trips, 2)
    for word in ("two ", "three ", "four"):
        draft.add(word)
    wait_for(lambda: len(told.trips) == 2, 2)
    drafts.stop()
    assert told.trips[0][0] - began < patient(0.045)
    assert told.trips[1][0] - told.trips[0][0] >= 0.045
    assert [(frame["off"], frame["text"]) for frame in told.frames] == [(0, "One "), (4, "two three four")]
    assert [trip[2] for trip in told.trips] == [[("t:1", "One ")], [("t:1", "One two three four")]]


def test_offsets_count_as_browsers_do() -> None:
    told, drafts = begin()
    draft = drafts.open(CONVERSATION, "t", 1)
    draft.add("Grüße 🎉")
    wait_for(lambda: told.trips, 2)
    draft.add("!")
    drafts.stop()
    wait_for(lambda: len(told.trips) == 2, 2)
    assert told.frames[1]["off"] == 8


def test_what_is_ready_together_shares_a_trip_and_keeps_its_order() -> None:
    told, drafts = begin()
    told.held.clear()
    drafts.send([("blocks", b"")])
    wait_for(lambda: told.begun, 2, "the sender is at the first trip")
    others = [drafts.open(CONVERSATION, f"t{number}", 1) for number in range(20)]
    for draft in others:
        draft.phase("thinking")
        draft.add("Yes.")
        drafts.send([("changed", draft.turn_id.encode())])
    told.held.set()
    wait_for(lambda: len(told.trips) == 2, 2)
    drafts.stop()
    frames = told.frames[1:]
    assert len(frames) == 60
    for number in range(20):
        phase, delta, wake = frames[3 * number : 3 * number + 3]
        assert (phase["t"], phase["turn"]) == ("turn", f"t{number}")
        assert (delta["t"], delta["turn"], delta["text"]) == ("delta", f"t{number}", "Yes.")
        assert wake == "changed"


def test_nothing_of_a_draft_follows_the_message_that_replaces_it() -> None:
    told, drafts = begin()
    draft = drafts.open(CONVERSATION, "t", 1)
    draft.add("One ")
    wait_for(lambda: told.trips, 2)
    draft.add("two")
    draft.close()
    drafts.send([("changed", b"")])
    time.sleep(0.12)
    drafts.stop()
    assert [frame if isinstance(frame, str) else frame["text"] for frame in told.frames] == ["One ", "changed"]
    assert draft.text == "One two"


def test_what_was_said_before_the_end_of_the_process_is_sent() -> None:
    told, drafts = begin()
    draft = drafts.open(CONVERSATION, "t", 1)
    draft.add("One ")
    draft.add("two")
    drafts.stop()
    assert "".join(frame["text"] for frame in told.frames) == "One two"


def test_half_a_character_of_a_model_stops_nobodys_live_text() -> None:
    told, drafts = begin()
    draft = drafts.open(CONVERSATION, "t", 1)
    draft.add("Oh \ud83c")
    wait_for(lambda: told.trips, 2)
    draft.add("\udf89!")
    wait_for(lambda: len(told.trips) == 2, 2)
    drafts.stop()
    assert [frame["text"] for frame in told.frames] == ["Oh \ufffd", "\ufffd!"]
    assert draft.text == "Oh 🎉!"
