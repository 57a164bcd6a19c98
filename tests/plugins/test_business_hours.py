"""Hours as people write them, in a time zone whose clocks change."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from plugins.business_hours import HoursSettings, opening_hours

DAY = 86_400.0


def moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def spans(start: str, days: float = 1, *, site: str = "shop", **settings: object) -> list[str]:
    found = opening_hours(HoursSettings.model_validate(settings), site, moment(start), moment(start) + days * DAY)
    assert found is not None
    return [
        f"{datetime.fromtimestamp(a, UTC):%d %H:%M}-{datetime.fromtimestamp(b, UTC):%d %H:%M}" for a, b in found.open
    ]


def test_without_hours_nothing_is_said() -> None:
    assert opening_hours(HoursSettings(), "shop", 0, DAY) is None


def test_hours_of_the_week_in_their_zone() -> None:
    # 2026-06-01 is a Monday.
    weekly = "mon-fri 09:00-12:00 13:00-17:30; sat 10:00-14:00"
    assert spans("2026-06-05T00:00", 4, hours=weekly, zone="Europe/Berlin") == [
        "05 07:00-05 10:00", "05 11:00-05 15:30", "06 08:00-06 12:00", "08 07:00-08 10:00", "08 11:00-08 15:30",
    ]  # fmt: skip


def test_on_the_days_when_the_clocks_change_nine_is_nine_and_the_day_is_as_long_as_it_is() -> None:
    always = {"hours": "mon-sun 00:00-24:00", "zone": "Europe/Berlin"}
    assert spans("2026-03-28T12:00", 2, **always) == ["27 23:00-30 22:00"], "joined without a gap over the missing hour"
    week = {"hours": "sat-sun 09:00-17:00", "zone": "Europe/Berlin"}
    assert spans("2026-03-28T00:00", 2, **week) == ["28 08:00-28 16:00", "29 07:00-29 15:00"]
    assert spans("2026-10-24T00:00", 2, **week) == ["24 07:00-24 15:00", "25 08:00-25 16:00"]
    # A shift through the night of the change: seven hours in spring, nine in autumn.
    night = {"hours": "sat 22:00-06:00", "zone": "Europe/Berlin"}
    assert spans("2026-03-28T00:00", 2, **night) == ["28 21:00-29 04:00"]
    assert spans("2026-10-24T00:00", 2, **night) == ["24 20:00-25 05:00"]
    # 02:30 does not exist in spring, and comes twice in autumn: then the first counts.
    assert spans("2026-03-29T00:00", 1, hours="sun 02:30-04:00", zone="Europe/Berlin") == ["29 01:30-29 02:00"]
    assert spans("2026-10-25T00:00", 1, hours="sun 02:30-04:00", zone="Europe/Berlin") == ["25 00:30-25 03:00"]


def test_a_night_shift_is_seen_after_midnight_too() -> None:
    assert spans("2026-06-02T01:00", 0.1, hours="mon 22:00-06:00") == ["01 22:00-02 06:00"]


def test_holidays_of_one_year_and_of_every_year() -> None:
    every_day = {"hours": "mon-sun 09:00-10:00", "holidays": ["2026-06-02", "06-04"]}
    assert [span[:2] for span in spans("2026-06-01T00:00", 5, **every_day)] == ["01", "03", "05"]
    assert [span[:2] for span in spans("2027-06-01T00:00", 5, **every_day)] == ["01", "02", "03", "05"]


def test_a_site_may_have_its_own() -> None:
    settings = {
        "hours": "mon-fri 09:00-17:00",
        "sites": {"night": {"hours": "mon-sun 20:00-22:00", "zone": "Asia/Tokyo"}},
    }
    assert spans("2026-06-01T00:00", **settings) == ["01 09:00-01 17:00"]
    assert spans("2026-06-01T00:00", site="night", **settings) == ["01 11:00-01 13:00"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"hours": "mo-fr 9-17"}, "is no day"),
        ({"hours": "mon-fri"}, "has no times"),
        ({"hours": "mon 25:00-26:00"}, "is no span"),
        ({"hours": "mon 09:00-24:30"}, "is no span"),
        ({"zone": "Mars/Olympus"}, "no time zone"),
        ({"zone": "../../etc/passwd"}, "no time zone"),
        ({"holidays": ["2026-02-30"]}, "is no day"),
        ({"holidays": ["christmas"]}, "is no day"),
        ({"sites": {"shop": {"hours": "x"}}}, "has no times"),
    ],
)
def test_a_mistake_is_named(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        HoursSettings.model_validate(wrong)
