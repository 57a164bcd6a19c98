"""What all tests share: a fresh database on SQLite or PostgreSQL, a real Valkey, and the whole product as its users start it.

``DESKHAND_TEST_DATABASE`` chooses ``sqlite`` (the default) or ``postgresql``; ``make test`` runs the suite on both.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.llm import FakeLLM
from tests.postgres import Postgres
from tests.running import Deskhand
from tests.valkey import Valkey

ON_POSTGRES = os.environ.get("DESKHAND_TEST_DATABASE", "sqlite") == "postgresql"

# A developer's own keys and addresses must never reach a test.
_OURS = (
    "DESKHAND_",
    "OPENAI_",
    "ANTHROPIC_",
    "SLACK_",
    "TELEGRAM_",
    "DISCORD_",
    "DATABASE_URL",
    "REDIS_URL",
    "SMTP_URL",
)
for name in [name for name in os.environ if name.startswith(_OURS) and name != "DESKHAND_TEST_DATABASE"]:
    del os.environ[name]


# Real parts take their time: make check leaves these tests to make test.
REAL_PARTS = {"store", "database_url", "valkey", "postgres"}
REAL_FOLDERS = {"web", "providers", "scenarios"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that start the product are ``product``, and those on a real database, Redis or socket are ``slow``."""
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        if names & {"deskhand", "deskhands"}:
            item.add_marker(pytest.mark.product)
        if names & REAL_PARTS or item.path.parent.name in REAL_FOLDERS:
            item.add_marker(pytest.mark.slow)
        if item.path.parent.name == "providers" and not names & REAL_PARTS:
            item.add_marker(pytest.mark.once)  # SDKs and sockets, and no rows
    # Last: Playwright keeps an event loop running in this thread, and then no other test could run one.
    items.sort(key=lambda item: item.path.parent.name == "browser")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A private PostgreSQL server for the whole run."""
    server = Postgres()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def _migrated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A migrated database that is copied for each test: migrating costs more than copying."""
    from bot import store

    if ON_POSTGRES:
        server: Postgres = request.getfixturevalue("postgres")
        url = server.fresh()
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('template') / 'template.sqlite3'}"
    store.open_database(url)
    store.migrate()
    store.close_database()
    return url


@pytest.fixture
def database_url(request: pytest.FixtureRequest, _migrated: str, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh migrated database."""
    if ON_POSTGRES:
        server: Postgres = request.getfixturevalue("postgres")
        url = server.lend(_name(_migrated))
        yield url
        server.take_back(url)
    else:
        target = tmp_path / "deskhand.sqlite3"
        target.write_bytes(Path(_migrated.removeprefix("sqlite:///")).read_bytes())
        yield f"sqlite:///{target}"


def _name(url: str) -> str:
    return url.partition("?")[0].rsplit("/", 1)[1]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Set the environment of this process and forget what was read from it: ``environment(REDIS_URL="none")``."""

    def change(**values: str | None) -> None:
        from bot import bus
        from bot.config import config

        for name, value in values.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        config.cache_clear()
        bus.reset_bus()

    return change


@pytest.fixture
def store(database_url: str, tmp_path: Path, environment: Callable[..., None]) -> Iterator[Any]:
    """``bot.store`` opened on a fresh migrated database, without Redis. The configuration agrees with it."""
    from bot import accounts, crypto, deliver, lease, store

    for forget in (accounts.forget_sites, crypto.forget_keys, deliver.forget_declarations):
        forget()  # what the process remembers of the test before
    environment(DATABASE_URL=database_url, DESKHAND_DATA=str(tmp_path), REDIS_URL="none")
    store.open_database(database_url)
    yield store
    if lease.owner():
        lease.stop()
    store.close_database()
    environment(DATABASE_URL=None, DESKHAND_DATA=None, REDIS_URL=None)


@pytest.fixture(scope="session")
def _valkey() -> Iterator[Valkey]:
    server = Valkey()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def valkey(_valkey: Valkey, environment: Callable[..., None]) -> Iterator[Valkey]:
    """A running, empty Valkey, and ``REDIS_URL`` naming it. Ask for it after ``store``."""
    _valkey.flush()
    environment(REDIS_URL=_valkey.url)
    yield _valkey
    environment(REDIS_URL=None)


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    """A model server over the wire, of either kind."""
    with FakeLLM() as server:
        yield server


@pytest.fixture
def deskhand(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Deskhand]]:
    """Start the real product: ``running = deskhand(OPENAI_API_KEY="k", …)``. Everything is ended at the end, by pid.

    Each call gets its own data folder, port and database (of the kind under test). ``database=`` and ``data=`` name existing ones.
    """
    yield from _starting(request, tmp_path)


@pytest.fixture(scope="module")
def deskhands(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Deskhand]]:
    """As ``deskhand``, for what the tests of a module share: starting costs seconds of a core."""
    yield from _starting(request, tmp_path_factory.mktemp("products"))


def _starting(request: pytest.FixtureRequest, folder: Path) -> Iterator[Callable[..., Deskhand]]:
    started: list[Deskhand] = []
    databases: list[str] = []

    def start(*, ready: bool = True, data: Path | None = None, database: str | None = None, **env: str) -> Deskhand:
        if database is None and ON_POSTGRES:
            server: Postgres = request.getfixturevalue("postgres")
            database = server.fresh()
            databases.append(database)
        if database:
            env["DATABASE_URL"] = database
        running = Deskhand(data or folder / f"data{len(started)}", env)
        started.append(running)
        running.start(ready=ready)
        return running

    yield start
    for running in started:
        running.end()
    for database in databases:
        request.getfixturevalue("postgres").drop(database)
