"""The bus may vanish: what could not be told is looked for as soon as Redis answers again."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import redis

from bot.bus import Bus
from bot.drafts import Drafts
from tests.patience import patient, wait_for
from tests.running import ROOT
from tests.valkey import Valkey


def collect(bus: Bus, *topics: str) -> tuple[dict[str, list[bytes]], Any]:
    heard: dict[str, list[bytes]] = {topic: [] for topic in topics}
    return heard, bus.listen({topic: heard[topic].append for topic in topics})


def test_a_wake_reaches_the_listener_with_its_payload(valkey: Valkey) -> None:
    bus = Bus(valkey.url)
    heard, listener = collect(bus, "turns", "live")
    wait_for(lambda: heard["turns"] == [b""])
    bus.wake("turns", "c1")
    bus.publish_live("c" * 36, b"{}")
    wait_for(lambda: heard["turns"][1:] == [b"c1"] and heard["live"][1:] == [b"c" * 36 + b"{}"])
    listener.stop()


def test_a_restart_of_the_server_costs_no_wake(store: Any, environment: Callable[..., None]) -> None:
    server = Valkey()
    server.start()
    bus, other = Bus(server.url), Bus(server.url)
    heard, listener = collect(other, "turns")
    wait_for(lambda: heard["turns"])
    bus.wake("turns", "c1")
    server.kill()
    bus.wake("turns", "lost")
    assert not bus.up
    heard["turns"].clear()  # before it is there again: the sweep that a new connection asks for is waited for below
    server.start()
    wait_for(other.ping, 5)
    wait_for(lambda: time.sleep(0.1) or bus.ping(), 5)
    wait_for(lambda: b"" in heard["turns"], 5)
    wait_for(lambda: bus.wake("turns", "c2") or b"c2" in heard["turns"], 5)  # again until it has subscribed
    listener.stop()
    server.stop()


def test_a_stale_connection_is_not_taken_for_an_absent_server(store: Any) -> None:
    server = Valkey()
    server.start()
    bus = Bus(server.url)
    assert bus.ping()
    server.kill()
    server.start()
    assert bus.ping(), "one new connection is tried before Redis counts as away"
    server.stop()


def test_publishing_from_many_threads_never_raises_while_the_server_comes_and_goes(store: Any) -> None:
    server = Valkey()
    server.start()
    bus, stop, raised = Bus(server.url), threading.Event(), []

    def publish() -> None:
        while not stop.is_set():
            try:
                bus.publish_live("c" * 36, b"{}")
                bus._down_until = 0.0  # try at once: the races are what this is about
            except BaseException as error:
                raised.append(error)

    threads = [threading.Thread(target=publish) for _ in range(16)]
    for thread in threads:
        thread.start()
    for _ in range(6):
        time.sleep(0.1)
        server.kill()
        server.start()
    stop.set()
    for thread in threads:
        thread.join()
    server.stop()
    assert not raised


IN_WEB = """
from gevent import monkey; monkey.patch_all()
import sys
from bot.bus import Bus
from bot.threads import offload
bus = Bus(sys.argv[1])
for _ in range(5):
    assert offload(bus.ping)
    assert bus.draft("turn", 1) == ""
    assert offload(bus.ping)
assert bus.up
"""


def test_in_web_a_native_thread_leaves_no_connection_that_the_hub_cannot_use(valkey: Valkey) -> None:
    line = [sys.executable, "-c", IN_WEB, valkey.url]
    answer = subprocess.run(line, capture_output=True, text=True, timeout=patient(30), check=False, cwd=ROOT)
    assert answer.returncode == 0, answer.stderr[-2000:]


def test_without_redis_a_change_of_the_database_is_noticed(store: Any) -> None:
    bus = Bus("")
    heard, listener = collect(bus, "changed")
    time.sleep(0.6)
    heard["changed"].clear()
    store.write(lambda: store.Cursor.create(name="x", value="1"))
    wait_for(lambda: heard["changed"], 3)
    assert set(heard["changed"]) == {b""}
    listener.stop()


def test_a_draft_is_read_back_piece_by_piece(valkey: Valkey) -> None:
    bus = Bus(valkey.url)
    drafts = Drafts(bus)
    draft = drafts.open("c1", "t1", 1)
    draft.add("Hello ")
    wait_for(lambda: bus.draft("t1", 1) == "Hello ")
    valkey.flush()  # as a restart leaves it
    draft.add("wörld")
    wait_for(lambda: bus.draft("t1", 1) == "Hello wörld")
    assert bus.draft("t1", 2) == ""
    drafts.stop()


def test_nothing_that_people_write_is_readable_in_redis_or_on_its_way(valkey: Valkey) -> None:
    bus = Bus(valkey.url)
    heard, listener = collect(bus, "live")
    with redis.Redis.from_url(valkey.url) as client, client.pubsub() as wire:
        wire.subscribe("deskhand:live")
        bus.send_now([("live", b"c" * 36 + b'{"text": "anna@example.com"}')], [("t1:1", "anna@example.com")])
        wait_for(lambda: heard["live"][1:] == [b"c" * 36 + b'{"text": "anna@example.com"}'])
        raw = [
            client.get("deskhand:draft:t1:1"),
            *(said["data"] for said in (wire.get_message(timeout=1) for _ in range(2)) if said),
        ]
        assert b"anna" not in b"".join(one for one in raw if isinstance(one, bytes))
        assert len(raw) == 3
        client.set("deskhand:draft:t1:2", client.get("deskhand:draft:t1:1") or b"")
    assert bus.draft("t1", 1) == "anna@example.com"
    assert bus.draft("t1", 2) == "", "a draft is bound to its turn"
    listener.stop()
