"""The desk's small proof, for every change; and the judge itself, which must notice what is wrong."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.check_desk import DeskWorld, judge_desk
from tests.chaos.desk_run import SMALL, run_desk
from tests.chaos.snapshot import Snapshot
from tests.conftest import ON_POSTGRES

SEED = 20_261_121


@pytest.mark.chaos
@pytest.mark.product
@pytest.mark.slow
def test_kills_and_a_slack_that_fails_lose_nothing_and_double_nothing() -> None:
    folder = Path(tempfile.mkdtemp(prefix="deskhand-chaos-desk-"))
    result = run_desk(SMALL, seed=SEED, kind="postgresql" if ON_POSTGRES else "sqlite", folder=folder)
    print(result)
    problems = [str(one) for one in result.violations] + result.notes
    assert not problems, f"seed {SEED}, everything that was logged is in {folder}:\n" + "\n".join(problems[:40])
    assert result.most_deliveries > 1, "Slack told something more than once"
    shutil.rmtree(folder)


# The judge --------------------------------------------------------------------------------------------------------------

THREAD = ("C1", "1.1")


def a_world() -> DeskWorld:
    """One ticket on which everything went well."""
    database = Snapshot()
    database.tables["ticket"] = [{"id": "t"}]
    database.tables["desk_thread"] = [{"place": "C1", "thread": "1.1"}]
    database.tables["conversation"] = [{"id": "c", "state": "human"}]
    database.tables["message"] = [
        {"conversation_id": "c", "author": "system", "kind": "joined", "body": ""},
        {"conversation_id": "c", "author": "agent", "kind": "", "body": "a:t1:0:1;"},
    ]
    database.tables["ledger"] = [{"key": "slack:T0DESK:C1:2.1"}]
    log: list[dict[str, Any]] = []
    for number in (1, 2, 3):
        log.append({"event": "sent", "at": 0.0, "cid": f"k{number}", "text": f"q:t1:0:{number}; hello"})
        log.append({"event": "acked", "at": 0.0, "cid": f"k{number}", "seq": number})
    log.append({"event": "shown", "at": 0.0, "author": "agent", "id": "m9", "text": "a:t1:0:1; hi"})
    shown = [
        {"ts": f"3.{n}", "bot_id": "B", "username": "Anna · customer", "text": f"q:t1:0:{n}; hello"} for n in (2, 3)
    ]
    slack = [
        {"what": "written", "channel": "C1", "thread": "1.1", "text": "a:t1:0:1; hi"},
        {"what": "acked", "event": {"type": "message", "channel": "C1", "ts": "2.1", "thread_ts": "1.1"}},
    ]
    return DeskWorld(database, {"t1": log}, {"t1": THREAD}, {"C1": ["1.1"]}, {THREAD: shown}, slack)


def test_a_world_in_which_all_went_well_has_no_violations() -> None:
    assert judge_desk(a_world()) == []


def _second_root(world: DeskWorld) -> None:
    world.roots["C1"].append("9.9")


def _lost_message(world: DeskWorld) -> None:
    world.shown[THREAD].pop()


def _doubled_message(world: DeskWorld) -> None:
    world.shown[THREAD].append(dict(world.shown[THREAD][0]))


def _swapped(world: DeskWorld) -> None:
    world.shown[THREAD].reverse()


def _lost_reply(world: DeskWorld) -> None:
    world.customers["t1"].pop()


def _doubled_reply(world: DeskWorld) -> None:
    world.customers["t1"].append({**world.customers["t1"][-1], "id": "m10"})


def _foreign_reply(world: DeskWorld) -> None:
    world.customers["t1"].append({**world.customers["t1"][-1], "text": "a:t2:0:1;"})


def _two_winners(world: DeskWorld) -> None:
    world.database["message"].append(world.database["message"][0])


def _acknowledged_and_gone(world: DeskWorld) -> None:
    world.database["ledger"].clear()


def _given_up(world: DeskWorld) -> None:
    world.database["delivery"].append({"channel": "desk:slack", "state": "dead", "op": "send", "error": "x"})


def _still_held(world: DeskWorld) -> None:
    world.database["reply"].append({"id": "r", "state": "held"})


def _no_thread(world: DeskWorld) -> None:
    world.database["desk_thread"].clear()


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (_second_root, ("D1", "twice")), (_no_thread, ("D1", "lost")), (_lost_message, ("D2", "lost")), (_doubled_message, ("D2", "twice")),
        (_swapped, ("D2", "order")), (_lost_reply, ("D3", "lost")), (_doubled_reply, ("D3", "twice")), (_foreign_reply, ("D3", "other")),
        (_two_winners, ("D4", "twice")), (_acknowledged_and_gone, ("D5", "lost")), (_given_up, ("D6", "lost")), (_still_held, ("D6", "lost")),
    ],
)  # fmt: skip
def test_the_judge_notices(spoil: Any, found: tuple[str, str]) -> None:
    world = replace(a_world())
    spoil(world)
    assert found in {(one.invariant, one.kind) for one in judge_desk(world)}
