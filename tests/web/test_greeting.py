"""How a visitor is greeted: in their language, from what was published, also over plain HTTP."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.patience import patient, wait_for
from tests.running import ROOT
from tests.web.webprocess import Web


def deskhand(web: Web, *arguments: str) -> None:
    env = {**os.environ, **web.env}
    subprocess.run(
        [sys.executable, "-m", "bot.cli", *arguments],
        cwd=ROOT,
        env=env,
        check=True,
        capture_output=True,
        timeout=patient(60),
    )


def greeting(web: Web, locale: str) -> str:
    sock = web.socket("shop")
    words = str(sock.hello(locale=locale)["site"]["welcome"])
    sock.sock.close()
    return words


@pytest.fixture(scope="module")
def running(web: Web) -> Web:
    deskhand(web, "site", "add", "Fern", "--key", "shop", "--origin", "self")
    return web


def test_a_visitor_is_greeted_in_their_language(running: Web) -> None:
    assert greeting(running, "de") == ""  # the widget has words of its own
    deskhand(running, "prompts", "set", "welcome", "Welcome to {name}!")
    deskhand(running, "prompts", "set", "welcome", "Willkommen bei {name}!", "--language", "de", "--publish")
    assert greeting(running, "de-AT") == "Willkommen bei Fern!"
    assert greeting(running, "fr") == "Welcome to Fern!"
    german = running.get("/w/config?site=shop", headers={"Accept-Language": "de-CH,de;q=0.9,en;q=0.5"})
    assert german.json["welcome"] == "Willkommen bei Fern!"
    assert "Hello. Ask me" in running.get("/w/config?site=demo").json["welcome"]  # its own settings go before
    deskhand(running, "site", "hours", "shop", "closed")
    deskhand(running, "prompts", "set", "welcome_closed", "Wir schlafen.", "--language", "de", "--publish")
    wait_for(lambda: greeting(running, "de") == "Wir schlafen.", 5, "opening hours are looked up every two seconds")
    assert greeting(running, "en") == "Welcome to Fern!"


def test_an_odd_language_gets_the_words_for_all(running: Web) -> None:
    deskhand(running, "prompts", "set", "welcome", "Hello", "--publish")
    for locale in ("x" * 35, "../../etc", "de\u202e", "-", "<b>"):
        assert greeting(running, locale) == "Hello"
