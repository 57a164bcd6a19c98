"""Discord as a channel: direct messages, and threads of a server made by ``/support`` or by naming the bot.

Needs a bot of your own (``docs/discord.md`` leads through it). No public address is needed: events come over the gateway.
Without a token this plugin is off and loads no SDK.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr, field_validator

from bot import Channel, PluginInfo, Settings, hookimpl, setting

if TYPE_CHECKING:
    import click

PLUGIN = PluginInfo(
    title="Discord", summary="Customers write in direct messages, in threads of a server, and by the command /support."
)


class DiscordSettings(Settings):
    """One token."""

    bot_token: SecretStr = setting(
        env="DISCORD_BOT_TOKEN",
        label="Bot token",
        help="From your application's page on discord.com/developers: Bot, Reset Token.",
    )
    api_url: str = setting(
        "",
        env="DESKHAND_DISCORD_API_URL",
        label="Address",
        help="Only for a gateway of your own, such as https://discord.example/api/v10. Empty: Discord itself.",
    )
    cdn_url: str = setting(
        "",
        env="DESKHAND_DISCORD_CDN_URL",
        label="Address of files",
        help="The only place from where customers' files are fetched. Empty: Discord's own.",
    )

    @field_validator("bot_token")
    @classmethod
    def _a_bot_token(cls, value: SecretStr) -> SecretStr:
        token = value.get_secret_value().strip().removeprefix("Bot ").strip()
        if token.count(".") != 2 or any(c.isspace() for c in token):
            raise ValueError(
                "this is not a bot's token: it has three parts with points between them (Bot, Reset Token)"
            )
        return SecretStr(token)

    @field_validator("api_url", "cdn_url")
    @classmethod
    def _an_address(cls, value: str) -> str:
        value = value.strip().rstrip("/")
        if value and not value.startswith(("https://", "http://")):
            raise ValueError("the address must begin with https:// or http://")
        return value


@hookimpl
def settings_schema() -> type[Settings]:
    return DiscordSettings


@hookimpl
def channel(settings: DiscordSettings) -> Channel:
    from .channel import DiscordChannel

    return DiscordChannel(settings.bot_token.get_secret_value(), api_url=settings.api_url, cdn_url=settings.cdn_url)


@hookimpl
def commands(settings: DiscordSettings) -> Sequence[click.Command]:
    from .command_line import discord_command

    return [discord_command(settings.bot_token.get_secret_value(), settings.api_url)]


@hookimpl
def health_check(settings: DiscordSettings) -> dict[str, Any] | str:
    from .checkup import check_up

    return check_up(settings.bot_token.get_secret_value(), settings.api_url)
