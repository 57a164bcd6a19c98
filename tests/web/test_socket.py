"""Conversations over the socket, with the real web process and database."""

from __future__ import annotations

import time
from collections.abc import Callable

import orjson
import redis as redis_client

from bot import bus
from tests.valkey import Valkey
from tests.web.webprocess import Socket, Web, new_cid


def test_a_new_visitor_is_welcomed_with_a_token_and_the_site(web: Web) -> None:
    sock = web.socket()
    welcome = sock.hello(page={"url": "https://x.example/p", "title": "P"})
    assert len(welcome["token"]) >= 43
    assert welcome["site"]["name"] == "Fjord & Fern"
    assert welcome["site"]["desk"] is False
    assert welcome["limits"]["text"] == 4_000 and welcome["limits"]["files"]["bytes"] == 10_000_000
    assert "conv" not in welcome
    sock.end()


def test_a_message_without_a_conversation_begins_one_and_is_acked_once_stored(web: Web) -> None:
    sock = web.visitor()
    cid = new_cid()
    sock.send(t="send", cid=cid, text="  Hello\r\nthere \u0000 ")
    ack = sock.take("ack")
    assert (ack["cid"], ack["seq"], ack["rev"]) == (cid, 1, 1)
    page = sock.take("msgs")
    assert (page["conv"], page["after"], page["cursor"], page["more"], page["state"]) == (
        ack["conv"],
        0,
        1,
        False,
        "ai",
    )
    assert page["msgs"][0]["text"] == "Hello\nthere"
    assert page["msgs"][0]["cid"] == cid
    sock.end()


def test_a_resend_before_the_ack_finds_the_same_conversation(web: Web) -> None:
    sock = web.visitor()
    cid = new_cid()
    sock.send(t="send", cid=cid, text="once")
    first = sock.take("ack")
    again = web.visitor(token=sock.welcome["token"])
    again.send(t="send", cid=cid, text="once")
    second = again.take("ack")
    assert {name: first[name] for name in ("conv", "id", "seq", "rev")} == {
        name: second[name] for name in ("conv", "id", "seq", "rev")
    }
    sock.end()
    again.end()


def test_the_same_id_with_another_text_is_refused_for_good(web: Web) -> None:
    sock = web.visitor()
    cid = new_cid()
    sock.send(t="send", cid=cid, text="one")
    conv = sock.take("ack")["conv"]
    sock.send(t="send", cid=cid, conv=conv, text="one")
    assert sock.take("ack")["seq"] == 1
    sock.send(t="send", cid=cid, conv=conv, text="two")
    error = sock.take("error")
    assert (error["code"], error["cid"], error["final"]) == ("key_reused", cid, True)
    sock.end()


def test_messages_sent_in_one_go_keep_their_order(web: Web) -> None:
    sock = web.visitor()
    sock.send(t="send", cid=new_cid(), text="0")
    conv = sock.take("ack")["conv"]
    cids = [new_cid() for _ in range(30)]
    for number, cid in enumerate(cids):
        sock.send(t="send", cid=cid, conv=conv, text=str(number + 1))
    assert [sock.take("ack")["cid"] for _ in cids] == cids
    sock.send(t="pull", conv=conv, cursor=0)
    page = sock.take("msgs", after=0)
    assert [(m["seq"], m["text"]) for m in page["msgs"]] == [(n + 1, str(n)) for n in range(31)]
    sock.end()


def test_two_tabs_of_one_visitor_see_each_other(web: Web) -> None:
    one = web.visitor()
    one.send(t="send", cid=new_cid(), text="from one")
    conv = one.take("ack")["conv"]
    two = web.socket()
    assert two.hello(token=one.welcome["token"])["conv"] == conv
    assert two.take("msgs")["msgs"][0]["text"] == "from one"
    two.send(t="send", cid=new_cid(), conv=conv, text="from two")
    two.take("ack")
    assert one.take("msgs", cursor=2)["msgs"][-1]["text"] == "from two"
    one.end()
    two.end()


