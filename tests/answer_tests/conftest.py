"""Files of answer tests, a small knowledge folder, and an installation that has it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

ARTICLES = {
    "refunds.md": """\
        ---
        title: Refunds
        ---
        A refund takes 5 working days. It goes back the way the money came.
        """,
    "opening.md": """\
        ---
        title: Opening hours
        ---
        The shop is open from Monday to Friday, 10:00 to 18:00. On Sundays it is closed.
        """,
    "delivery.md": """\
        ---
        title: Delivery costs
        ---
        Delivery to Norway costs 5 euros. Delivery to Poland costs 9 euros.
        """,
}
CASES = """\
    cases:
      - name: refund
        question: How long does a refund take?
        must_cite: refunds
        must_say: 5 working days
        must_not_say: impossible
      - name: Sunday
        question: Is the shop open on Sundays?
        must_cite: Opening hours
      - name: unknown
        question: Who won the world cup in 1974?
        expects_no_answer: true
        expects_person: true
    """


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a file below the test's folder."""

    def put(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), "utf-8")
        return path

    return put


@pytest.fixture
def articles(write: Callable[[str, str], Path], tmp_path: Path) -> Path:
    """A folder of three articles."""
    for name, text in ARTICLES.items():
        write(f"articles/{name}", text)
    return tmp_path / "articles"


@pytest.fixture
def cases(write: Callable[[str, str], Path]) -> Path:
    """A file of answer tests to them."""
    return write("tests/answers.yaml", CASES)


@pytest.fixture
def installation(store: Any, articles: Path, environment: Any) -> Any:
    """An installation with these articles, indexed on this host."""
    from bot import accounts
    from bot.first_rows import KNOWLEDGE_SYNC
    from bot.plugins import forget_plugins, load_plugins

    environment(DESKHAND_KNOWLEDGE_DIR=str(articles))
    forget_plugins()  # of the test before
    accounts.ensure_default_site()
    registry = load_plugins("cli")
    for _plugin, specs in registry.snapshot().each("jobs"):
        for spec in specs:
            if spec.kind == KNOWLEDGE_SYNC:
                spec.run("")
    yield store
    forget_plugins()
    environment(DESKHAND_KNOWLEDGE_DIR=None)
