"""Takes the whole process with it."""

import os

from bot import PluginInfo, hookimpl

PLUGIN = PluginInfo(on=False)


@hookimpl
def filter_inbound(message):
    os._exit(9)
