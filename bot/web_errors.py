"""One error format for everything that speaks HTTP: ``{"error": {"code", "message", "field"?, "request_id"}}``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson
import structlog
from flask import Flask, Response, g, has_request_context, request
from werkzeug.exceptions import HTTPException

from bot.clock import new_id
from bot.store import StoreUnavailable

log = structlog.get_logger("web")

DRAINS = "deskhand.drains"
LARGE = "deskhand.large"
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}")

_WORDS: dict[int, tuple[str, str]] = {
    400: ("bad_request", "This request cannot be read. Check its form."),
    401: ("bad_token", "A valid token is needed. Send it as Authorization: Bearer TOKEN."),
    403: ("forbidden", "This is not allowed."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not know this method."),
    408: ("too_slow", "The request took too long to arrive. Send it again."),
    411: ("bad_request", "The request must say how long its body is."),
    413: ("too_large", "The request is too large. Send less at once."),
    414: ("too_large", "The address is too long."),
    415: ("unsupported_type", "Send JSON with the header Content-Type: application/json."),
    426: ("not_a_websocket", "This address is for WebSockets only."),
    429: ("too_fast", "That was too fast. Wait a moment and try again."),
    503: ("unavailable", "This is not possible right now. Nothing was stored; try again in a moment."),
}


class RequestError(Exception):
    """An answer other than success. ``message`` is a sentence for people: what is wrong and what to do."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        field: str = "",
        retry_after: int = 0,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.retry_after = retry_after
        self.headers = headers or {}


def request_id() -> str:
    """The id of this request: the caller's ``X-Request-Id`` if it is harmless, else one of ours."""
    if not has_request_context():
        return ""
    known: str | None = g.get("request_id")
    if known is None:
        given = request.headers.get("X-Request-Id", "")
        known = g.request_id = given if _REQUEST_ID.fullmatch(given) else new_id()
    return known


def error_response(error: RequestError) -> Response:
    body: dict[str, Any] = {"code": error.code, "message": error.message, "request_id": request_id()}
    if error.field:
        body["field"] = error.field
    if error.retry_after:
        body["retry_after"] = error.retry_after
    response = Response(orjson.dumps({"error": body}), status=error.status, mimetype="application/json")
    for name, value in error.headers.items():
        response.headers[name] = value
    if error.retry_after:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _http(error: HTTPException) -> Response:
    if error.response is not None:
        return error.response  # type: ignore[return-value]
    status = error.code or 500
    code, message = _WORDS.get(status, ("bad_request" if status < 500 else "internal", error.name + "."))
    headers = {
        name: value
        for name, value in error.get_headers()
        if name in {"Allow", "Retry-After", "WWW-Authenticate", "Location"}
    }
    if 300 <= status < 400:
        return error.get_response()  # type: ignore[return-value]
    return error_response(RequestError(status, code, message, headers=headers))


def _unavailable(error: StoreUnavailable) -> Response:
    log.warning("store_unavailable", reason=str(error))
    return error_response(RequestError(503, "unavailable", _WORDS[503][1], retry_after=2))


def _unexpected(error: Exception) -> Response:
    log.exception("request_failed", path=request.path, request_id=request_id())
    text = "Something went wrong on our side. The request id helps whoever looks into it."
    return error_response(RequestError(500, "internal", text))


def answer_errors(app: Flask) -> None:
    """Make every failure of ``app`` an answer in the one format, without a stack trace."""
    app.register_error_handler(RequestError, error_response)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(StoreUnavailable, _unavailable)
    app.register_error_handler(Exception, _unexpected)


def allow_large(app: Flask, path: str, limit: Callable[[], int]) -> None:
    """Let bodies of up to ``limit()`` bytes be sent to exactly ``path``. The view reads its body itself, after it knows who sends
    it, and sets ``request.max_content_length``.
    """
    app.extensions.setdefault(LARGE, {})[path] = limit


def on_drain(app: Flask, drain: Callable[[float], None]) -> None:
    """Have ``drain(seconds)`` called when web is told to stop: end what lives longer than a request, within that time."""
    app.extensions.setdefault(DRAINS, []).append(drain)
