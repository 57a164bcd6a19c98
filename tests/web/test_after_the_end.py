"""After a conversation is closed: rating it over REST and the socket, and the page that proves an address."""

from __future__ import annotations

import re
from typing import Any

import pytest

from bot import store
from tests.web.webprocess import Answer, Web, new_cid

ACTION = "/api/v1/chat/action"


def act(web: Web, token: str, session: str, kind: str, **more: Any) -> Answer:
    return web.post(ACTION, {"session": session, "cid": new_cid(), "kind": kind, **more}, token=token)


def closed(web: Web) -> tuple[str, str]:
    token, session = web.begin()
    web.post("/api/v1/chat/message", {"session": session, "cid": new_cid(), "text": "hello"}, token=token)
    assert act(web, token, session, "handoff").status == 200
    assert act(web, token, session, "resolve").status == 200
    return token, session


def page(web: Web, token: str, session: str) -> Any:
    return web.get(f"/api/v1/chat/history/{session}", token=token).json


def test_a_closed_conversation_asks_for_a_rating_and_takes_it_once(web: Web) -> None:
    token, session = closed(web)
    before = page(web, token, session)
    assert (before["state"], before["rating"]) == ("resolved", 0)
    cid = new_cid()
    body = {"session": session, "cid": cid, "kind": "rating", "rating": 4, "text": "Quick!"}
    first, again = web.post(ACTION, body, token=token), web.post(ACTION, body, token=token)
    assert first.status == again.status == 200
    assert first.json == again.json
    after = page(web, token, session)
    assert (after["state"], after["rating"], after["cursor"]) == ("resolved", 4, before["cursor"] + 1)


def test_the_socket_takes_a_rating_and_shows_it_to_who_watches(web: Web) -> None:
    token, session = closed(web)
    sock = web.visitor(token=token, conv=session)
    assert sock.take("msgs")["rating"] == 0
    cid = new_cid()
    sock.send(t="rating", cid=cid, conv=session, rating=5, text="Thanks")
    assert sock.take("ack", cid=cid)["conv"] == session
    sock.send(t="pull", conv=session, cursor=0)
    assert sock.take("msgs", rating=5)["state"] == "resolved"
    sock.end()


@pytest.mark.parametrize("rating", [0, 6, "5", 4.5, True, None])
def test_a_rating_that_is_none_is_refused_by_name(web: Web, rating: Any) -> None:
    token, session = closed(web)
    sock = web.visitor(token=token, conv=session)
    cid = new_cid()
    sock.send(t="rating", cid=cid, conv=session, rating=rating)
    error = sock.take("error", cid=cid)
    assert (error["code"], error["field"]) == ("bad_field", "rating")
    sock.end()
    answer = act(web, token, session, "rating", **({} if rating in (True, "5") else {"rating": rating or 0}))
    assert answer.status in {400, 422}
    assert page(web, token, session)["rating"] == 0


def test_what_is_open_or_somebody_elses_cannot_be_rated(web: Web) -> None:
    token, session = web.begin()
    web.post("/api/v1/chat/message", {"session": session, "cid": new_cid(), "text": "hello"}, token=token)
    early = act(web, token, session, "rating", rating=5)
    assert "not closed yet" in early.json["error"]["message"]
    other, _ = web.begin()
    assert act(web, other, session, "rating", rating=1).code == "not_yours"


# Proving an address -------------------------------------------------------------------------------------------------------


@pytest.fixture
def link(web: Web) -> str:
    """The path in the mail to a new customer."""
    token, session = web.begin()
    web.post("/api/v1/chat/message", {"session": session, "cid": new_cid(), "text": "hello"}, token=token)
    assert act(web, token, session, "contact", name="Anna", email="anna@example.com").status == 200
    store.open_database(web.env["DATABASE_URL"])
    try:
        ((text,),) = store.read(
            lambda: store.sql("SELECT text FROM mail WHERE kind = 'confirm' AND ref = ?", (session,)).fetchall()
        )
    finally:
        store.close_database()
    found = re.search(r"http://[^/]+(/w/confirm/[\w-]+)", text)
    assert found is not None
    return found[1]


def test_only_a_press_on_the_button_proves_an_address(web: Web, link: str) -> None:
    for _ in range(2):  # a mailbox's scanner opens every link
        question = web.get(link)
        assert question.status == 200
        assert b"anna@example.com" in question.body
        assert b"<form method=" in question.body
    assert question.headers["Referrer-Policy"] == "no-referrer"
    assert question.headers["Cache-Control"] == "no-store"
    csp = question.headers["Content-Security-Policy"]
    assert "form-action 'self'" in csp
    assert "script-src" not in csp
    assert "frame-ancestors 'none'" in csp
    pressed = web.post(link, {})
    assert pressed.status == 200
    assert b"is confirmed" in pressed.body
    assert b"is confirmed" in web.get(link).body


@pytest.mark.parametrize("code", ["x", "%00", "a" * 5_000, "<script>", "é"])
def test_a_code_that_is_none_says_what_to_do(web: Web, code: str) -> None:
    from urllib.parse import quote

    answer = web.get(f"/w/confirm/{quote(code, safe='%')}")
    assert answer.status == 404
    assert b"<script>" not in answer.body
    assert web.post(f"/w/confirm/{quote(code, safe='%')}", {}).status == 404
