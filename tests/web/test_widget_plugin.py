"""The widget keeps the promises of every plugin."""

from __future__ import annotations

from bot.testing import PluginConformance


class TestWidgetPlugin(PluginConformance):
    plugin = "web_widget"
    module = "web_widget"
