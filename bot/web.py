"""The process ``deskhand web``: HTTP and WebSockets on gevent, from the first import to a drained end.

Nothing but the standard library is imported at the top: gevent must patch it before anybody else has looked at it.
"""

from __future__ import annotations

import gc
import signal
import sys
import time
from typing import Any

DRAIN_SECONDS = 5.0


def main() -> None:
    """Serve until SIGTERM or SIGINT, then drain within 5 s. Exits with 2 and one sentence when a setting cannot be used."""
    from gevent import monkey

    monkey.patch_all()

    from bot.config import ConfigError, load_config

    try:
        settings = load_config()
        from bot import serve

        try:
            sock = serve.listener(settings.host, settings.port)
        except OSError as error:
            raise ConfigError(
                f"The address {settings.host}:{settings.port} cannot be used: {error.strerror or error}. "
                "Stop what is using it, or set DESKHAND_PORT to another port."
            ) from None
        _serve(sock)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


def _serve(sock: Any) -> None:
    import gevent
    import structlog
    from gevent.event import Event

    from bot import serve
    from bot.accounts import ensure_default_site
    from bot.process import process
    from bot.threads import offload
    from bot.web_app import create_app
    from bot.web_errors import DRAINS

    log = structlog.get_logger("web")
    allow_many_files()
    with process("web") as registry:
        offload(ensure_default_site)
        app = create_app(registry)
        server = serve.server(app, sock)
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            gevent.signal_handler(number, stop.set)
        server.start()
        # What is loaded now lives as long as the process: the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        host, port = sock.getsockname()[:2]
        log.info("serving", address=f"http://{host}:{port}")
        stop.wait()
        log.info("draining")
        began = time.monotonic()
        app.extensions["deskhand.state"].draining = True
        server.close()  # the listener: requests that were accepted go on
        for drain in app.extensions.get(DRAINS, ()):
            try:
                drain(max(0.1, DRAIN_SECONDS - (time.monotonic() - began)))
            except Exception:
                log.exception("drain_failed")
        server.wait_idle(max(0.1, DRAIN_SECONDS - (time.monotonic() - began)))
        log.info("drained", seconds=round(time.monotonic() - began, 2))


def allow_many_files() -> int:
    """Raise the limit of open files as far as the system allows; returns it. Each socket is one."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return hard
    except (ValueError, OSError):
        return soft
