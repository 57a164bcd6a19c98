"""The REST chat API: the same rows and ids as the socket, once, and whole."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.patience import patient
from tests.web.webprocess import Answer, Web, new_cid

MESSAGE = "/api/v1/chat/message"


def say(web: Web, token: str, session: str, text: str, cid: str = "", **more: Any) -> Answer:
    return web.post(MESSAGE, {"session": session, "cid": cid or new_cid(), "text": text, **more}, token=token)


def history(web: Web, token: str, session: str, query: str = "") -> Any:
    answer = web.get(f"/api/v1/chat/history/{session}{query}", token=token)
    assert answer.status == 200, answer.body
    return answer.json


def test_health_needs_nothing(web: Web) -> None:
    assert web.get("/api/v1/health").json["status"] == "ok"


def test_a_session_has_a_token_once_and_a_second_one_none(web: Web) -> None:
    first = web.post(
        "/api/v1/chat/session", {"site": "demo", "locale": "de", "page": {"url": "https://x.example"}}
    ).json
    second = web.post("/api/v1/chat/session", {}, token=first["token"]).json
    assert set(second) == {"session", "visitor"}
    assert second["visitor"] == first["visitor"]
    assert second["session"] != first["session"]


def test_a_message_is_stored_once_however_often_it_is_sent(web: Web) -> None:
    token, session = web.begin()
    cid = new_cid()
    first = say(web, token, session, "hello", cid)
    assert first.status == 200
    ack = first.json["ack"]
    assert (ack["conv"], ack["seq"], ack["rev"], ack["cid"]) == (session, 1, 1, cid)
    assert say(web, token, session, "hello", cid).json["ack"] == ack
    assert [m["text"] for m in history(web, token, session)["msgs"]] == ["hello"]


def test_the_same_id_with_another_body_is_a_conflict(web: Web) -> None:
    token, session = web.begin()
    cid = new_cid()
    say(web, token, session, "hello", cid)
    answer = say(web, token, session, "other", cid)
    assert (answer.status, answer.code) == (409, "key_reused")
    assert [m["text"] for m in history(web, token, session)["msgs"]] == ["hello"]


def test_socket_and_rest_see_the_same_rows_and_ids(web: Web) -> None:
    token, session = web.begin()
    cid = new_cid()
    ack = say(web, token, session, "by rest", cid).json["ack"]
    sock = web.visitor(token=token, conv=session)
    page = sock.take("msgs")
    assert page["msgs"] == history(web, token, session)["msgs"]
    assert page["msgs"][0]["id"] == ack["id"]
    sock.send(t="send", cid=cid, conv=session, text="by rest")  # the same message over the other way
    assert sock.take("ack")["id"] == ack["id"]
    sock.send(t="send", cid=new_cid(), conv=session, text="by socket")
    sock.take("ack")
    sock.send(t="pull", conv=session, cursor=0)
    assert sock.take("msgs", after=0)["msgs"] == history(web, token, session)["msgs"]
    sock.end()


def test_a_first_message_that_is_sent_over_both_ways_begins_one_conversation(web: Web) -> None:
    sock = web.visitor()
    token, cid = sock.welcome["token"], new_cid()
    sock.send(t="send", cid=cid, text="first words")
    ack = sock.take("ack")  # but the client never saw it, and goes on over REST
    for _ in range(2):
        session = web.post("/api/v1/chat/session", {"site": "demo", "cid": cid}, token=token).json["session"]
        assert session == ack["conv"]
        assert say(web, token, session, "first words", cid).json["ack"]["id"] == ack["id"]
    assert len(web.get("/api/v1/chat/sessions", token=token).json["sessions"]) == 1
    # And the other way round.
    cid = new_cid()
    session = web.post("/api/v1/chat/session", {"site": "demo", "cid": cid}, token=token).json["session"]
    first = say(web, token, session, "second", cid).json["ack"]
    sock.send(t="send", cid=cid, text="second")
    again = sock.take("ack", cid=cid)
    assert (again["conv"], again["id"]) == (session, first["id"])
    sock.end()


def test_a_rest_message_is_pushed_to_the_socket(web: Web) -> None:
    token, session = web.begin()
    sock = web.visitor(token=token, conv=session)
    sock.take("msgs")
    say(web, token, session, "pushed")
    assert sock.take("msgs", cursor=1)["msgs"][0]["text"] == "pushed"
    sock.end()


def test_history_goes_on_from_a_cursor_and_names_the_epoch(web: Web) -> None:
    token, session = web.begin()
    for text in "abc":
        say(web, token, session, text)
    body = history(web, token, session, "?after=2")
    assert [m["text"] for m in body["msgs"]] == ["c"]
    assert (body["after"], body["cursor"], body["more"], body["state"], body["conv"]) == (2, 3, False, "ai", session)
    assert body["epoch"]


def test_a_long_poll_answers_as_soon_as_something_is_new(web: Web) -> None:
    token, session = web.begin()
    got: list[tuple[float, Any]] = []

    def poll() -> None:
        began = time.monotonic()
        body = history(web, token, session, "?after=0&wait=10")
        got.append((time.monotonic() - began, body))

    thread = threading.Thread(target=poll)
    thread.start()
    time.sleep(0.5)
    assert not got, "it waits"
    say(web, token, session, "news")
    thread.join(timeout=patient(10))
    took, body = got[0]
    assert took < patient(3)
    assert [m["text"] for m in body["msgs"]] == ["news"]


def test_a_long_poll_without_news_ends_after_its_time(web: Web) -> None:
    token, session = web.begin()
    began = time.monotonic()
    body = history(web, token, session, "?after=0&wait=1")
    assert 0.9 < time.monotonic() - began < patient(3)
    assert body["msgs"] == []


@pytest.fixture
def answering(web: Web) -> Iterator[Callable[[str, str], None]]:
    """Stand in for a turn: store an answer in the database of the module's web process."""
    from bot import clock, store
    from bot.store.statements import Place, insert_message

    store.open_database(web.env["DATABASE_URL"])

    def answer(session: str, text: str) -> None:
        def work() -> None:
            row = store.sql(
                "UPDATE conversation SET seq = seq + 1, rev = rev + 1 WHERE id = ? RETURNING seq, rev", (session,)
            ).fetchone()
            insert_message(
                clock.new_id(), session, Place(*row), author="note", body="between colleagues", created_at=1.0
            )
            row = store.sql(
                "UPDATE conversation SET seq = seq + 1, rev = rev + 1 WHERE id = ? RETURNING seq, rev", (session,)
            ).fetchone()
            insert_message(clock.new_id(), session, Place(*row), author="ai", body=text, kind="ai", created_at=2.0)

        store.write(work)

    yield answer
    store.close_database()


