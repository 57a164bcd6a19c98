"""Opening hours: whether it is open, when next, in whose time, and after how many open hours something is due."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.events import OpeningHours
from bot.opening import Opening, after, duration, in_words, opening

HOUR = 3_600.0


def moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


MONDAY = OpeningHours(
    zone="Europe/Berlin",
    open=(
        (moment("2026-06-01T07:00"), moment("2026-06-01T15:00")),
        (moment("2026-06-02T07:00"), moment("2026-06-02T15:00")),
    ),
)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-06-01T06:59:59", (False, None, "2026-06-01T07:00")),
        ("2026-06-01T07:00", (True, "2026-06-01T15:00", None)),
        ("2026-06-01T15:00", (False, None, "2026-06-02T07:00")),
        ("2026-06-09T12:00", (False, None, None)),
    ],
)
def test_a_house_is_open_from_its_first_second_and_closed_from_its_last(
    at: str, expected: tuple[bool, str | None, str | None]
) -> None:
    found = opening(MONDAY, moment(at))
    is_open, until, following = expected
    assert found == Opening(
        open=is_open,
        until=moment(until) if until else None,
        next=moment(following) if following else None,
        zone="Europe/Berlin",
    )


def test_without_hours_it_is_always_open() -> None:
    assert opening(None, 0) == Opening(open=True)


@pytest.mark.parametrize(
    ("at", "now", "visitor", "words"),
    [
        ("2026-06-01T07:00", "2026-06-01T05:00", "", "today at 09:00 (Europe/Berlin time)"),
        ("2026-06-02T07:00", "2026-06-01T16:00", "", "tomorrow at 09:00 (Europe/Berlin time)"),
        ("2026-06-05T07:00", "2026-06-01T16:00", "America/New_York", "on Friday at 03:00 (your time)"),
        # What is tomorrow in Berlin is today in New York.
        ("2026-06-02T00:30", "2026-06-01T20:00", "America/New_York", "today at 20:30 (your time)"),
        ("2026-06-22T07:00", "2026-06-01T16:00", "Nowhere/Atall", "on Monday, 22 June at 09:00 (Europe/Berlin time)"),
        ("2026-06-02T07:00", "2026-06-01T16:00", "../../etc/passwd", "tomorrow at 09:00 (Europe/Berlin time)"),
    ],
)
def test_the_next_opening_is_told_in_the_visitors_time_when_it_is_known(
    at: str, now: str, visitor: str, words: str
) -> None:
    assert in_words(moment(at), moment(now), zone="Europe/Berlin", visitor=visitor) == words


def test_due_times_count_open_hours_only() -> None:
    friday = moment("2026-06-01T14:00")
    assert after(MONDAY, friday, HOUR) == moment("2026-06-01T15:00")
    assert after(MONDAY, friday, 2 * HOUR) == moment("2026-06-02T08:00")
    assert after(MONDAY, moment("2026-06-01T20:00"), HOUR) == moment("2026-06-02T08:00")
    assert after(None, friday, HOUR) == friday + HOUR
    # Beyond the hours that are known time goes on as on a wall clock.
    assert after(MONDAY, friday, 10 * HOUR) == moment("2026-06-02T15:00") + HOUR


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "about 1 minute"), (61, "about 2 minutes"), (240, "about 4 minutes"), (5_401, "about 2 hours"), (200_000, "about 3 days")],
)  # fmt: skip
def test_lengths_are_rounded_up(seconds: float, words: str) -> None:
    assert duration(seconds) == words
