"""What can go wrong with an AI server, in the words of the contract. Never a key, an address or a customer's words."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from bot import ProviderError, ProviderErrorKind

_SPENT = re.compile(r"insufficient_quota|.*spend_limit_reached|billing_hard_limit_reached|.*billing_unavailable")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,59}")
_KINDS = {
    "overloaded_error": ProviderErrorKind.TEMPORARY,
    "api_error": ProviderErrorKind.TEMPORARY,
    "timeout_error": ProviderErrorKind.TEMPORARY,
    "server_error": ProviderErrorKind.TEMPORARY,
    "rate_limit_error": ProviderErrorKind.RATE_LIMITED,
    "rate_limit_exceeded": ProviderErrorKind.RATE_LIMITED,
    "authentication_error": ProviderErrorKind.CONFIG,
    "permission_error": ProviderErrorKind.CONFIG,
    "billing_error": ProviderErrorKind.CONFIG,
    "invalid_api_key": ProviderErrorKind.CONFIG,
    "not_found_error": ProviderErrorKind.CONFIG,
    "invalid_request_error": ProviderErrorKind.REQUEST,
    "request_too_large": ProviderErrorKind.REQUEST,
}
"""Error types inside a stream, where there is no status."""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds the server asks for: ``retry-after-ms``, or ``retry-after`` as a number or a date."""
    with contextlib.suppress(ValueError):
        return max(0.0, float(headers["retry-after-ms"]) / 1_000) if "retry-after-ms" in headers else _seconds(headers)
    return None


def _seconds(headers: Mapping[str, str]) -> float | None:
    raw = headers.get("retry-after")
    if not raw:
        return None
    try:
        seconds = float(raw)
    except ValueError:
        seconds = parsedate_to_datetime(raw).timestamp() - time.time()
    return max(0.0, seconds) if seconds == seconds else None  # noqa: PLR0124 (not a number)


def _code(body: Any) -> str:
    """The error's code or type as one harmless word, whatever shape the body has."""
    if isinstance(body, list) and body:
        body = body[0]
    error = body.get("error", body) if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return ""
    details = error.get("details")
    codes = (details.get("error_code") if isinstance(details, dict) else None, error.get("code"), error.get("type"))
    return next((c for c in codes if isinstance(c, str) and _WORD.fullmatch(c)), "")


def _spent(code: str) -> bool:
    return _SPENT.fullmatch(code) is not None


def from_status(status: int, headers: Mapping[str, str], body: Any) -> ProviderError:
    """An HTTP status of 300 and more."""
    code = _code(body)
    if status == 429 and not _spent(code):
        kind = ProviderErrorKind.RATE_LIMITED
    elif status in (401, 402, 403, 404, 405, 429) or status < 400:
        kind = ProviderErrorKind.CONFIG  # key, access, money, or an address or model that does not exist
    elif status in (408, 409, 425, 499) or status >= 500:
        kind = ProviderErrorKind.TEMPORARY
    else:
        kind = ProviderErrorKind.REQUEST
    after = retry_after(headers) if kind in (ProviderErrorKind.RATE_LIMITED, ProviderErrorKind.TEMPORARY) else None
    text = f"answered {status}{f' ({code})' if code else ''}"
    return ProviderError(kind, text, retry_after=after, status=status)


def from_event(body: Any) -> ProviderError:
    """An error event inside a stream that began with status 200."""
    code = _code(body)
    kind = ProviderErrorKind.CONFIG if _spent(code) else _KINDS.get(code, ProviderErrorKind.TEMPORARY)
    return ProviderError(kind, f"broke the answer off{f' ({code})' if code else ''}")


def cut() -> ProviderError:
    """The stream ended, and its end marker was not there."""
    return ProviderError(ProviderErrorKind.TEMPORARY, "cut the answer off before its end")


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn what an SDK or its HTTP client raises into :class:`ProviderError`. For the request, not for reading chunks."""
    import httpx2

    try:
        yield
    except ProviderError:
        raise
    except Exception as error:
        raise translate(error, httpx2) from error


def translate(error: Exception, httpx2: Any) -> ProviderError:
    """By shape, because each SDK has its own classes of the same names."""
    status, response = getattr(error, "status_code", None), getattr(error, "response", None)
    if isinstance(status, int) and response is not None:
        return from_status(status, response.headers, getattr(error, "body", None))
    name, cause = type(error).__name__, error.__cause__
    bad_address = (httpx2.InvalidURL, httpx2.UnsupportedProtocol)
    if isinstance(error, bad_address) or isinstance(cause, bad_address):
        return ProviderError(ProviderErrorKind.CONFIG, "has an address that is no web address")
    if isinstance(error, httpx2.TimeoutException) or name == "APITimeoutError":
        return ProviderError(ProviderErrorKind.TEMPORARY, "did not answer in time")
    if isinstance(error, httpx2.HTTPError | OSError) or name == "APIConnectionError":
        why = type(cause or error).__name__
        return ProviderError(ProviderErrorKind.TEMPORARY, f"could not be reached, or hung up ({why})")
    return ProviderError(ProviderErrorKind.REQUEST, f"could not be asked ({name})")


MALFORMED = (ValueError, TypeError, KeyError, IndexError, AttributeError)
"""What reading a chunk of the wrong shape raises."""


def malformed() -> ProviderError:
    """A chunk that is not what the API promises."""
    return ProviderError(ProviderErrorKind.TEMPORARY, "sent a malformed chunk")
