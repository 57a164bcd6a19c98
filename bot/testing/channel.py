"""``ChannelConformance``: what every channel promises, to be subclassed in the tests of its author."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from bot.channel import Capability, Channel
from bot.testing.channel_abilities import Able
from bot.testing.channel_failures import Failing
from bot.testing.channel_in import Incoming
from bot.testing.channel_out import Outgoing
from bot.testing.doubles import PlatformDouble, faults, writes
from bot.testing.on_disk import OnDisk, fresh_store
from bot.testing.promises import Conformance, Promise
from bot.testing.running import run
from bot.testing.stage import Stage

DEADLINE = 150.0
"""Seconds for one promise; far beyond what any needs."""

VISIBLE = {"press", "typing", "drafts"}
"""What a double must write for a channel that declares it: a button that nobody can press is none."""


class ChannelConformance(Able, Failing, Outgoing, Incoming, Conformance):
    """Set ``channel`` (the class) and ``platform`` (the double's class), and write :meth:`make`. Each promise is one test."""

    channel: ClassVar[type[Channel]]
    platform: ClassVar[type[PlatformDouble]]

    def make(self, platform: Any) -> Channel:
        """A channel that talks to this platform double, as the plugin's hook would make it."""
        raise NotImplementedError(f"{type(self).__name__} must write make(self, platform) and return the channel")

    def store(self) -> AbstractContextManager[OnDisk]:
        """The store of one promise. Overridden where starting what uses it takes long, and promises share one."""
        return fresh_store()

    @classmethod
    def complete(cls) -> bool:
        if not (hasattr(cls, "channel") and hasattr(cls, "platform")):
            return False
        wrong = faults(cls.platform)
        if wrong:
            raise TypeError(f"{cls.platform.__name__} is no platform yet: {'; '.join(wrong)}")
        return True

    @classmethod
    def why_not(cls, one: Promise) -> str:
        declared = {str(capability) for capability in cls.channel.capabilities}
        if Capability.PULL not in cls.channel.capabilities:
            declared.add("send")
        if cls.channel.listen is not Channel.listen:
            declared.add("listens")
        if cls.platform.acknowledges:
            declared.add("acknowledges")
        if cls.platform.secrets:
            declared.add("secrets")
        words = {
            "listens": "messages do not come in by listen()",
            "send": "clients pull (Capability.PULL): nothing is sent to them",
            "acknowledges": "the platform is never told that a message was taken",
            "secrets": "the platform has no tokens (the double names none in secrets)",
        }
        for need in sorted(one.needs - declared):
            return words.get(need, f"{need} is not declared")
        for method in one.writes:
            if not writes(cls.platform, method):
                if method in VISIBLE:
                    # Left out silently, what the channel says it can do would be tested by nobody.
                    what = ", ".join(sorted(need.upper() for need in one.needs & set(Capability)))
                    raise TypeError(
                        f"{cls.channel.__name__} declares {what}, so {cls.platform.__name__} must write {method}(); if the platform"
                        " has no such thing, do not declare it"
                    )
                return f"the double does not write {method}()"
        for trouble in one.troubles:
            if trouble not in cls.platform.troubles:
                return f"{trouble} cannot happen there (the double's troubles)"
        return ""

    def keep(self, function: Callable[..., Any]) -> None:
        async def play() -> None:
            with self.store() as disk:
                async with Stage(self.make, self.platform(), disk) as stage:
                    done = function(self, stage)
                    if inspect.isawaitable(done):
                        await asyncio.wait_for(done, DEADLINE)
                    assert not stage.inbox.complaints, stage.inbox.complaints[0]

        run(play())
