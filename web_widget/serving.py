"""What the widget plugin brings to web: its socket, its files, the two pages, and the REST chat API."""

from __future__ import annotations

from flask import Flask, Response, request
from flask_openapi3 import APIBlueprint
from flask_sock import Sock

from bot import (
    RequestError,
    SiteView,
    address_prefix,
    client_address,
    last_conversation,
    offload,
    on_drain,
    site_by_key,
    unread,
    upload_limits,
)
from web_widget import carrying, confirming, cors, rest, uploading
from web_widget.assets import Asset, Assets, respond
from web_widget.chat import Chat
from web_widget.frames import FrameError
from web_widget.inbound import owned
from web_widget.rest_errors import as_request_error, bearer
from web_widget.session import Session
from web_widget.settings import WidgetSettings
from web_widget.upgrade import HandshakeRefused, TakenOver

_PAGE_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: https:; font-src 'self';"
    " manifest-src 'self'; base-uri 'none'; form-action 'none'; object-src 'none'; require-trusted-types-for 'script'"
)


def blueprint(settings: WidgetSettings, app: Flask) -> APIBlueprint:
    """Everything under ``/w/``, ``/api/v1/``, ``/`` and ``/chat/``."""
    routes = APIBlueprint("widget", __name__)
    chat = Chat(settings)
    assets = Assets()
    on_drain(app, chat.drain)
    routes.before_request(_preflight)
    routes.after_request(_cross_origin)
    _socket(routes, chat)
    confirming.add_routes(routes)
    _files(routes, assets)
    _small_questions(routes, chat)
    rest.add_routes(routes, chat)
    uploading.add_routes(routes, app, chat)
    carrying.add_routes(routes, chat)
    return routes


def _crosses(path: str) -> bool:
    return path.startswith("/api/") or path in {"/w/config", "/w/state", "/w/files"}


def _preflight() -> Response | None:
    return cors.preflight() if _crosses(request.path) else None


def _cross_origin(response: Response) -> Response:
    return cors.allow(response) if _crosses(request.path) else response


def known_site(key: str) -> SiteView:
    site = offload(site_by_key, key[:64])
    if site is None:
        raise RequestError(
            404,
            "unknown_site",
            "No site has this key. Look at data-site in the page, and at: deskhand site list",
            field="site",
        )
    return site


def _socket(routes: APIBlueprint, chat: Chat) -> None:
    sock = Sock()

    @sock.route("/w/ws", bp=routes)
    def widget_socket(ws: TakenOver) -> None:
        site = known_site(request.args.get("site", ""))
        if chat.hub.draining:
            raise RequestError(503, "unavailable", "This server is restarting. Come back in a moment.", retry_after=2)
        if chat.hub.count >= chat.max_sockets:
            raise RequestError(503, "busy", "All sockets are taken. Try again in a moment.", retry_after=5)
        origin = request.headers.get("Origin", "")
        if not site.allows(origin, request.host):
            raise RequestError(
                403,
                "bad_origin",
                f"Pages of {origin[:200] or 'no origin'} may not use this site. Add the origin to the site.",
            )
        session = Session(chat, site, address_prefix(client_address(request.environ)))
        try:
            ws.accept(chat.hub, session)
        except HandshakeRefused as refusal:
            raise RequestError(
                refusal.status, "not_a_websocket", "This is no WebSocket handshake.", headers=refusal.headers
            ) from None


def _files(routes: APIBlueprint, assets: Assets) -> None:
    @routes.route("/w/<path:path>")
    def widget_file(path: str) -> Response:
        if path == "ws":
            raise RequestError(
                426, "not_a_websocket", "This address is for WebSockets only.", headers={"Upgrade": "websocket"}
            )
        found = assets.find(path)
        if found is None:
            raise RequestError(404, "not_found", "There is no such file.")
        response = respond(*found)
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response

    @routes.route("/")
    def demo_page() -> Response:
        return _page(assets.page("demo.html"), "'none'")

    @routes.route("/chat/<key>")
    def chat_page(key: str) -> Response:
        site = known_site(key)
        # A hosted page may be framed by the pages of its own site.
        own = [origin for origin in site.origins if origin.startswith("http")]
        return _page(assets.page("chat.html"), " ".join(["'self'", *own]))


def _page(asset: Asset | None, ancestors: str) -> Response:
    if asset is None:
        raise RequestError(404, "not_found", "There is no such page.")
    response = respond(asset, "no-cache")
    response.headers["Content-Security-Policy"] = f"{_PAGE_CSP}; frame-ancestors {ancestors}"
    return response


def _small_questions(routes: APIBlueprint, chat: Chat) -> None:
    @routes.route("/w/config")
    def widget_config() -> dict[str, object]:
        site = known_site(request.args.get("site", ""))
        cors.check_origin(site)
        language = next(iter(request.accept_languages.values()), "")
        return {**chat.about(site, language=language), "limits": {"text": chat.max_text, "files": upload_limits()}}

    @routes.route("/w/state")
    def widget_state() -> dict[str, object]:
        site = known_site(request.args.get("site", ""))
        cors.check_origin(site)
        conv, _, seen = request.args.get("seen", "").partition(" ")
        try:
            visitor = chat.visitor(bearer(), site)
            conv = conv or offload(last_conversation, visitor.contact_id)
            if not conv:
                return {"unread": 0, "conv": None}
            owned(visitor, conv)
        except FrameError as error:
            raise as_request_error(error) from None
        number = int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 16 else 0
        return {"unread": offload(unread, conv, number), "conv": conv}
