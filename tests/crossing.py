"""Two transactions that meet."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from tests.patience import patient


def crossing(store: Any, first: Callable[[], Any], second: Callable[[], Any]) -> Any:
    """Do ``first`` in a transaction that is committed only when ``second`` has had time to look and to wait for it (or to go
    wrong); what ``second`` returned."""
    done: list[Any] = []
    failed: list[BaseException] = []

    def later() -> None:
        try:
            done.append(second())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=later)
    with store.db.connection_context(), store.db.atomic():
        first()
        thread.start()
        thread.join(0.5)
    thread.join(patient(20))
    if failed:
        raise failed[0]
    return done[0]