def test_a_client_gets_what_it_missed_after_its_cursor(web: Web) -> None:
    sock = web.visitor()
    sock.send(t="send", cid=new_cid(), text="a")
    conv = sock.take("ack")["conv"]
    for text in "bcd":
        sock.send(t="send", cid=new_cid(), conv=conv, text=text)
        sock.take("ack")
    sock.end()
    back = web.socket()
    welcome = back.hello(token=sock.welcome["token"], conv=conv, cursor=2, epoch=sock.welcome["epoch"])
    assert welcome["conv"] == conv
    page = back.take("msgs")
    assert (page["after"], page["cursor"]) == (2, 4)
    assert [m["text"] for m in page["msgs"]] == ["c", "d"]
    back.end()


def test_another_epoch_means_from_the_beginning(web: Web) -> None:
    sock = web.visitor()
    sock.send(t="send", cid=new_cid(), text="a")
    conv = sock.take("ack")["conv"]
    back = web.socket()
    back.hello(token=sock.welcome["token"], conv=conv, cursor=1, epoch="another")
    assert back.take("msgs")["after"] == 0
    sock.end()
    back.end()


def test_an_unknown_token_is_told_and_hello_without_one_goes_on(web: Web) -> None:
    sock = web.socket()
    error = sock.hello(token="x" * 43)
    assert (error["code"], error["final"]) == ("bad_token", True)
    assert sock.hello()["t"] == "welcome"
    sock.end()


def test_nothing_but_hello_and_ping_before_hello(web: Web) -> None:
    sock = web.socket()
    sock.send(t="ping", n=[1, {"a": "ä"}])
    assert sock.take("pong")["n"] == [1, {"a": "ä"}]
    sock.send(t="send", cid=new_cid(), text="x")
    assert sock.take("error")["code"] == "bad_frame"
    sock.end()


def test_a_ping_in_an_unusual_form_is_answered_too(web: Web) -> None:
    sock = web.visitor()
    sock.text('{ "n": 5, "t": "ping" }')
    assert sock.take("pong")["n"] == 5
    sock.text('{"t":"ping","n":')
    assert sock.take("error")["code"] == "bad_frame"
    sock.text('{"t":"ping"}')
    assert sock.take("pong")["n"] is None
    sock.end()


def test_asking_for_a_person_leaving_an_address_and_closing(web: Web) -> None:
    sock = web.visitor()
    sock.send(t="handoff", cid=new_cid())
    conv = sock.take("ack")["conv"]
    page = sock.take("msgs")
    assert page["state"] == "waiting"
    assert page["msgs"][0]["type"] == "handoff_no_desk"
    sock.send(t="contact", cid=new_cid(), conv=conv, name="Anna", email="not an address")
    error = sock.take("error")
    assert (error["code"], error["field"]) == ("bad_field", "email")
    sock.send(t="contact", cid=new_cid(), conv=conv, name="Anna", email="anna@example.com", text="call me")
    sock.take("ack")
    said = [m.get("type") or m["text"] for m in sock.take("msgs")["msgs"]]
    assert said == ["call me", "contact_saved"]
    sock.send(t="resolve", cid=new_cid(), conv=conv)
    sock.take("ack")
    assert sock.take("msgs")["state"] == "resolved"
    sock.end()


def test_typing_and_stopping_what_does_not_run_are_harmless(web: Web) -> None:
    sock = web.visitor()
    sock.send(t="send", cid=new_cid(), text="x")
    conv = sock.take("ack")["conv"]
    sock.take("msgs")
    for _ in range(5):
        sock.send(t="typing", conv=conv, on=True)
    sock.send(t="stop", conv=conv, turn=conv)
    assert sock.take("msgs")["state"] == "ai"  # the truth, for a client that thought something was running
    sock.end()


def test_opening_another_conversation_stops_watching_the_first(web: Web) -> None:
    sock = web.visitor()
    sock.send(t="send", cid=new_cid(), text="first")
    first = sock.take("ack")["conv"]
    sock.send(t="send", cid=new_cid(), text="second")  # no conv: another one
    second = sock.take("ack")["conv"]
    assert first != second
    sock.take("msgs", conv=second)
    sock.send(t="open", conv=first, cursor=0)
    assert sock.take("msgs")["conv"] == first
    other = web.visitor(token=sock.welcome["token"])
    other.send(t="send", cid=new_cid(), conv=second, text="there")
    other.take("ack")
    assert [f for f in sock.quiet(0.7) if f.get("conv") == second] == []
    sock.end()
    other.end()


