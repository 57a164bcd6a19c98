"""Which pages of other origins may read our answers: exactly those that the site lists."""

from __future__ import annotations

from flask import Response, g, request

from bot import RequestError, SiteView, StoreUnavailable, all_sites, offload

ALLOWED_HEADERS = "Authorization, Content-Type, X-Request-Id"
EXPOSED = "Retry-After, X-Request-Id"


def check_origin(site: SiteView) -> None:
    """Refuse a browser's request from a page that ``site`` does not list. Servers send no Origin and hold a token."""
    g.site = site
    origin = request.headers.get("Origin")
    if origin is not None and not site.allows(origin, request.host):
        raise RequestError(
            403,
            "bad_origin",
            f"Pages of {origin[:200]} may not use this site. Add the origin with: deskhand site add --origin",
        )


def preflight() -> Response | None:
    """Answer a browser's question before a request: it names no site yet, so any site's list will do."""
    if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
        return None
    response = Response(status=204)
    if _known(request.headers.get("Origin", "")):
        response.headers["Access-Control-Allow-Methods"] = "GET, POST, DELETE"
        response.headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
        response.headers["Access-Control-Max-Age"] = "600"
    return response


def allow(response: Response) -> Response:
    """Let the page read this answer if its origin is listed; caches keep answers apart by origin."""
    response.headers.add("Vary", "Origin")
    origin = request.headers.get("Origin", "")
    if not origin:
        return response
    site: SiteView | None = g.get("site")
    if request.path == "/w/config" and response.status_code in {403, 404}:
        # Why a page is refused may be read by that page: the widget then says so, instead of trying for ever.
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    elif site.allows(origin, request.host) if site is not None else _known(origin):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = EXPOSED
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def _known(origin: str) -> bool:
    try:
        return any(site.allows(origin, request.host) for site in offload(all_sites))
    except StoreUnavailable:
        return False  # this runs after every answer, also after the one that says so
