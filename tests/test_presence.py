"""Who is really there: what desks tell of their people, how long it is believed, and what it means for who waits."""

from __future__ import annotations

from typing import Any

import pytest

from bot import agents, clock, presence


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    at = [clock.now()]
    monkeypatch.setattr(clock, "now", lambda: at[0])
    return at


@pytest.fixture
def people(store: Any) -> Any:
    for name, role in (("ana", "owner"), ("bo", "agent"), ("cy", "agent"), ("vi", "viewer")):
        agents.add_agent(name, role=role, actor="test")
        agents.link(name, "wall", f"T1:{name}", actor="test")
    return store


def tell(**states: Any) -> None:
    presence.told("wall", {f"T1:{name}": state for name, state in states.items()})


def there(store: Any) -> tuple[str, ...]:
    return tuple(store.read(presence.staff).there)


def test_who_is_away_or_wants_quiet_is_not_there_and_what_is_old_is_not_believed(people: Any, now: list[float]) -> None:
    assert presence.known_people("wall") == ["T1:ana", "T1:bo", "T1:cy"], "viewers never come"
    assert presence.known_people("console") == []
    assert there(people) == ("ana", "bo", "cy"), "nothing is known: who is available counts as there"
    tell(ana="here", bo="away", cy="quiet", vi="away", nobody="away")
    assert there(people) == ("ana",) and not people.read(lambda: presence.is_there("bo"))
    assert people.read(lambda: presence.states("wall")) == {"T1:ana": "here", "T1:bo": "away", "T1:cy": "quiet"}
    tell(ana="here", bo="here", cy="quiet")
    agents.set_available("ana", False, actor="test")
    staff = people.read(presence.staff)
    assert (staff.all, staff.available, staff.there) == (3, 2, ("bo",))
    now[0] += presence.FRESH + 1
    assert there(people) == ("bo", "cy") and people.read(lambda: presence.states("wall")) == {}
    now[0] += presence.KEPT + 1
    tell(cy="here")
    assert people.read(lambda: people.AgentPresence.select().count()) == 1


def test_of_two_desks_one_that_sees_somebody_is_enough(people: Any, now: list[float]) -> None:
    agents.link("ana", "console", "ana@house", actor="test")
    tell(ana="away", bo="away", cy="away")
    assert there(people) == (), "the console tells nothing of ana: that speaks neither for nor against her"
    presence.told("console", {"ana@house": "here"})
    assert there(people) == ("ana",)
    people.write(lambda: people.AgentIdentity.delete().where(people.AgentIdentity.desk == "wall").execute())
    assert there(people) == ("ana", "bo", "cy"), "who is linked nowhere is known nowhere"


def test_a_state_that_there_is_not_is_refused_by_name(people: Any) -> None:
    with pytest.raises(ValueError, match="no state 'asleep'"):
        tell(ana="away", bo="asleep")
    assert there(people) == ("ana", "bo", "cy"), "nothing of it was stored"
