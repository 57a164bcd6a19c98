"""What the web process shows the world beside conversations: headers, files, origins, health, numbers, and its end."""

from __future__ import annotations

import contextlib
import gzip
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ON_POSTGRES
from tests.patience import patient, wait_for
from tests.running import ROOT
from tests.web.webprocess import Answer, Socket, Web, new_cid, refused

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    "path", ["/api/v1/health", "/nowhere", "/w/config?site=demo", "/", "/chat/demo", "/w/loader.js", "/readyz"]
)
def test_every_answer_carries_the_security_headers(web: Web, path: str) -> None:
    headers = web.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "base-uri 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors" in headers["Content-Security-Policy"]
    assert headers["Permissions-Policy"]
    assert re.fullmatch(r"[\w.-]{8,64}", headers["X-Request-Id"])
    assert "Set-Cookie" not in headers
    assert "Strict-Transport-Security" not in headers  # not over plain HTTP


def test_pages_allow_only_their_own_scripts_and_trusted_types(web: Web) -> None:
    for path in ("/", "/chat/demo"):
        policy = web.get(path).headers["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "require-trusted-types-for 'script'" in policy
        assert "unsafe" not in policy
        assert "*" not in policy


def test_a_given_request_id_is_kept_and_a_hostile_one_is_not(web: Web) -> None:
    assert web.get("/nowhere", headers={"X-Request-Id": "trace-12345"}).headers["X-Request-Id"] == "trace-12345"
    answer = web.get("/nowhere", headers={"X-Request-Id": "<script>alert(1)</script>"})
    assert "script" not in answer.headers["X-Request-Id"]
    assert b"<script" not in answer.body


def test_https_is_pinned_once_the_public_address_has_it(web_on: Callable[..., Web]) -> None:
    running = web_on(DESKHAND_PUBLIC_URL="https://support.example.com")
    assert running.get("/api/v1/health").headers["Strict-Transport-Security"].startswith("max-age=31536000")


# Files --------------------------------------------------------------------------------------------------------------


def test_the_loader_is_small_fresh_and_names_this_build(web: Web) -> None:
    plain = web.get("/w/loader.js")
    packed = web.get("/w/loader.js", headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["Cache-Control"] == "public, max-age=600, stale-while-revalidate=86400"
    assert packed.headers["Vary"] == "Accept-Encoding"
    assert packed.headers["Access-Control-Allow-Origin"] == "*"
    assert packed.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert packed.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert packed.headers["ETag"] != plain.headers["ETag"]
    again = web.get("/w/loader.js", headers={"Accept-Encoding": "gzip", "If-None-Match": packed.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")


def test_files_of_this_build_may_be_kept_for_ever_and_of_another_a_minute(web: Web) -> None:
    found = re.search(rb"'\./([0-9a-f]{12})/'", web.get("/w/loader.js").body)
    assert found is not None, "the loader does not name its build"
    build = found[1].decode()
    mine = web.get(f"/w/{build}/panel.js")
    assert mine.status == 200
    assert mine.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    old = web.get("/w/0123456789ab/panel.js")
    assert (old.status, old.headers["Cache-Control"]) == (200, "public, max-age=60")
    assert old.body == mine.body
    pinned = web.get(f"/w/{build}/loader.js")
    assert b"'./'" in pinned.body, "a pinned loader must look beside itself"
    assert pinned.headers["Cache-Control"] == mine.headers["Cache-Control"]


@pytest.mark.parametrize(
    "path", ["/w/demo.html", "/w/", "/w/nothing.js", "/w/../hub.py", "/w/%2e%2e/hub.py", "/w/loader.js/", "/w//etc/passwd", "/chat/nobody", "/chat/"]
)  # fmt: skip
def test_nothing_but_the_files_is_served(web: Web, path: str) -> None:
    assert web.get(path).status == 404


def test_head_and_other_methods_of_files(web: Web) -> None:
    head = web.ask("HEAD", "/w/loader.js")
    assert (head.status, head.body) == (200, b"")
    assert web.ask("POST", "/w/loader.js", {}).status == 405


# Origins ------------------------------------------------------------------------------------------------------------


def add_site(web: Web, key: str, *origins: str) -> None:
    from bot import accounts, store

    store.open_database(web.env["DATABASE_URL"])
    if accounts.site_by_key(key) is None or accounts.site_by_key(key).key != key:  # type: ignore[union-attr]
        accounts.add_site(key, key=key, origins=origins)
    store.close_database()
    time.sleep(1.2)  # sites are cached for a second


def test_listed_origins_may_read_and_others_may_not(web: Web) -> None:
    add_site(web, "shop", "https://shop.example")
    good, evil = {"Origin": "https://shop.example"}, {"Origin": "https://evil.example"}
    config = web.get("/w/config?site=shop", headers=good)
    assert config.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert "Origin" in config.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in config.headers
    refused = web.get("/w/config?site=shop", headers=evil)
    assert (refused.status, refused.code) == (403, "bad_origin")
    assert refused.headers["Access-Control-Allow-Origin"] == "*", "the page may read why, and nothing else"
    made = web.post("/api/v1/chat/session", {"site": "shop"}, headers=good)
    assert made.status == 200
    token = made.json["token"]
    assert web.get("/api/v1/chat/sessions", token=token, headers=good).status == 200
    stolen = web.get("/api/v1/chat/sessions", token=token, headers=evil)
    assert (stolen.status, stolen.code) == (403, "bad_origin")
    assert "Access-Control-Allow-Origin" not in stolen.headers
    # A server has no origin; it has the token.
    assert web.get("/api/v1/chat/sessions", token=token).status == 200
    # Another site's page may not use this site either.
    add_site(web, "second", "https://second.example")
    assert web.get("/w/config?site=shop", headers={"Origin": "https://second.example"}).status == 403


def test_preflights_are_answered_for_listed_origins_only(web: Web) -> None:
    add_site(web, "shop", "https://shop.example")
    ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    good = web.ask("OPTIONS", "/api/v1/chat/message", headers={"Origin": "https://shop.example", **ask})
    assert good.status == 204
    assert good.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert "Authorization" in good.headers["Access-Control-Allow-Headers"]
    evil = web.ask("OPTIONS", "/api/v1/chat/message", headers={"Origin": "https://evil.example", **ask})
    assert "Access-Control-Allow-Origin" not in evil.headers


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://shop.example", 101),
        ("https://SHOP.example", 101),
        ("http://shop.example", 403),
        ("https://shop.example.evil.example", 403),
        ("https://evil-shop.example", 403),
        ("https://shop.example:8443", 403),
        ("null", 403),
        ("", 403),
    ],
)  # fmt: skip
def test_sockets_are_for_listed_origins_only(web: Web, origin: str, status: int) -> None:
    add_site(web, "shop", "https://shop.example")
    sock = Socket(web, "shop", origin)
    assert sock.status == status
    sock.end()


def too_many(web: Web, address: str) -> Answer | None:
    answer = web.post("/api/v1/chat/session", {"site": "demo"}, headers={"X-Forwarded-For": address})
    assert answer.status in {200, 429}, answer.body
    return answer if answer.status == 429 else None


def test_a_stranger_cannot_lend_himself_an_address(web_on: Callable[..., Web]) -> None:
    running = web_on(DESKHAND_SESSIONS_PER_MINUTE="2")
    for number in range(2):
        running.begin(headers={"X-Forwarded-For": f"203.0.113.{number}"})
    refused(lambda: too_many(running, "203.0.113.99"), 2)
    behind = web_on(DESKHAND_SESSIONS_PER_MINUTE="2", DESKHAND_TRUSTED_PROXIES="127.0.0.0/8")
    for number in range(6):
        behind.begin(headers={"X-Forwarded-For": f"9.9.9.9, 203.0.113.{number}"})
    refused(lambda: too_many(behind, "203.0.113.0"), 2, after=1)


# Health -------------------------------------------------------------------------------------------------------------


def test_health_says_what_works(web: Web) -> None:
    wait_for(lambda: web.get("/healthz").json["status"] == "ok", 10, "a process that was starved says so for a moment")
    state = web.get("/readyz")
    assert (state.status, state.json["status"]) == (200, "degraded")
    assert "Redis" in state.json["reasons"][0]


def test_numbers_are_for_this_machine_only(web: Web) -> None:
    sock = web.visitor()
    text = web.get("/metrics").body.decode()
    assert re.search(r'deskhand_http_requests_total\{status="2xx"\} [1-9]', text)
    assert re.search(r"deskhand_sockets [1-9]", text)
    assert web.get("/metrics", headers={"X-Forwarded-For": "203.0.113.5"}).status == 404
    sock.end()
    time.sleep(0.2)


@contextlib.contextmanager
def nobody_writes(url: str) -> Iterator[None]:
    """Hold the database's writer, as a long backup or a stuck administrator would."""
    if ON_POSTGRES:
        import psycopg

        with psycopg.connect(url) as holder:
            holder.execute("LOCK TABLE conversation IN EXCLUSIVE MODE")
            yield
            holder.rollback()
    else:
        connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
        connection.close()


def test_a_locked_database_keeps_messages_with_the_client_and_stores_them_later_once(
    web_on: Callable[..., Web],
) -> None:
    running = web_on()
    sock = running.visitor()
    other = running.visitor(token=sock.welcome["token"])
    sock.send(t="send", cid=new_cid(), text="before")
    conv = sock.take("ack")["conv"]
    cid = new_cid()
    with nobody_writes(running.env["DATABASE_URL"]):
        sock.send(t="send", cid=cid, conv=conv, text="while locked")
        other.send(t="open", conv=conv, cursor=0)
        assert len(other.take("msgs")["msgs"]) == 1  # reading goes on
        if ON_POSTGRES:  # it waits for the lock
            assert [frame for frame in sock.quiet(1.0) if frame["t"] == "ack"] == []
        else:  # it gives up after five seconds and says so
            error = sock.take("error", seconds=15)
            assert (error["code"], error["cid"], error["final"]) == ("unavailable", cid, False)
            assert error["retry_after"] >= 1
            assert running.get("/healthz", timeout=20).status == 503
    sock.send(t="send", cid=cid, conv=conv, text="while locked")
    assert sock.take("ack")["seq"] == 2
    sock.send(t="send", cid=cid, conv=conv, text="while locked")
    assert sock.take("ack")["seq"] == 2
    assert running.get("/healthz").status == 200
    assert not running.complaints()
    sock.end()
    other.end()


# The end ------------------------------------------------------------------------------------------------------------


def test_sigterm_tells_every_socket_to_come_back_and_ends_quickly(web_on: Callable[..., Web]) -> None:
    running = web_on()
    socks = [running.visitor() for _ in range(50)]
    token, session = running.begin()
    polled: list[Any] = []
    waiting = threading.Thread(
        target=lambda: polled.append(running.get(f"/api/v1/chat/history/{session}?after=0&wait=25", token=token))
    )
    waiting.start()
    time.sleep(patient(0.5))  # it has come in, and waits
    began = time.monotonic()
    assert running.process is not None
    running.process.send_signal(signal.SIGTERM)
    assert [sock.closed() for sock in socks] == [1012] * 50
    for sock in socks:
        sock.end()
    assert running.process.wait(timeout=patient(10)) == 0
    assert time.monotonic() - began < patient(4)
    waiting.join(timeout=patient(5))
    assert polled[0].status == 200  # who waited was answered, not cut
    assert not running.complaints()


def test_what_was_sent_before_the_end_is_stored_or_not_acked(
    web_on: Callable[..., Web], fresh_database: Callable[[], str]
) -> None:
    database = fresh_database()
    running = web_on(database=database)
    sock = running.visitor()
    sock.send(t="send", cid=new_cid(), text="0")
    conv = sock.take("ack")["conv"]
    cids = [new_cid() for _ in range(40)]
    for cid in cids:
        sock.send(t="send", cid=cid, conv=conv, text=cid)
    assert running.process is not None
    running.process.send_signal(signal.SIGTERM)
    sock.closed()
    acked = [frame["cid"] for frame in sock.frames if frame["t"] == "ack"]
    running.end()
    after = web_on(database=database)
    back = after.visitor(token=sock.welcome["token"])
    for cid in cids:
        back.send(t="send", cid=cid, conv=conv, text=cid)
        back.take("ack", cid=cid)
    back.send(t="pull", conv=conv, cursor=0)
    texts = [m["text"] for m in back.take("msgs", after=0)["msgs"]][1:]
    assert sorted(texts) == sorted(cids), "a message was lost or doubled"
    assert texts[: len(acked)] == acked
    back.end()
    sock.end()


def started(env: dict[str, str]) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "bot.cli", "web"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stderr


def test_a_wrong_setting_is_one_sentence_and_exit_code_2(web: Web, tmp_path: Path) -> None:
    base = {**web.env, "DESKHAND_DATA": str(tmp_path)}
    for wrong, word in (
        ({"DESKHAND_PORT": str(web.port)}, "DESKHAND_PORT"),
        ({"DESKHAND_PORT": "http"}, "DESKHAND_PORT"),
        ({"DESKHAND_TRUSTED_PROXIES": "everybody", "DESKHAND_PORT": str(_free())}, "DESKHAND_TRUSTED_PROXIES"),
    ):
        code, said = started({**base, **wrong})
        assert code == 2, said
        last = said.strip().splitlines()[-1]
        assert word in last
        assert last.endswith(".")
        assert "Traceback" not in said


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
