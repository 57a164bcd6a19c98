"""The test platform whose uncertain sends are settled by READBACK."""

from __future__ import annotations

from typing import ClassVar

from bot import Channel, Resend, Settings, hookimpl

from ._platform import PlatformChannel, PlatformSettings


class Readback(PlatformChannel):
    name: ClassVar[str] = "readback"
    resend: ClassVar[Resend] = Resend.READBACK


@hookimpl
def settings_schema() -> type[Settings]:
    return PlatformSettings


@hookimpl
def channel(settings: PlatformSettings) -> Channel:
    return Readback(settings.url)
