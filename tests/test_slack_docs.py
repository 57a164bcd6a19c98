"""The pages about Slack name what exists, and all of it: words after ``/desk``, words in threads, and commands of the terminal."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from bot.cli import deskhand
from bot.desk_actions import WORDS
from bot.workplace import rooms

DOCS = Path(__file__).resolve().parent.parent / "docs"
AGENTS, ADMINS, DETAILS = (DOCS / f"{name}.md" for name in ("slack-agents", "slack-admins", "slack"))
PAGES = (AGENTS, ADMINS, DETAILS)
SCREEN = 45
"""Lines."""
OWN = {"help", "note"}
"""Words in threads that stand for no action."""
SHORTCUTS = {"refund"}
"""Of canned replies in examples: those are words in threads as well."""


def code(page: Path) -> list[str]:
    """What stands in backticks or in a block of code."""
    text = page.read_text("utf-8")
    blocks = re.findall(r"```\n(.*?)```", text, re.DOTALL)
    return re.findall(r"`([^`\n]+)`", text) + [line.strip() for block in blocks for line in block.splitlines()]


def desk_words(page: Path) -> set[str]:
    return {found[1] for one in code(page) if (found := re.match(r"/desk ([a-z]+)", one))}


def thread_words(page: Path) -> set[str]:
    return {found[1] for one in code(page) if (found := re.match(r"!([a-z]+)", one))}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_word_that_a_page_names_exists(page: Path) -> None:
    known = rooms.commands()
    assert desk_words(page) - {"help"} <= set(known)
    in_threads = {name for name, one in known.items() if one.in_thread}
    assert thread_words(page) <= set(WORDS) | OWN | SHORTCUTS | in_threads


def test_agents_find_all_their_words_on_one_screen() -> None:
    known = rooms.commands()
    assert len(AGENTS.read_text("utf-8").splitlines()) <= SCREEN
    mine = {name for name, one in known.items() if not one.admin}
    assert desk_words(AGENTS) | thread_words(AGENTS) >= mine
    assert thread_words(AGENTS) >= set(WORDS) | OWN | {name for name in mine if known[name].in_thread}
    assert not desk_words(AGENTS) & {name for name, one in known.items() if one.admin}


def test_admins_find_all_their_words() -> None:
    assert desk_words(ADMINS) >= {name for name, one in rooms.commands().items() if one.admin}
    headings = {_anchor(line) for line in DETAILS.read_text("utf-8").splitlines() if line.startswith("## ")}
    linked = set(re.findall(r"\(slack\.md#([^)]+)\)", ADMINS.read_text("utf-8")))
    assert linked <= headings, "a section of the details has another name now"
    known = {"in-the-thread"}
    assert headings - known <= linked, "a section of the details that admins are not led to"


def _anchor(line: str) -> str:
    return re.sub(r"[^\w -]", "", line.removeprefix("## ").lower()).replace(" ", "-")


@pytest.mark.parametrize("page", [ADMINS, DETAILS], ids=lambda page: page.stem)
def test_every_command_of_the_terminal_that_a_page_names_exists_with_its_options(page: Path) -> None:
    found = [one.split() for one in code(page) if one.startswith("deskhand ")]
    assert found
    for _, *words in found:
        here: click.Command = deskhand
        while isinstance(here, click.Group) and words and not words[0].startswith("-"):
            inner = here.get_command(click.Context(here), words.pop(0).rstrip("."))
            assert inner is not None, f"{page.name}: deskhand {' '.join(words)} in {here.name}"
            here = inner
        options = {name for one in here.params for name in (*one.opts, *one.secondary_opts)}
        assert {word.partition("=")[0] for word in words if word.startswith("--")} <= options, (
            f"{page.name}: {here.name} {words}"
        )
