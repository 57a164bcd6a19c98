"""The instruments themselves: what a customer's screen does with frames, what the platform does with sends, and what a kill costs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.chaos.journal import Journal, read_journal
from tests.chaos.killer import recovery_times
from tests.chaos.platform import Platform
from tests.chaos.transcript import Transcript


def row(seq: int, author: str = "customer", text: str = "hello", **more: Any) -> dict[str, Any]:
    return {"id": f"m{seq}", "seq": seq, "rev": seq, "author": author, "text": text, **more}


@pytest.fixture
def screen(tmp_path: Path) -> Transcript:
    return Transcript(Journal(tmp_path / "log.jsonl"), conv="c1")


def events(screen: Transcript) -> list[dict[str, Any]]:
    return read_journal(screen.journal.path)


def test_a_page_after_a_hole_is_not_shown(screen: Transcript) -> None:
    assert screen.page(0, 2, [row(1), row(2)])
    assert not screen.page(3, 4, [row(4)]), "3 is missing: pull"
    assert [event["seq"] for event in events(screen)] == [1, 2]


def test_a_row_that_comes_again_is_shown_once(screen: Transcript) -> None:
    screen.page(0, 1, [row(1)])
    screen.page(0, 1, [row(1)])
    assert len(events(screen)) == 1
    screen.page(0, 1, [row(1, text="changed")])
    assert events(screen)[-1]["event"] == "changed_silently"


def test_a_draft_grows_starts_again_and_is_replaced_by_its_message(screen: Transcript) -> None:
    assert screen.progress({"t": "delta", "turn": "t1", "attempt": 1, "off": 0, "text": "Hel"})
    assert screen.progress({"t": "delta", "turn": "t1", "attempt": 1, "off": 2, "text": "llo"})
    assert screen.draft is not None and screen.draft.text == "Hello"
    assert not screen.progress({"t": "delta", "turn": "t1", "attempt": 1, "off": 9, "text": "!"}), "a hole: pull"
    assert screen.progress({"t": "turn", "turn": "t1", "attempt": 2, "phase": "thinking"})
    assert screen.progress({"t": "delta", "turn": "t1", "attempt": 2, "off": 0, "text": "Good"})
    assert screen.progress({"t": "delta", "turn": "t1", "attempt": 1, "off": 5, "text": "late"})
    screen.page(0, 2, [row(1), row(2, "ai", "Good day", turn="t1")])
    drafts = [(event["attempt"], event["text"]) for event in events(screen) if event["event"] == "draft"]
    assert screen.draft is None and drafts == [(1, "Hello"), (2, "Good")]


def test_an_answer_to_a_later_question_covers_the_earlier_one(screen: Transcript) -> None:
    one, two = "q:w00:1:1;", "q:w00:1:2;"
    screen.page(0, 2, [row(1, text=one), row(2, text=two)])
    assert not screen.answered(one)
    screen.page(2, 3, [row(3, "ai", f"You asked: {two}", type="ai")])
    assert screen.answered(one) and screen.answered(two)


async def sends(platform: Platform, http: aiohttp.ClientSession, channel: str, key: str) -> int:
    body = {"key": key, "place": "p", "text": "hello", "op": "send"}
    try:
        async with http.post(f"{platform.url}/{channel}/send", json=body) as answer:
            return answer.status
    except aiohttp.ClientError:
        return 0


def test_the_platform_keeps_one_by_nonce_and_both_without(tmp_path: Path) -> None:
    async def go() -> Platform:
        platform = Platform(Journal(tmp_path / "p.jsonl"), 1, rate=0)
        await platform.start()
        async with aiohttp.ClientSession() as http:
            for channel in ("nonce", "none", "readback"):
                assert [await sends(platform, http, channel, "k") for _ in range(2)] == [200, 200]
            async with http.get(f"{platform.url}/readback/find", params={"place": "p", "key": "k"}) as answer:
                assert (await answer.json())["id"]
            async with http.get(f"{platform.url}/readback/find", params={"place": "p", "key": "other"}) as answer:
                assert (await answer.json())["id"] is None
        await platform.stop()
        return platform

    platform = asyncio.run(go())
    assert [row["channel"] for row in platform.accepted] == ["nonce", "none", "none", "readback", "readback"]


def test_the_platform_delivers_in_order_until_it_is_acknowledged_and_some_again(tmp_path: Path) -> None:
    async def go() -> list[str]:
        platform = Platform(Journal(tmp_path / "p.jsonl"), 1, rate=0, redeliver=1.0)
        await platform.start()
        seen: list[str] = []
        platform.write("nonce", "p", "one")
        platform.write("nonce", "p", "two")
        async with aiohttp.ClientSession() as http:
            for acknowledge in (False, True, True, True, True, True, True):
                async with http.get(f"{platform.url}/nonce/updates") as answer:
                    got = (await answer.json())["events"]
                seen += [event["text"] for event in got]
                if acknowledge and got:
                    async with http.post(
                        f"{platform.url}/nonce/ack", json={"ids": [event["id"] for event in got]}
                    ) as answer:
                        await answer.read()
                if platform.redelivered >= 3:
                    break
        await platform.stop()
        return seen

    seen = asyncio.run(go())
    assert seen[:3] == ["one", "one", "two"], "not acknowledged: again, and what follows waits"
    assert sorted(seen[3:]) == ["one", "two"], "acknowledged, and still delivered once more"


def test_a_successor_that_dies_before_it_is_ready_makes_the_wait_longer() -> None:
    kills = [(10.0, "web", 1), (11.0, "web", 2), (20.0, "turns", 3), (30.0, "web", 4)]
    ready = [(5.0, "web", 1), (13.0, "web", 5), (21.5, "turns", 6), (30.5, "web", 7)]
    assert recovery_times(kills, ready) == {"web": [3.0, 0.5], "turns": [1.5]}
