"""What the channel promises, and that nobody writes in somebody's name."""

import json
import time
from typing import Any

import pytest
from bot import Forged, WebhookRequest
from bot.testing import ChannelConformance, PluginConformance
from deskhand_webhook_channel import HookChannel
from other_side import SECRET, CalledChannel, OtherSide, signed

BODY = json.dumps({"type": "message", "id": "1", "chat": "c", "from": "anna", "text": "hello"}).encode()


class TestHookChannel(ChannelConformance):
    plugin = "signed-webhook"
    channel = CalledChannel  # the channel with web played beside it
    platform = OtherSide

    def make(self, platform: Any) -> HookChannel:
        return CalledChannel(platform)


class TestHookPlugin(PluginConformance):
    plugin = "signed-webhook"
    module = "deskhand_webhook_channel"
    settings = {"url": "http://127.0.0.1:1/", "secret": SECRET}


def called(body: bytes = BODY, **headers: str) -> WebhookRequest:
    shown = {**signed(BODY), **headers}
    return WebhookRequest(method="POST", headers={k.lower(): v for k, v in shown.items() if v}, query={}, body=body)


def test_a_signed_call_is_taken() -> None:
    channel = HookChannel("http://127.0.0.1:1/", SECRET)
    channel.verify(called())
    (event,) = channel.parse(called())
    assert (event.key, event.place, event.text) == ("signed-webhook:c:1", "c", "hello")


@pytest.mark.parametrize(
    "call",
    [
        called(BODY + b" "),
        called(**{"X-Signature": ""}),
        called(**{"X-Signature": "sha256=00"}),
        called(**{"X-Signature": "sha256=ü"}),
        called(**{"X-Timestamp": ""}),
        called(**{"X-Timestamp": str(int(time.time()) + 1)}),
        called(**{"X-Timestamp": "9" * 5_000}),
    ],
    ids=["another body", "no signature", "short", "letters", "no time", "another time", "long time"],
)
def test_a_call_that_is_not_signed_is_forged(call: WebhookRequest) -> None:
    with pytest.raises(Forged):
        HookChannel("http://127.0.0.1:1/", SECRET).verify(call)
