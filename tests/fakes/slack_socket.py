"""Socket Mode: envelopes, acknowledgements within three seconds, redeliveries with new ids, twins, disconnects."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import secrets
import time
from copy import deepcopy
from typing import Any

from aiohttp import WSMsgType, web

from tests.fakes.slack_limits import wrong_blocks, wrong_view
from tests.fakes.slack_state import APP_ID, Workspace
from tests.patience import patient


class Sockets:
    """All open sockets of the app. Times in seconds, so that a test can shorten Slack's patience."""

    def __init__(self, space: Workspace) -> None:
        self.space = space
        self.ack_within = 3.0
        self.retries: tuple[float, ...] = (0.0, 60.0, 300.0)
        """Waits before the three redeliveries; afterwards the event is gone."""
        self.twins = 0.0
        """How often an acknowledged event comes again with ``retry_attempt`` 0."""
        self.most_twins = 3
        self.lost_acks = 0.0
        """How often an acknowledgement does not reach Slack."""
        self.jitter = 0.0
        """Up to so many seconds late, each event by itself: they overtake each other."""
        self.dice = random.Random(7)
        self.open: list[web.WebSocketResponse] = []
        self._tickets: set[str] = set()
        self._waiting: dict[str, asyncio.Event] = {}
        self._acks: dict[str, dict[str, Any]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def ticket(self) -> str:
        """For one connection, once."""
        value = secrets.token_hex(8)
        self._tickets.add(value)
        return value

    async def handle(self, request: web.Request) -> web.StreamResponse:
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=403)
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json(
            {
                "type": "hello",
                "num_connections": len(self.open) + 1,
                "connection_info": {"app_id": APP_ID},
                "debug_info": {},
            }
        )
        self.open.append(socket)
        self.space.note("socket_open", sockets=len(self.open))
        try:
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    self._ack(json.loads(frame.data))
        finally:
            with contextlib.suppress(ValueError):
                self.open.remove(socket)
            self.space.note("socket_closed", sockets=len(self.open))
        return socket

    def _ack(self, frame: dict[str, Any]) -> None:
        envelope = frame.get("envelope_id", "")
        self.space.note("ack", envelope_id=envelope)
        if envelope in self._waiting and not (self.lost_acks and self.dice.random() < self.lost_acks):
            self._acks[envelope] = frame
            self._waiting[envelope].set()

    def event(self, event: dict[str, Any]) -> None:
        """Tell the app about an event, with Slack's patience."""
        body = {
            "token": "old", "team_id": self.space.team, "api_app_id": APP_ID, "event": event, "type": "event_callback",
            "authorizations": [{"team_id": self.space.team, "user_id": "U0BOT", "is_bot": True}], "event_context": "ctx",
        }  # fmt: skip
        self._later(self._with_patience(body))

    def interactive(self, payload: dict[str, Any]) -> None:
        """A click. Slack tells it once; who clicked sees an error when nobody acknowledges."""
        self._later(self._click(payload))

    def command(self, payload: dict[str, Any]) -> None:
        """A slash command, or what somebody types in a searched list: the acknowledgement carries the answer."""
        self._later(self._ask(payload))

    async def _ask(self, payload: dict[str, Any]) -> None:
        kind = "slash_commands" if "command" in payload else "interactive"
        frame = await self._deliver(kind, payload, 0, "", answers=True)
        answer = (frame or {}).get("payload") or {}
        problem = wrong_blocks(answer["blocks"]) if answer.get("blocks") else ""
        if problem:
            self.space.note("refused_blocks", problem=problem)
        self.space.note("answered", trigger=payload.get("trigger_id"), acked=frame is not None, answer=answer)

    def _later(self, what: Any) -> None:
        task = asyncio.get_running_loop().create_task(what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _click(self, payload: dict[str, Any]) -> None:
        frame = await self._deliver("interactive", payload, 0, "")
        if payload["type"] == "message_action":
            self.space.note("shortcut_used", acked=frame is not None)
            return
        if payload["type"] == "view_submission":
            self._answered(payload["view"]["id"], frame)
            return
        self.space.note("clicked", acked=frame is not None, action=payload["actions"][0].get("action_id"))

    def _answered(self, view: str, frame: dict[str, Any] | None) -> None:
        """What became of a form: closed, changed by the answer, or still open with an error."""
        answer = (frame or {}).get("payload") or {}
        if frame and answer.get("response_action") in {None, "clear"}:
            self.space.opened.pop(view, None)
        elif frame and answer["response_action"] == "update":
            problem = wrong_view(answer.get("view"))
            if problem:
                self.space.note("refused_blocks", problem=problem)
            self.space.opened[view].update(answer["view"], hash=f"{time.time_ns()}")
        elif frame and answer["response_action"] == "errors":
            inputs = {one.get("block_id") for one in self.space.opened[view]["blocks"] if one["type"] == "input"}
            if not answer.get("errors") or not set(answer["errors"]) <= inputs:
                self.space.note(
                    "refused_blocks", problem=f"errors of blocks that are no fields: {answer.get('errors')}"
                )
        self.space.note("submitted", view=view, acked=frame is not None, answer=answer)

    async def _with_patience(self, body: dict[str, Any]) -> None:
        if self.jitter:
            await asyncio.sleep(self.dice.uniform(0, self.jitter))
        for attempt, wait in enumerate((0.0, *self.retries)):
            await asyncio.sleep(wait)
            # A redelivery has ids of its own: only what happened is the same.
            one = {**deepcopy(body), "event_id": f"Ev{secrets.token_hex(6)}", "event_time": int(time.time())}
            if await self._deliver("events_api", one, attempt, "timeout" if attempt else ""):
                break
        else:
            self.space.note("gave_up", event=body["event"])
            return
        for _ in range(self.most_twins):
            if not (self.twins and self.dice.random() < self.twins):
                return
            await asyncio.sleep(self.dice.uniform(0, max(self.jitter, 0.05)))
            one = {**deepcopy(body), "event_id": f"Ev{secrets.token_hex(6)}"}
            await self._deliver("events_api", one, 0, "")

    async def _deliver(
        self, kind: str, payload: dict[str, Any], attempt: int, reason: str, *, answers: bool = False
    ) -> dict[str, Any] | None:
        """Send one envelope to one of the sockets; its acknowledgement, if there was one in time."""
        if not self.open:
            self.space.note("nobody_listens", attempt=attempt)
            return None
        envelope = secrets.token_hex(12)
        self._waiting[envelope] = asyncio.Event()
        frame: dict[str, Any] = {
            "type": kind,
            "envelope_id": envelope,
            "payload": payload,
            "accepts_response_payload": answers or payload.get("type") == "view_submission",
        }
        if kind == "events_api":
            frame |= {"retry_attempt": attempt, "retry_reason": reason}
        self.space.note("sent", envelope_id=envelope, attempt=attempt, kind=kind, event=payload.get("event"))
        began = time.monotonic()
        # Whoever typed something waits as long as the machine is slow: nobody tells it a second time.
        within = patient(self.ack_within) if answers else self.ack_within
        try:
            await self.dice.choice(self.open).send_json(frame)
            await asyncio.wait_for(self._waiting[envelope].wait(), within)
        except (TimeoutError, ConnectionError, RuntimeError):
            self.space.note("not_acked", envelope_id=envelope, attempt=attempt)
            return None
        finally:
            self._waiting.pop(envelope, None)
        self.space.note("acked", envelope_id=envelope, seconds=time.monotonic() - began, event=payload.get("event"))
        return self._acks.pop(envelope)

    async def refresh(self, grace: float = 0.3) -> None:
        """Tell that connections will be closed soon, and do it."""
        before = list(self.open)
        for socket in before:
            await socket.send_json({"type": "disconnect", "reason": "refresh_requested", "debug_info": {}})
        await asyncio.sleep(grace)
        for socket in before:
            await socket.close()

    async def drop(self) -> None:
        """Cut all connections without a word."""
        for socket in list(self.open):
            transport = getattr(socket, "_req", None) and socket._req.transport
            if transport is not None:
                transport.abort()
        self.open.clear()

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for socket in list(self.open):
            with contextlib.suppress(Exception):
                await asyncio.wait_for(socket.close(), 1)
