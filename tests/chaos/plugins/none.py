"""The test platform whose uncertain sends are settled by NONE."""

from __future__ import annotations

from typing import ClassVar

from bot import Channel, Resend, Settings, hookimpl

from ._platform import PlatformChannel, PlatformSettings


class Nothing(PlatformChannel):
    name: ClassVar[str] = "none"
    resend: ClassVar[Resend] = Resend.NONE


@hookimpl
def settings_schema() -> type[Settings]:
    return PlatformSettings


@hookimpl
def channel(settings: PlatformSettings) -> Channel:
    return Nothing(settings.url)
