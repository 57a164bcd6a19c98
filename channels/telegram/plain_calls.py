"""The Bot API without a loop, for ``web`` and ``deskhand doctor``: blocking calls that end within seconds."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from bot import Attachment, DeliveryFailure, PermanentFailure, TemporaryFailure

from .failures import RENEW, refusal, scrub
from .fetching import MAX_FILE, missing
from .reading import Wanted

ADDRESS = "https://api.telegram.org"
SECONDS = 5.0


class PlainCalls:
    """One bot."""

    def __init__(self, token: str, api_url: str) -> None:
        self._token = token
        self._address = (api_url or ADDRESS).rstrip("/")

    def _client(self, seconds: float) -> Any:
        import logging

        import httpx

        for name in ("httpx", "httpcore"):  # their lines show the address, and it holds the token
            logging.getLogger(name).setLevel(logging.WARNING)
        direct = (urlsplit(self._address).hostname or "") in {"127.0.0.1", "localhost", "::1"}
        return httpx.Client(timeout=seconds, trust_env=not direct)

    def call(self, method: str, **data: Any) -> Any:
        """One call, its ``result``. Raises a :class:`bot.DeliveryFailure` in plain words."""
        import httpx

        try:
            with self._client(SECONDS) as client:
                kept = {name: value for name, value in data.items() if value is not None}
                answer = client.post(f"{self._address}/bot{self._token}/{method}", json=kept)
            body = answer.json()
        except httpx.HTTPError as error:
            raise TemporaryFailure(f"Telegram cannot be reached ({type(error).__name__})") from None
        except ValueError:
            raise TemporaryFailure(
                f"Telegram answered with something that is no answer ({answer.status_code})"
            ) from None
        if isinstance(body, dict) and body.get("ok"):
            return body.get("result")
        said = str(body.get("description") or answer.status_code) if isinstance(body, dict) else str(answer.status_code)
        if answer.status_code in {401, 404}:
            raise PermanentFailure(RENEW)
        if answer.status_code in {400, 403}:
            raise refusal(said)
        raise TemporaryFailure(f"Telegram says: {scrub(said)}")

    def fetch(self, wanted: Wanted) -> Attachment:
        """The file with its bytes, or why Telegram has none. Raises :class:`TemporaryFailure` when it could not be asked now."""
        import httpx

        if wanted.size > MAX_FILE:
            return missing(wanted, "too_large")
        for _ in range(2):
            try:
                found = self.call("getFile", file_id=wanted.id)
                size = int(found.get("file_size") or 0)
                if size > MAX_FILE:
                    return missing(wanted, "too_large", size)
                with self._client(15.0) as client:
                    answer = client.get(f"{self._address}/file/bot{self._token}/{found['file_path']}")
                if answer.status_code == 200:
                    return Attachment(
                        name=wanted.name, content=answer.content, type=wanted.type, size=len(answer.content)
                    )
            except PermanentFailure as failure:
                return missing(wanted, "too_large" if "larger" in str(failure) else "unavailable")
            except (DeliveryFailure, httpx.HTTPError, KeyError, TypeError, ValueError):
                continue
        raise TemporaryFailure("a file could not be fetched from Telegram")