def test_wait_answers_with_the_assistants_words_and_never_with_notes(
    web: Web, answering: Callable[[str, str], None]
) -> None:
    token, session = web.begin()
    got: list[Answer] = []
    thread = threading.Thread(target=lambda: got.append(say(web, token, session, "question", wait=20)))
    thread.start()
    time.sleep(0.6)
    assert not got
    answering(session, "the answer")
    thread.join(timeout=patient(15))
    body = got[0].json
    assert [(m["author"], m["text"]) for m in body["messages"]] == [("ai", "the answer")]
    assert (body["ack"]["seq"], body["cursor"]) == (1, 3)
    seen = history(web, token, session)
    assert [m["seq"] for m in seen["msgs"]] == [1, 3]
    assert seen["cursor"] == 3


def test_wait_does_not_wait_when_people_have_the_conversation(web: Web) -> None:
    token, session = web.begin()
    answer = web.post("/api/v1/chat/action", {"session": session, "cid": new_cid(), "kind": "handoff"}, token=token)
    assert answer.status == 200
    began = time.monotonic()
    assert say(web, token, session, "hello?", wait=20).status == 200
    assert time.monotonic() - began < patient(3)


def test_the_list_of_conversations_shows_the_last_words(web: Web, answering: Callable[[str, str], None]) -> None:
    token, first = web.begin()
    second = web.post("/api/v1/chat/session", {}, token=token).json["session"]
    say(web, token, first, "one")
    say(web, token, second, "two")
    answering(first, "three\nlines  here")
    rows = web.get("/api/v1/chat/sessions", token=token).json["sessions"]
    assert [(row["session"], row["preview"], row["author"], row["seq"]) for row in rows] == [
        (second, "two", "customer", 1),
        (first, "three lines here", "ai", 3),
    ]


