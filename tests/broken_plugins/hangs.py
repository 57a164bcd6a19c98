"""Waits in C, where no exception reaches it. The environment says how long."""

import os
import time

from bot import PluginInfo, hookimpl

PLUGIN = PluginInfo(on=False)


@hookimpl
def filter_inbound(message):
    time.sleep(float(os.environ.get("HANGS_SECONDS", "2")))
