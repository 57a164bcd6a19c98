"""``GET /f/ID/NAME``: a stored file for whoever has a signed link. Everything else is answered as if there were nothing.

No cookie, no session and no token is looked at, and none is set. What is given out can run nothing: a type of ours, ``nosniff``,
an empty sandbox, and for all but pictures and sounds a download.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO
from urllib.parse import quote

from flask import Flask, Response, request

from bot import files
from bot.file_links import is_valid
from bot.file_types import INLINE
from bot.store import read
from bot.threads import offload
from bot.web_errors import RequestError

PIECE = 64 * 1024
KEPT_SECONDS = 6 * 3_600
"""How long a browser keeps its copy: as long as the same file has the same address."""


def add_file_routes(app: Flask) -> None:
    """Mount the address of stored files."""
    app.add_url_rule("/f/<file_id>/<path:name>", "stored_file", stored_file, methods=["GET"])


def stored_file(file_id: str, name: str) -> Response:
    """The file, if the link is ours, has not expired and the file is still there."""
    if not offload(is_valid, file_id, request.args.get("e", ""), request.args.get("s", "")):
        raise _nothing()
    try:
        found = offload(read, lambda: files.open_file(file_id))
    except files.Gone:
        raise _nothing() from None
    if found.name != name:
        found.close()
        raise _nothing()
    tag = f'"{found.sha256}"'
    if request.headers.get("If-None-Match") == tag:
        found.close()
        response = Response(status=304)
    elif request.method == "HEAD":
        found.close()
        response = Response()
    else:
        response = Response(_pieces(found.source))
        response.call_on_close(found.close)
    how = "inline" if found.type in INLINE else "attachment"
    response.headers.update({
        "Content-Type": f"{found.type}; charset=utf-8" if found.type.startswith("text/") else found.type,
        "Content-Disposition": f"{how}; filename*=UTF-8''{quote(found.name, safe='')}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": f"private, max-age={KEPT_SECONDS}",
        "ETag": tag,
        # Pages of other origins show the pictures of their widget. The signature, not the origin, is what protects them.
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Access-Control-Allow-Origin": "*",
        "X-Robots-Tag": "noindex",
        "Referrer-Policy": "no-referrer",
    })  # fmt: skip
    if response.status_code == 200:
        response.headers["Content-Length"] = str(found.size)
    return response


def _pieces(source: BinaryIO) -> Iterator[bytes]:
    while piece := source.read(PIECE):
        yield piece


def _nothing() -> RequestError:
    return RequestError(
        404, "not_found", "There is no such file, or the link to it has expired. Open the conversation again."
    )
