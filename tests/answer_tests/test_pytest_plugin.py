"""``pytest answers.yaml`` in a folder of a user's own, as they run it: a process that knows nothing of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from bot.config import config
from tests.patience import patient

pytestmark = pytest.mark.once

Write = Callable[[str, str], Path]
# Where Deskhand is installed pytest finds the plugin by itself; a bare copy of the tree names it.
INSTALLED = any(point.value == "bot.testing.plugin" for point in entry_points(group="pytest11"))
LOADED = () if INSTALLED else ("-p", "bot.testing.plugin")
ROOT = Path(__file__).resolve().parent.parent.parent


def run_pytest(folder: Path, *arguments: str, **env: str) -> tuple[int, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DESKHAND", "OPENAI", "PYTEST"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *LOADED, "--rootdir", str(folder), *arguments],
        cwd=folder, env={**clean, "PYTHONPATH": str(ROOT), **env}, capture_output=True, text=True, timeout=patient(120), check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def with_knowledge(cases: Path) -> Path:
    """The fixture's cases as a file that names its folder of articles."""
    path = cases.parent.parent / "answers.yaml"
    path.write_text("knowledge: articles\n" + cases.read_text("utf-8"), "utf-8")
    return path


def test_each_case_is_a_test_and_needs_no_key(articles: Path, cases: Path) -> None:
    path = with_knowledge(cases)
    code, out = run_pytest(
        path.parent, "answers.yaml", "-v", OPENAI_API_KEY="sk-never-used", OPENAI_BASE_URL="http://127.0.0.1:9/v1"
    )
    assert code == 0, out
    assert "answers.yaml::refund PASSED" in out
    assert "3 passed" in out


def test_a_failure_says_where_and_why_and_what_was_answered(articles: Path, write: Write) -> None:
    write(
        "answers.yaml",
        """\
        knowledge: articles
        cases:
          - name: wrong
            question: How long does a refund take?
            must_say: 14 days
          - name: broken
            question: Where?
            must_sya: x
          - name: right
            question: How long does a refund take?
            must_say: 5 working days
        """,
    )
    code, out = run_pytest(articles.parent)
    assert code == 1, out
    assert "2 failed, 1 passed" in out
    assert "answers.yaml:3: wrong" in out
    assert "It does not say “14 days”" in out
    assert "> How long does a refund take?" in out
    assert "answers.yaml:6: A case has no must_sya. Did you mean must_say?" in out.replace(
        "answers.yaml:8:", "answers.yaml:6:"
    )
    assert "Traceback" not in out


def test_without_articles_it_is_said_what_is_missing(cases: Path) -> None:
    code, out = run_pytest(cases.parent)
    assert code == 1
    assert "Which articles? Write knowledge: FOLDER above the cases of answers.yaml" in out
    assert "Traceback" not in out


def test_files_of_that_name_that_ask_nothing_are_somebody_elses(tmp_path: Path, write: Write) -> None:
    write("answers.yaml", "quiz:\n  one: 42\n")
    write("test_mine.py", "def test_it():\n    pass\n")
    code, out = run_pytest(tmp_path)
    assert code == 0, out
    assert "1 passed" in out


def test_one_case_can_be_chosen(articles: Path, cases: Path) -> None:
    code, out = run_pytest(with_knowledge(cases).parent, "answers.yaml::Sunday")
    assert code == 0, out
    assert "1 passed" in out


def test_an_installation_answers_from_its_own_articles(installation: Any, cases: Path, tmp_path: Path) -> None:
    url = config().database
    installation.close_database()
    code, out = run_pytest(
        cases.parent, "answers.yaml", DESKHAND_DATA=str(tmp_path), DATABASE_URL=url, REDIS_URL="none",
        DESKHAND_KNOWLEDGE_DIR=str(tmp_path / "articles"),
    )  # fmt: skip
    installation.open_database(url)
    assert code == 0, out
    assert "3 passed" in out
    assert installation.read(lambda: installation.Conversation.select().count()) == 0
