"""Channels of platforms that only call in: who calls is proved before anything is read, and answered after the commit.

Subclass :class:`WebhookChannel`, write ``verify`` and ``parse``, and return ``webhook_routes(MyChannel, make)`` from the hook
``routes``. The platform calls ``/hooks/NAME`` then. A class without a ``verify`` of its own cannot even be imported.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import structlog

from bot import clock
from bot.channel import Channel
from bot.crypto import keep
from bot.messages import Inbound, Receipt, Refused
from bot.metrics import counter
from bot.receive import receive
from bot.store import sql, write
from bot.threads import offload
from bot.web_errors import RequestError

if TYPE_CHECKING:
    from flask import Blueprint, Response

log = structlog.get_logger("web")

WINDOW = 300.0
"""Seconds that a signed time may be off, either way."""
MAX_BODY = 256_000
MAX_EVENTS = 200
"""Events in one call."""


class Forged(Exception):
    """It cannot be shown that the platform sent this. The reason is for our log; the caller learns nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRequest:
    """One call as it came, before anything of it is believed."""

    method: str
    headers: Mapping[str, str]
    """By name in small letters."""
    query: Mapping[str, str]
    body: bytes = field(repr=False)

    def header(self, name: str) -> str:
        """One header; empty if it is not there."""
        return self.headers.get(name.lower(), "")


