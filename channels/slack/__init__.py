"""Slack as a desk: each conversation that needs people is one thread in a channel of your workspace.

Needs an app made from ``slack-manifest.yaml`` (``docs/slack.md`` leads through it). No public address is needed: events come
over Socket Mode. Without tokens this plugin is off and loads no SDK.
"""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr, field_validator

from bot import Desk, PluginInfo, Settings, hookimpl, setting

PLUGIN = PluginInfo(
    title="Slack",
    summary="Agents claim and answer conversations in threads of a Slack channel.",
)


class SlackSettings(Settings):
    """Two tokens and a channel."""

    bot_token: SecretStr = setting(
        env="SLACK_BOT_TOKEN", label="Bot token", help="From your app's page, OAuth & Permissions: begins with xoxb-."
    )
    app_token: SecretStr = setting(
        env="SLACK_APP_TOKEN",
        label="App-level token",
        help="From your app's page, Basic Information, with the scope connections:write: begins with xapp-.",
    )
    channel: str = setting(
        env="SLACK_CHANNEL",
        label="Channel",
        help="The channel's ID, such as C0123456789. In Slack: the channel's details, at the very bottom.",
    )
    api_url: str = setting(
        "", env="DESKHAND_SLACK_API_URL", label="Address", help="Only for a gateway of your own. Empty: Slack itself."
    )

    @field_validator("bot_token")
    @classmethod
    def _a_bot_token(cls, value: SecretStr) -> SecretStr:
        return _begins(value, "xoxb-", "a bot token (OAuth & Permissions)")

    @field_validator("app_token")
    @classmethod
    def _an_app_token(cls, value: SecretStr) -> SecretStr:
        return _begins(value, "xapp-", "an app-level token (Basic Information)")

    @field_validator("channel")
    @classmethod
    def _a_channel_id(cls, value: str) -> str:
        value = value.strip()
        if not (value[:1] in {"C", "G"} and value.isalnum() and value.isupper() and len(value) >= 3):
            raise ValueError(
                "this is not a channel's ID: it looks like C0123456789 and stands at the bottom of the channel's details"
            )
        return value

    @field_validator("api_url")
    @classmethod
    def _an_address(cls, value: str) -> str:
        value = value.strip()
        if value and not value.startswith(("https://", "http://")):
            raise ValueError("the address must begin with https:// or http://")
        return value


def _begins(value: SecretStr, prefix: str, what: str) -> SecretStr:
    token = value.get_secret_value().strip()
    if not token.startswith(prefix):
        raise ValueError(f"this is not {what}: such a token begins with {prefix}")
    return SecretStr(token)


@hookimpl
def settings_schema() -> type[Settings]:
    return SlackSettings


@hookimpl
def desk(settings: SlackSettings) -> Desk:
    from .workspace import SlackDesk

    return SlackDesk(
        bot_token=settings.bot_token.get_secret_value(),
        app_token=settings.app_token.get_secret_value(),
        place=settings.channel,
        api_url=settings.api_url,
    )


@hookimpl
def health_check(settings: SlackSettings) -> dict[str, Any] | str:
    from .checkup import check_up

    return check_up(
        bot_token=settings.bot_token.get_secret_value(),
        app_token=settings.app_token.get_secret_value(),
        place=settings.channel,
        api_url=settings.api_url,
    )
