"""The system on the other side, and a small stand-in for Deskhand's web process, so that the kit can drive the channel."""

import asyncio
import socket
import hashlib
import hmac
import json
import time
from collections.abc import Sequence

import aiohttp
from aiohttp import web
from bot import Forged, Inbox, WebhookRequest
from bot.testing import PlatformDouble, Shown, Trouble
from deskhand_webhook_channel import HookChannel

SECRET = "sixteen letters or more"


def signed(body: bytes) -> dict[str, str]:
    at = str(int(time.time()))
    proof = hmac.new(SECRET.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-Timestamp": at, "X-Signature": f"sha256={proof}"}


class CalledChannel(HookChannel):
    """The channel with the call's way through ``web`` played here: verify, parse, commit, and only then 200."""

    def __init__(self, other_side: "OtherSide") -> None:
        super().__init__(f"http://127.0.0.1:{other_side.port}/answers", SECRET)
        self.other_side = other_side

    async def listen(self, inbox: Inbox) -> None:
        async def called(request: web.Request) -> web.Response:
            headers = {name.lower(): value for name, value in request.headers.items()}
            came = WebhookRequest(method="POST", headers=headers, query={}, body=await request.read())
            try:
                self.verify(came)
            except Forged:
                return web.Response(status=401)
            try:
                events = self.parse(came)
            except (ValueError, KeyError, TypeError):
                return web.Response()  # kept as a dead letter by Deskhand
            await inbox.receive(*events)
            return web.Response()

        app = web.Application()
        app.router.add_post("/hooks/signed-webhook", called)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.other_side.hook = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks/signed-webhook"
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()


class OtherSide(PlatformDouble):
    secrets = (SECRET,)
    troubles = frozenset(Trouble) - {Trouble.REVOKED}

    def __init__(self) -> None:
        self.port = 0
        self.hook = ""
        self.calls: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self.told: dict[str, bytes] = {}
        self.answers: dict[str, list[Shown]] = {}
        self.keys: set[str] = set()
        self.fault: tuple[Trouble, float] | None = None
        self.runner: web.AppRunner | None = None
        self.calling: asyncio.Task[None] | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/answers", self._answered)
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self.runner.setup()
        self.door = socket.create_server(("127.0.0.1", self.port))
        await web.SockSite(self.runner, self.door).start()
        self.port = self.door.getsockname()[1]
        self.calling = self.calling or asyncio.create_task(self._call())

    async def stop(self) -> None:
        runner, self.runner = self.runner, None
        if runner is not None:
            asyncio.get_running_loop().remove_reader(self.door)  # nobody comes in any more
            await asyncio.sleep(0.05)  # who was coming in is there now: closed in between, they would wait for ever
            for connection in list(runner.server.connections):
                connection.transport.abort()
            await runner.cleanup()

    async def trouble(self, kind: Trouble, seconds: float = 0.0) -> None:
        if kind is Trouble.OUTAGE:
            await self.stop()
        else:
            self.fault = kind, seconds

    async def heal(self) -> None:
        self.fault = None
        if self.runner is None:
            await self.start()

    async def _call(self) -> None:
        """Call until it is taken, in order."""
        while True:
            message, body = await self.calls.get()
            while True:
                try:
                    async with (
                        aiohttp.ClientSession() as http,
                        http.post(self.hook, data=body, headers=signed(body)) as answer,
                    ):
                        if answer.status == 200:
                            break
                except (aiohttp.ClientError, ValueError):
                    pass  # nobody there yet
                await asyncio.sleep(0.02)
            if message:
                self.acknowledged(message)

    async def _answered(self, request: web.Request) -> web.Response:
        body, key = await request.read(), request.headers["Idempotency-Key"]
        at = request.headers["X-Timestamp"]
        proof = hmac.new(SECRET.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
        assert request.headers["X-Signature"] == f"sha256={proof}"
        (kind, seconds), self.fault = self.fault or (None, 0.0), None
        answer = json.loads(body)
        if kind is Trouble.REFUSED or len(answer["text"]) > HookChannel.limits.max_text:
            return web.Response(status=403)
        if kind is Trouble.RATE_LIMITED:
            return web.Response(status=429, headers={"Retry-After": str(seconds)})
        if kind is Trouble.BROKEN:
            return web.Response(status=500)
        if key not in self.keys:
            self.keys.add(key)
            self.answers.setdefault(answer["chat"], []).append(Shown(id=key, text=answer["text"]))
        if kind is Trouble.LOST_ANSWER:
            request.transport.abort()
        if kind is Trouble.SLOW:
            await asyncio.sleep(seconds)
        return web.Response()

    def place(self, number: int) -> str:
        return f"chat {number}"

    def write(self, place: str, text: str) -> str:
        message = f"m{len(self.told)}"
        call = {"type": "message", "id": message, "chat": place, "from": f"person of {place}", "text": text}
        self.told[message] = json.dumps(call).encode()
        self.again(message)
        return message

    def again(self, message: str) -> None:
        self.calls.put_nowait((message, self.told[message]))

    def oddity(self, place: str) -> None:
        self.calls.put_nowait(("", json.dumps({"type": "wave", "chat": place}).encode()))
        self.calls.put_nowait(("", b"\xff no JSON at all"))

    def shown(self, place: str) -> Sequence[Shown]:
        return self.answers.get(place, [])
