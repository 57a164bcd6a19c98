"""A desk that a stranger wrote keeps every promise of the kit, the same that Slack runs."""

from __future__ import annotations

from typing import Any

from bot import Desk
from bot.testing import DeskConformance
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
