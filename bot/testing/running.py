"""Run one promise in a loop of its own. What does not end when it is cancelled is left behind, so that it cannot hold the run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger("deskhand.testing")
LAST_WORDS = 1.0
"""Seconds for tasks that are left over to end."""


def run(work: Coroutine[Any, Any, None]) -> None:
    """As ``asyncio.run``, but it does not wait for tasks that refuse to be cancelled."""
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(_note)
    try:
        loop.run_until_complete(work)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=LAST_WORDS))
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(asyncio.wait_for(loop.shutdown_default_executor(), LAST_WORDS * 10))
        loop.close()


def _note(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What nobody waited for, in a line. It may be told while memory is tidied up, in the middle of anything: no traceback is made."""
    log.warning("%s: %r", context.get("message"), context.get("exception"))
