"""The website widget: the channel where visitors of a page write, with its socket, its files and the REST chat API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot import Capability, Channel, PluginInfo, Resend, hookimpl
from web_widget.settings import WidgetSettings

if TYPE_CHECKING:
    from flask import Blueprint, Flask

PLUGIN = PluginInfo(title="Website widget", summary="Chat on web pages, over sockets and a REST API.")


class WidgetChannel(Channel):
    """Clients pull by their cursor, so there is nothing to send: a push is a hint, and a message is never lost with it."""

    name = "widget"
    where = "on our website"
    capabilities = frozenset(
        {
            Capability.PULL, Capability.DRAFT, Capability.TYPING, Capability.BUTTONS, Capability.EDIT, Capability.DELETE,
            Capability.FILES, Capability.REACTIONS,
        }
    )  # fmt: skip
    resend = Resend.NATIVE


@hookimpl
def settings_schema() -> type[WidgetSettings]:
    return WidgetSettings


@hookimpl
def channel(settings: WidgetSettings) -> Channel:
    return WidgetChannel()


@hookimpl
def routes(settings: WidgetSettings, app: Flask) -> Blueprint:
    from web_widget.serving import blueprint  # gevent and Flask: only where they are needed

    return blueprint(settings, app)