def test_long_histories_come_in_pages_that_fit(web: Web) -> None:
    sock = web.visitor()
    sock.send(t="send", cid=new_cid(), text="0")
    conv = sock.take("ack")["conv"]
    for number in range(60):
        sock.send(t="send", cid=new_cid(), conv=conv, text=f"{number} " + "€" * 3_900)
        sock.take("ack")
    back = web.visitor(token=sock.welcome["token"])
    seqs, cursor = [], 0
    page = back.take("msgs", conv=conv)
    while True:
        assert page["after"] == cursor
        assert len(orjson.dumps(page)) < 256 * 1024
        seqs += [m["seq"] for m in page["msgs"]]
        cursor = page["cursor"]
        if not page["more"]:
            break
        back.send(t="pull", conv=conv, cursor=cursor)
        page = back.take("msgs", after=cursor)
    assert seqs == list(range(1, 62))
    sock.end()
    back.end()


KEY = "ab" * 32
"""The master key of an installation whose processes are web and this test."""


def begun(running: Web) -> tuple[Socket, str]:
    sock = running.visitor()
    sock.send(t="send", cid=new_cid(), text="x")
    conv = sock.take("ack")["conv"]
    sock.take("msgs")
    return sock, conv


def test_live_frames_reach_the_watchers_and_nobody_else(
    web_on: Callable[..., Web], redis_server: Valkey, environment: Callable[..., None]
) -> None:
    running = web_on(REDIS_URL=redis_server.url, DESKHAND_KEY=KEY)
    environment(REDIS_URL=redis_server.url, DESKHAND_KEY=KEY)
    sock, conv = begun(running)
    other, _ = begun(running)
    time.sleep(0.3)
    delta = {"t": "delta", "conv": conv, "turn": conv, "attempt": 1, "off": 0, "text": "Hä😀"}
    with redis_client.Redis.from_url(redis_server.url) as client:
        client.publish("deskhand:live", conv.encode() + orjson.dumps({**delta, "text": "of somebody without the key"}))
    bus.bus().publish_live(conv, orjson.dumps(delta))
    assert sock.take("delta") == delta
    assert [frame for frame in other.quiet() if frame["t"] == "delta"] == []
    sock.end()
    other.end()


def test_who_comes_in_mid_answer_reads_the_draft(
    web_on: Callable[..., Web],
    redis_server: Valkey,
    fresh_database: Callable[[], str],
    environment: Callable[..., None],
) -> None:
    database = fresh_database()
    running = web_on(REDIS_URL=redis_server.url, DESKHAND_KEY=KEY, database=database)
    environment(REDIS_URL=redis_server.url, DESKHAND_KEY=KEY)
    sock, conv = begun(running)
    turn = "01a1fdb9-e222-7583-92fb-29ef8e4d4ab4"
    from bot import store

    store.open_database(database)
    store.write(
        lambda: store.Turn.insert(
            id=turn, conversation=conv, upto_seq=1, state="running", attempt=2, started_at=1.0
        ).execute()
    )
    store.close_database()
    bus.bus().send_now([], [(f"{turn}:2", "so far")])
    late = running.visitor(token=sock.welcome["token"])
    assert late.take("msgs")["turn"] == {"id": turn, "attempt": 2, "text": "so far"}
    sock.end()
    late.end()


def test_chat_goes_on_when_redis_goes_away_and_comes_back(web_on: Callable[..., Web]) -> None:
    server = Valkey()
    server.start()
    try:
        running = web_on(REDIS_URL=server.url)
        assert running.get("/readyz").json["status"] == "ok"
        sock, conv = begun(running)
        two = running.visitor(token=sock.welcome["token"])
        server.stop()
        for number in range(3):
            sock.send(t="send", cid=new_cid(), conv=conv, text=f"without {number}")
            assert sock.take("ack")["conv"] == conv
        two.take("msgs", cursor=4, seconds=10)
        state = running.get("/readyz")
        assert (state.status, state.json["status"]) == (200, "degraded")
        assert "Redis" in state.json["reasons"][0]
        sock.end()
        two.end()
        assert not running.complaints()
    finally:
        server.stop()
