"""Loops, and swallows every exception that wants to end it; gives up after some seconds so that tests end."""

import time

from bot import PluginInfo, hookimpl

PLUGIN = PluginInfo(on=False)


@hookimpl
def filter_inbound(message):
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        try:
            while time.monotonic() < until:
                pass
        except BaseException:
            pass
