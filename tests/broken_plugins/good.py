"""The one that works, among all these: it must go on working."""

from dataclasses import replace

from bot import PluginInfo, hookimpl

PLUGIN = PluginInfo(title="Good", summary="Says that it was here.")


@hookimpl
def filter_inbound(message):
    return replace(message, text=message.text + " good")
