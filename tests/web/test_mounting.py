"""What plugins bring to web: mounted once, answering while they are on, and unable to hurt the rest."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.patience import patient
from tests.running import ROOT
from tests.web.webprocess import Web

pytestmark = pytest.mark.once

GOOD = """
import flask
from bot import hookimpl

@hookimpl
def routes(settings, app):
    pages = flask.Blueprint("extra", __name__)

    @pages.get("/extra")
    def extra():
        return {"hello": "from a plugin"}

    @pages.get("/extra/breaks")
    def breaks():
        raise ZeroDivisionError("secret detail")

    return pages
"""
RAISES = """
from bot import hookimpl

@hookimpl
def routes(settings, app):
    raise RuntimeError("on purpose")
"""
GARBAGE = """
from bot import hookimpl

@hookimpl
def routes(settings, app):
    return "no blueprint"
"""
TWIN = GOOD.replace("from a plugin", "from its twin")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "plugins"
    made.mkdir()
    for name, text in (("extra", GOOD), ("raises", RAISES), ("garbage", GARBAGE), ("twin", TWIN)):
        (made / f"{name}.py").write_text(text)
    return made


def switch(web: Web, state: str, plugin: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bot.cli", "plugins", state, plugin],
        cwd=ROOT,
        env=web.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout


def becomes(web: Web, path: str, status: int) -> bool:
    until = time.monotonic() + patient(3)
    while web.get(path).status != status:
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def test_routes_of_plugins_live_and_end_with_their_switch(web_on: Callable[..., Web], folder: Path) -> None:
    running = web_on(DESKHAND_PLUGINS_DIR=str(folder))
    answer = running.get("/extra")
    assert answer.json["hello"].startswith("from ")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    broken = running.get("/extra/breaks")
    assert (broken.status, broken.code) == (500, "internal")
    assert b"secret" not in broken.body
    assert b"Traceback" not in broken.body
    # Broken ones are named and everything else works.
    assert running.get("/api/v1/health").status == 200
    for name in ("raises", "garbage", "twin"):
        assert f'"plugin":"{name}"' in running.log()
    switch(running, "off", "extra")
    assert becomes(running, "/extra", 404)
    switch(running, "on", "extra")
    assert becomes(running, "/extra", 200)


def test_switching_the_widget_off_closes_its_doors_without_a_restart(web_on: Callable[..., Web]) -> None:
    running = web_on()
    sock = running.visitor()
    switch(running, "off", "web_widget")
    assert becomes(running, "/api/v1/health", 404)
    assert running.socket().status == 404
    assert running.get("/readyz").status == 200
    sock.send(t="pull", conv="01a1fdb9-e222-7583-92fb-29ef8e4d4ab4")
    assert sock.closed() == 1001
    switch(running, "on", "web_widget")
    assert becomes(running, "/api/v1/health", 200)
    running.visitor().end()
    sock.end()


def test_web_starts_with_the_widget_off(web_on: Callable[..., Web], fresh_database: Callable[[], str]) -> None:
    database = fresh_database()
    first = web_on(database=database)
    switch(first, "off", "web_widget")
    first.end()
    second = web_on(database=database)
    assert second.get("/w/loader.js").status == 404
    switch(second, "on", "web_widget")
    assert becomes(second, "/w/loader.js", 200)
    second.visitor().end()
