"""What a desk still shows of a conversation that its customer deleted is taken away."""

from __future__ import annotations

from typing import Any

from bot.erase import erase_conversation
from tests.going_out.conftest import Able, Paper, Wall, note, world  # noqa: F401  the fixture


def test_the_card_says_that_it_was_deleted_and_what_was_shown_goes(world: Any, store: Any) -> None:  # noqa: F811
    w = world(Able(), Wall(), Paper())
    w.waits()
    w.customer("My secret address", files=(note(),))
    shown = {desk: len([p for p in w.posts(desk) if p.op in {"message", "event"}]) for desk in ("wall", "paper")}
    assert shown == {"wall": 2, "paper": 2}
    erase_conversation(w.conversation)
    assert store.read(lambda: store.Conversation.select().count()) == 0
    places = {desk: store.read(outbox.due) for desk, outbox in w.desks.items()}
    for desk, deletions in (
        ("wall", 3),
        ("paper", 0),
    ):  # the transcript, the message and its file; the other desk cannot delete
        (place,) = places[desk]
        w.conversation = place
        card, *others = w.posts(desk)
        assert card.op == "card" and card.subject == card.thread == f"{desk}-thread" and card.card is not None
        assert (card.card.state, card.card.ticket, card.card.actions) == ("gone", 1001, ())
        assert [one.op for one in others] == ["delete"] * deletions and len(
            {one.subject for one in others}
        ) == deletions
    left = str(store.read(lambda: list(store.sql("SELECT * FROM delivery").fetchall())))
    assert "secret" not in left and "Hello" not in left
