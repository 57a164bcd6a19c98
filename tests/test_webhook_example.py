"""The example package of a webhook channel, installed by pip and used as a stranger would: its own tests, and the whole product."""

from __future__ import annotations

import json
import os
import shutil
import socketserver
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from bot.webhook import sign_hmac
from tests.conftest import ON_POSTGRES
from tests.patience import patient, wait_for
from tests.running import Deskhand

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "docs" / "examples" / "deskhand-webhook-channel"
SECRET = "sixteen letters or more"
HOOK = "/hooks/signed-webhook"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as pip installs it, in a folder of its own."""
    target, source = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("source") / "package"
    shutil.copytree(EXAMPLE, source)  # pip may write beside the sources
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [*command, "--disable-pip-version-check", "--target", str(target), str(source)],
        capture_output=True, text=True, timeout=patient(120), check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return target


def path_of(installed: Path) -> str:
    return os.pathsep.join((str(ROOT), str(installed)))


def test_the_module_is_short() -> None:
    assert len((EXAMPLE / "deskhand_webhook_channel.py").read_text("utf-8").splitlines()) <= 80


@pytest.mark.once
def test_its_own_tests_pass_with_the_installed_package(installed: Path, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE / "tests", tmp_path / "tests")
    shutil.copy(EXAMPLE / "pyproject.toml", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": path_of(installed)},
        capture_output=True, text=True, timeout=patient(180), check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]


class Receiver:
    """The other side: keeps what is posted to it, once for each key."""

    def __init__(self) -> None:
        self.answers: dict[str, dict[str, Any]] = {}
        self.forged = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                signed = self.headers["X-Timestamp"].encode() + b"." + body
                if self.headers["X-Signature"] == sign_hmac(SECRET, signed, prefix="sha256="):
                    receiver.answers.setdefault(self.headers["Idempotency-Key"], json.loads(body))
                else:
                    receiver.forged += 1
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args: object) -> None: ...

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/answers"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def texts(self, chat: str) -> list[str]:
        return [answer["text"] for answer in self.answers.values() if answer["chat"] == chat]


@pytest.fixture
def product(deskhand: Callable[..., Deskhand], installed: Path) -> Iterator[tuple[Deskhand, Receiver]]:
    """The running product with the package switched on by its environment."""
    receiver = Receiver()
    running = deskhand(
        PYTHONPATH=path_of(installed), SIGNED_WEBHOOK_URL=receiver.url, SIGNED_WEBHOOK_SECRET=SECRET, REDIS_URL="none"
    )
    yield running, receiver
    receiver.server.shutdown()
    receiver.server.server_close()


def message(chat: str, number: int, text: str) -> bytes:
    return json.dumps({"type": "message", "id": f"m{number}", "chat": chat, "from": "anna", "text": text}).encode()


def call(
    running: Deskhand, body: bytes, *, secret: str = SECRET, at: float | None = None, **more: str
) -> tuple[int, Any, Any]:
    """Status, JSON and headers of one signed call."""
    stamp = str(int(time.time() if at is None else at))
    signature = sign_hmac(secret, stamp.encode() + b"." + body, prefix="sha256=")
    headers = {"X-Timestamp": stamp, "X-Signature": signature, **more}
    request = urllib.request.Request(running.base_url + HOOK, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=patient(30)) as answer:
            return answer.status, json.loads(answer.read()), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read()), error.headers


@contextmanager
def database_that_cannot_be_written(running: Deskhand) -> Iterator[None]:
    """Somebody else holds what every event needs."""
    if ON_POSTGRES:
        import psycopg

        with psycopg.connect(running.env["DATABASE_URL"]) as connection:
            connection.execute("LOCK TABLE ledger IN EXCLUSIVE MODE")
            yield
            connection.rollback()
        return
    connection = sqlite3.connect(running.data / "deskhand.sqlite3", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.rollback()
        connection.close()


def test_a_customer_who_calls_in_is_answered_and_forgers_are_not(product: tuple[Deskhand, Receiver]) -> None:
    running, receiver = product
    listed = running.run("plugins", "list").stdout
    assert (
        "signed-webhook" in listed
        and "package deskhand-webhook-channel 0.1.0" in running.run("plugins", "show", "signed-webhook").stdout
    )

    body = message("order 17", 1, "What does shipping cost?")
    status, answer, _ = call(running, body)
    assert (status, answer) == (200, {"ok": True, "stored": 1})
    assert call(running, body)[:2] == (200, {"ok": True, "stored": 1}), "sent again: taken, and stored once"
    wait_for(lambda: receiver.texts("order 17"), 30, f"an answer\n{running.log()[-3000:]}")

    for reply in (
        call(running, body, secret="somebody else's secret"),
        call(running, body, at=time.time() - 400),
        call(running, body, **{"X-Signature": "sha256=nonsense"}),
        call(running, body, **{"X-Timestamp": "ü"}),
        call(running, body, **{"X-Signature": ""}),
    ):
        assert reply[0] == 401 and set(reply[1]["error"]) == {"code", "message", "request_id"}
        assert reply[1]["error"]["message"] == "This call cannot be proved to come from the platform."
    assert call(running, b"x" * 300_000)[0] == 413
    assert call(running, b"no JSON")[:2] == (200, {"ok": True, "stored": 0, "unreadable": True})
    assert "signed-webhook unreadable" in running.run("deadletters", "list").stdout
    assert running.get(HOOK)[0] == 401 and running.get("/hooks/nobody")[0] == 404

    with database_that_cannot_be_written(running):
        status, answer, headers = call(running, message("order 18", 1, "Is anybody there?"))
        assert (status, answer["error"]["code"], bool(headers["Retry-After"])) == (503, "unavailable", True)
    assert wait_for(lambda: call(running, message("order 18", 1, "Is anybody there?"))[0] == 200, 20)
    wait_for(lambda: receiver.texts("order 18"), 30, f"an answer after the outage\n{running.log()[-3000:]}")

    counted = running.get("/metrics")[1].decode()
    for line in (
        'deskhand_webhook_calls_total{channel="signed-webhook",outcome="forged"}',
        'deskhand_webhook_calls_total{channel="signed-webhook",outcome="unreadable"} 1.0',
        'deskhand_deliveries_total{channel="signed-webhook",outcome="sent"}',
    ):
        assert line in counted, line
    running.run("plugins", "off", "signed-webhook")
    wait_for(lambda: call(running, body)[0] == 404, 10, "switched off")
    assert receiver.forged == 0 and len(receiver.texts("order 17")) == 1
    log = running.log()
    assert SECRET not in log and "What does shipping cost" not in log and "Traceback" not in log


def test_a_channel_without_verify_is_named_in_the_list_and_does_not_load(
    store: Any, tmp_path: Path, environment: Callable[..., None]
) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "open_door.py").write_text(
        "from bot import WebhookChannel, hookimpl, webhook_routes\n\n\nclass OpenDoor(WebhookChannel):\n    name = 'open'\n\n"
        "    def parse(self, request):\n        return []\n\n\n@hookimpl\ndef channel(settings):\n    return OpenDoor()\n"
    )
    from bot.discovery import discover

    found = discover(folder)
    (broken,) = [one for one in found.broken if one.name == "open_door"]
    assert "OpenDoor has no verify()" in broken.reason and "does not import" in broken.reason
    assert "open_door" not in {plugin.name for plugin in found.plugins}
