"""The widget's files, read once into memory with their compressed form and their hash."""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from flask import Response, request

from web_widget.lean import lean

STATIC = Path(__file__).parent / "static"
PAGES = frozenset({"demo.html", "chat.html"})

_KINDS = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".html": "text/html; charset=utf-8",
    ".woff2": "font/woff2",
}
_HASH = re.compile(r"[0-9a-f]{12}")
FOR_EVER = "public, max-age=31536000, immutable"
FRESH = "public, max-age=600, stale-while-revalidate=86400"
SHORT = "public, max-age=60"


@dataclass(frozen=True, slots=True)
class Asset:
    body: bytes
    packed: bytes
    kind: str
    etag: str


class Assets:
    """All files under ``static``. ``build`` is a hash over all of them."""

    def __init__(self, folder: Path = STATIC) -> None:
        files = {
            path.relative_to(folder).as_posix(): _served(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix in _KINDS
        }
        digest = hashlib.sha256()
        for name, body in files.items():
            digest.update(f"{name}\0{len(body)}\0".encode() + body)
        self.build = digest.hexdigest()[:12]
        self._files = {name: _asset(name, body) for name, body in files.items()}
        loader = files.get("loader.js")
        if loader is not None:
            # Served at /w/loader.js: its neighbours come from an address that names this build and may be kept for ever.
            pinned = loader.replace(b"'./'", f"'./{self.build}/'".encode()).replace(b"__BUILD__", self.build.encode())
            self._loader = _asset("loader.js", pinned)

    def find(self, path: str) -> tuple[Asset, str] | None:
        """The file for ``/w/<path>`` and its ``Cache-Control``. An address of another build gets today's file for a minute:
        a loader that a browser kept over an update must still find its panel.
        """
        first, _, rest = path.partition("/")
        if rest and _HASH.fullmatch(first):
            found = self._files.get(rest)
            return (found, FOR_EVER if first == self.build else SHORT) if found and rest not in PAGES else None
        if path == "loader.js" and "loader.js" in self._files:
            return self._loader, FRESH
        found = self._files.get(path)
        return (found, FRESH) if found and path not in PAGES else None

    def page(self, name: str) -> Asset | None:
        return self._files.get(name)


def _served(path: Path) -> bytes:
    body = path.read_bytes()
    return lean(body.decode()).encode() if path.suffix == ".js" else body


def _asset(name: str, body: bytes) -> Asset:
    packed = gzip.compress(body, 9, mtime=0)
    return Asset(
        body=body,
        packed=packed if len(packed) < len(body) else b"",
        kind=_KINDS[Path(name).suffix],
        etag=hashlib.sha256(body).hexdigest()[:20],
    )


def respond(asset: Asset, cache: str) -> Response:
    """The answer for this request: unchanged, compressed or plain."""
    packed = (
        bool(asset.packed)
        and request.accept_encodings["gzip"] > 0
        and "gzip" in request.headers.get("Accept-Encoding", "")
    )
    # A compressed form is another representation: its own tag.
    etag = f"{asset.etag}-gz" if packed else asset.etag
    response = Response(asset.packed if packed else asset.body, content_type=asset.kind)
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Cache-Control"] = cache
    response.headers["Vary"] = "Accept-Encoding"
    response.set_etag(etag)
    return response.make_conditional(request.environ)
