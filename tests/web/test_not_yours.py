"""Without a token, with a wrong one and with somebody else's nothing is read and nothing is done."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.web.webprocess import Web, new_cid

CALLS = [
    ("POST", "/api/v1/chat/session"),
    ("POST", "/api/v1/chat/message"),
    ("POST", "/api/v1/chat/action"),
    ("GET", "/api/v1/chat/history/{session}"),
    ("GET", "/api/v1/chat/sessions"),
    ("DELETE", "/api/v1/chat/session/{session}"),
    ("GET", "/w/state?site=demo&seen={session}%201"),
]
BODIES = {
    "/api/v1/chat/message": {"session": "{session}", "cid": "c" * 32, "text": "x"},
    "/api/v1/chat/action": {"session": "{session}", "cid": "c" * 32, "kind": "handoff"},
}


def call(web: Web, method: str, path: str, session: str, token: str) -> Any:
    body = BODIES.get(path)
    filled = json.loads(json.dumps(body).replace("{session}", session)) if body else ({} if method == "POST" else None)
    return web.ask(method, path.replace("{session}", session), filled, token=token)


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_every_call_refuses_no_token_and_a_wrong_token(web: Web, method: str, path: str) -> None:
    _, session = web.begin()
    if path != "/api/v1/chat/session":
        none = call(web, method, path, session, "")
        assert (none.status, none.code) == (401, "bad_token")
        assert none.headers["WWW-Authenticate"] == "Bearer"
    wrong = call(web, method, path, session, "A" * 43)
    assert (wrong.status, wrong.code) == (401, "bad_token")


@pytest.mark.parametrize(("method", "path"), [item for item in CALLS if "{session}" in item[1] or item[1] in BODIES])
def test_every_call_refuses_somebody_elses_conversation(web: Web, method: str, path: str) -> None:
    owner, session = web.begin()
    web.post("/api/v1/chat/message", {"session": session, "cid": new_cid(), "text": "private"}, token=owner)
    stranger, _ = web.begin()
    answer = call(web, method, path, session, stranger)
    assert (answer.status, answer.code) == (403, "not_yours")
    assert b"private" not in answer.body
    seen = web.get(f"/api/v1/chat/history/{session}", token=owner).json
    assert [m["text"] for m in seen["msgs"]] == ["private"]
    assert seen["state"] == "ai"


@pytest.mark.parametrize(
    "frame",
    [
        {"t": "open", "cursor": 0},
        {"t": "pull", "cursor": 0},
        {"t": "send", "cid": "c" * 32, "text": "x"},
        {"t": "handoff", "cid": "c" * 32},
        {"t": "contact", "cid": "c" * 32, "name": "n", "email": "a@example.com"},
        {"t": "resolve", "cid": "c" * 32},
        {"t": "stop", "turn": "01a1fdb9-e222-7583-92fb-29ef8e4d4ab4"},
        {"t": "typing", "on": True},
    ],
    ids=lambda frame: frame["t"],
)
def test_every_frame_refuses_somebody_elses_conversation(web: Web, frame: dict[str, Any]) -> None:
    owner = web.visitor()
    owner.send(t="send", cid=new_cid(), text="private")
    conv = owner.take("ack")["conv"]
    stranger = web.visitor()
    stranger.send(**frame, conv=conv)
    frames = stranger.quiet(0.5)
    assert "private" not in json.dumps(frames)
    if frame["t"] != "typing":
        assert frames[0]["code"] == "not_yours"
    hello = web.socket()
    hello.hello(token=stranger.welcome["token"], conv=conv)
    assert hello.take("error")["code"] == "not_yours"
    owner.send(t="pull", conv=conv, cursor=0)
    page = owner.take("msgs", after=0)
    assert (len(page["msgs"]), page["state"]) == (1, "ai")
    for sock in (owner, stranger, hello):
        sock.end()


def test_a_token_of_another_site_is_no_token_here(web: Web) -> None:
    from bot import accounts, store

    store.open_database(web.env["DATABASE_URL"])
    accounts.add_site("Other", key="other", origins=["self"])
    store.close_database()
    time.sleep(1.2)  # sites are cached for a second
    token, session = web.begin()
    sock = web.socket(site="other")
    assert sock.hello(token=token)["code"] == "bad_token"
    assert web.post("/api/v1/chat/session", {"site": "other"}, token=token).code == "bad_token"
    assert web.get(f"/w/state?site=other&seen={session}%201", token=token).status == 401
    sock.end()
