"""The Flask application: headers, errors, health, and whatever plugins bring."""

from __future__ import annotations

import time
from typing import Any

import orjson
import structlog
from flask import Blueprint, Flask, Response, request
from flask.json.provider import JSONProvider
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from pydantic import ValidationError

from bot import __version__, metrics
from bot.bus import bus
from bot.commit import commit
from bot.config import config
from bot.file_routes import add_file_routes
from bot.fleet_metrics import FleetCollector
from bot.plugins import Registry
from bot.proxies import is_local, trusted_networks
from bot.store import Setting, StoreUnavailable
from bot.threads import offload
from bot.vitals import Collector, vitals
from bot.web_errors import RequestError, answer_errors, request_id

log = structlog.get_logger("web")

MAX_BODY = 256 * 1024
"""Largest body of an API request in bytes."""

STRICT_CSP = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Content-Security-Policy": STRICT_CSP,
    "Cache-Control": "no-store",
}


class _Json(JSONProvider):
    """orjson: fast, and a nesting that is too deep or a lone surrogate is a plain ValueError."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return orjson.dumps(obj, option=orjson.OPT_SORT_KEYS if kwargs.get("sort_keys") else 0).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        return Response(orjson.dumps(self._prepare_response_obj(args, kwargs)), mimetype="application/json")


class State:
    """What web knows of itself while it runs."""

    def __init__(self) -> None:
        self.draining = False
        self._healthy_until = 0.0

    def check_database(self) -> None:
        """Prove that the database can be written, at most once a second. Raises :class:`StoreUnavailable`."""
        if time.monotonic() < self._healthy_until:
            return

        def work() -> None:
            Setting.insert(key="web.beat", value=1, changed_at=time.time()).on_conflict(
                conflict_target=[Setting.key], preserve=[Setting.changed_at]
            ).execute()

        commit(work)
        self._healthy_until = time.monotonic() + 1.0


def create_app(registry: Registry) -> OpenAPI:
    """Make the application with the routes of all plugins. Raises :class:`bot.ConfigError` for a setting that cannot be used."""
    trusted_networks()
    app = OpenAPI(
        "deskhand",
        info=Info(title="Deskhand", version=__version__),
        doc_ui=False,
        static_folder=None,
        validation_error_callback=_bad_field,
    )
    app.json = _Json(app)
    app.url_map.merge_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.extensions["deskhand.state"] = State()
    answer_errors(app)
    app.after_request(_headers)
    app.after_request(_count)
    _health(app)
    add_file_routes(app)
    registry.snapshot()  # the first look waits for a lock: not with the first hundred requests at once
    for plugin, blueprint in registry.mount("routes", app=app):
        _mount(app, registry, plugin, blueprint)
    # Last, so that it describes what was mounted.
    app.add_url_rule("/api/v1/openapi.json", "openapi", lambda: app.api_doc)
    return app


def _mount(app: OpenAPI, registry: Registry, plugin: str, blueprint: Blueprint) -> None:
    def only_while_on() -> None:
        if not registry.snapshot().is_on(plugin):
            raise RequestError(404, "not_found", "There is nothing at this address.")

    blueprint.before_request(only_while_on)
    try:
        if isinstance(blueprint, APIBlueprint):
            app.register_api(blueprint)
        else:
            app.register_blueprint(blueprint)
    except (ValueError, AssertionError, TypeError) as error:  # a name or an address that is taken
        log.error("routes_not_mounted", plugin=plugin, reason=str(error))


def _bad_field(error: ValidationError) -> Response:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    if not field:
        raise RequestError(400, "bad_frame", "The body must be one JSON object.")
    reason = first["msg"].removeprefix("Value error, ")
    raise RequestError(422, "bad_field", f"The field {field} is wrong: {reason[:1].lower()}{reason[1:]}.", field=field)


def _headers(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if config().base_url.startswith("https://"):
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    response.headers["X-Request-Id"] = request_id()
    return response


def _count(response: Response) -> Response:
    metrics.counter("http_requests_total", "HTTP requests by class of status", ("status",)).labels(
        f"{response.status_code // 100}xx"
    ).inc()
    return response


def _health(app: Flask) -> None:
    state: State = app.extensions["deskhand.state"]

    @app.get("/healthz")
    def healthz() -> dict[str, Any]:
        """200 while the database can be written: another status ends this process. ``degraded`` names work of other processes
        that waits too long, which would not be better after a restart of this one."""
        state.check_database()
        complaints = offload(vitals).complaints
        return {"status": "degraded" if complaints else "ok", "reasons": complaints, "version": __version__}

    @app.get("/readyz")
    def readyz() -> tuple[dict[str, Any], int]:
        """200 while requests are welcome: ``ok``, or ``degraded`` with what is missing; 503 otherwise."""
        if state.draining:
            return {"status": "stopping", "reasons": ["This process is being stopped."]}, 503
        try:
            state.check_database()
        except StoreUnavailable as error:
            log.warning("database_away", reason=str(error), next="readyz says 503 until it is back")
            return {"status": "unavailable", "reasons": ["the database is away"]}, 503
        reasons = []
        if not bus().ping():
            configured = config().redis_url not in {"", "none"}
            what = "Redis cannot be reached" if configured else "No Redis is configured"
            reasons.append(f"{what}: answers arrive whole instead of word by word, and changes up to 0.3 s later.")
        return {"status": "degraded" if reasons else "ok", "reasons": reasons}, 200

    @app.get("/metrics")
    def numbers() -> Response:
        """For Prometheus on this machine or a private network; for everybody else there is nothing here."""
        if not is_local(request.environ):
            raise RequestError(404, "not_found", "There is nothing at this address.")
        body, kind = offload(metrics.exposition, Collector(), FleetCollector())
        return Response(body, content_type=kind)
