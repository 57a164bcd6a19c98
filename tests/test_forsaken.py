"""A turn whose process died after people had taken over: it ends, and what was set aside for it is free again."""

from __future__ import annotations

from typing import Any

import pytest

from bot import clock, handoff, lease, turns
from bot.forsaken import end_forsaken
from bot.messages import Inbound, Receipt
from bot.receive import receive


@pytest.fixture
def begun(store: Any) -> turns.Begun:
    store.write(
        lambda: store.Site.create(id="s1", key="demo", name="Demo", daily_tokens=100_000, created_at=clock.now())
    )
    lease.start("turns")
    got = receive([Inbound(channel="test", key=clock.new_id(), external_id="anna", place="room", text="What?")])[0]
    assert isinstance(got, Receipt)
    made = store.write(lambda: turns.begin(got.conversation_id))
    assert made is not None and made.reserved > 0
    return made


def spent(store: Any) -> int:
    rows = store.read(lambda: list(store.Spend.select().where(store.Spend.scope == "cap")))
    return sum(row.tokens + row.held_tokens for row in rows)


def state(store: Any, begun: turns.Begun) -> tuple[str, int]:
    row = store.read(lambda: store.Turn.get_by_id(begun.turn_id))
    return row.state, row.reserved


def test_it_ends_once_and_gives_back_what_it_held(store: Any, begun: turns.Begun) -> None:
    store.write(lambda: handoff.hand_over(begun.conversation_id, "asked"))
    assert end_forsaken() == 0, "its process lives, and will see for itself that people have it"
    assert state(store, begun) == ("running", begun.reserved) and spent(store) == begun.reserved
    store.write(lambda: lease._free(lease.owner()))
    assert end_forsaken() == 1
    assert state(store, begun) == ("superseded", 0) and spent(store) == 0
    assert end_forsaken() == 0


def test_of_a_process_that_lives_and_lost_its_lease_nothing_stays(store: Any, begun: turns.Begun) -> None:
    store.write(lambda: handoff.hand_over(begun.conversation_id, "asked"))
    store.write(lambda: store.Conversation.update(lease_until=0).execute())
    assert end_forsaken() == 1
    assert lease_of(store, begun) == "" and state(store, begun) == ("superseded", 0)


def test_one_that_is_still_wanted_is_left_to_whoever_runs_it_again(store: Any, begun: turns.Begun) -> None:
    store.write(lambda: lease._free(lease.owner()))
    assert end_forsaken() == 0
    again = store.write(lambda: turns.begin(begun.conversation_id))
    assert again is not None and again.turn_id == begun.turn_id


def lease_of(store: Any, begun: turns.Begun) -> str:
    return str(store.read(lambda: store.Conversation.get_by_id(begun.conversation_id)).lease_owner)


def test_one_that_was_to_begin_again_ends_when_people_took_over_meanwhile(store: Any, begun: turns.Begun) -> None:
    store.write(lambda: handoff.hand_over(begun.conversation_id, "asked"))
    assert store.write(lambda: turns.begin(begun.conversation_id, restart=True)) is None
    assert state(store, begun) == ("superseded", 0) and spent(store) == 0
    assert lease_of(store, begun) == ""


def test_nothing_is_kept_for_a_next_turn_that_people_took(store: Any, begun: turns.Begun) -> None:
    from bot.events import Answer

    receive([Inbound(channel="test", key=clock.new_id(), external_id="anna", place="room", text="And then?")])
    assert store.write(lambda: turns.end(begun, Answer(text="So."), turns.Account())).more
    assert lease_of(store, begun) == lease.owner()
    store.write(lambda: handoff.hand_over(begun.conversation_id, "asked"))
    assert store.write(lambda: turns.begin(begun.conversation_id, restart=True)) is None
    assert lease_of(store, begun) == "" and state(store, begun) == ("done", 0)


def test_whoever_was_only_slow_stores_nothing(store: Any, begun: turns.Begun) -> None:
    from bot.events import Answer

    store.write(lambda: handoff.hand_over(begun.conversation_id, "asked"))
    store.write(lambda: lease._free(lease.owner()))
    end_forsaken()
    with pytest.raises(lease.LostLease):
        store.write(lambda: turns.end(begun, Answer(text="late"), turns.Account()))
