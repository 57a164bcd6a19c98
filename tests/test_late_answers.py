"""An answer of the AI that is finished after an agent took over goes to the agent, and to nobody else."""

from __future__ import annotations

from typing import Any

from bot import turns
from bot.desk_actions import Action
from bot.events import Answer
from tests.going_out.conftest import Able, Wall, world  # noqa: F401  the fixture


def test_it_is_shown_in_the_thread_as_a_draft(world: Any, environment: Any) -> None:  # noqa: F811
    environment(DESKHAND_ENCRYPT_MESSAGES="true")
    w = world(Able(), Wall())
    w.waits()
    w.agent(kind="action", action=Action.CLAIM)
    w.agent(kind="action", action=Action.RETURN)
    w.customer("Where is it?")
    w.posts()
    begun = w.store.write(lambda: turns.begin(w.conversation))
    w.agent(kind="action", action=Action.CLAIM)
    w.posts(), w.drain()
    w.store.write(lambda: turns.end(begun, Answer(text="It is *here*."), turns.Account()))
    (draft,) = [post for post in w.posts() if post.op == "event"]
    assert draft.text.endswith("The customer has not seen it:\n\nIt is *here*.")
    assert w.drain() == []
