"""When a provider is left alone, and when it is tried again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

from bot.breaker import Breaker, Breakers, MemoryStore


class Time:
    """A clock that tests turn."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


class CountingStore(MemoryStore):
    """A store that counts how often it is read and written."""

    def __init__(self) -> None:
        super().__init__()
        self.loads = self.saves = 0

    def load(self, name: str) -> str | None:
        self.loads += 1
        return super().load(name)

    def save(self, name: str, state: str) -> None:
        self.saves += 1
        super().save(name, state)


class BrokenStore:
    """A database that is away."""

    def load(self, name: str) -> str | None:
        raise OSError("away")

    def save(self, name: str, state: str) -> None:
        raise OSError("away")


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def store() -> CountingStore:
    return CountingStore()


@pytest.fixture
def breaker(store: CountingStore, time: Time) -> Breaker:
    return Breaker("openai/m", store, clock=time)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


def fail(breaker: Breaker, times: int = 5) -> None:
    for _ in range(times):
        breaker.failure("answered 500")


def test_five_failures_in_a_row_open_it(breaker: Breaker) -> None:
    fail(breaker, 4)
    assert breaker.allow()
    fail(breaker, 1)
    assert not breaker.allow()
    assert (breaker.state, breaker.reason) == ("open", "answered 500")


def test_half_of_five_calls_failing_open_it(breaker: Breaker) -> None:
    for ok in (True, False, True, False):
        breaker.success() if ok else breaker.failure("x")
    assert breaker.state == "closed", "four calls are too few"
    breaker.failure("x")
    assert breaker.state == "open"


def test_a_third_of_the_calls_failing_does_not(breaker: Breaker) -> None:
    for n in range(60):
        breaker.failure("x") if n % 3 == 2 else breaker.success()
    assert breaker.state == "closed"


def test_failures_of_more_than_a_minute_ago_do_not_count(breaker: Breaker, time: Time) -> None:
    fail(breaker, 2)
    breaker.success()
    time.pass_(61)
    fail(breaker, 2)
    assert breaker.state == "closed"


def test_answers_that_have_begun_count_before_they_end(breaker: Breaker) -> None:
    """Twenty answers are being written when the first five errors come back."""
    for n in range(20):
        breaker.began()
        if n % 4 == 3:
            breaker.failure("answered 529")
    assert breaker.state == "closed"


def test_answers_that_begin_and_break_off_open_it(breaker: Breaker) -> None:
    for _ in range(4):
        breaker.failure("cut", breaker.began())
    assert breaker.state == "closed"
    breaker.failure("cut", breaker.began())
    assert breaker.state == "open"


def test_five_breaks_in_a_row_open_it_also_after_many_good_answers(breaker: Breaker) -> None:
    for _ in range(15):
        breaker.success(breaker.began())
    for _ in range(5):
        assert breaker.state == "closed"
        breaker.failure("cut", breaker.began())
    assert breaker.state == "open"


def test_only_the_last_twenty_calls_count(breaker: Breaker) -> None:
    for _ in range(50):
        breaker.success()
    for _ in range(4):
        fail(breaker, 2)
        breaker.success()
    assert breaker.state == "closed"
    fail(breaker, 2)
    assert breaker.state == "open", "10 of the last 20 failed"


def test_it_stays_open_for_ten_seconds_and_then_lets_one_probe_through(breaker: Breaker, time: Time) -> None:
    fail(breaker)
    time.pass_(9.9)
    assert not breaker.allow()
    time.pass_(0.2)
    assert breaker.state == "half-open"
    assert [breaker.allow() for _ in range(5)] == [True, False, False, False, False]


def test_a_good_probe_closes_it(breaker: Breaker, time: Time) -> None:
    fail(breaker)
    time.pass_(11)
    assert breaker.allow()
    breaker.success()
    assert breaker.state == "closed"
    fail(breaker, 4)
    assert breaker.state == "closed", "what was before is forgotten"


def test_each_bad_probe_doubles_the_pause_up_to_two_minutes(breaker: Breaker, time: Time) -> None:
    fail(breaker)
    pauses = []
    for _ in range(6):
        pauses.append(breaker.until - time.now)
        time.pass_(pauses[-1] + 0.1)
        assert breaker.allow()
        breaker.failure("still")
    assert pauses == [10, 20, 40, 80, 120, 120]


def test_a_probe_that_never_reports_does_not_block_for_ever(breaker: Breaker, time: Time) -> None:
    fail(breaker)
    time.pass_(11)
    assert breaker.allow()
    time.pass_(89)
    assert not breaker.allow()
    time.pass_(2)
    assert breaker.allow()


