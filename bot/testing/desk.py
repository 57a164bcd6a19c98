"""``DeskConformance``: what every desk promises, to be subclassed in the tests of its author."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from bot.desk import Desk
from bot.testing.channel import DEADLINE
from bot.testing.channel_failures import Failing
from bot.testing.channel_in import Incoming
from bot.testing.channel_out import Outgoing
from bot.testing.desk_pages import Personal
from bot.testing.desk_promises import Working
from bot.testing.desk_stage import DeskStage
from bot.testing.doubles import SurfaceDouble, faults, writes
from bot.testing.on_disk import OnDisk, fresh_store
from bot.testing.promises import Conformance, Promise
from bot.testing.running import run


class DeskConformance(Working, Personal, Failing, Outgoing, Incoming, Conformance):
    """Set ``desk`` (the class) and ``surface`` (the double's class), and write :meth:`make`. Each promise is one test.

    Beside its own promises a desk keeps those of a channel: agents are the people there, a thread is the place, and what is sent
    are posts into threads.
    """

    desk: ClassVar[type[Desk]]
    surface: ClassVar[type[SurfaceDouble]]

    def make(self, surface: Any) -> Desk:
        """A desk that talks to this double, as the plugin's hook would make it."""
        raise NotImplementedError(f"{type(self).__name__} must write make(self, surface) and return the desk")

    def store(self) -> AbstractContextManager[OnDisk]:
        """The store of one promise. Overridden where starting what uses it takes long, and promises share one."""
        return fresh_store()

    @classmethod
    def complete(cls) -> bool:
        if not (hasattr(cls, "desk") and hasattr(cls, "surface")):
            return False
        wrong = faults(cls.surface)
        if wrong:
            raise TypeError(f"{cls.surface.__name__} is no surface yet: {'; '.join(wrong)}")
        return True

    @classmethod
    def why_not(cls, one: Promise) -> str:
        declared = {str(capability) for capability in cls.desk.capabilities} | {"send", "listens"}
        if cls.surface.acknowledges:
            declared.add("acknowledges")
        if cls.surface.secrets:
            declared.add("secrets")
        words = {
            "acknowledges": "the platform is never told that an event was taken",
            "secrets": "the platform has no tokens (the double names none in secrets)",
        }
        for need in sorted(one.needs - declared):
            return words.get(need, f"{need} is not declared")
        for method in one.writes:
            if not writes(cls.surface, method):
                return f"the double does not write {method}()"
        for trouble in one.troubles:
            if trouble not in cls.surface.troubles:
                return f"{trouble} cannot happen there (the double's troubles)"
        return ""

    def keep(self, function: Callable[..., Any]) -> None:
        async def play() -> None:
            with self.store() as disk:
                async with DeskStage(self.make, self.surface(), disk) as stage:
                    done = function(self, stage)
                    if inspect.isawaitable(done):
                        await asyncio.wait_for(done, DEADLINE)
                    assert not stage.inbox.complaints, stage.inbox.complaints[0]

        run(play())
