"""The test platform whose uncertain sends are settled by NONCE."""

from __future__ import annotations

from typing import ClassVar

from bot import Channel, Resend, Settings, hookimpl

from ._platform import PlatformChannel, PlatformSettings


class Nonce(PlatformChannel):
    name: ClassVar[str] = "nonce"
    resend: ClassVar[Resend] = Resend.NONCE


@hookimpl
def settings_schema() -> type[Settings]:
    return PlatformSettings


@hookimpl
def channel(settings: PlatformSettings) -> Channel:
    return Nonce(settings.url)
