"""Telegram as a channel: customers write to a bot, in private or in a group.

Needs a bot's token from @BotFather (``docs/telegram.md`` leads through it) and no public address: updates are polled. Without a token this
plugin is off and loads no SDK.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from pydantic import SecretStr, field_validator

from bot import Channel, PluginInfo, Settings, get_config, hookimpl, setting

if TYPE_CHECKING:
    from flask import Blueprint, Flask

PLUGIN = PluginInfo(
    title="Telegram",
    summary="Customers write to a Telegram bot, in private or in a group.",
)
PATH = "/hooks/telegram"


class TelegramSettings(Settings):
    """A token, and how updates come."""

    bot_token: SecretStr = setting(
        env="TELEGRAM_BOT_TOKEN", label="Bot token", help="From @BotFather in Telegram: looks like 123456789:AAE…."
    )
    mode: Literal["poll", "webhook"] = setting(
        "poll",
        env="DESKHAND_TELEGRAM_MODE",
        label="Updates",
        help="poll: Deskhand asks Telegram, no public address needed. webhook: Telegram calls DESKHAND_PUBLIC_URL.",
    )
    webhook_secret: SecretStr = setting(
        SecretStr(""),
        env="DESKHAND_TELEGRAM_WEBHOOK_SECRET",
        label="Webhook secret",
        help="What Telegram shows with each call: 16 to 256 letters, digits, _ and -. Empty: one made from the token.",
    )
    uncertain: Literal["resend", "hold"] = setting(
        "resend",
        env="DESKHAND_TELEGRAM_UNCERTAIN",
        label="Uncertain messages",
        help="When nobody can tell whether a message arrived: resend (perhaps twice) or hold (you decide: deskhand deadletters).",
    )
    api_url: str = setting(
        "",
        env="DESKHAND_TELEGRAM_API_URL",
        label="Address",
        help="Only for a Bot API server of your own. Empty: Telegram itself.",
    )

    @field_validator("bot_token")
    @classmethod
    def _a_token(cls, value: SecretStr) -> SecretStr:
        token = value.get_secret_value().strip()
        if not re.fullmatch(r"\d{3,20}:[A-Za-z0-9_-]{10,100}", token):
            raise ValueError("this is not a bot's token: it looks like 123456789:AAE… and comes from @BotFather")
        return SecretStr(token)

    @field_validator("webhook_secret")
    @classmethod
    def _a_secret(cls, value: SecretStr) -> SecretStr:
        secret = value.get_secret_value().strip()
        if secret and not re.fullmatch(r"[A-Za-z0-9_-]{16,256}", secret):
            raise ValueError("the secret must have 16 to 256 letters, digits, _ and -")
        return SecretStr(secret)

    @field_validator("api_url")
    @classmethod
    def _an_address(cls, value: str) -> str:
        value = value.strip()
        if value and not value.startswith(("https://", "http://")):
            raise ValueError("the address must begin with https:// or http://")
        return value.rstrip("/")


def secret_of(settings: TelegramSettings) -> str:
    """What Telegram must show with each call of the webhook."""
    chosen = settings.webhook_secret.get_secret_value()
    token = settings.bot_token.get_secret_value()
    return chosen or hmac.new(token.encode(), b"deskhand webhook", hashlib.sha256).hexdigest()


def webhook_of(settings: TelegramSettings) -> str:
    """The address that Telegram is to call; empty for polling."""
    return get_config().base_url.rstrip("/") + PATH if settings.mode == "webhook" else ""


@hookimpl
def settings_schema() -> type[Settings]:
    return TelegramSettings


@hookimpl
def channel(settings: TelegramSettings) -> Channel:
    from .chat import TelegramChannel

    return TelegramChannel(
        token=settings.bot_token.get_secret_value(),
        api_url=settings.api_url,
        webhook=webhook_of(settings),
        secret=secret_of(settings),
        uncertain=settings.uncertain,
    )


@hookimpl
def routes(settings: TelegramSettings, app: Flask) -> Blueprint:
    from .webhook import blueprint

    return blueprint(
        PATH,
        wanted=lambda: settings.mode == "webhook",
        secret=lambda: secret_of(settings),
        token=lambda: str(settings.bot_token.get_secret_value()),
        api_url=lambda: settings.api_url,
    )


@hookimpl
def health_check(settings: TelegramSettings) -> dict[str, Any] | str:
    from .checkup import check_up

    url = webhook_of(settings)
    return check_up(
        token=settings.bot_token.get_secret_value(),
        api_url=settings.api_url,
        webhook=url,
        public=urlsplit(url).scheme == "https" or bool(settings.api_url),
    )
