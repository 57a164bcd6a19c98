"""A desk that a stranger wrote keeps every promise of the kit, the same that Slack runs."""

from __future__ import annotations

from typing import Any

import pytest

from bot import Desk
from bot.testing import DeskConformance, SurfaceDouble
from tests.conformance.corkboard import Corkboard
from tests.conformance.whiteboard import Whiteboard
from tests.conformance.wire import TOKEN


class TestCorkboard(DeskConformance):
    plugin = "corkboard"
    desk = Corkboard
    surface = Whiteboard

    def make(self, surface: Any) -> Desk:
        return Corkboard(surface.port, TOKEN)


def test_a_desk_with_everything_leaves_nothing_out() -> None:
    assert TestCorkboard.not_declared == {}


def test_a_surface_that_the_kit_cannot_call_is_told_how_it_is_called() -> None:
    wrong = type("Wrong", (Whiteboard,), {"reply": lambda self, thread, text: "", "click": SurfaceDouble.click})
    said = (
        "Wrong is no surface yet: it must write click(thread, who, action); "
        "its reply() must take what the kit gives it, by position: reply(thread, who, text)"
    )
    with pytest.raises(TypeError) as raised:
        type("TestWrong", (DeskConformance,), {"desk": Corkboard, "surface": wrong})
    assert str(raised.value) == said
