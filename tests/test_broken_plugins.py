"""Plugins that are broken on purpose (``tests/broken_plugins``): each is named and contained, and the conversation goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import audit, switches
from bot.bound import Bound
from bot.containment import FAILED, CallAbandoned, Containment
from bot.hookspecs import RULES, HookRule
from bot.plugins import Call, Registry
from bot.store import PluginState, StoreUnavailable
from tests.patience import patient, wait_for
from tests.registries import BROKEN, House, filtered, why

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def house(store: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[House]:
    monkeypatch.setitem(RULES, "filter_inbound", HookRule(manner="pipe", deadline=0.3, where=frozenset({"turns"})))
    house = House(monkeypatch, tmp_path / "plugins")
    yield house
    house.close()


def load(house: House, *on: str) -> Registry:
    registry = house.load(folder=BROKEN)
    for name in on:
        switches.switch(name, True, actor="test")
    return registry


def row(name: str) -> Any:
    from bot import store

    return store.read(lambda: PluginState.get_or_none(PluginState.name == name)) or PluginState(name=name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("raises", "filter_inbound: ValueError: the moon is in the wrong house (raises.py, line 10)"),
        ("exits", "filter_inbound: SystemExit: I have had enough (exits.py, line 12)"),
        ("interrupts", "filter_inbound: KeyboardInterrupt (interrupts.py, line 10)"),
        ("returns_garbage", "filter_inbound: returned str; filter_inbound must return a MessageView or None"),
    ],
)
def test_a_failing_hook_is_skipped_counted_and_after_three_in_a_row_switched_off(
    house: House, name: str, reason: str
) -> None:
    registry = load(house, name)
    for strikes in (1, 2, 3):
        assert filtered(registry) == "hello good"
        wait_for(lambda strikes=strikes: row(name).strikes == strikes, 5)
    assert row(name).last_error == reason
    assert not registry.fresh().is_on(name)
    assert why(registry, name) == f"switched off by Deskhand: 3 failures in a row; the last: {reason}"
    (entry,) = audit.entries(object=f"plugin:{name}", action="plugin.off")
    assert (entry.actor, entry.detail) == ("deskhand", {"reason": reason})

    switches.switch(name, True, actor="test")
    assert registry.fresh().is_on(name)
    assert row(name).strikes == 0


def test_garbage_of_every_kind_is_named(house: House) -> None:
    registry = load(house, "returns_garbage")
    assert registry.fresh().each("search_knowledge", question=None) == []
    wait_for(lambda: row("returns_garbage").strikes == 1, 5)
    assert "returned list; search_knowledge must return Found" in row("returns_garbage").last_error
    assert registry.fresh().objects("ai_provider") == ()
    wait_for(lambda: row("returns_garbage").strikes == 2, 5)
    assert "returned list; ai_provider must return an AIProvider" in row("returns_garbage").last_error


def test_a_success_after_a_failure_takes_the_strikes_back(house: House, tmp_path: Path) -> None:
    house.write(
        "moody",
        """
        import pathlib
        from bot import hookimpl
        @hookimpl
        def filter_inbound(message):
            if pathlib.Path(__file__).with_name("bad").exists(): raise ValueError("bad day")
            return None
        """,
    )
    registry = house.load()
    mood = tmp_path / "plugins" / "bad"
    for _ in range(3):
        mood.touch()
        filtered(registry)
        filtered(registry)
        wait_for(lambda: row("moody").strikes == 2, 5)
        mood.unlink()
        filtered(registry)
        wait_for(lambda: row("moody").strikes == 0, 5)
    assert registry.fresh().is_on("moody")
    # Another process, which saw none of it fail, forgives as well.
    switches.strike("moody", "filter_inbound", "bad day", wait=True)
    switches.switch("other", True, actor="test")
    filtered(registry)
    wait_for(lambda: row("moody").strikes == 0, 5)


def test_a_database_that_is_away_is_nobodys_strike(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.write(
        "reader",
        "from bot import StoreUnavailable, hookimpl\n@hookimpl\ndef filter_inbound(message): raise StoreUnavailable('locked')\n",
    )
    registry = house.load()
    struck: list[Any] = []
    registry.containment._strike = lambda *words: struck.append(words)
    for _ in range(4):
        assert filtered(registry) == "hello"
    assert struck == []
    with pytest.raises(StoreUnavailable):
        raise StoreUnavailable("the exception itself is a plain one")


def test_a_loop_in_python_is_ended_at_its_deadline_and_the_turn_goes_on(house: House) -> None:
    registry = load(house, "loops")
    abandoned: list[Call] = []
    registry.on_overdue = abandoned.append
    began = time.monotonic()
    assert filtered(registry) == "hello good"
    assert 0.25 < time.monotonic() - began < patient(1.5)
    wait_for(lambda: row("loops").strikes == 1, 5)
    assert row("loops").last_error == "filter_inbound: took longer than 0.3 s"
    assert abandoned == []  # the thread was freed: nothing to give away
    began = time.monotonic()
    assert filtered(registry) == "hello good"  # not asked again for a minute
    assert time.monotonic() - began < patient(0.2)
    for _ in range(10_000):  # what the watchdog raised does not arrive later
        pass


def test_calls_that_are_late_together_are_one_strike(house: House) -> None:
    registry = load(house, "loops")
    threads = [threading.Thread(target=filtered, args=(registry,)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_for(lambda: row("loops").strikes == 1, 5)
    assert registry.fresh().is_on("loops")


def test_calls_that_fail_together_are_one_strike(house: House) -> None:
    house.write(
        "together",
        """
        import threading
        from bot import hookimpl
        meet = threading.Barrier(5)
        @hookimpl
        def filter_inbound(message):
            meet.wait(10)
            raise ValueError("half imported")
        """,
    )
    registry = house.load()
    struck: list[Any] = []
    registry.containment._strike = lambda *words: (struck.append(words), time.sleep(0.05))
    threads = [threading.Thread(target=filtered, args=(registry,)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(struck) == 1


def test_the_first_call_of_a_built_in_plugin_may_import_what_it_needs(store: Any) -> None:
    containment = Containment(lambda *words: None, lambda *words: None)
    asked: list[float] = []

    def slow(arguments: dict[str, Any]) -> str:
        asked.append(time.monotonic())
        while time.monotonic() - asked[-1] < 0.6:
            pass
        return "done"

    bound = Bound.once("ours", "search_knowledge", lambda: None, 0.3, noted=False)
    bound.invoke, bound.checked, bound.hook = slow, True, "no_result_is_wrong"
    assert containment.call(bound, {}) == "done"
    assert containment.call(bound, {}) is FAILED, "from the second call on its deadline holds"
    containment.close()


def test_a_call_that_waits_in_c_is_abandoned_and_its_work_given_away(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANGS_SECONDS", "1.2")
    registry = load(house, "hangs")
    calls: list[Call] = []

    def on_overdue(call: Call) -> bool:
        calls.append(call)
        return True

    registry.on_overdue = on_overdue
    began = time.monotonic()
    with pytest.raises(CallAbandoned, match="hangs took too long in filter_inbound"):
        filtered(registry)
    assert time.monotonic() - began >= 1.1
    (call,) = calls
    assert (call.plugin, call.hook, call.thread_id) == ("hangs", "filter_inbound", threading.get_ident())
    assert 0.4 < call.seconds < patient(1.1)
    assert filtered(registry) == "hello good"


def test_a_process_that_cannot_give_work_away_goes_on_when_the_call_comes_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANGS_SECONDS", "1")
    registry = load(house, "hangs")
    assert filtered(registry) == "hello good"
    wait_for(lambda: row("hangs").strikes == 1, 5)


def test_a_hook_that_swallows_every_exception_is_abandoned_too(house: House) -> None:
    registry = load(house, "swallows")
    calls: list[str] = []
    registry.on_overdue = lambda call: calls.append(call.plugin)
    assert filtered(registry) == "hello good"
    assert calls == ["swallows"]


def test_deadlines_hold_in_many_threads_at_once_and_disturb_nobody(house: House) -> None:
    registry = load(house, "loops")
    results: list[str] = []
    threads = [threading.Thread(target=lambda: results.append(filtered(registry))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=patient(10))
    assert results == ["hello good"] * 8


def test_time_in_which_the_process_was_stopped_is_not_the_plugins_fault(house: House, tmp_path: Path) -> None:
    script = """
        import os, signal, sys, time
        from bot import store
        from bot.config import config
        from bot.hookspecs import RULES, HookRule
        RULES["filter_inbound"] = HookRule(manner="pipe", deadline=1.5, where=frozenset({"turns"}))
        store.open_database(config().database)
        from bot import discovery, plugins
        discovery.ROOTS = ()
        from tests.registries import filtered
        registry = plugins.load_plugins("turns")
        print("ready", flush=True)
        print(filtered(registry), registry.containment.failing, flush=True)
    """
    house.write(
        "naps",
        """
        import time
        from bot import hookimpl
        @hookimpl
        def filter_inbound(message):
            for _ in range(27): time.sleep(0.03)
        """,
    )
    process = start(script, DESKHAND_PLUGINS_DIR=str(house.folder))
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.4)  # the watchdog has seen the call
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(2.2)
    os.kill(process.pid, signal.SIGCONT)
    assert process.communicate(timeout=patient(10))[0] == "hello set()\n"


def start(script: str, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


ONE_CALL = """
    from bot import store
    from bot.config import config
    from bot.hookspecs import RULES, HookRule
    RULES["filter_inbound"] = HookRule(manner="pipe", deadline=0.3, where=frozenset({"turns"}))
    store.open_database(config().database)
    from bot import containment, discovery, logs, plugins
    containment.STUCK_SECONDS = 0.5
    discovery.ROOTS = ()
    from tests.registries import filtered
    logs.setup("turns")
    print(filtered(plugins.load_plugins("turns")), flush=True)
