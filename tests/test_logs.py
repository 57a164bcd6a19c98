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


@pytest.mark.parametrize("text", ["order 1234567:12", "a sk-etch of it", "https://shop.example/a:b", "ticket #1042"])
def test_ordinary_texts_stay(text: str) -> None:
    assert redact(text) == text
