"""Which links an answer may carry: only those that stand word for word in the knowledge it was given. No I/O.

A model that was talked into it could put a customer's data into an address. Nothing it invents becomes a link.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bot.knowledge import Passage

# ASCII only: after "https://example.com/a" Japanese text goes on without a blank, and an ideographic full stop would be
# one more dot of the host name for a browser. Brackets end an address on both sides of the comparison alike.
URL_BODY = re.compile(r"[A-Za-z0-9\-._~:/?#@!$&'*+,;=%]*")
URL = re.compile(r"(?:https?://|www\.)" + URL_BODY.pattern, re.IGNORECASE)
_MAIL = re.compile(r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+")
_TRAILING = ".,;:!?'*_~"


def trim_url(url: str) -> str:
    """Cut the punctuation that belongs to the sentence and not to the address."""
    return url.rstrip(_TRAILING)


class Links:
    """The addresses of one answer's passages, and of the site's own settings."""

    def __init__(self, passages: Sequence[Passage], allow: Iterable[str] = ()) -> None:
        self._allowed: set[str] = set()
        self._mail: set[str] = set()
        texts = [passage.text for passage in passages] + [passage.url for passage in passages]
        for text in (*texts, *allow):
            self._allowed.update(trim_url(found) for found in URL.findall(text))
            self._mail.update(address.lower() for address in _MAIL.findall(text))

    def allowed(self, url: str) -> bool:
        """True for an address that occurs literally. Only http, https, ``www.`` and mailto are ever links."""
        lowered = url.lower()
        if lowered.startswith("mailto:"):
            return lowered.removeprefix("mailto:") in self._mail
        if lowered.startswith("www."):
            return not self._allowed.isdisjoint((url, f"https://{url}", f"http://{url}"))
        return lowered.startswith(("https://", "http://")) and trim_url(url) in self._allowed