"""


def test_a_process_that_stays_stuck_says_who_is_to_blame_and_ends(house: House) -> None:
    load(house, "hangs").close()
    process = start(ONE_CALL, DESKHAND_PLUGINS_DIR=str(BROKEN), HANGS_SECONDS="30", DESKHAND_LOG_FORMAT="json")
    out, err = process.communicate(timeout=patient(20))
    assert process.returncode == 70
    assert out == ""
    last = err.strip().splitlines()[-1]
    assert '"plugin_stuck"' in last
    assert '"hangs"' in last
    assert '"critical"' in last


def test_a_plugin_that_takes_the_process_with_it_is_switched_off_after_three_deaths(house: House) -> None:
    registry = load(house, "dies")
    for deaths in (1, 2, 3):
        process = start(ONE_CALL, DESKHAND_PLUGINS_DIR=str(BROKEN))
        out, _ = process.communicate(timeout=patient(20))
        assert (process.returncode, out) == (9, "")
        from bot.breadcrumbs import last_breadcrumbs
        from bot.config import config

        assert last_breadcrumbs(process.pid, config().run_dir) == ["dies filter_inbound"]
        assert row("dies").strikes == deaths - 1  # whoever loads plugins next blames it
    process = start(ONE_CALL, DESKHAND_PLUGINS_DIR=str(BROKEN))
    out, _ = process.communicate(timeout=patient(20))
    assert (process.returncode, out) == (0, "hello good\n")
    assert row("dies").strikes == 3
    assert "the process died while it ran" in why(registry, "dies")


def test_an_orderly_end_leaves_no_breadcrumbs(house: House) -> None:
    from bot.config import config

    registry = load(house)
    filtered(registry)
    crumbs = config().run_dir / f"breadcrumbs-{os.getpid()}"
    assert crumbs.exists()
    registry.close()
    assert not crumbs.exists()


def test_a_plugin_that_loops_while_it_is_imported_is_named(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bot import containment

    monkeypatch.setattr(containment.Containment.attempt, "__kwdefaults__", {"deadline": 0.3})
    house.write("endless", "from bot import hookimpl\nwhile True:\n    pass\n")
    house.write("fine", "from bot import hookimpl\n@hookimpl\ndef filter_inbound(message): return None\n")
    registry = house.load()
    assert [(one.name, one.reason) for one in registry.broken] == [
        ("endless", "It does not import: it took longer than 0.3 seconds.")
    ]
    assert list(registry.plugins) == ["fine"]


def test_a_plugin_switched_off_by_one_process_stops_being_called_in_another(house: House) -> None:
    house.write(
        "counts", "from bot import hookimpl\n@hookimpl\ndef filter_inbound(message): print('called', flush=True)\n"
    )
    script = """
        import time
        from bot import store
        from bot.config import config
        store.open_database(config().database)
        from bot import discovery, plugins
        discovery.ROOTS = ()
        from tests.registries import MESSAGE, TURN
        registry = plugins.load_plugins("turns")
        while True:
            registry.snapshot().pipe("filter_inbound", "message", MESSAGE, turn=TURN)
            print("turn", flush=True)
            time.sleep(0.02)
    """
    process = start(script, DESKHAND_PLUGINS_DIR=str(house.folder))
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "called\n"
        switches.switch("counts", False, actor="test")
        switched = time.monotonic()
        silent = 0
        while silent < 10:  # ten turns in a row without a call
            silent = 0 if process.stdout.readline() == "called\n" else silent + 1
        assert time.monotonic() - switched < patient(2.0)
        switches.switch("counts", True, actor="test")
        while process.stdout.readline() != "called\n":
            assert time.monotonic() - switched < patient(6.0)
    finally:
        process.kill()
        process.communicate()
