"""Several pieces of work in one transaction: they share its fsync, and one that cannot be done takes none of the others with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from bot.store.database import db, write

T = TypeVar("T")


def write_together(works: Sequence[Callable[[], T]], *expected: type[Exception]) -> list[T | Exception]:
    """As :func:`bot.store.write` for each of ``works``, in their order: its result, or what it raised if that was ``expected`` (then
    nothing of it was stored). Anything else is raised, and nothing at all was stored. At most some 25 at once: all writers wait.
    """

    def one(work: Callable[[], T]) -> T | Exception:
        try:
            with db.atomic():  # a savepoint
                return work()
        except expected as error:
            return error

    return write(lambda: [one(work) for work in works])
