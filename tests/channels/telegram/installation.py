"""One installation for the tests of a file: starting it costs more than what each of them does."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ON_POSTGRES
from tests.postgres import Postgres
from tests.running import Deskhand


@contextlib.contextmanager
def installed(request: pytest.FixtureRequest, folder: Path, env: dict[str, str]) -> Iterator[Deskhand]:
    """A product that runs until the end of the block, on the database under test."""
    server: Postgres | None = request.getfixturevalue("postgres") if ON_POSTGRES else None
    database = server.fresh() if server is not None else ""
    product = Deskhand(folder / "data", {**env, **({"DATABASE_URL": database} if database else {})})
    try:
        product.start()
        yield product
    finally:
        product.end()
        if server is not None:
            server.drop(database)
