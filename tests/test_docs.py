"""The pages say what the code does: settings, commands, files and functions they name exist."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("docs/*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"])
NAMED = re.compile(
    r"`((?:bot|channels|plugins|web_widget|workers|tests|docs|\.ci)/[\w./-]+)`(?:\s+`([A-Za-z_][\w.]*)`)?"
)


def names_in(path: Path) -> set[str]:
    """Classes, functions, methods and constants of a module."""
    found: set[str] = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef):
            found.add(node.name)
            found |= {
                f"{node.name}.{one.name}"
                for one in node.body
                if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
            }
            found |= {one.name for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_and_function_that_a_page_names_exists(page: Path) -> None:
    for name, function in NAMED.findall(page.read_text("utf-8")):
        if name == "docs/proof.md":
            continue  # made by make proof
        path = ROOT / name.rstrip("/")
        assert path.exists(), f"{page.name} names {name}"
        if function and path.suffix == ".py":
            assert function in names_in(path), f"{page.name} names {function} of {name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_inside_the_house_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        if "://" not in target and target != "docs/proof.md":
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_settings_are_those_of_the_code() -> None:
    done = subprocess.run(
        [sys.executable, ".ci/settings.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_command_that_a_page_names_exists() -> None:
    for page in PAGES:
        for name in re.findall(r"`deskhand ([a-z][a-z-]*)", page.read_text("utf-8")):
            assert name in COMMANDS or name in {
                "knowledge",
                "discord",
                "auto-replies",
                "cache",
                "prompts",
                "budgets",
                "shield",
            }, f"{page.name} names deskhand {name}"


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert {"run", "test", "check", "bench", "proof", "lock", "clean"} <= targets
    for page in PAGES:
        for name in re.findall(r"`make ([a-z]+)", page.read_text("utf-8")):
            assert name in targets, f"{page.name} names make {name}"


def test_the_locks_name_no_registry_and_hash_everything() -> None:
    for lock in ("requirements.lock", ".ci/test.lock"):
        text = (ROOT / lock).read_text("utf-8")
        assert "://" not in text
        assert "--index-url" not in text
        packages = re.findall(r"^[A-Za-z0-9][\w.-]*(?:\[[^\]]+\])?==.*$", text, re.MULTILINE)
        assert len(packages) > 50
        assert all(line.rstrip().endswith("\\") for line in packages), lock
