"""A conversation is carried over at the moment when its people write elsewhere. Nobody is locked out of a place by it.

On SQLite one waits for the other anyway; on PostgreSQL the merge once could not see what had just begun, and the person was
told at that place for ever that it belongs to somebody else.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bot import carry_over, handoff, merging
from bot.messages import Inbound, Receipt, Refused
from bot.receive import receive
from bot.store import StoreUnavailable
from tests.carrying_over.conftest import asked, comes, now_at, rows, said, shows
from tests.crossing import crossing

receiving = importlib.import_module("bot.receive")


def stored(event: Inbound) -> Callable[[], Any]:
    return lambda: receiving._store(event)


def received(event: Inbound) -> Callable[[], Receipt | Refused]:
    return lambda: receive([event])[0]


def group(text: str) -> Inbound:
    return replace(said("pigeon", "p7", text), place="pigeon-flock")


def both_ways(store: Any, message: Inbound, show: Inbound, *, message_first: bool) -> Any:
    if message_first:
        return crossing(store, stored(message), received(show))
    return crossing(store, stored(show), received(message))


@pytest.mark.parametrize("message_first", [True, False])
def test_who_begins_something_elsewhere_meanwhile_can_go_on_there(store: Any, message_first: bool) -> None:
    comes(said("post", "anna"))
    comes(said("pigeon", "p7"))
    show = shows("pigeon", "p7", asked("post", "anna"))
    outcome = both_ways(store, group("hi all"), show, message_first=message_first)
    assert isinstance(outcome, Receipt), outcome
    begun = rows(store, "SELECT conversation_id FROM route WHERE place = 'pigeon-flock'")
    assert [(comes(group("more")).conversation_id,)] == begun
    assert len({row[0] for row in rows(store, "SELECT contact_id FROM conversation")}) == 1, "all of it is theirs"


@pytest.mark.parametrize("message_first", [True, False])
def test_who_writes_on_elsewhere_meanwhile_is_heard_there(store: Any, message_first: bool) -> None:
    comes(said("post", "anna"))
    there = comes(group("hi all")).conversation_id
    show = shows("pigeon", "p7", asked("post", "anna"))
    outcome = both_ways(store, group("one thing more"), show, message_first=message_first)
    assert isinstance(outcome, Receipt), outcome
    assert comes(group("and another")).conversation_id == there
    words = rows(
        store, "SELECT body FROM message WHERE conversation_id = ? AND author = 'customer' ORDER BY seq", there
    )
    assert words == [("hi all",), ("one thing more",), ("and another",)]


@pytest.mark.parametrize("kind", ["handoff", "resolve"])
def test_what_is_asked_for_elsewhere_meanwhile_happens_there(store: Any, kind: Any) -> None:
    comes(said("post", "anna"))
    there = comes(group("hi all")).conversation_id
    show = shows("pigeon", "p7", asked("post", "anna"))
    outcome = crossing(store, stored(show), received(replace(group(""), kind=kind)))
    assert isinstance(outcome, Receipt) and outcome.conversation_id == there, outcome


@pytest.mark.parametrize("message_first", [True, False])
def test_a_first_message_at_the_very_place_is_put_aside_or_part_of_it(store: Any, message_first: bool) -> None:
    mine = comes(said("post", "anna")).conversation_id
    comes(said("pigeon", "p7"))
    comes(said("pigeon", "p7", "", kind="new"))
    message, show = said("pigeon", "p7", "new words"), shows("pigeon", "p7", asked("post", "anna"))
    outcome = both_ways(store, message, show, message_first=message_first)
    assert isinstance(outcome, Receipt), outcome
    assert now_at(store, mine) == [("pigeon", "pigeon-p7")], "the code brought it here, and is not used up for nothing"
    assert comes(said("pigeon", "p7", "more")).conversation_id == mine
    assert rows(store, "SELECT count(*) FROM message WHERE body = 'new words'") == [(1,)]


def test_a_place_that_is_taken_at_the_last_moment_costs_no_code(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = comes(said("post", "anna")).conversation_id
    code = asked("post", "anna")
    real = merging.route
    refusals = []

    def taken_once(*args: str) -> bool:
        if not refusals:
            refusals.append(args)
            return False
        return real(*args)

    monkeypatch.setattr(merging, "route", taken_once)
    assert comes(shows("pigeon", "p7", code)).conversation_id == mine
    assert refusals and now_at(store, mine) == [("pigeon", "pigeon-p7")]
    assert rows(store, "SELECT count(*) FROM message WHERE kind = 'carried_over'") == [(1,)]


def test_a_request_that_just_went_to_people_is_not_put_aside(store: Any) -> None:
    mine = comes(said("post", "anna")).conversation_id
    there = comes(said("pigeon", "p7", "I need a person")).conversation_id
    code = asked("post", "anna")
    outcome = crossing(
        store,
        lambda: handoff.hand_over(there, "asked for a person", asked=True),
        received(shows("pigeon", "p7", code)),
    )
    assert isinstance(outcome, Refused) and outcome.message == carry_over.OPEN_REQUEST
    assert now_at(store, there) == [("pigeon", "pigeon-p7")] and now_at(store, mine) == [("post", "post-anna")]
    comes(shows("drum", "d", code))


def test_what_begins_while_a_merge_is_undone_belongs_to_who_wrote_it(store: Any) -> None:
    comes(said("post", "anna"))
    comes(said("pigeon", "p7"))
    comes(shows("pigeon", "p7", asked("post", "anna")))
    (merge,) = store.read(merging.merges)
    outcome = crossing(store, lambda: merging.unmerge(merge.id, actor="cli:test"), received(group("hi all")))
    assert isinstance(outcome, Receipt), outcome
    assert comes(group("more")).conversation_id == outcome.conversation_id


def test_two_that_show_each_others_codes_at_once_wait_for_one_another(store: Any) -> None:
    for round_ in range(4):
        one, two = f"a{round_}", f"b{round_}"
        comes(said("post", one))
        comes(said("pigeon", two))
        events = [shows("pigeon", two, asked("post", one)), shows("post", one, asked("pigeon", two))]
        outcomes: list[Any] = []
        start = threading.Barrier(2)

        def show(event: Inbound, outcomes: list[Any] = outcomes, start: Any = start) -> None:
            start.wait()
            try:
                outcomes.append(receive([event])[0])
            except StoreUnavailable as error:
                outcomes.append(error)

        threads = [threading.Thread(target=show, args=(event,)) for event in events]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not [one for one in outcomes if isinstance(one, StoreUnavailable)], outcomes
        assert [one for one in outcomes if isinstance(one, Receipt)], outcomes
        found = rows(store, "SELECT DISTINCT contact_id FROM identity WHERE external_id IN (?, ?)", one, two)
        assert len(found) == 1
