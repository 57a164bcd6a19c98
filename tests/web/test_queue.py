"""Waiting for a person over the socket and over REST, with web alone and without Redis."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import time
from typing import Any

import pytest

from tests.patience import patient
from tests.running import ROOT
from tests.web.webprocess import Answer, Web, new_cid


def say(web: Web, token: str, session: str, text: str) -> None:
    body = {"session": session, "cid": new_cid(), "text": text}
    assert web.post("/api/v1/chat/message", body, token=token).status == 200


def act(web: Web, token: str, session: str, kind: str, **more: Any) -> Answer:
    return web.post("/api/v1/chat/action", {"session": session, "cid": new_cid(), "kind": kind, **more}, token=token)


def queue(web: Web, token: str, session: str) -> Any:
    answer = web.get(f"/api/v1/chat/queue/{session}", token=token)
    assert answer.status == 200, answer.body
    return answer.json


def deskhand(web: Web, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "bot.cli", *arguments], cwd=ROOT, env=web.env, capture_output=True, text=True, timeout=patient(60), check=True
    )  # fmt: skip
    return done.stdout


def value(web: Web, query: str, *values: str) -> Any:
    """One value of the database that web works on."""
    url = web.env["DATABASE_URL"]
    if url.startswith("postgres"):
        import psycopg

        with psycopg.connect(url) as server:
            found = server.execute(query.replace("?", "%s"), values).fetchone()  # type: ignore[arg-type]
    else:
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file:
            found = file.execute(query, values).fetchone()
    assert found is not None
    return found[0]


def test_where_a_conversation_stands_can_be_asked(web: Web) -> None:
    token, session = web.begin()
    say(web, token, session, "hi")
    assert queue(web, token, session) == {"state": "ai"}
    act(web, token, session, "handoff")
    found = queue(web, token, session)
    assert (found["state"], found["people"], found["reason"], found["form"]) == ("waiting", "none", "asked", True)
    assert found["position"] == found["waiting"] == 1 and found["expected"] is None and found["until"] is None
    act(web, token, session, "contact", name="Anna", email="anna@example.com")
    found = queue(web, token, session)
    assert (found["form"], found["name"], found["email"]) == (False, "Anna", "anna@example.com")
    act(web, token, session, "cancel")
    assert queue(web, token, session) == {"state": "ai"}


def test_only_its_customer_may_ask(web: Web) -> None:
    _, session = web.begin()
    other, _ = web.begin()
    answer = web.get(f"/api/v1/chat/queue/{session}", token=other)
    assert (answer.status, answer.code) == (403, "not_yours")
    assert web.get(f"/api/v1/chat/queue/{session}").status == 401
    assert web.get("/api/v1/chat/queue/nonsense", token=other).status == 422


def test_a_ticket_with_a_wrong_address_names_the_field_and_changes_nothing(web: Web) -> None:
    token, session = web.begin()
    say(web, token, session, "my lamp is broken")
    refused = act(web, token, session, "ticket", email="anna at home")
    assert (refused.status, refused.code, refused.json["error"]["field"]) == (422, "bad_field", "email")
    assert queue(web, token, session) == {"state": "ai"}
    assert act(web, token, session, "ticket", email="anna@example.com", text="order 7").status == 200
    found = queue(web, token, session)
    assert (found["reason"], found["position"], found["form"]) == ("ticket", 0, False)


def test_a_form_over_the_socket_begins_a_conversation(web: Web) -> None:
    sock = web.visitor()
    sock.send(t="ticket", cid=new_cid(), name="Bo", email="bo@example.com", text="call me")
    conv = sock.take("ack")["conv"]
    page = sock.take("msgs")
    assert (page["conv"], page["state"]) == (conv, "waiting")
    assert "call me" in [message["text"] for message in page["msgs"]]
    assert sock.take("queue")["position"] == 0
    sock.end()


def test_the_socket_is_told_at_once_and_again_when_it_comes_back(web: Web) -> None:
    sock = web.visitor()
    sock.send(t="handoff", cid=new_cid())
    conv = sock.take("ack")["conv"]
    assert sock.take("msgs")["state"] == "waiting"
    frame = sock.take("queue")
    assert (frame["conv"], frame["people"], frame["form"]) == (conv, "none", True)
    sock.send(t="open", conv=conv, cursor=0)
    sock.take("msgs")
    assert sock.take("queue")["ticket"] == frame["ticket"]
    sock.send(t="contact", cid=new_cid(), conv=conv, name="Anna", email="anna@example.com")
    assert sock.take("queue", form=False)["email"] == "anna@example.com"
    sock.send(t="cancel", cid=new_cid(), conv=conv)
    sock.take("msgs", state="ai")
    assert not [one for one in sock.quiet(1.0) if one["t"] == "queue"], "nobody waits any more"
    sock.end()


@pytest.mark.parametrize(
    ("frame", "field"),
    [
        ({"t": "cancel", "cid": "ab" * 16}, "conv"),
        ({"t": "ticket", "cid": "ab" * 16, "conv": 7}, "conv"),
        ({"t": "ticket", "conv": "01a1fe7f-2b43-744e-b114-78a8f4b64648"}, "cid"),
        ({"t": "hello", "zone": 7}, "zone"),
    ],
)
def test_a_wrong_field_is_named(web: Web, frame: dict[str, Any], field: str) -> None:
    sock = web.visitor()
    sock.send(**frame)
    error = sock.take("error")
    assert (error["code"], error["field"]) == ("bad_field", field)
    sock.end()


def test_a_closed_site_says_so_in_its_welcome(web: Web) -> None:
    deskhand(web, "site", "welcome", "demo", "--open", "Hello.", "--closed", "We are away. {opening}")
    try:
        deskhand(web, "site", "hours", "demo", "closed")
        sock = web.socket()
        site = sock.hello(zone="Asia/Tokyo")["site"]
        until = 20
        while site["people"] != "closed" and until:  # what web knows of a site is up to two seconds old
            sock.quiet(0.2)
            site, until = web.get("/w/config?site=demo").json, until - 1
        assert (site["people"], site["opens"], site["desk"]) == ("closed", None, False)
        assert site["welcome"].strip() == "We are away."
        sock.end()
    finally:
        deskhand(web, "site", "hours", "demo", "schedule")


def test_who_opens_the_chat_or_types_is_there_and_a_socket_that_comes_back_is_nobody(web: Web) -> None:
    token, session = web.begin()
    say(web, token, session, "hi")
    act(web, token, session, "contact", email="anna@example.com")

    def seen() -> float:
        return float(value(web, "SELECT seen_at FROM ticket WHERE conversation_id = ?", session))

    def seen_after(earlier: float) -> float:
        until = time.monotonic() + patient(8)
        while seen() <= earlier:
            assert time.monotonic() < until, "nobody was seen"
            time.sleep(0.05)
        return seen()

    left = seen()
    again = web.visitor(token=token, conv=session, cursor=1)
    again.quiet(0.5)
    assert seen() == left
    again.send(t="typing", conv=session, on=True)
    typed = seen_after(left)
    opened = web.visitor(token=token, conv=session)
    seen_after(typed)
    again.end()
    opened.end()
