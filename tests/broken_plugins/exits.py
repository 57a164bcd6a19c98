"""Ends the interpreter in its hook."""

import sys

from bot import PluginInfo, hookimpl

PLUGIN = PluginInfo(on=False)


@hookimpl
def filter_inbound(message):
    sys.exit("I have had enough")
