"""Which links an answer may carry: only those that stand word for word in the knowledge it was given. No I/O.

A model that was talked into it could put a customer's data into an address. Nothing it invents becomes a link. And whoever can
write on a page that was read (a comment under it) must not send customers elsewhere: such a page links within its own house,
to the site's, or to hosts that the site allows. Articles without an address are the house's own words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

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

    def __init__(self, passages: Sequence[Passage], allow: Iterable[str] = (), hosts: Iterable[str] = ()) -> None:
        self._allowed: set[str] = set()
        self._mail: set[str] = set()
        elsewhere = {host.lower() for host in hosts}
        for passage in passages:
            at = host_of(passage.url)
            for url in map(trim_url, URL.findall(passage.text)):
                if not at or _one_house(host := host_of(url), at) or any(_one_house(host, one) for one in elsewhere):
                    self._allowed.add(url)
            self._mail.update(address.lower() for address in _MAIL.findall(passage.text))
        for text in (*(passage.url for passage in passages), *allow):
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


def host_of(url: str) -> str:
    """The host of an address, in lower case and without ``www.``; empty when it has none, or hides it behind a user's name."""
    try:
        place = urlsplit(url if "://" in url else f"https://{url}")
        host = place.hostname or ""
    except ValueError:
        return ""
    return "" if "@" in place.netloc else host.removeprefix("www.")


def _one_house(host: str, other: str) -> bool:
    """``help.shop.example`` and ``shop.example`` are; ``shop.example.evil.example`` is not."""
    if host == other:
        return bool(host)
    short, long = sorted((host, other), key=len)
    return "." in short and long.endswith(f".{short}")
