"""An agent's words that did not arrive: the thread says which and why, with a button that tries again."""

from __future__ import annotations

from typing import Any

from bot.desk import DeskPost
from bot.desk_actions import Action
from bot.messages import Outbound
from tests.going_out.conftest import Able, Wall, note, world  # noqa: F401  the fixture


def failing(w: Any, reason: str = "the customer has blocked the bot") -> int:
    """Everything that is on its way is refused; how many there were."""
    count = 0
    while (claimed := w.outbox.claim("room")) is not None:
        assert isinstance(claimed.out, Outbound)
        w.outbox.refused(claimed, reason)
        count += 1
    return count


def remarks(posts: list[DeskPost]) -> list[DeskPost]:
    return [post for post in posts if post.op == "event"]


def the_reply(w: Any, text: str = "It left yesterday.") -> None:
    w.waits()
    w.agent(text, message="r1")
    w.later()
    w.posts()


def test_what_did_not_arrive_is_told_with_its_reason_and_sent_again_by_a_button(world: Any) -> None:  # noqa: F811
    w = world(Able(), Wall())
    the_reply(w)
    assert failing(w)
    posts = w.posts()
    (told,) = remarks(posts)
    assert (
        told.text == "Ana's message “It left yesterday.” did not reach the customer. The customer has blocked the bot"
    )
    assert told.actions == (Action.RETRY,) and told.thread == "wall-thread"
    assert [post.mark for post in posts if post.op == "mark"] == ["failed"]
    assert w.posts() == [], "once"
    assert w.agent(kind="action", action=Action.RETRY, value=told.value).code == "done"
    assert failing(w, "still blocked")
    (again,) = remarks(w.posts())
    assert again.text.endswith("Still blocked"), "it is told again when it was tried again in vain"
    w.agent(kind="action", action=Action.RETRY, value=again.value)
    assert [out.text for out in w.drain()] == ["It left yesterday."]
    posts = w.posts()
    assert [post.mark for post in posts if post.op == "mark"] == ["sent"] and not remarks(posts)
    assert w.agent(kind="action", action=Action.RETRY, value=again.value).code == "stale"


def test_a_message_of_many_parts_is_told_once_and_sent_again_whole(world: Any) -> None:  # noqa: F811
    w = world(Able(), Wall())
    w.waits()
    w.agent("x" * 60, note(), message="r1")
    w.later()
    w.posts()
    assert failing(w) == 4  # what the customer was told of the claim, two texts and a file
    (told,) = remarks(w.posts())
    w.agent(kind="action", action=Action.RETRY, value=told.value)
    again = w.drain()
    assert [bool(out.text) for out in again] == [True, True, False] and again[2].files


def test_what_is_on_its_way_again_is_not_told_as_failed(world: Any) -> None:  # noqa: F811
    w = world(Able(), Wall())
    the_reply(w)
    failing(w)
    w.agent(kind="action", action=Action.RETRY)
    assert not remarks(w.posts()), "the remark waited longer than the failure lasted"
