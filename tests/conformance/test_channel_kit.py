"""A channel with everything keeps every promise of the kit; whoever writes one subclasses the same class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot import Channel
from bot.testing import ChannelConformance, PlatformDouble
from bot.testing.doubles import called, methods
from tests.conformance.exchange import Exchange
from tests.conformance.pager import Pager
from tests.conformance.wire import TOKEN

GUIDE = (Path(__file__).resolve().parent.parent.parent / "docs" / "write-a-channel.md").read_text("utf-8")


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


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"write": lambda self, text: ""}, r"its write\(\) must take what the kit gives it, by position: write\(place, text\)"),
        ({"trouble": lambda self, kind: None}, r"its trouble\(\) must take .* trouble\(kind, seconds\)"),
        ({"react": lambda self, place, shown, emoji, *, gone: None}, r"its react\(\) must take .* react\(place, shown, emoji, gone\)"),
        ({"heal": PlatformDouble.heal}, r"it must write heal\(\)"),
        ({"again": staticmethod(lambda: None)}, r"its again\(\) must take .* again\(message\)"),
    ],
)  # fmt: skip
def test_a_double_that_the_kit_cannot_call_is_told_how_it_is_called(written: dict[str, Any], said: str) -> None:
    wrong = type("Wrong", (Exchange,), written)
    with pytest.raises(TypeError, match=f"^Wrong is no platform yet: {said}$"):
        type("TestWrong", (ChannelConformance,), {"channel": Pager, "platform": wrong})


def test_a_double_may_name_what_it_is_given_as_it_likes() -> None:
    class Free(Exchange):
        def write(self, *anything: Any) -> str:
            return super().write(*anything)

        def shown(self, where: str, *, tidy: bool = False) -> Any:
            return super().shown(where)

        @staticmethod
        def unknown_message(one: str) -> str:
            return "999"

    kit: Any = type("TestFree", (ChannelConformance,), {"channel": Pager, "platform": Free, "make": TestPager.make})
    kit().test_what_somebody_writes_arrives()


@pytest.mark.parametrize("method", methods(PlatformDouble))
def test_the_guide_tells_what_each_method_of_a_double_is_given(method: str) -> None:
    assert f"`{called(PlatformDouble, method)}`" in GUIDE
