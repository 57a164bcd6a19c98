"""A channel for any system that can call a URL and be called. It posts what people write to ``/hooks/signed-webhook``, and
gets the answers at an address of its own; both ways the body is signed."""

import json
import time
from collections.abc import Sequence

from bot import Channel, Inbound, Limits, Outbound, PluginInfo, Resend, Sent, Settings, hookimpl, setting
from bot import PermanentFailure, TemporaryFailure, Uncertain
from bot import WebhookChannel, WebhookRequest, sign_hmac, verify_hmac, verify_time, webhook_routes
from flask import Blueprint, Flask
from pydantic import SecretStr

PLUGIN = PluginInfo(title="Signed webhook", summary="Any system that can call a URL and be called.")


class HookSettings(Settings):
    url: str = setting(env="SIGNED_WEBHOOK_URL", help="The address of your system to which answers are posted.")
    secret: SecretStr = setting(env="SIGNED_WEBHOOK_SECRET", min_length=16, help="Known to both sides.")


class HookChannel(WebhookChannel):
    name = "signed-webhook"
    where = "in the app"
    limits = Limits(max_text=4_000, timeout=10)
    resend = Resend.STABLE_ID  # the other side keeps one answer for each Idempotency-Key

    def __init__(self, url: str, secret: str) -> None:
        self.url, self._secret = url, secret

    def verify(self, request: WebhookRequest) -> None:
        at = request.header("X-Timestamp")
        signed = at.encode() + b"." + request.body  # the bytes as they came: nothing is parsed before this
        verify_hmac(self._secret, signed, request.header("X-Signature"), prefix="sha256=")
        verify_time(at)

    def parse(self, request: WebhookRequest) -> Sequence[Inbound]:
        call = json.loads(request.body)
        if call["type"] != "message":
            return []  # something of next year
        key = f"{self.name}:{call['chat']}:{call['id']}"  # unique for ever, equal when sent again
        return [Inbound(channel=self.name, key=key, external_id=call["from"], place=call["chat"], text=call["text"])]

    async def send(self, out: Outbound) -> Sent:
        import aiohttp  # here, so that the plugin costs nothing while it is off

        if out.op != "send":
            raise PermanentFailure("this channel sends text and nothing else")
        body, at = json.dumps({"chat": out.place, "text": out.text}).encode(), str(int(time.time()))
        signature = sign_hmac(self._secret, at.encode() + b"." + body, prefix="sha256=")
        headers = {"Idempotency-Key": out.key, "X-Timestamp": at, "X-Signature": signature}
        try:
            http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self.limits.timeout))
            async with http, http.post(self.url, data=body, headers=headers) as answer:
                if answer.status == 429:
                    raise TemporaryFailure("it asks for a pause", float(answer.headers.get("Retry-After", "5")))
                if answer.status >= 500:
                    raise Uncertain(f"the other side had a fault of its own ({answer.status})")
                if answer.status >= 400:
                    raise PermanentFailure(f"the other side refused it ({answer.status})")
                return Sent(out.key)
        except aiohttp.ClientConnectorError:
            raise TemporaryFailure("the other side cannot be reached") from None  # certainly not sent
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Uncertain(f"the other side did not answer ({type(error).__name__})") from None


@hookimpl
def settings_schema() -> type[Settings]:
    return HookSettings


@hookimpl
def channel(settings: HookSettings) -> Channel:
    return HookChannel(settings.url, settings.secret.get_secret_value())


@hookimpl
def routes(settings: HookSettings, app: Flask) -> Blueprint:
    return webhook_routes(HookChannel, lambda: channel(settings))
