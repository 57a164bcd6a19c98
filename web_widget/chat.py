"""What all conversations of this process share: the hub, the watchers, the crew that may wait, and the limits."""

from __future__ import annotations

import resource
import time
from functools import cached_property

import gevent

from bot import (
    SiteView,
    Throttle,
    VisitorView,
    get_config,
    new_gauge,
    new_visitor,
    offload,
    prompts_of,
    site_hours,
    visitor_of,
)
from web_widget.crew import Crew
from web_widget.frames import Frame, FrameError, site_body, too_fast
from web_widget.hub import Hub, Limits
from web_widget.settings import WidgetSettings
from web_widget.watchers import Watchers

SPARE_FILES = 500
"""Open files that are not for sockets: the database, Redis, requests in flight."""


class Chat:
    """Made once per web process, when its routes are mounted."""

    def __init__(self, settings: WidgetSettings) -> None:
        self.settings = settings
        self.watchers = Watchers()
        self.crew = Crew()

    # Settings are read at the first request: while the plugin is off it has none.

    @cached_property
    def hub(self) -> Hub:
        rate = self.settings.frames_per_second
        open_now = new_gauge("sockets", "WebSockets of the widget that are open")
        return Hub(Limits(rate=rate, burst=2 * rate), on_count=open_now.set)

    @cached_property
    def max_sockets(self) -> int:
        allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_FILES
        return max(16, min(allowed, self.settings.max_sockets or allowed))

    @cached_property
    def messages(self) -> Throttle:
        return Throttle("message", self.settings.messages_per_minute, 60)

    @cached_property
    def uploads(self) -> Throttle:
        return Throttle("upload", self.settings.messages_per_minute, 60)

    @cached_property
    def arrivals(self) -> Throttle:
        return Throttle("arrival", self.settings.sessions_per_minute, 60)

    @property
    def is_on(self) -> bool:
        """Whether the plugin is switched on now. May wait for the database."""
        try:
            return bool(self.settings.frames_per_second)
        except RuntimeError:
            return False

    @property
    def max_text(self) -> int:
        return get_config().max_text

    def visitor(self, token: str, site: SiteView) -> VisitorView:
        """Who holds ``token``. Raises :class:`FrameError` ``bad_token``."""
        found = offload(visitor_of, token, site.id)
        if found is None:
            raise FrameError(
                "bad_token", "This token is not known here (any more). Forget it and start again without one."
            )
        return found

    def arrive(self, site: SiteView, address: str, locale: str) -> tuple[str, VisitorView]:
        """Let a new visitor in: ``(token, visitor)``. Raises :class:`FrameError` ``too_fast``."""
        wait = self.arrivals.hit(address)
        if wait:
            raise too_fast(wait)
        return new_visitor(site, language=locale)

    def count_message(self, visitor: VisitorView, cid: str) -> None:
        """Raises :class:`FrameError` ``too_fast`` when this visitor writes too often."""
        wait = self.messages.hit(visitor.id)
        if wait:
            raise too_fast(wait, cid)

    def about(self, site: SiteView, zone: str = "", language: str = "") -> Frame:
        """What the widget is told of its site, for this visitor."""
        hours, prompts = offload(
            lambda: (site_hours(site.id, zone, site.settings.get("locale") or language), prompts_of(site.id))
        )
        return site_body(site, hours, prompts, language)

    def drain(self, seconds: float) -> None:
        """Say goodbye to all sockets (1012) and finish what is being stored. Waits at most ``seconds``."""
        until = time.monotonic() + seconds
        self.watchers.stop()
        self.hub.close_all(1012, "restart", within=min(1.0, seconds))
        while not self.crew.idle and time.monotonic() < until:
            gevent.sleep(0.01)
