"""What a site asks of robots, and the sitemaps it names."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from bot import Outward, OutwardFailed

AGENT = "Deskhand"
LARGEST_ROBOTS = 512_000
LONGEST_DELAY = 10.0
MAX_MAPS = 50
_UNPACKED = 20_000_000
_ELEMENTS, _DEPTH = 1_000_000, 50
"""Of one sitemap. The largest that is allowed names 50,000 pages."""


class Robots:
    """The ``robots.txt`` of each host, read once in a look."""

    def __init__(self, client: Outward) -> None:
        self._client = client
        self._known: dict[str, object] = {}

    def problem(self, url: str) -> str:
        """Empty, or why the site's address must not be read now. Raises :class:`bot.OutwardFailed`."""
        rules = self._rules(url)
        allowed = rules is None or rules.can_fetch(url, AGENT)  # type: ignore[attr-defined]
        return "" if allowed else "the site's robots.txt asks not to read it"

    def delay(self, url: str) -> float:
        """Seconds between two requests that the site asks for, at most :data:`LONGEST_DELAY`."""
        rules = self._rules(url)
        asked = rules.crawl_delay(AGENT) if rules is not None else None  # type: ignore[attr-defined]
        return min(float(asked or 0.0), LONGEST_DELAY)

    def sitemaps(self, url: str) -> list[str]:
        """Addresses of sitemaps that the site names."""
        rules = self._rules(url)
        return [urljoin(url, one) for one in rules.sitemaps][:MAX_MAPS] if rules is not None else []  # type: ignore[attr-defined]

    def _rules(self, url: str) -> object | None:
        host = "{0.scheme}://{0.netloc}".format(urlsplit(url))
        if host not in self._known:
            self._known[host] = self._read(host)
        return self._known[host]

    def _read(self, host: str) -> object | None:
        from protego import Protego

        try:
            answer = self._client.fetch(f"{host}/robots.txt", max_bytes=LARGEST_ROBOTS)
        except OutwardFailed as error:
            # A site that cannot say what it wants is not read: RFC 9309, 2.3.1.4.
            raise type(error)(f"the site's robots.txt could not be read: {error}", temporary=error.temporary) from None
        if answer.status >= 500 or answer.status == 429:
            raise OutwardFailed(
                f"the site's robots.txt could not be read: the server answered {answer.status}", temporary=True
            )
        if answer.status != 200:
            return None
        return Protego.parse(answer.body.decode("utf-8", "replace"))


def read_sitemap(raw: bytes) -> Iterator[tuple[str, str, bool]]:
    """Yield address, date of change, and whether it is another sitemap. Raises ValueError for what is none."""
    from xml.etree.ElementTree import ParseError

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import iterparse

    if raw[:2] == b"\x1f\x8b":
        try:
            with gzip.open(io.BytesIO(raw)) as packed:
                raw = packed.read(_UNPACKED + 1)
        except (OSError, EOFError):
            raise ValueError("its packed body is broken") from None
        if len(raw) > _UNPACKED:
            raise ValueError(f"it unpacks to more than {_UNPACKED / 1e6:.0f} MB")
    try:
        root, depth, count = None, 0, 0
        for event, element in iterparse(io.BytesIO(raw), events=("start", "end"), forbid_dtd=True):
            if event == "start":
                root, depth, count = element if root is None else root, depth + 1, count + 1
                if count > _ELEMENTS or depth > _DEPTH:
                    raise ValueError
                continue
            depth -= 1
            kind = element.tag.rpartition("}")[2]
            if kind in {"url", "sitemap"}:
                told = {child.tag.rpartition("}")[2]: (child.text or "").strip() for child in element}
                if told.get("loc"):
                    yield told["loc"], told.get("lastmod", "")[:10], kind == "sitemap"
                element.clear()
            if depth == 1 and root is not None:
                root.clear()  # some kilobytes may unpack to millions of empty elements: none of them is kept
    except (ParseError, DefusedXmlException, ValueError):
        raise ValueError("it is not a sitemap that can be read") from None
