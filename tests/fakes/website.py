"""A website on loopback: pages that change and vanish, robots, sitemaps, and everything a bad server can do."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import hashlib
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.fakes.served import Served


@dataclass
class Page:
    """What is at one address."""

    body: bytes
    type: str = "text/html; charset=utf-8"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    etag: bool = True
    how: str = "normal"
    """normal, hang (headers never come), drip (a byte every 0.2 s), endless, bomb (packed zeros), cut"""


class Visits:
    """What was asked for, in order."""

    def __init__(self) -> None:
        self.log: list[dict[str, Any]] = []

    def note(self, what: str, **more: Any) -> None:
        self.log.append({"what": what, **more})

    def close(self) -> None:
        """Nothing is kept."""


class Website(Served):
    """``site.page("/a", "<h1>…")``; ``site.url("/a")`` is its address."""

    def __init__(self, port: int = 0) -> None:
        self.visits = Visits()
        super().__init__(self.visits, port)
        self.pages: dict[str, Page] = {}

    def routes_of(self, app: web.Application) -> None:
        app.router.add_route("*", "/{path:.*}", self._answer)

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def page(self, path: str, body: str | bytes = b"", **more: Any) -> None:
        """Put a page there, or another one in its place."""
        self.pages[path] = Page(body.encode() if isinstance(body, str) else body, **more)

    def article(self, path: str, title: str, text: str, links: tuple[str, ...] = (), head: str = "") -> None:
        """An ordinary page with a menu, a main part and a footer."""
        menu = "".join(f'<a href="{link}">{link}</a> ' for link in links)
        self.page(
            path,
            f'<html lang="en"><head><title>{title} | Shop</title>{head}</head><body><nav>{menu}</nav>'
            f"<main><h1>{title}</h1><p>{text}</p></main><footer>All rights reserved</footer></body></html>",
        )

    def redirect(self, path: str, target: str, status: int = 302) -> None:
        self.page(path, status=status, headers={"location": target})

    def asked(self) -> Counter[str]:
        """How often each path was asked for."""
        return Counter(entry["path"] for entry in self.visits.log if entry["what"] == "request")

    def forget(self) -> None:
        self.visits.log.clear()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        page = self.pages.get(request.path_qs)
        self.visits.note(
            "request", path=request.path_qs, headers={name.lower(): value for name, value in request.headers.items()},
            host=request.host, method=request.method,
        )  # fmt: skip
        if page is None:
            return web.Response(status=404, text="There is nothing here.")
        if page.how == "hang":
            await asyncio.sleep(60)
        headers = {"content-type": page.type, **page.headers}
        if page.etag and page.status == 200:
            headers["etag"] = f'"{hashlib.sha256(page.body).hexdigest()[:16]}"'
            if request.headers.get("if-none-match") == headers["etag"]:
                self.visits.log[-1]["what"] = "request"
                self.visits.log[-1]["unchanged"] = True
                return web.Response(status=304, headers={"etag": headers["etag"]})
        if page.how == "normal":
            return web.Response(status=page.status, body=page.body, headers=headers)
        return await self._badly(request, page, headers)

    async def _badly(self, request: web.Request, page: Page, headers: dict[str, str]) -> web.StreamResponse:
        if page.how == "bomb":
            headers["content-encoding"] = "gzip"
            return web.Response(status=200, body=gzip.compress(bytes(200_000_000), 9), headers=headers)
        response = web.StreamResponse(status=page.status, headers=headers)
        if page.how == "cut":
            response.content_length = len(page.body) + 100
        await response.prepare(request)
        if page.how == "drip":
            for _ in range(200):
                await response.write(b" ")
                await asyncio.sleep(0.2)
        elif page.how == "endless":
            with contextlib.suppress(ConnectionError):
                while True:
                    await response.write(b"<p>more</p>" * 5_000)
        elif page.how == "cut":
            await response.write(page.body)
            if request.transport is not None:
                request.transport.close()
        return response


def sitemap(*entries: tuple[str, str]) -> str:
    """A sitemap of addresses with the dates of their last change."""
    rows = "".join(
        f"<url><loc>{url}</loc>{f'<lastmod>{changed}</lastmod>' if changed else ''}</url>" for url, changed in entries
    )
    return f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{rows}</urlset>'


def shop(site: Website, pages: int) -> None:
    """Fill a site with pages of a help centre, about 300 words each, and a sitemap of them."""
    words = [
        "parcel",
        "refund",
        "order",
        "return",
        "card",
        "delivery",
        "colour",
        "size",
        "wool",
        "linen",
        "lamp",
        "table",
        "chair",
        "glass",
        "vase",
        "blanket",
    ]
    for number in range(pages):
        parts = "".join(
            f"<h2>About {words[(number + part) % len(words)]} {part}</h2><p>"
            + " ".join(
                f"{words[(number * 7 + part * 3 + n) % len(words)]} {number % 97}{n % 10} is what customers ask"
                for n in range(12)
            )
            + ".</p>"
            for part in range(4)
        )
        site.page(
            f"/help/{number}",
            f'<html lang="en"><title>Help {number}</title><body><h1>Help {number}</h1>{parts}</body></html>',
        )
    site.page("/sitemap.xml", sitemap(*((site.url(f"/help/{number}"), "") for number in range(pages))), type="text/xml")
    site.article("/", "Help centre", "Everything that customers of the shop ask, and what we answer.")


def main() -> None:
    """Serve such a site until standard input ends; the port is the first line."""
    with Website() as site:
        shop(site, int(sys.argv[1]))
        print(site.port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