class WebhookChannel(Channel):
    """A channel whose platform calls us. An instance is made for each call, so it may keep nothing between two."""

    max_body: ClassVar[int] = MAX_BODY
    """Bytes; a longer call is refused unread (413)."""

    def __init_subclass__(cls, *, abstract: bool = False, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        if not abstract and cls.verify is WebhookChannel.verify:
            raise TypeError(
                f"{cls.__name__} has no verify(): whoever finds the address could write in everybody's name. Write one that "
                "raises bot.Forged unless the platform's signature fits (bot.verify_hmac, bot.verify_time)"
            )

    def verify(self, request: WebhookRequest) -> None:
        """Raise :class:`Forged` unless the platform sent this. Look at the signature over ``request.body`` as it came, and at its
        time; anything else that is raised counts as forged, too."""
        raise Forged("no verify()")

    def greeting(self, request: WebhookRequest) -> str | None:
        """What to answer when the platform only asks whether we are there (a challenge); ``None``: it brings events."""
        return None

    def parse(self, request: WebhookRequest) -> Sequence[Inbound]:
        """The events of a call that was verified; none for what means nothing to us. Each ``key`` is the platform's own id of the
        event, equal on every redelivery: so a call that is sent again, by whomever, changes nothing. ValueError: it cannot be
        read; it is kept for an operator (``deskhand deadletters``) and answered with 200, so that it does not come for ever."""
        raise NotImplementedError(f"{type(self).__name__} must write parse()")


# Proving who calls -----------------------------------------------------------------------------------------------------


def verify_hmac(
    secret: str | bytes,
    signed: bytes,
    given: str,
    *,
    algorithm: Literal["sha256", "sha1", "sha512"] = "sha256",
    encoding: Literal["hex", "base64"] = "hex",
    prefix: str = "",
) -> None:
    """Raise :class:`Forged` unless ``given`` is ``prefix`` and the HMAC of ``signed``. Takes the same time for every wrong one."""
    key = secret.encode() if isinstance(secret, str) else secret
    if not key:
        raise Forged("there is no secret to check with")
    wanted = hmac.new(key, signed, algorithm).digest()
    if not given.startswith(prefix):
        raise Forged("the signature has another form")
    text = given.removeprefix(prefix).strip()
    try:
        shown = bytes.fromhex(text) if encoding == "hex" else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise Forged("the signature cannot be read") from None
    if not hmac.compare_digest(shown, wanted):
        raise Forged("the signature does not fit")


def sign_hmac(secret: str, signed: bytes, *, prefix: str = "") -> str:
    """``prefix`` and the HMAC-SHA256 of ``signed`` in hex, for what a channel sends."""
    return prefix + hmac.new(secret.encode(), signed, "sha256").hexdigest()


def verify_time(given: str, *, window: float = WINDOW, now: float | None = None) -> None:
    """Raise :class:`Forged` unless ``given`` (Unix seconds, part of what is signed) is about now. A call that was overheard is
    worthless after ``window`` seconds, and within them the event's key makes it harmless."""
    try:
        at = float(given) if len(given) <= 20 else math.nan
    except ValueError:
        at = math.nan
    if not math.isfinite(at):
        raise Forged("the time cannot be read")
    off = abs(at - (clock.now() if now is None else now))
    if off > window:
        raise Forged(f"the time is {off:.0f} s off")


# Taking a call ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a call: a greeting to answer with, or what was stored. ``unreadable``: it was kept as a dead letter."""

    greeting: str | None = None
    outcomes: tuple[Receipt | Refused, ...] = ()
    unreadable: bool = False


def take(channel: WebhookChannel, request: WebhookRequest) -> Taken:
    """Verify, read, commit; in this order. Raises :class:`Forged`, or :class:`bot.StoreUnavailable` when nothing can be stored.
    Blocks."""
    try:
        channel.verify(request)
    except Forged:
        raise
    except Exception as error:  # a missing header, a wrong type: whatever it is, it proves nothing
        raise Forged(f"verify() raised {type(error).__name__}") from error
    try:
        greeting = channel.greeting(request)
        if greeting is not None:
            return Taken(greeting=greeting)
        events = _checked(channel, channel.parse(request))
    except Exception as error:
        _keep(channel.name, request.body, type(error).__name__ if not isinstance(error, ValueError) else str(error))
        return Taken(unreadable=True)
    return Taken(outcomes=tuple(receive(events)))


def _checked(channel: WebhookChannel, events: Sequence[Inbound]) -> list[Inbound]:
    found = list(events)
    if len(found) > MAX_EVENTS:
        raise ValueError(f"{len(found)} events in one call; at most {MAX_EVENTS}")
    for event in found:
        if not isinstance(event, Inbound):
            raise ValueError(f"parse() returned a {type(event).__name__}")
        if event.channel != channel.name:
            raise ValueError("parse() returned an event of another channel")
    return found


def _keep(name: str, body: bytes, reason: str) -> None:
    """Store what cannot be read, once however often it comes."""
    digest = hashlib.sha256(body).hexdigest()
    key = f"hook:{name}:{digest[:32]}"
    payload = keep("ledger", "payload", key, body.decode("utf-8", "replace").replace("\x00", "\ufffd"))
    write(
        lambda: sql(
            "INSERT INTO ledger (key, channel, kind, conversation, message, seq, rev, body_hash, received_at, error, payload)"
            " VALUES (?, ?, 'unreadable', '', '', 0, 0, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
            (key, name, digest, clock.now(), f"cannot be read: {reason}"[:500], payload),
        )
    )
    log.warning("webhook_unreadable", channel=name, reason=reason[:200], next="deskhand deadletters show")


# In web ----------------------------------------------------------------------------------------------------------------


def webhook_routes(kind: type[WebhookChannel], make: Callable[[], WebhookChannel]) -> Blueprint:
    """The blueprint for ``/hooks/NAME``, to be returned from the hook ``routes``. ``make`` is called for each call, so that it
    reads the settings of now."""
    from flask import Blueprint, request

    routes = Blueprint(f"hooks-{kind.name}", __name__)

    @routes.route(f"/hooks/{kind.name}", methods=["GET", "POST"])
    def called() -> Response:
        length = request.content_length or 0
        if request.method == "POST" and request.content_length is None:
            raise _refuse(kind.name, 411, "bad_request", "The request must say how long its body is.")
        if length > kind.max_body:
            raise _refuse(kind.name, 413, "too_large", "The request is too large. Send less at once.")
        came = WebhookRequest(
            method=request.method,
            headers={name.lower(): value for name, value in request.headers.items()},
            query=request.args.to_dict(),
            body=request.get_data(cache=False),
        )
        # In a thread: neither the database nor the plugin's code may hold the hub of all connections.
        try:
            taken = offload(lambda: take(make(), came))
        except Forged as forged:
            log.warning("webhook_refused", channel=kind.name, reason=str(forged)[:200])
            raise _refuse(kind.name, 401, "forged", "This call cannot be proved to come from the platform.") from None
        return _answer(kind.name, taken)

    return routes


def _refuse(name: str, status: int, code: str, message: str) -> RequestError:
    _count(name, code)
    return RequestError(status, code, message)


def _count(name: str, outcome: str) -> None:
    counter("webhook_calls_total", "Calls of platforms by outcome", ("channel", "outcome")).labels(name, outcome).inc()


def _answer(name: str, taken: Taken) -> Response:
    from flask import Response, jsonify

    if taken.greeting is not None:
        _count(name, "greeting")
        return Response(taken.greeting, mimetype="text/plain")
    refused = [outcome for outcome in taken.outcomes if isinstance(outcome, Refused)]
    _count(name, "unreadable" if taken.unreadable else "taken")
    body: dict[str, Any] = {"ok": True, "stored": len(taken.outcomes) - len(refused)}
    if taken.unreadable:
        body["unreadable"] = True
    if refused:
        body["refused"] = [{"key": one.key, "code": one.code, "message": one.message} for one in refused]
    return jsonify(body)