def test_deleting_really_deletes_and_watchers_are_told(web: Web) -> None:
    token, session = web.begin()
    say(web, token, session, "forget me")
    sock = web.visitor(token=token, conv=session)
    sock.take("msgs")
    assert web.ask("DELETE", f"/api/v1/chat/session/{session}", token=token).json == {"deleted": True}
    assert sock.take("msgs", state="gone")["conv"] == session
    again = web.get(f"/api/v1/chat/history/{session}", token=token)
    assert (again.status, again.code) == (404, "unknown_conversation")
    assert web.ask("DELETE", f"/api/v1/chat/session/{session}", token=token).status == 404
    assert web.get("/api/v1/chat/sessions", token=token).json["sessions"] == []
    sock.send(t="send", cid=new_cid(), conv=session, text="hello?")
    assert sock.take("error")["code"] == "unknown_conversation"
    sock.end()


def test_actions_hand_over_take_an_address_and_close(web: Web) -> None:
    token, session = web.begin()
    say(web, token, session, "hi")

    def act(**more: Any) -> Answer:
        return web.post("/api/v1/chat/action", {"session": session, "cid": new_cid(), **more}, token=token)

    assert act(kind="handoff").json["ack"]["seq"] == 2
    assert (act(kind="contact", email="nonsense").status, act(kind="contact", email="nonsense").code) == (
        422,
        "bad_field",
    )
    assert act(kind="contact", name="A", email="a@example.com").status == 200
    assert act(kind="stop", turn=session).json == {"stopped": False}
    assert act(kind="stop").json["error"]["field"] == "turn"
    assert act(kind="resolve").status == 200
    assert history(web, token, session)["state"] == "resolved"


def test_unread_is_counted_after_what_the_client_has_shown(web: Web, answering: Callable[[str, str], None]) -> None:
    token, session = web.begin()
    say(web, token, session, "q")
    answering(session, "a")

    def state(query: str = "") -> Any:
        return web.get(f"/w/state?site=demo{query}", token=token).json

    assert state() == {"unread": 1, "conv": session}
    assert state(f"&seen={session}%201") == {"unread": 1, "conv": session}
    assert state(f"&seen={session}%203") == {"unread": 0, "conv": session}
    assert web.get("/w/state?site=demo").status == 401


def test_the_description_fits_what_is_answered(web: Web) -> None:
    from web_widget import rest_models as models

    described = web.get("/api/v1/openapi.json").json
    assert described["openapi"] == "3.1.0"
    calls = {(path, method) for path, item in described["paths"].items() for method in item}
    assert {
        ("/api/v1/chat/session", "post"),
        ("/api/v1/chat/message", "post"),
        ("/api/v1/chat/action", "post"),
        ("/api/v1/chat/history/{session}", "get"),
        ("/api/v1/chat/sessions", "get"),
        ("/api/v1/chat/session/{session}", "delete"),
        ("/api/v1/health", "get"),
    } <= calls
    token, session = web.begin()
    models.Stored.model_validate(say(web, token, session, "x").json)
    models.History.model_validate(history(web, token, session))
    models.Sessions.model_validate(web.get("/api/v1/chat/sessions", token=token).json)
    models.Error.model_validate(web.get("/api/v1/chat/sessions").json)
