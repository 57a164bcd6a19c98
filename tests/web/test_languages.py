"""What is refused is told in the visitor's language."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from tests.patience import patient
from tests.running import ROOT
from tests.web.webprocess import Web, new_cid
from web_widget.frames import FrameError, too_fast
from web_widget.refusals import SAID, in_language

LONG = "Die Nachricht ist zu lang."


@pytest.mark.parametrize(
    ("locale", "words"),
    [("de", LONG), ("de-AT", LONG), ("en", "The message has 4,001"), ("sv", "The message has 4,001")],
)
def test_the_socket_refuses_in_the_language_of_the_visitor(web: Web, locale: str, words: str) -> None:
    sock = web.visitor(locale=locale)
    sock.send(t="send", cid=new_cid(), text="x" * 4_001)
    error = sock.take("error")
    assert error["message"].startswith(words)
    assert (error["code"], error["field"], error["final"]) == ("too_long", "text", True)
    sock.end()


def test_a_conversation_of_somebody_else_is_refused_at_hello_in_german_too(web: Web) -> None:
    owner = web.visitor()
    owner.send(t="send", cid=new_cid(), text="mine")
    conv = owner.take("ack")["conv"]
    sock = web.visitor(locale="de", conv=conv)
    assert sock.take("error")["message"] == SAID["de"]["not_yours"]
    owner.end()
    sock.end()


def test_a_client_that_names_no_language_is_told_in_the_sites(web: Web) -> None:
    for arguments in (("add", "Fern", "--key", "fern", "--origin", "self"), ("set", "fern", "locale=de")):
        done = subprocess.run(
            [sys.executable, "-m", "bot.cli", "site", *arguments], cwd=ROOT, env={**os.environ, **web.env}, capture_output=True,
            text=True, timeout=patient(60), check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    sock = web.socket("fern")
    sock.hello(locale="")
    sock.send(t="send", cid=new_cid(), text=" ")
    assert sock.take("error")["message"] == SAID["de"]["empty"]
    sock.end()


@pytest.mark.parametrize(("header", "german"), [("de-DE,de;q=0.9,en;q=0.8", True), ("en,de;q=0.5", False), ("", False)])
def test_over_http_the_caller_says_which_language(web: Web, header: str, german: bool) -> None:
    token, session = web.begin()
    body = {"session": session, "cid": new_cid(), "text": "x" * 4_001}
    answer = web.post("/api/v1/chat/message", body, token=token, headers={"Accept-Language": header} if header else {})
    assert (answer.status, answer.code) == (422, "too_long")
    assert answer.json["error"]["message"].startswith(LONG) is german


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (FrameError("not_yours", "x", field="subject"), "Nur eigene Nachrichten lassen sich ändern."),
        (FrameError("not_yours", "x", field="conv"), "Diese Unterhaltung gehört jemand anderem."),
        (FrameError("bad_field", "x", field="email"), "An diese E-Mail-Adresse"),
        (too_fast(7, "c1"), "Das war zu schnell. Bitte 7 s warten"),
    ],
)
def test_all_but_the_words_stays(error: FrameError, told: str) -> None:
    german = in_language(error, "de")
    assert german.message.startswith(told)
    facts = [(one.code, one.field, one.cid, one.final, one.retry_after) for one in (error, german)]
    assert facts[0] == facts[1]
    assert in_language(error, "") is error


def test_what_only_developers_see_stays_english() -> None:
    for code in ("bad_frame", "unknown_type", "unknown_site", "bad_token"):
        error = FrameError(code, "English")
        assert in_language(error, "de") is error


def test_whoever_may_be_refused_by_the_core_is_told_in_german() -> None:
    from typing import get_args, get_type_hints

    from bot.messages import Refused

    codes: Any = get_args(get_type_hints(Refused)["code"])
    known = {key.rpartition(" ")[2] for key in SAID["de"]}
    assert set(codes) - known == {"unknown_site"}
