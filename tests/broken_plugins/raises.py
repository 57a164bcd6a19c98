"""Raises in its hook."""

from bot import PluginInfo, hookimpl

PLUGIN = PluginInfo(on=False)


@hookimpl
def filter_inbound(message):
    raise ValueError("the moon is in the wrong house")
