"""Log lines: one object each, with the process's name, and no secret in any of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.logs import redact

pytestmark = pytest.mark.slow

SCRIPT = """
import logging, sys, threading
import structlog
from bot import logs
logs.setup("turns")
log = structlog.get_logger("x")
log.info("hello", count=3, api_key="abc", where="redis://user:pass@host/0")
log.debug("quiet")
logging.getLogger("lib").warning("bad %s", "Bearer abcdefghijklmnop1234")
logging.getLogger("lib").info("https://api.telegram.org/bot123456789:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/x")
log.info("evil", text="a\\nb\\x1b[2J")
def thread(): raise ValueError("in a thread")
t = threading.Thread(target=thread); t.start(); t.join()
raise RuntimeError("sk-ant-abcdefghijklmnopqrst")
"""


def lines(tmp_path: Path, **env: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={"DESKHAND_DATA": str(tmp_path), **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_json_has_one_object_per_line_and_no_secret(tmp_path: Path) -> None:
    found = lines(tmp_path)
    rows: list[dict[str, Any]] = [json.loads(line) for line in found]
    assert [row["event"] for row in rows] == ["hello", "bad Bearer [redacted]", "evil", "crashed", "crashed"]
    assert {row["process"] for row in rows} == {"turns"}
    assert rows[0]["api_key"] == "[redacted]" and rows[0]["count"] == 3
    assert rows[0]["where"] == "redis://[redacted]@host/0"
    assert rows[0]["time"].endswith("Z")
    assert "ValueError: in a thread" in rows[3]["exception"]
    assert "abcdefghijklmnopqrst" not in "".join(found)


def test_text_names_the_process_and_a_text_from_outside_cannot_fake_a_line(tmp_path: Path) -> None:
    found = lines(tmp_path, DESKHAND_LOG_FORMAT="text")
    assert found[0].split()[1:3] == ["turns", "hello"]
    assert "\x1b" not in "".join(found)  # nobody looks at colours in a pipe
    assert any(line.endswith("text=a\\nb\\x1b[2J") for line in found)


def test_the_level_is_a_setting(tmp_path: Path) -> None:
    found = [json.loads(line)["event"] for line in lines(tmp_path, DESKHAND_LOG_LEVEL="warning")]
    assert "hello" not in found and "crashed" in found
    assert "quiet" in [json.loads(line)["event"] for line in lines(tmp_path, DESKHAND_LOG_LEVEL="debug")]


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdefghijklmnop",
        "sk-ant-api03-abcdefghijklmnop",
        "xoxb-1234567890-abcdefghij",
        "xapp-1-A0000-1234567890",
        "123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc",
        "ghp_abcdefghijklmnopqrstuvwxyz",
        "AKIAABCDEFGHIJKLMNOP",
    ],
)
def test_known_shapes_of_secrets_are_taken_out(secret: str) -> None:
    assert secret not in redact(f"it said {secret} and ended")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("no mailbox anna@example.com", "no mailbox (e-mail address)"),
        ("Key (card)=(4111 1111 1111 1111) already exists", "Key (card)=((card number)) already exists"),
        ("paid from DE89370400440532013000", "paid from (bank account)"),
        ("called +49 171 1234567", "called (phone number)"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE", "[redacted]"),
    ],
)
def test_personal_data_is_taken_out_whoever_writes_the_line(text: str, left: str) -> None:
    assert redact(text) == left


def test_a_long_number_is_looked_at_too(tmp_path: Path) -> None:
    script = "import structlog\nfrom bot import logs\nlogs.setup('x')\nstructlog.get_logger().info('e', a=4111111111111111, b=1763745852123, c=['anna@example.com'])"
    done = subprocess.run(
        [sys.executable, "-c", script], env={"DESKHAND_DATA": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    row = json.loads(done.stderr)
    assert (row["a"], row["b"], row["c"]) == ("(card number)", 1763745852123, "['(e-mail address)']")


@pytest.mark.parametrize(
    "text",
    [
        "conversation 01a1ff22-2799-4111-1111-111111111111", "took 1234567.890123 s", "2026-11-21T17:24:12.123456Z", "a+1, b+22222222",
        "4f3a9b0c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f60",
    ],
)  # fmt: skip
def test_ids_and_numbers_of_our_own_stay(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("text", ["order 1234567:12", "a sk-etch of it", "https://shop.example/a:b", "ticket #1042"])
def test_ordinary_texts_stay(text: str) -> None:
    assert redact(text) == text