def test_a_probe_that_says_nothing_lets_the_next_one_try(breaker: Breaker, time: Time) -> None:
    fail(breaker)
    time.pass_(11)
    assert breaker.allow()
    breaker.neutral()
    assert breaker.allow()


def test_neutral_outcomes_never_open_it(breaker: Breaker) -> None:
    for _ in range(50):
        breaker.neutral()
    assert breaker.state == "closed"


@pytest.mark.parametrize(("seconds", "state"), [(None, "closed"), (10.0, "closed"), (10.5, "open"), (300.0, "open")])
def test_a_rate_limit_opens_it_only_for_a_long_wait(
    breaker: Breaker, time: Time, seconds: float | None, state: str
) -> None:
    for _ in range(6):
        breaker.limited(seconds, "answered 429")
    assert breaker.state == state
    if state == "open":
        assert breaker.until == time.now + (seconds or 0)


def test_a_wait_of_more_than_an_hour_is_cut(breaker: Breaker, time: Time) -> None:
    breaker.limited(4_294_967.0, "answered 429")
    assert breaker.until == time.now + 3_600


def test_wrong_settings_are_not_tried_for_fifteen_minutes(breaker: Breaker, time: Time) -> None:
    breaker.config("answered 401")
    time.pass_(899)
    assert (breaker.state, breaker.allow()) == ("config", False)
    time.pass_(2)
    assert breaker.allow()
    breaker.config("answered 401")
    assert not breaker.allow()


def test_new_settings_are_tried_at_once(store: CountingStore, time: Time) -> None:
    Breakers(store, version=3, clock=time).of("openai", "m").config("answered 401")
    assert not Breakers(store, version=3, clock=time).of("openai", "m").allow()
    assert Breakers(store, version=4, clock=time).of("openai", "m").allow()


def test_a_success_that_began_before_it_opened_does_not_close_it(breaker: Breaker) -> None:
    fail(breaker)
    breaker.success()
    assert breaker.state == "open"


def test_other_processes_see_it_within_a_second(store: CountingStore, time: Time) -> None:
    mine, theirs = (Breaker("openai/m", store, clock=time) for _ in range(2))
    assert theirs.allow()
    fail(mine)
    assert theirs.allow(), "it looks once a second"
    time.pass_(1.1)
    assert not theirs.allow()
    time.pass_(10)
    assert mine.allow()
    mine.success()
    time.pass_(1.1)
    assert theirs.state == "closed"


def test_only_one_of_two_processes_probes(store: CountingStore, time: Time) -> None:
    mine, theirs = (Breaker("openai/m", store, clock=time) for _ in range(2))
    fail(mine)
    time.pass_(11)
    assert mine.allow()
    assert not theirs.allow()


def test_the_store_is_read_once_a_second_and_written_only_on_changes(breaker: Breaker, store: CountingStore) -> None:
    for _ in range(100):
        assert breaker.allow()
        breaker.success()
    assert (store.loads, store.saves) == (1, 0)
    fail(breaker)
    assert store.saves == 1


def test_a_state_that_cannot_be_read_is_ignored(store: CountingStore, time: Time) -> None:
    for raw in ("not json", "[]", '{"state": "odd", "at": 9e9}', '{"until": "soon", "at": 9e9}', "null"):
        store.save("openai/m", raw)
        assert Breaker("openai/m", store, clock=time).allow()


def test_a_state_of_a_later_version_is_read_as_far_as_known(store: CountingStore, time: Time) -> None:
    store.save("openai/m", f'{{"state": "open", "until": {time.now + 9}, "at": {time.now}, "colour": "red"}}')
    assert not Breaker("openai/m", store, clock=time).allow()


def test_without_its_database_it_goes_on_alone(time: Time) -> None:
    breaker = Breaker("openai/m", BrokenStore(), clock=time)
    assert breaker.allow()
    fail(breaker)
    assert not breaker.allow()


def test_models_have_breakers_of_their_own(time: Time) -> None:
    breakers = Breakers(clock=time)
    fail(breakers.of("openai", "a"))
    assert not breakers.of("openai", "a").allow()
    assert breakers.of("openai", "b").allow()


def test_a_good_look_ends_a_pause_but_not_one_that_the_provider_asked_for(breaker: Breaker, time: Time) -> None:
    breaker.limited(600.0, "answered 429")
    breaker.probed(None)
    assert (breaker.state, breaker.allow()) == ("open", False)
    time.now += 601
    assert breaker.allow()
    breaker.success()
    for _ in range(5):
        breaker.failure("answered 500")
    assert not breaker.allow()
    breaker.probed(None)
    assert breaker.allow()
