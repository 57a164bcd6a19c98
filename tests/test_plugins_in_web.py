"""Plugins under gevent and after a fork: no greenlet waits for a hook, deadlines hold, settings stay readable."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.patience import patient
from tests.registries import House

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def house(store: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[House]:
    house = House(monkeypatch, tmp_path / "plugins")
    yield house
    house.close()


def run(script: str, house: House) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "DESKHAND_PLUGINS_DIR": str(house.folder)},
        capture_output=True, text=True, timeout=patient(30), check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


LOOPS = """
    from bot import Channel, hookimpl
    @hookimpl
    def channel():
        while True: pass
"""
QUICK = """
    from bot import Channel, hookimpl
    class Pigeon(Channel):
        name = "quick"
    @hookimpl
    def channel(): return Pigeon()
"""


def test_the_hub_goes_on_while_a_plugin_loops_and_the_loop_ends_at_its_deadline(house: House) -> None:
    house.write("loops", LOOPS)
    house.write("quick", QUICK)
    lines = run(
        """
        from gevent import monkey
        monkey.patch_all()
        import time
        import gevent
        from bot import discovery, store
        from bot.config import config
        from bot.hookspecs import RULES, HookRule
        RULES["channel"] = HookRule(manner="each", deadline=0.5, where=frozenset({"web"}))
        discovery.ROOTS = ()
        store.open_database(config().database)
        from bot.plugins import load_plugins
        ticks = []
        def tick():
            while True:
                ticks.append(time.monotonic())
                gevent.sleep(0.01)
        gevent.spawn(tick)
        registry = load_plugins("web")
        began = time.monotonic()
        objects = registry.snapshot().objects("channel")
        took = time.monotonic() - began
        worst = max(b - a for a, b in zip(ticks, ticks[1:]))
        print([name for name, _ in objects], 0.4 < took < 3, len(ticks) > 15, worst < 0.4)
        print(registry.containment.failing)
        """,
        house,
    )
    assert lines[-2:] == ["['quick'] True True True", "{('loops', 'channel')}"]


def test_a_forked_child_has_its_own_watchdog(house: House) -> None:
    house.write("loops", LOOPS)
    house.write("quick", QUICK)
    lines = run(
        """
        import os
        from bot import discovery, store
        from bot.config import config
        from bot.hookspecs import RULES, HookRule
        RULES["channel"] = HookRule(manner="each", deadline=0.5, where=frozenset({"worker"}))
        discovery.ROOTS = ()
        store.open_database(config().database)
        from bot.plugins import load_plugins
        registry = load_plugins("worker")
        snapshot = registry.snapshot()
        registry.containment.attempt("quick", "warm up the watchdog", lambda: None, True)
        store.close_database()
        child = os.fork()
        if child == 0:
            store.open_database(config().database)
            names = [name for name, _ in snapshot.objects("channel")]
            os.write(1, f"child {names}\\n".encode())
            store.close_database()
            os._exit(0)
        print(os.waitpid(child, 0)[1], os.path.exists(config().run_dir / f"breadcrumbs-{os.getpid()}"))
        """,
        house,
    )
    assert lines[-2:] == ["child ['quick']", "0 True"]
