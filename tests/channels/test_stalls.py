"""Code that holds the loop of all channels is named, struck, and ended."""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

from channels.host import stalls
from channels.host.stalls import Stalls, home_of
from tests.channels.boards import Board


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stalls, "BEAT", 0.05)
    monkeypatch.setattr(stalls, "STALLED", 0.4)
    monkeypatch.setattr(stalls, "HOPELESS", 0.9)


def held(seconds: float, owner: Path) -> tuple[list[tuple[str, str]], list[str], list[dict[str, object]]]:
    """Hold the loop, from this very file; returns who was blamed, whether the process was ended, and what was logged."""
    blamed: list[tuple[str, str]] = []
    ended: list[str] = []

    async def run() -> None:
        watch = Stalls(
            lambda: {"fine": ("plugin-fine", Path("/nowhere/fine.py")), "bad": ("plugin-bad", owner)},
            lambda plugin, reason: blamed.append((plugin, reason)),
            lambda: ended.append("ended"),
        )
        watch.start()
        await asyncio.sleep(0.2)
        time.sleep(seconds)
        await asyncio.sleep(0.2)
        watch.stop()

    with structlog.testing.capture_logs() as logs:
        asyncio.run(run())
    return blamed, ended, list(logs)


def test_who_holds_the_loop_is_named_with_the_line() -> None:
    blamed, ended, logs = held(0.7, Path(__file__))
    (line,) = [line for line in logs if line["event"] == "loop_stalled"]
    assert line["channel"] == "bad" and str(line["where"]).startswith("test_stalls.py, line ")
    assert blamed == [] and ended == [], "a moment is forgiven"


def test_who_holds_it_for_long_is_struck_and_the_process_ends() -> None:
    blamed, ended, _ = held(2.0, Path(__file__).parent)
    assert [plugin for plugin, _ in blamed] == ["plugin-bad"] and "held the loop" in blamed[0][1]
    assert ended == ["ended"]


def test_nobody_is_blamed_for_what_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    blamed, ended, logs = held(1.4, Path("/nowhere/bad.py"))
    assert blamed == [] and ended == [], "it is waited for longer"
    monkeypatch.setattr(stalls, "PATIENT", 1.2)
    blamed, ended, logs = held(2.4, Path("/nowhere/bad.py"))
    assert blamed == [] and ended == ["ended"]
    assert {line["channel"] for line in logs} == {"unknown"}


def test_an_import_that_takes_its_time_is_nobodys_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a_slow_sdk.py").write_text("import time\ntime.sleep(1.6)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(time, "sleep", _importing(time.sleep))
    blamed, ended, logs = held(1.6, Path(__file__))
    assert blamed == [] and ended == []
    assert [line["where"] for line in logs] == ["an import"]


def _importing(sleep: Callable[[float], None]) -> Callable[[float], None]:
    """In the place of holding the loop: import something that does."""

    def instead(seconds: float) -> None:
        time.sleep = sleep
        importlib.import_module("a_slow_sdk")

    return instead


def test_a_loop_that_turns_is_left_alone() -> None:
    blamed, ended, logs = held(0.0, Path(__file__))
    assert not (blamed or ended or logs)


def test_a_channels_code_is_its_file_or_its_package() -> None:
    from channels.slack.workspace import SlackDesk

    assert home_of(Board()) == Path(__file__).parent
    assert home_of(SlackDesk.__new__(SlackDesk)).name == "slack"
