"""A process of its own that imports a plugin and writes down what that did to the outside. Run by ``PluginConformance``."""

from __future__ import annotations

import importlib
import json
import sys
import threading
from typing import Any

_EVENTS = {
    "socket.connect": "opens a connection",
    "socket.bind": "listens on a port",
    "socket.getaddrinfo": "looks up a name",
    "subprocess.Popen": "starts a process",
    "os.system": "starts a process",
    "os.fork": "starts a process",
    "os.mkdir": "makes a folder",
    "os.remove": "removes a file",
}
_WRITING = 0o3 | 0o100 | 0o1000  # O_WRONLY or O_RDWR, O_CREAT, O_TRUNC


def main() -> None:
    """Read an order from standard input; the last line of the output is the list of what was seen."""
    order = json.load(sys.stdin)
    # What the kit itself needs is imported before anybody looks.
    from bot.bound import Bound
    from bot.discovery import Plugin, look_at

    seen: list[str] = []

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        words = _EVENTS.get(event, "")
        if event == "open" and len(arguments) > 2 and isinstance(arguments[2], int) and arguments[2] & _WRITING:
            words = f"writes the file {str(arguments[0])!r:.80}"
        if words and words not in seen and watching:
            seen.append(words)

    watching = True
    sys.addaudithook(watch)
    threads = set(threading.enumerate())
    try:
        module = importlib.import_module(order["module"])
        if order["hooks"]:
            seen.clear()
            found = look_at(order["plugin"], module)
            if isinstance(found, Plugin):
                settings = found.schema(**order["settings"])
                for hook in order["hooks"]:
                    Bound(found, hook, settings).invoke({})
    finally:
        watching = False
    started = [thread.name for thread in set(threading.enumerate()) - threads]
    if started:
        seen.append(f"starts a thread ({started[0]})")
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
