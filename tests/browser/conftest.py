"""A real Chromium against the real product. One product for most tests, a second one with a model behind a wire fake."""

from __future__ import annotations

import http.server
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.widget import Widget
from tests.fakes.llm import FakeLLM
from tests.patience import patient
from tests.running import Deskhand

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
CHROMIUMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first is the one without windows: it takes a third less of a core."""
HERE = Path(__file__).parent
expect.set_options(timeout=patient(5_000))
ON_POSTGRES = os.environ.get("DESKHAND_TEST_DATABASE", "sqlite") == "postgresql"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE) and "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if path is None:
        pytest.fail("The browser tests need Chromium on the PATH: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


Starter = Callable[..., Deskhand]


@pytest.fixture(scope="session")
def start(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    """Start a product that lives as long as the whole run: ``start("name", ENV="…")``."""
    running: list[Deskhand] = []

    def start(name: str, **env: str) -> Deskhand:
        if ON_POSTGRES:
            env.setdefault("DATABASE_URL", request.getfixturevalue("postgres").fresh())
        product = Deskhand(
            tmp_path_factory.mktemp(name) / "data",
            {"DESKHAND_SESSIONS_PER_MINUTE": "10000", "DESKHAND_MESSAGES_PER_MINUTE": "1000", **env},
        )
        running.append(product)
        product.start()
        return product

    yield start
    for product in running:
        product.end()


@pytest.fixture(scope="session")
def product(start: Starter) -> Deskhand:
    """Nothing is connected: the offline assistant answers from the sample shop's articles."""
    return start("offline")


@pytest.fixture(scope="session")
def _model() -> Iterator[FakeLLM]:
    with FakeLLM() as fake:
        yield fake


@pytest.fixture(scope="session")
def with_model(start: Starter, _model: FakeLLM) -> Deskhand:
    """A model answers, over the wire. Its words and its speed are set by the fixture ``model``."""
    product = start("model", OPENAI_API_KEY="k", OPENAI_BASE_URL=_model.openai_url)
    # Each test asks what another one may have asked, and wants an answer of its own.
    product.run("plugins", "off", "reply_cache").check_returncode()
    return product


@pytest.fixture
def model(_model: FakeLLM) -> Iterator[FakeLLM]:
    yield _model
    _model.clear()


Visit = Callable[..., Widget]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Come as a new visitor (or, with ``context``, as one who has been here): ``visit(product, path="/", **context options)``.

    Whatever the page complains about fails the test, unless it is in ``visit.allowed``.
    """
    contexts = []
    complaints: list[str] = []
    allowed: list[str] = []

    def visit(product: Deskhand | str, path: str = "/", *, context: Any = None, **options: Any) -> Widget:
        base = product if isinstance(product, str) else product.base_url
        if context is None:
            context = browser.new_context(**{"viewport": {"width": 1280, "height": 860}, "locale": "en-GB", **options})
            context.set_default_timeout(patient(10_000))
            contexts.append(context)
        page: Page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"{error.name}: {error.message}\n{error.stack}"))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(base + path)
        return Widget(page)

    visit.allowed = allowed  # type: ignore[attr-defined]
    yield visit
    for context in contexts:
        context.close()
    left = [text for text in complaints if not any(part in text for part in allowed)]
    assert not left, "the page complained:\n" + "\n".join(left)


class Host:
    """Somebody else's website on another origin: pages are set by the test, with their headers."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[str, dict[str, str]]] = {}
        pages = self.pages
        self.page("/empty", "<!doctype html><html lang=en><title>Empty</title><h1>Empty</h1></html>")

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body, headers = pages.get(self.path, ("", {}))
                self.send_response(200 if self.path in pages else 204)
                for name, value in {"Content-Type": "text/html; charset=utf-8", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True, name="host").start()

    def page(self, path: str, body: str, **headers: str) -> None:
        self.pages[path] = (body, {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.fixture(scope="session")
def host() -> Iterator[Host]:
    site = Host()
    yield site
    site.server.shutdown()
    site.server.server_close()
