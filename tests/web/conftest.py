"""One web process per test module on a database of its own; ``web_on`` starts one as a test wishes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ON_POSTGRES, _name
from tests.postgres import Postgres
from tests.valkey import Valkey
from tests.web.pairs import ends
from tests.web.webprocess import Web
from web_widget.hub import Hub, Limits

EASY = {"DESKHAND_SESSIONS_PER_MINUTE": "100000", "DESKHAND_MESSAGES_PER_MINUTE": "10000"}


@pytest.fixture(scope="session")
def fresh_database(
    request: pytest.FixtureRequest, _migrated: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], str]]:
    """Make a fresh migrated database that lives as long as the run."""
    made: list[str] = []

    def fresh() -> str:
        if ON_POSTGRES:
            server: Postgres = request.getfixturevalue("postgres")
            url = server.fresh(_name(_migrated))
            made.append(url)
            return url
        target = tmp_path_factory.mktemp("web") / "deskhand.sqlite3"
        target.write_bytes(Path(_migrated.removeprefix("sqlite:///")).read_bytes())
        return f"sqlite:///{target}"

    yield fresh
    for url in made:
        request.getfixturevalue("postgres").drop(url)


@pytest.fixture(scope="module")
def web(fresh_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A web process with generous limits, shared by the module. At the end it must not have complained."""
    running = Web(tmp_path_factory.mktemp("data"), fresh_database(), **EASY)
    yield running.start()
    assert running.end() == 0
    assert not running.complaints()


@pytest.fixture
def web_on(fresh_database: Callable[[], str], tmp_path: Path) -> Iterator[Callable[..., Web]]:
    """Start a web process with settings: ``web_on(REDIS_URL=…)``. ``database=`` takes an existing one."""
    started: list[Web] = []

    def start(*, database: str | None = None, **env: str) -> Web:
        data = tmp_path / f"web{len(started)}"
        data.mkdir()
        running = Web(data, database or fresh_database(), **{**EASY, **env})
        started.append(running)
        return running.start()

    yield start
    for running in started:
        running.end()


@pytest.fixture
def redis_server(request: pytest.FixtureRequest) -> Valkey:
    """A running, empty Valkey for a web process: ``web_on(REDIS_URL=redis_server.url)``."""
    server: Valkey = request.getfixturevalue("_valkey")
    server.flush()
    return server


@pytest.fixture
def hub() -> Iterator[Hub]:
    made = Hub(Limits(greeting=5, linger=0.5))
    yield made
    made.close_all(1001, "test over", within=0.05)
    assert made.count == 0


@pytest.fixture(autouse=True)
def _close_ends() -> Iterator[None]:
    yield
    while ends:
        ends.pop().close()
