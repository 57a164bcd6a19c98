"""A channel that does not work at all is asked less and less, and said to be ill once."""

from __future__ import annotations

import pytest

from channels.host.circuit import DOWN_WAITS, STRIKES, WAITS, Circuit


class Now:
    def __init__(self) -> None:
        self.time = 100.0
        self.told: list[str] = []

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def circuit(now: Now) -> Circuit:
    return Circuit(now.told.append, now)


def broken(circuit: Circuit) -> None:
    for number in range(STRIKES):
        circuit.failed(f"place {number % 2}", "502")


def test_failures_at_all_places_open_it_and_it_is_said_once(circuit: Circuit, now: Now) -> None:
    broken(circuit)
    broken(circuit)
    assert circuit.open and len(now.told) == 1 and "502" in now.told[0]


def test_one_place_that_fails_is_that_places_trouble(circuit: Circuit) -> None:
    for _ in range(STRIKES * 3):
        circuit.failed("one chat", "502")
    assert not circuit.open


def test_a_success_in_between_begins_the_count_anew(circuit: Circuit) -> None:
    for _ in range(3):
        for number in range(STRIKES - 1):
            circuit.failed(f"place {number}", "502")
        circuit.worked()
    assert not circuit.open


def test_one_probe_at_a_time_after_growing_waits(circuit: Circuit, now: Now) -> None:
    broken(circuit)
    waits = []
    for _ in range(10):
        assert not circuit.probe(), "not before its time"
        waits.append(circuit.wait)
        now.time += circuit.wait + 0.01
        assert circuit.probe()
        assert not circuit.probe(), "one at a time"
        circuit.failed("place 1", "502")
    assert WAITS[0] * 0.8 <= waits[0] <= WAITS[0]
    assert waits[3] > waits[1] > waits[0] * 1.2
    assert WAITS[1] * 0.8 <= waits[-1] <= WAITS[1]


def test_what_was_in_flight_when_it_opened_does_not_make_it_wait_longer(circuit: Circuit) -> None:
    broken(circuit)
    before = circuit.wait
    for number in range(30):
        circuit.failed(f"place {number}", "502")
    assert circuit.wait == before


def test_a_probe_that_works_closes_it_and_says_so(circuit: Circuit, now: Now) -> None:
    broken(circuit)
    now.time += circuit.wait + 0.01
    assert circuit.probe()
    circuit.worked()
    assert not circuit.open and now.told[-1] == ""
    broken(circuit)
    assert circuit.wait <= WAITS[0], "the next trouble begins with a short wait"


def test_a_channel_that_is_down_opens_it_at_once_and_waits_longer(circuit: Circuit, now: Now) -> None:
    circuit.down("the token was revoked")
    assert circuit.open and now.told == ["the token was revoked"]
    assert circuit.wait >= DOWN_WAITS[0] * 0.8
    circuit.down("the token was revoked")
    assert now.told == ["the token was revoked"]


def test_a_probe_without_anything_to_send_may_be_tried_again(circuit: Circuit, now: Now) -> None:
    broken(circuit)
    now.time += circuit.wait + 0.01
    assert circuit.probe()
    circuit.unused()
    assert circuit.probe()
