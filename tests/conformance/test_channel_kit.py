"""A channel with everything keeps every promise of the kit; whoever writes one subclasses the same class."""

from __future__ import annotations

from typing import Any

import pytest

from bot import Channel
from bot.testing import ChannelConformance, PlatformDouble
from tests.conformance.exchange import Exchange
from tests.conformance.pager import Pager
from tests.conformance.wire import TOKEN


class TestPager(ChannelConformance):
    plugin = "pager"
    channel = Pager
    platform = Exchange

    def make(self, platform: Any) -> Channel:
        return Pager(platform.port, TOKEN)


def test_a_channel_with_everything_leaves_nothing_out() -> None:
    assert TestPager.not_declared == {}


@pytest.mark.parametrize("method", ["press", "typing", "drafts"])
def test_what_is_declared_cannot_go_untested_because_the_double_lacks_it(method: str) -> None:
    lacking = type("Lacking", (Exchange,), {method: getattr(PlatformDouble, method)})
    with pytest.raises(TypeError, match=rf"Pager declares \w+, so Lacking must write {method}\(\)"):
        type("TestLacking", (ChannelConformance,), {"plugin": "pager", "channel": Pager, "platform": lacking})
