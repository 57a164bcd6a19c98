"""The chats' small proof, for every change; and the judge itself, which must notice what is wrong."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.chat_run import SMALL, run_chats
from tests.chaos.check_chats import Chat, ChatWorld, judge_chats
from tests.chaos.snapshot import Snapshot
from tests.conftest import ON_POSTGRES

SEED = 20_261_121


@pytest.mark.chaos
@pytest.mark.product
@pytest.mark.slow
def test_kills_and_platforms_that_fail_lose_nothing_and_double_nothing() -> None:
    folder = Path(tempfile.mkdtemp(prefix="deskhand-chaos-chats-"))
    result = run_chats(SMALL, seed=SEED, kind="postgresql" if ON_POSTGRES else "sqlite", folder=folder)
    print(result)
    problems = [str(one) for one in result.violations] + result.notes
    assert not problems, f"seed {SEED}, everything that was logged is in {folder}:\n" + "\n".join(problems[:40])
    assert result.redelivered["telegram"], "Telegram told something more than once"
    assert result.redelivered["discord"], "Discord told something more than once"
    shutil.rmtree(folder)


# The judge --------------------------------------------------------------------------------------------------------------


def a_world() -> ChatWorld:
    """One chat on which everything went well."""
    database = Snapshot()
    database.tables["conversation"] = [{"id": "c", "created_at": 1.0}]
    database.tables["route"] = [{"conversation_id": "c", "channel": "discord", "place": "p"}]
    database.tables["message"] = [
        {"conversation_id": "c", "author": author, "seq": seq, "body": body}
        for seq, (author, body) in enumerate(
            [
                ("customer", "q:d00:0:1; one"),
                ("ai", "**You asked**: q:d00:0:1; one"),
                ("customer", "q:d00:0:2; two"),
                ("ai", "You asked: q:d00:0:2; two"),
            ],
            1,
        )
    ]
    shown = ["**You asked**: q:d00:0:1; one", "You asked: q:d00:0:2; two\n-# Sources: 1"]
    return ChatWorld(database, {"d00": Chat("discord", "p", ["q:d00:0:1;", "q:d00:0:2;"], shown)})


def test_a_world_in_which_all_went_well_has_no_violations() -> None:
    assert judge_chats(a_world()) == []


def _not_stored(world: ChatWorld) -> None:
    world.chats["d00"].asked.append("q:d00:0:3;")


def _stored_twice(world: ChatWorld) -> None:
    world.database["message"].append({**world.database["message"][0], "seq": 5})


def _other_order_in(world: ChatWorld) -> None:
    world.chats["d00"].asked.reverse()


def _not_shown(world: ChatWorld) -> None:
    world.chats["d00"].shown.pop()


def _shown_twice(world: ChatWorld) -> None:
    world.chats["d00"].shown.append(world.chats["d00"].shown[0])


def _other_order_out(world: ChatWorld) -> None:
    world.chats["d00"].shown.reverse()


def _draft_left(world: ChatWorld) -> None:
    world.chats["d00"].shown.append("You asked: q:d00:0:2\n-# writing …")


def _given_up(world: ChatWorld) -> None:
    world.database["delivery"].append({"channel": "discord", "place": "p", "op": "send", "state": "dead", "error": "x"})


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (_not_stored, ("C1", "lost")), (_stored_twice, ("C1", "twice")), (_other_order_in, ("C2", "order")), (_not_shown, ("C3", "lost")),
        (_shown_twice, ("C3", "twice")), (_other_order_out, ("C3", "order")), (_draft_left, ("C3", "other")), (_given_up, ("C4", "lost")),
    ],
)  # fmt: skip
def test_the_judge_notices(spoil: Callable[[ChatWorld], None], found: tuple[str, str]) -> None:
    world = a_world()
    spoil(world)
    assert found in {(one.invariant, one.kind) for one in judge_chats(world)}


def test_where_nobody_can_tell_a_second_time_is_counted() -> None:
    world = a_world()
    world.database["route"][0]["channel"] = world.chats["d00"].channel = "telegram"
    _shown_twice(world)
    assert judge_chats(world) == []
    assert world.again == {"telegram": 1}
