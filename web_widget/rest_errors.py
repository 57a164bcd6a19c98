"""The same problems, told over HTTP."""

from __future__ import annotations

from flask import request

from bot import RequestError
from web_widget.frames import FrameError
from web_widget.refusals import in_language

_STATUS = {
    "bad_frame": 400,
    "bad_token": 401,
    "not_yours": 403,
    "unknown_conversation": 404,
    "unknown_site": 404,
    "blocked": 403,
    "closed": 409,
    "key_reused": 409,
    "not_here": 409,
    "too_many": 429,
    "too_fast": 429,
    "too_large": 413,
    "no_room": 507,
    "unknown_message": 404,
    "busy": 503,
    "unavailable": 503,
}


def as_request_error(error: FrameError) -> RequestError:
    """The answer for what a socket would be told by an error frame, in the language that the caller asks for. Wrong fields are 422."""
    error = in_language(error, next(iter(request.accept_languages.values()), ""))
    status = _STATUS.get(error.code, 422)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    field = "session" if error.field == "conv" else error.field
    return RequestError(status, error.code, error.message, field=field, retry_after=error.retry_after, headers=headers)


def bearer() -> str:
    """The token of this request. Raises :class:`FrameError` ``bad_token``."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise FrameError("bad_token", "A token is needed. Send it as Authorization: Bearer TOKEN.")
    return token.strip()
