"""From an HTTP request to a socket of the hub: flask-sock's route and checks in front, then the descriptor changes hands.

flask-sock makes its ``Server`` before it calls the view. Ours does nothing then: the view checks the site, the Origin and
the limits, and may still answer with plain HTTP. Only :meth:`TakenOver.accept` answers the handshake. It uses the inside
of gevent's pywsgi (``tests/web/test_takeover.py`` guards that, and the version is pinned).
"""

from __future__ import annotations

import os
import socket
from typing import Any

import flask_sock
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.server import ServerProtocol

from web_widget.connection import Connection
from web_widget.hub import Hub, Session


class HandshakeRefused(Exception):
    """The request is no WebSocket handshake. ``status`` and ``headers`` are what RFC 6455 wants as the answer."""

    def __init__(self, status: int, headers: dict[str, str], reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.headers = headers


class TakenOver:
    """What a flask-sock view gets: the handshake, and nothing of the socket itself."""

    mode = "gevent"
    """Tells flask-sock that nothing is left to answer once the view has returned."""

    def __init__(self, environ: dict[str, Any], **options: Any) -> None:
        self.environ = environ

    def close(self, *args: Any) -> None:
        """Called by flask-sock when the view returns: the socket is the hub's now."""

    def accept(self, hub: Hub, session: Session) -> Connection:
        """Answer the handshake and give the socket to ``hub``. Raises :class:`HandshakeRefused` before any byte was sent."""
        protocol = ServerProtocol()
        response = protocol.accept(_request(self.environ))
        if response.status_code != 101:
            headers = {name: value for name, value in response.headers.raw_items() if name in {"Upgrade", "Allow"}}
            reason = response.body.decode("utf-8", "replace") if response.body else "no handshake"
            raise HandshakeRefused(response.status_code, headers, reason.split("\n")[0])
        handler = self.environ["deskhand.handler"]
        sock = handler.socket
        sock.sendall(response.serialize())
        # Bytes right behind the handshake may be in the reader's buffer already: they are the first frames.
        sock.settimeout(0.0)
        early = bytes(handler.rfile.peek())
        # Or the reader would keep a second descriptor of this socket until the garbage collector comes by.
        handler.rfile.close()
        # pywsgi shall neither answer, nor read, nor drain this socket any more. It closes its own descriptor of it.
        handler.close_connection = True
        handler.headers_sent = True
        handler.status = b"101 Switching Protocols"
        handler.code = 101
        handler.response_length = 0
        handler.socket = None
        descriptor = os.dup(sock.fileno())
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(hub.limits.stall * 1000))
        except OSError:
            pass  # a unix socket, or a peer that is gone: the hub will see
        return hub.adopt(descriptor, session, early)


def _request(environ: dict[str, Any]) -> Request:
    headers = Headers()
    for name, value in environ.items():
        if name.startswith("HTTP_"):
            headers[name[5:].replace("_", "-").title()] = value
    if environ.get("CONTENT_LENGTH", "0") not in {"", "0"} or "HTTP_TRANSFER_ENCODING" in environ:
        # pywsgi would go on to read a body, and eat frames.
        headers = Headers()
    return Request(
        path=environ["PATH_INFO"],
        headers=headers,
        method=environ["REQUEST_METHOD"],
        protocol=environ["SERVER_PROTOCOL"],
    )


flask_sock.Server = TakenOver
