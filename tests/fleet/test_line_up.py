"""Who is asked for what, and in which order: tasks, thrift, and the voice that a conversation had before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from bot.ai import AICapability, AIProvider, Delta, End, Image, Prompt, Text, Usage
from bot.breaker import Breakers
from bot.fleet import Fleet, FleetExhausted, Pace
from bot.fleet_settings import FleetSettings
from plugins.providers import offline
from tests.fleet.asking import PROMPT, attempts, done, run

PICTURE = Image(media="image/png", data=b"png")


class Named(AIProvider):
    """Says its model, or fails."""

    name: ClassVar[str] = "named"
    threaded: ClassVar[bool] = False

    def __init__(self, name: str, *capabilities: AICapability, embedding: str = "") -> None:
        self.name, self.model = name, f"{name}-1"  # type: ignore[misc]
        self.capabilities = frozenset(capabilities)
        self.embedding_model = embedding
        self.prompts: list[Prompt] = []

    def stream(self, prompt: Prompt) -> Iterator[Delta]:
        self.prompts.append(prompt)
        yield Text(f"I am {self.name}.")
        yield End()


def asked(fleet: Fleet, prompt: Prompt = PROMPT, **more: Any) -> str:
    return done(list(fleet.stream(prompt, **more))).provider


def with_picture(prompt: Prompt = PROMPT) -> Prompt:
    return replace(prompt, messages=(replace(prompt.messages[0], images=(PICTURE,)),), pictures=1)


def test_each_task_has_its_order_and_goes_by_that_of_the_answers_without_one() -> None:
    members = [Named("a"), Named("b"), Named("c")]
    fleet = Fleet(members, settings=FleetSettings(orders={"answer": ("c", "b"), "summary": ("a",)}))
    assert asked(fleet) == "c"
    assert asked(fleet, replace(PROMPT, task="summary")) == "a"
    without = Fleet(members, settings=FleetSettings(orders={"answer": ("c", "b")}))
    assert asked(without, replace(PROMPT, task="summary")) == "c"


def test_who_is_for_some_tasks_only_is_not_asked_for_others() -> None:
    settings = FleetSettings(orders={"answer": ("a", "b")}, tasks={"a": frozenset({"summary"})})
    fleet = Fleet([Named("a"), Named("b")], settings=settings)
    assert asked(fleet) == "b"
    assert asked(fleet, replace(PROMPT, task="summary")) == "a"


def test_with_little_left_only_cheap_ones_are_asked_and_with_nothing_those_that_quote() -> None:
    members = [Named("dear"), Named("small"), Named("marked", AICapability.CHEAP), offline.Offline()]
    fleet = Fleet(members, cheap=lambda one: one.name == "small", quote_when_failing=True)
    assert asked(fleet) == "dear"
    assert attempts(run(fleet, replace(PROMPT, economy="cheap")))[0] == ("small-1", 1)
    assert asked(fleet, replace(PROMPT, economy="quotes")) == "offline"
    assert fleet.is_cheap(members[2]) and not fleet.is_cheap(members[0])
    no_quotes = Fleet([Named("dear")])
    with pytest.raises(FleetExhausted):
        run(no_quotes, replace(PROMPT, economy="cheap"))


def test_the_voice_of_a_conversation_is_kept_while_it_is_well() -> None:
    breakers = Breakers()
    fleet = Fleet([Named("a"), Named("b")], breakers)
    assert asked(fleet, prefer=("b", "b-1")) == "b"
    assert asked(fleet, prefer=("b", "another-model")) == "a"
    assert asked(fleet, prefer=("gone", "x")) == "a"
    breakers.of("b", "b-1").config("wrong key")
    assert asked(fleet, prefer=("b", "b-1")) == "a"


def test_pictures_go_to_who_sees_in_an_order_of_their_own() -> None:
    blind, one, two = Named("a"), Named("b", AICapability.VISION), Named("c", AICapability.VISION)
    fleet = Fleet([blind, one, two], settings=FleetSettings(orders={"answer": ("a", "b", "c"), "vision": ("c",)}))
    end = done(run(fleet, with_picture()))
    assert (end.provider, end.blind) == ("c", False)
    assert two.prompts[0].messages[0].images == (PICTURE,)
    # Nobody jumps ahead of those that see.
    assert asked(fleet, with_picture(), prefer=("a", "a-1")) == "c"
    assert asked(fleet, with_picture(), prefer=("b", "b-1")) == "b"


def test_who_cannot_see_is_asked_last_without_the_picture_and_told_of_it() -> None:
    class Failing(Named):
        def stream(self, prompt: Prompt) -> Iterator[Delta]:
            raise OSError("away")

    blind = Named("a")
    fleet = Fleet([blind, Failing("b", AICapability.VISION)])
    end = done(run(fleet, with_picture()))
    assert (end.provider, end.blind) == ("a", True)
    assert (blind.prompts[0].unseen, blind.prompts[0].messages[0].images) == (1, ())


def test_a_picture_of_before_makes_nobody_blind() -> None:
    blind = Named("a")
    prompt = replace(with_picture(), pictures=0)
    end = done(run(Fleet([blind]), prompt))
    assert not end.blind and blind.prompts[0].unseen == 0 and not blind.prompts[0].messages[0].images


def test_seeing_depends_on_who_is_well() -> None:
    breakers = Breakers()
    fleet = Fleet([Named("a"), Named("b", AICapability.VISION)], breakers)
    assert fleet.sees() and not Fleet([Named("a")]).sees()
    breakers.of("b", "b-1").config("wrong key")
    assert not fleet.sees()
    only = FleetSettings(tasks={"b": frozenset({"summary"})})
    assert not Fleet([Named("b", AICapability.VISION)], settings=only).sees()


def test_who_makes_vectors_has_an_order_too() -> None:
    members = [
        Named("a"),
        Named("b", AICapability.EMBED, embedding="e1"),
        Named("c", AICapability.EMBED, embedding="e2"),
    ]
    assert [one.name for one in Fleet(members).embedders] == ["b", "c"]
    settings = FleetSettings(orders={"embed": ("c",)}, tasks={"b": frozenset({"answer"})})
    assert [one.name for one in Fleet(members, settings=settings).embedders] == ["c"]


def test_a_prompt_may_have_a_pace_of_its_own() -> None:
    class Failing(Named):
        def stream(self, prompt: Prompt) -> Iterator[Delta]:
            self.prompts.append(prompt)
            raise OSError("away")

    members = [Failing("a"), Failing("b"), Failing("c")]
    with pytest.raises(FleetExhausted):
        list(Fleet(members).stream(PROMPT, pace=Pace(max_attempts=2)))
    assert [len(one.prompts) for one in members] == [1, 1, 0]


def test_pictures_go_only_to_those_who_are_asked_for_them_also_when_others_have_failed() -> None:
    looks, may_not = Named("looks", AICapability.VISION), Named("maynot", AICapability.VISION)
    settings = FleetSettings(orders={"answer": ("maynot", "looks")}, tasks={"maynot": frozenset({"answer"})})
    fleet = Fleet([looks, may_not], settings=settings)
    assert asked(fleet, with_picture()) == "looks"
    end = done(list(fleet.stream(with_picture(), permit=lambda one: one is may_not)))
    assert (end.provider, end.blind) == ("maynot", True)
    assert (may_not.prompts[0].messages[0].images, may_not.prompts[0].unseen) == ((), 1)
    assert asked(fleet, with_picture(), prefer=("maynot", "maynot-1")) == "looks"


@pytest.mark.parametrize("said", [Usage(-1_000_000, 5), Usage(5, 10**15), Usage(5, 5, -3)])
def test_a_server_that_cannot_count_neither_fills_a_budget_nor_empties_it(said: Usage) -> None:
    class Miscounting(Named):
        def stream(self, prompt: Prompt) -> Iterator[Delta]:
            yield Text("x" * 400)
            yield said
            yield End()

    end = done(list(Fleet([Miscounting("a")]).stream(PROMPT)))
    assert 300 <= end.usage.input_tokens < 2_000
    assert (end.usage.output_tokens, end.usage.cached_tokens) == (100, 0)
