"""Groups and forums: what is meant for the bot, a place for each person and topic, and groups that move."""

from __future__ import annotations

from collections.abc import Callable

from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_state import USERNAME

from .conftest import ANNA, BEN, GROUP, Keeping, Running


def test_in_a_group_only_what_is_meant_for_the_bot_comes_in(telegram: FakeTelegram, running: Running) -> None:
    telegram.world.privacy = False
    mine = telegram.world.add(GROUP, telegram.world.bot, text="An answer")
    telegram.write(ANNA, "Did anybody see my cat?", GROUP)
    telegram.write(ANNA, f"@{USERNAME}, where is my lamp?", GROUP)
    telegram.write(
        BEN, "and mine?", GROUP, reply_to_message={"message_id": mine["message_id"], "from": telegram.world.bot}
    )
    telegram.write(BEN, "/person@other_bot", GROUP)
    for bare in ("/start", "/new", "/person", "/continue", "/help", "/start 7KQ2MXV0ZA"):
        telegram.write(BEN, bare, GROUP)  # any bot's
    telegram.write(BEN, f"/person@{USERNAME}", GROUP)
    first, second, third = running.listen().events(3)
    assert (first.place, first.text, first.shared) == (f"{GROUP}:{ANNA}", "where is my lamp?", True)
    assert (second.place, second.text) == (f"{GROUP}:{BEN}", "and mine?")
    assert (third.place, third.kind) == (f"{GROUP}:{BEN}", "handoff")
    telegram.wait(lambda: not telegram.world.updates)
    assert (len(running.inbox.events), telegram.world.texts(GROUP)) == (3, ["An answer"]), "nothing said to others"


def test_each_topic_of_a_forum_is_a_place(telegram: FakeTelegram, running: Running) -> None:
    telegram.write(ANNA, f"@{USERNAME} hello", GROUP, message_thread_id=7, is_topic_message=True)
    telegram.write(ANNA, f"@{USERNAME} hi", GROUP, message_thread_id=9)
    topic, plain = running.listen().events(2)
    assert topic.place == f"{GROUP}/7:{ANNA}"
    assert plain.place == f"{GROUP}:{ANNA}", "a thread of replies is no topic"


def test_a_group_that_moves_keeps_its_place(telegram: FakeTelegram, another: Callable[..., Running]) -> None:
    old, new = -55, -1_009_955
    telegram.world.group(old, kind="group")
    inbox = Keeping()
    running = another(inbox).listen()
    telegram.write(ANNA, f"@{USERNAME} one", old)
    running.events(1)
    telegram.upgrade(old, new)
    telegram.write(ANNA, f"@{USERNAME} two", new)
    one, two = running.events(2)
    assert one.place == two.place == f"{old}:{ANNA}"
    running.send(place=one.place, text="answer")
    assert telegram.world.texts(new) == ["answer"]
    running.stop_listening()
    telegram.write(ANNA, f"@{USERNAME} three", new)
    assert another(inbox).listen().events(3)[2].place == f"{old}:{ANNA}", "also after a restart"


def test_a_move_that_is_only_learned_by_sending(telegram: FakeTelegram, running: Running) -> None:
    old, new = -56, -1_009_956
    telegram.world.group(old, kind="group")
    telegram.world.group(new)
    telegram.world.moved[old] = new
    running.listen()
    sent = running.send(place=f"{old}:{ANNA}", text="Hello")
    assert sent.platform_id.endswith(f"@{new}")
    assert telegram.world.texts(new) == ["Hello"]
    assert running.send(place=f"{old}:{ANNA}", op="edit", text="Hello again", subject=sent.platform_id)
    assert telegram.world.texts(new) == ["Hello again"]
