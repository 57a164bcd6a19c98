"""The widget's own settings."""

from __future__ import annotations

from bot import Settings, setting


class WidgetSettings(Settings):
    """Limits of the website widget and of the REST chat API. Changes count after a restart of web."""

    messages_per_minute: int = setting(
        20, ge=1, le=10_000, env="DESKHAND_MESSAGES_PER_MINUTE", label="Messages per visitor and minute"
    )
    sessions_per_minute: int = setting(
        30,
        ge=1,
        le=1_000_000,
        env="DESKHAND_SESSIONS_PER_MINUTE",
        label="New visitors per address and minute",
        help="Counted per IPv4 address or IPv6 /64. Behind a proxy set DESKHAND_TRUSTED_PROXIES, or all visitors share one.",
    )
    frames_per_second: int = setting(
        1_000, ge=10, le=100_000, env="DESKHAND_FRAMES_PER_SECOND", label="Frames of one socket per second, of any kind"
    )
    max_sockets: int = setting(
        0,
        ge=0,
        env="DESKHAND_MAX_SOCKETS",
        label="Sockets of one process",
        help="0: as many as open files are allowed.",
    )
