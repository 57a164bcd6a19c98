"""The plugin's settings, and what the doctor says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from bot import Outbox, PermanentFailure
from bot.discovery import discover
from channels.telegram import PATH, TelegramSettings, secret_of
from channels.telegram.chat import TelegramChannel
from channels.telegram.checkup import check_up
from channels.telegram.memory import Memory
from channels.telegram.reading import Me
from tests.fakes.telegram import FakeTelegram

from .conftest import Keeping

TOKEN = "123456789:AAE-abcdefghijklmnopqrstuvwxyz"


def test_it_is_found_and_needs_a_token_only() -> None:
    (found,) = [plugin for plugin in discover().plugins if plugin.name == "telegram"]
    assert {"channel", "routes", "health_check", "settings_schema"} <= set(found.hooks)
    assert [name for name, field in TelegramSettings.model_fields.items() if field.is_required()] == ["bot_token"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"bot_token": "xoxb-1234"},
        {"bot_token": "123456789 AAE"},
        {"bot_token": TOKEN, "mode": "push"},
        {"bot_token": TOKEN, "webhook_secret": "short"},
        {"bot_token": TOKEN, "webhook_secret": "with spaces in it, and more"},
        {"bot_token": TOKEN, "api_url": "api.telegram.org"},
        {"bot_token": TOKEN, "uncertain": "perhaps"},
    ],
)
def test_a_wrong_setting_is_named_and_shows_no_secret(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        TelegramSettings(**wrong)
    assert not any(part in str(caught.value) for part in ("xoxb", "9 AAE", "AAE-abc"))
    assert "spaces" not in str(caught.value)


def test_the_webhooks_secret_is_ones_own_or_made_from_the_token() -> None:
    made = secret_of(TelegramSettings(bot_token=TOKEN))  # type: ignore[arg-type]
    assert len(made) == 64
    assert TOKEN not in made
    assert secret_of(TelegramSettings(bot_token=TOKEN, webhook_secret="a-secret-of-ours-1")) == "a-secret-of-ours-1"  # type: ignore[arg-type]


@pytest.mark.parametrize(("policy", "step"), [("resend", "send"), ("hold", "hold")])
def test_what_nobody_can_tell_is_sent_again_or_held(policy: Any, step: str) -> None:
    from bot.deliver import Claimed
    from bot.messages import Outbound

    channel = TelegramChannel(token=TOKEN, uncertain=policy)
    outbox = Outbox(channel, uncertain=channel.uncertain)
    out = Outbound(key="k", op="send", place="1", text="x", first_sent_at=1.0)
    assert outbox.step(Claimed(1, out, True)) == step
    assert outbox.step(Claimed(1, out, False)) == "send"


def test_the_doctor(telegram: FakeTelegram) -> None:
    def said(**changed: Any) -> str:
        values = {"token": telegram.world.token, "api_url": telegram.url, "webhook": "", "public": True, **changed}
        return check_up(**values)

    assert "Privacy mode is on" in said()
    telegram.world.privacy = False
    assert "Privacy mode is off" in said()
    for number in range(150):
        telegram.write(1001, f"m{number}")
    assert "150 updates wait" in said()
    telegram.world.webhook = {"url": "https://other.example/hook", "secret": ""}
    with pytest.raises(PermanentFailure, match="webhook is set"):
        said()
    with pytest.raises(PermanentFailure, match="belongs to another"):
        said(webhook="https://shop.example" + PATH)
    with pytest.raises(PermanentFailure, match="only https"):
        said(webhook="http://shop.example" + PATH, public=False)
    telegram.world.webhook = {}
    telegram.world.webhook_error = (1, "Connection refused")
    assert "Connection refused" in said(webhook="https://shop.example" + PATH)
    with pytest.raises(PermanentFailure, match="BotFather"):
        said(token=TOKEN)
    telegram.down()
    with pytest.raises(Exception, match="cannot be reached") as caught:
        said()
    assert "AAF" not in str(caught.value)


async def _remembered(kept: str, bot: int) -> Memory:
    inbox, memory = Keeping(), Memory()
    inbox.kept = kept
    await memory.open(inbox, Me(id=bot, username="shop_bot"))
    memory.kept_now = inbox.kept  # type: ignore[attr-defined]
    return memory


@pytest.mark.parametrize(
    "kept", ["", "{", "[]", '{"id": 2, "moved": {"-100": -5}}', '{"id": 1, "moved": 3, "drafts": [1]}']
)
def test_an_odd_memory_or_another_bots_is_begun_anew(kept: str) -> None:
    import asyncio

    memory = asyncio.run(_remembered(kept, 1))
    assert memory.moves.began == {}
    assert memory.left == {}
    assert json.loads(memory.kept_now) == {"id": 1, "username": "shop_bot", "moved": {}, "drafts": {}}  # type: ignore[attr-defined]
