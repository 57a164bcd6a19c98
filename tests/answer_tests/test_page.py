"""docs/answers.md: its example passes, and every command in its blocks runs, one after the other, in a fresh installation."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import accounts
from bot.answer_tests.reading import read_file
from bot.audit import entries
from bot.first_rows import KNOWLEDGE_SYNC
from bot.plugins import forget_plugins, load_plugins
from tests.commanding import command

pytestmark = pytest.mark.once

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs" / "answers.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [line for kind, text in BLOCKS if kind == "sh" for line in text.splitlines()]


@pytest.fixture
def reader(store: Any, tmp_path: Path, environment: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Somebody with a fresh installation who has saved the page's example and set the setting."""
    monkeypatch.chdir(tmp_path)
    (example,) = (text for kind, text in BLOCKS if kind == "yaml")
    Path("answers.yaml").write_text(example, "utf-8")
    Path("friendly.txt").write_text("You are the friendly assistant of Fjord & Fern.", "utf-8")
    environment(DESKHAND_ANSWER_TESTS="answers.yaml")
    forget_plugins()  # of the test before
    accounts.ensure_default_site()
    for _plugin, specs in load_plugins("cli").snapshot().each("jobs"):
        for spec in specs:
            if spec.kind == KNOWLEDGE_SYNC:
                spec.run("")
    yield store
    forget_plugins()
    environment(DESKHAND_ANSWER_TESTS=None)


def test_every_command_of_the_page_works(reader: Any) -> None:
    assert len(COMMANDS) >= 12
    for line in COMMANDS:
        program, *arguments = shlex.split(line)
        assert program == "deskhand"
        result = command(reader, *arguments)
        assert result.exit_code == 0, f"{line}\n{result.output}"
    assert Path("report.html").read_text("utf-8").startswith("<!doctype html>")
    assert Path("report.xml").read_bytes().startswith(b"<?xml")
    assert Path("gaps.csv").is_file()
    assert [entry.detail["passed"] for entry in entries(action="publish.tested")] == [3]


def test_every_name_of_the_format_is_explained(tmp_path: Path) -> None:
    from bot.answer_tests import reading

    for name in {*reading._CASE, *reading._FILE, *reading._STEP}:
        assert f"{name}" in PAGE, name
    path = tmp_path / "answers.yaml"
    path.write_text(next(text for kind, text in BLOCKS if kind == "yaml"), "utf-8")
    assert read_file(path).problems == ()


def test_the_page_is_two_pages_long() -> None:
    assert len(PAGE.split()) <= 1_400
