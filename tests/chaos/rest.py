"""A customer without a socket: the REST calls of docs/protocol.md, tried again with the same ``cid`` until they are answered."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.chaos.journal import Journal
from tests.chaos.transcript import Transcript

TIMEOUT = aiohttp.ClientTimeout(total=15, connect=4)
AGAIN = frozenset({408, 429, 500, 502, 503, 504})


@dataclass
class Rest:
    """One visitor. Each wish returns when it was answered for good."""

    name: str
    base_url: str
    journal: Journal
    rng: random.Random
    session: aiohttp.ClientSession
    token: str = ""
    threads: list[Transcript] = field(default_factory=list)
    current: Transcript | None = None
    acked: list[dict[str, Any]] = field(default_factory=list)
    stopping: bool = False

    async def begin(self) -> Transcript:
        """Open a new conversation."""
        body = await self._call("POST", "/api/v1/chat/session", json={"site": "demo", "locale": "en"})
        self.token = body.get("token") or self.token
        self.current = Transcript(self.journal, conv=body["session"])
        self.threads.append(self.current)
        return self.current

    async def ask(self, text: str, *, wait: float = 0) -> dict[str, Any]:
        """Send a message; returns the ack, or the error that is final."""
        thread = self._now()
        cid = f"{self.rng.getrandbits(128):032x}"
        self.journal.note("sent", cid=cid, kind="message", text=text, thread=self.threads.index(thread))
        body = {"session": thread.conv, "cid": cid, "text": text, "wait": wait}
        return await self._store("/api/v1/chat/message", body)

    async def wish(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Ask for a person, or close the conversation."""
        thread = self._now()
        cid = f"{self.rng.getrandbits(128):032x}"
        self.journal.note("sent", cid=cid, kind=kind, text=fields.get("text", ""), thread=self.threads.index(thread))
        return await self._store("/api/v1/chat/action", {"session": thread.conv, "cid": cid, "kind": kind, **fields})

    async def repeat(self, path: str, body: dict[str, Any]) -> None:
        """Send an acknowledged request once more."""
        self.journal.note("repeated", cid=body["cid"])
        await self._store(path, {**body, "wait": 0} if "wait" in body else body)

    async def _store(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self._call("POST", path, json=body)
        ack = answer.get("ack")
        if ack is None:
            return answer
        self.journal.note("acked", **{name: ack[name] for name in ("cid", "conv", "id", "seq", "rev")})
        self.acked.append({"path": path, "body": body})
        thread = next(t for t in self.threads if t.conv == ack["conv"])
        if answer.get("messages"):
            thread.page(
                ack["rev"], answer["cursor"], answer["messages"]
            )  # applied only if nothing before it is missing
        return dict(answer)

    async def look(self, thread: Transcript, wait: float = 0) -> bool:
        """Read what is newer; whether something was."""
        before = thread.cursor
        while True:
            page = await self._call("GET", f"/api/v1/chat/history/{thread.conv}?after={thread.cursor}&wait={wait:g}")
            if "error" in page:
                return False
            thread.page(page["after"], page["cursor"], page["msgs"], page["state"])
            if not page["more"]:
                return thread.cursor > before

    async def answered(self, token: str, seconds: float) -> bool:
        """Long-poll until the question needs no more waiting."""
        thread, deadline = self._now(), time.monotonic() + seconds
        while not thread.answered(token):
            if time.monotonic() > deadline or self.stopping:
                return False
            await self.look(thread, wait=5)
        return True

    def _now(self) -> Transcript:
        assert self.current is not None
        return self.current

    async def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Call until something final comes back. The same request may have been carried out before its answer was lost."""
        tries = 0
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        while True:
            try:
                async with self.session.request(
                    method,
                    self.base_url + path,
                    headers={**headers, "Origin": self.base_url},
                    timeout=TIMEOUT,
                    **options,
                ) as response:
                    body = await response.json(content_type=None)
                    if response.status == 200:
                        return dict(body)
                    code = body.get("error", {}).get("code", "") if isinstance(body, dict) else ""
                    self.journal.note(
                        "error", code=code, status=response.status, final=response.status not in AGAIN, cid=""
                    )
                    if response.status not in AGAIN:
                        return {"error": code or response.status}
            except (aiohttp.ClientError, TimeoutError, ValueError, OSError):
                pass
            if self.stopping:
                return {"error": "stopping"}
            tries += 1
            await asyncio.sleep(min(2.0, 0.1 * 2**tries) * self.rng.uniform(0.5, 1))
