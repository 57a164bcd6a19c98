"""Taking a server of aiohttp off the network in a way that leaves no caller hanging."""

from __future__ import annotations

import asyncio
from typing import Any


async def stop_listening(site: Any) -> None:
    """Let nobody in any more, and close the door when whoever was coming in is in: asyncio forgets a connection that it has accepted
    and not yet attached when its server is closed, and the caller would wait for an answer for ever."""
    loop = asyncio.get_running_loop()
    for door in site._server.sockets:
        loop.remove_reader(door)
    await asyncio.sleep(0.05)
    await site.stop()
