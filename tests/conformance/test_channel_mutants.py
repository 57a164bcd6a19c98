"""Every promise can fail: each has a channel that is broken on purpose and breaks it, and the kit says so."""

from __future__ import annotations

from typing import Any

import pytest

from bot import Channel
from bot.testing import ChannelConformance, channel_failures, stage
from bot.testing.promises import promises_of
from tests.conformance import mutants_failing
from tests.conformance.exchange import Exchange
from tests.conformance.mutants import BREAKS
from tests.conformance.pager import Pager
from tests.conformance.wire import TOKEN


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What never happens is waited for less long: a mutant fails either way."""
    monkeypatch.setattr(stage, "PATIENCE", 0.6)
    monkeypatch.setattr(stage, "STOP", 0.5)
    monkeypatch.setattr(channel_failures, "STOP", 0.5)


def kit_for(mutant: type[Pager]) -> Any:
    def make(self: Any, platform: Any) -> Channel:
        return mutant(platform.port, TOKEN)

    body = {"channel": mutant, "platform": Exchange, "make": make}
    return type(mutant.__name__, (ChannelConformance,), body)()


@pytest.mark.parametrize(
    ("mutant", "promise"),
    [pytest.param(mutant, name, id=f"{mutant.__name__}-{name}") for mutant, names in BREAKS.items() for name in names],
)
def test_a_broken_channel_breaks_its_promise(mutant: type[Pager], promise: str) -> None:
    with pytest.raises(AssertionError):
        getattr(kit_for(mutant), promise)()


def test_no_promise_is_left_that_nobody_breaks() -> None:
    assert mutants_failing.Leaking in BREAKS, "both files are in the table"
    assert {name for name, _ in promises_of(ChannelConformance)} == {
        name for names in BREAKS.values() for name in names
    }
