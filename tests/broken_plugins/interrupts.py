"""Raises what Ctrl-C raises."""

from bot import PluginInfo, hookimpl

PLUGIN = PluginInfo(on=False)


@hookimpl
def filter_inbound(message):
    raise KeyboardInterrupt
