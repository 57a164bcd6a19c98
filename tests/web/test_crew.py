"""The bounded crew behind the sockets: order kept, limits held, failures contained."""

from __future__ import annotations

import gevent
import orjson

from web_widget.crew import Crew
from web_widget.session import UNREAD_FRAMES, Session


def test_jobs_run_in_order_and_greenlets_end_with_the_work() -> None:
    crew, done = Crew(size=1), []
    for number in range(5):
        assert crew.add(lambda number=number: done.append(number))  # type: ignore[misc]
    gevent.sleep(0.01)
    assert done == [0, 1, 2, 3, 4]
    assert crew.idle


def test_no_more_than_its_size_work_at_once() -> None:
    crew, now, most = Crew(size=3), [0], [0]

    def job() -> None:
        now[0] += 1
        most[0] = max(most[0], now[0])
        gevent.sleep(0.005)
        now[0] -= 1

    for _ in range(20):
        crew.add(job)
    while not crew.idle:
        gevent.sleep(0.005)
    assert most[0] == 3


def test_a_job_that_fails_takes_nobody_with_it() -> None:
    crew, done = Crew(size=1), []

    def broken() -> None:
        raise RuntimeError("on purpose")

    crew.add(broken)
    crew.add(lambda: done.append(1))
    gevent.sleep(0.01)
    assert done == [1]
    assert crew.idle


class Wire:
    """What a session needs of its connection."""

    open = True

    def __init__(self) -> None:
        self.sent: list[dict[str, object]] = []
        self.closed = 0

    def push(self, frame: bytes) -> None:
        self.sent.append(orjson.loads(frame[frame.index(b"{") :]))

    def close(self, code: int, reason: str = "") -> None:
        self.open = False
        self.closed = code


class FullChat:
    def __init__(self, size: int, backlog: int) -> None:
        self.crew = Crew(size=size, backlog=backlog)


def test_when_too_much_waits_a_frame_is_answered_busy_and_not_kept() -> None:
    chat = FullChat(size=1, backlog=0)
    session, wire = Session(chat, None, "a"), Wire()  # type: ignore[arg-type]
    session.on_frame(wire, b'{"t":"send","cid":"0123456789abcdef","text":"x"}')  # type: ignore[arg-type]
    assert [(f["code"], f["cid"], f["final"]) for f in wire.sent] == [("busy", "0123456789abcdef", False)]
    session.on_frame(wire, b'{"t":"ping","n":1}')  # type: ignore[arg-type]
    assert wire.sent[-1] == {"t": "pong", "n": 1}


def test_a_client_that_does_not_wait_for_us_is_closed() -> None:
    chat = FullChat(size=0, backlog=10)  # nobody works
    session, wire = Session(chat, None, "a"), Wire()  # type: ignore[arg-type]
    for _ in range(UNREAD_FRAMES + 1):
        session.on_frame(wire, b'{"t":"pull"}')  # type: ignore[arg-type]
    assert wire.closed == 1008
    big = Session(chat, None, "a")  # type: ignore[arg-type]
    wire = Wire()
    for _ in range(3):
        big.on_frame(wire, b'{"t":"send","text":"' + b"x" * 200_000 + b'"}')  # type: ignore[arg-type]
    assert wire.closed == 1008
