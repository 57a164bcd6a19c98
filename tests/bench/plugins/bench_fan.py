"""Frames for many conversations by the clock, from inside web: what the sockets can carry, and nothing in front of them."""

from __future__ import annotations

import time
from typing import Any

import gevent
import orjson
from flask import Blueprint, Flask, request

from bot import PluginInfo, hookimpl

PLUGIN = PluginInfo(title="Bench fan", summary="Sends stamped frames to watched conversations.", on=True)


def _frame(conversation: str, due: int) -> bytes:
    return conversation.encode() + orjson.dumps(
        {"t": "delta", "conv": conversation, "turn": conversation, "attempt": 1, "off": 0, "text": f"T{due}"}
    )


def _fan(watchers: Any, conversations: list[str], rate: float, seconds: float) -> None:
    step = 1_000_000_000 / (rate * len(conversations))
    start, sent = time.monotonic_ns(), 0
    last = int(seconds * rate * len(conversations))
    while sent < last:
        ready = min(last, int((time.monotonic_ns() - start) / step))
        while sent < ready:
            conversation = conversations[sent % len(conversations)]
            watchers._live(_frame(conversation, start + int(sent * step)))
            sent += 1
        gevent.sleep(max(0.0, (start + (sent + 1) * step - time.monotonic_ns()) / 1e9))


@hookimpl
def routes(settings: object, app: Flask) -> Blueprint:
    blueprint = Blueprint("bench_fan", __name__)

    @blueprint.post("/bench/fan")
    def fan() -> dict[str, int]:
        asked = request.get_json()
        chat = next(drain.__self__ for drain in app.extensions["deskhand.drains"] if hasattr(drain, "__self__"))
        gevent.spawn(_fan, chat.watchers, asked["conversations"], asked["rate"], asked["seconds"])
        return {"conversations": len(asked["conversations"])}

    return blueprint
