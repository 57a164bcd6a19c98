"""Telegram calls us: the secret first, the commit before the 200, and again until it is there."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_state import USERNAME
from tests.patience import patient
from tests.running import Deskhand

from .conftest import ANNA, BEN, GROUP
from .installation import installed

pytestmark = pytest.mark.once

SECRET = "a-secret-of-our-own-123"


@pytest.fixture(scope="module")
def telegram() -> Iterator[FakeTelegram]:
    with FakeTelegram() as one:
        one.world.group(GROUP)
        yield one


@pytest.fixture(scope="module")
def product(
    request: pytest.FixtureRequest, telegram: FakeTelegram, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deskhand]:
    env = {
        **telegram.env, "DESKHAND_TELEGRAM_MODE": "webhook", "DESKHAND_TELEGRAM_WEBHOOK_SECRET": SECRET, "DESKHAND_LOG_LEVEL": "debug",
    }  # fmt: skip
    with installed(request, tmp_path_factory.mktemp("webhook"), env) as one:
        yield one


def call(product: Deskhand, body: bytes, secret: str | None) -> int:
    headers = {"Content-Type": "application/json"}
    if secret is not None:
        headers["X-Telegram-Bot-Api-Secret-Token"] = secret
    request = urllib.request.Request(product.base_url + "/hooks/telegram", data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=patient(10)) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            error.read()
            return error.code


def update(number: int, text: str) -> dict[str, Any]:
    person = {"id": BEN, "is_bot": False, "first_name": "Ben"}
    chat = {"id": BEN, "type": "private"}
    return {
        "update_id": number,
        "message": {"message_id": number, "from": person, "chat": chat, "date": 1, "text": text},
    }


def test_the_whole_way_by_webhook(product: Deskhand, telegram: FakeTelegram) -> None:
    telegram.wait(lambda: telegram.world.webhook)
    assert telegram.world.webhook["secret"] == SECRET
    assert telegram.world.webhook["url"].endswith(f":{product.port}/hooks/telegram")
    telegram.webhook_twice = True
    telegram.write(ANNA, "How many days do I have to return something?")
    telegram.wait_for_text(ANNA, "30 days")
    telegram.write(ANNA, "/help")
    telegram.wait_for_text(ANNA, "/person")
    telegram.write(ANNA, f"@{USERNAME} what does shipping cost?", GROUP)
    telegram.wait(lambda: telegram.world.said(GROUP))
    answers = [text for text in telegram.world.texts(ANNA) if "30 days" in text]
    assert len(answers) == 1, "brought twice, answered once"

    # A file that cannot be had now is asked for again when Telegram calls again.
    telegram.fail("drop_before", "file", 3)
    telegram.send_file(
        BEN, "document", b"Dear shop", file_name="letter.txt", caption="How many days to return something?"
    )
    telegram.wait_for_text(BEN, "30 days")
    assert len(telegram.world.noted("fault", method="file")) == 3, "two tries of the first call, one of the second"

    # Forged, malformed and odd calls: refused or ignored, never a fault of ours.
    good = json.dumps(update(900, "forged")).encode()
    assert [call(product, good, secret) for secret in (None, "", "wrong", "é", SECRET + "x", "x" * 8_000)] == [401] * 6
    assert call(product, b"{", SECRET) == 400
    assert call(product, b"[1]", SECRET) == 400
    assert call(product, b"\xff\xfe", SECRET) == 400
    assert call(product, b'{"message": {"chat": 3}}', SECRET) == 200
    assert call(product, b'{"future_thing": [[[[]]]]}', SECRET) == 200
    assert call(product, json.dumps(update(901, "x" * 5_000)).encode(), SECRET) == 200
    telegram.wait_for_text(BEN, "Shorten it")
    assert "forged" not in str(telegram.world.texts(BEN))
    log = product.log()
    assert telegram.world.token not in log
    assert SECRET not in log
    assert "webhook_refused" in log


def test_nothing_is_lost_while_web_is_away(product: Deskhand, telegram: FakeTelegram) -> None:
    telegram.wait(lambda: telegram.world.webhook)
    telegram.world.user(1020, "Dora")
    product.stop()
    telegram.write(1020, "How many days do I have to return something?")
    telegram.wait(lambda: telegram.world.noted("webhook", status=0))
    product.start()
    telegram.wait_for_text(1020, "30 days", 60)
    telegram.wait(lambda: not telegram.world.updates)
