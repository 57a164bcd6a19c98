"""The page behind the link in a mail: it shows which address is meant, and only a press on its button confirms it.

A GET changes nothing: scanners of mailboxes open every link.
"""

from __future__ import annotations

from html import escape

from flask import Blueprint, Response

from bot import Asked, asked_by, confirm_address, offload

_CSP = "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:34em;margin:10vh auto;padding:0 1.2em;color-scheme:light dark}"
    "button{font:inherit;padding:.7em 1.4em;min-height:44px}"
)


def _page(title: str, body: str, status: int = 200) -> Response:
    from base64 import b64encode
    from hashlib import sha256

    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta name="robots" content="noindex"><title>{title}</title><style>{_STYLE}</style></head>'
        f"<body><main><h1>{title}</h1>{body}</main></body></html>"
    )
    response = Response(html, status=status, mimetype="text/html")
    style = b64encode(sha256(_STYLE.encode()).digest()).decode()
    response.headers["Content-Security-Policy"] = _CSP.format(style=style)
    response.headers["Referrer-Policy"] = "no-referrer"  # the address of this page is a secret
    response.headers["Cache-Control"] = "no-store"
    return response


def _unknown() -> Response:
    return _page(
        "This link does not work",
        "<p>It is too old, or a newer one was sent. Leave your address in the chat again to get a new one.</p>",
        404,
    )


def _done(asked: Asked) -> Response:
    return _page(
        "Your address is confirmed",
        f"<p>We will write to <strong>{escape(asked.address)}</strong> about your request at {escape(asked.site)}."
        " You can close this page.</p>",
    )


def add_routes(routes: Blueprint) -> None:
    """Put the page under ``/w/confirm/``."""

    @routes.route("/w/confirm/<code>")
    def confirm_question(code: str) -> Response:
        asked = offload(asked_by, code[:100])
        if asked is None:
            return _unknown()
        if asked.confirmed:
            return _done(asked)
        return _page(
            "Is this your address?",
            f"<p><strong>{escape(asked.address)}</strong> was left in a chat with {escape(asked.site)}. If it was you, confirm it:"
            " what is said about your request may then be sent there.</p>"
            '<form method="post"><button type="submit">Yes, this is my address</button></form>',
        )

    @routes.route("/w/confirm/<code>", methods=["POST"])
    def confirm_answer(code: str) -> Response:
        done = confirm_address(code[:100])
        return _unknown() if done is None else _done(done)
