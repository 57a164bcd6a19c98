"""``deskhand new channel`` and ``deskhand check``: what is written is green at once, and what is broken is named."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.scaffold.writing import ScaffoldError, name_problem, words_for, write_channel
from bot.testing.finding import names_it, places_near
from tests.patience import patient

ROOT = Path(__file__).resolve().parent.parent.parent


def deskhand(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bot.cli", *arguments], cwd=cwd, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=patient(120), check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A channel as a developer gets it."""
    folder = tmp_path_factory.mktemp("new")
    done = deskhand("new", "channel", "carrier-dove", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "cd carrier-dove" in done.stdout and "deskhand check carrier-dove" in done.stdout
    return folder / "carrier-dove"


@pytest.mark.slow
def test_a_broken_promise_is_named_and_the_command_fails(written: Path, tmp_path: Path) -> None:
    write_channel("carrier-dove", tmp_path)
    module = tmp_path / "deskhand_carrier_dove.py"
    text = module.read_text("utf-8")
    module.write_text(text.replace('update["text"])', 'update["text"].lower())'), "utf-8")
    test = tmp_path / "tests" / "test_deskhand_carrier_dove.py"
    # Two promises are enough here.
    tried = "{'test_difficult_texts_arrive_whole', 'test_a_link_to_start_with_needs_no_connection'}"
    keep = f"    exceptions = {{name: 'not tried' for name, _ in promises_of(ChannelConformance) if name not in {tried}}}\n"
    text = (
        test.read_text("utf-8")
        .replace("    channel = ", f"{keep}    channel = ", 1)
        .split("class TestCarrierDovePlugin")[0]
    )
    test.write_text(
        text.replace("from bot.testing", "from bot.testing.promises import promises_of\nfrom bot.testing"), "utf-8"
    )
    done = deskhand("check", "carrier-dove", cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "✗ Emoji, right-to-left and wide characters" in done.stdout
    assert "✓ start_link() gives an address" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("carrier-dove: 1 kept, 1 broken, ")
    assert "– A file goes out with its name" in done.stdout and "not installed here" in done.stderr
    assert "written was" in done.stdout and "(not tried)" in done.stdout


def test_a_channel_without_tests_and_tests_that_cannot_be_read_are_said_in_words(written: Path, tmp_path: Path) -> None:
    nothing = deskhand("check", "no-such-plugin", cwd=tmp_path)
    assert nothing.returncode == 2
    assert "no conformance tests" in nothing.stderr and "docs/write-a-channel.md" in nothing.stderr
    write_channel("carrier-dove", tmp_path)
    (tmp_path / "deskhand_carrier_dove.py").write_text("def broken(:\n", "utf-8")
    unreadable = deskhand("check", "carrier-dove", cwd=tmp_path)
    assert unreadable.returncode == 2, unreadable.stdout
    assert "cannot be read" in unreadable.stdout and "Traceback" not in unreadable.stderr


def test_the_channel_is_short(written: Path) -> None:
    lines = (written / "deskhand_carrier_dove.py").read_text("utf-8").splitlines()
    assert len(lines) <= 80, "docs/write-a-channel.md promises it"


def test_what_is_written_is_tidy(written: Path) -> None:
    for path in written.rglob("*.py"):
        ast.parse(path.read_text("utf-8"))
        assert "@" not in path.read_text("utf-8").replace("@hookimpl", "")
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--line-length", "140", "--select", "E,F,W,B,UP", str(written)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_nothing_that_exists_is_overwritten(written: Path) -> None:
    before = {path: path.read_text("utf-8") for path in written.rglob("*.py")}
    again = deskhand("new", "channel", "carrier-dove", cwd=written.parent)
    assert again.returncode != 0 and "Nothing was written" in again.stderr
    assert {path: path.read_text("utf-8") for path in before} == before
    with pytest.raises(ScaffoldError):
        write_channel("other", written)


@pytest.mark.parametrize(
    "name", ["", "Carrier", "9lives", "a b", "../evil", "a--b", "-a", "a-", "x" * 41, "ä", "a_b", "a/b"]
)
def test_a_bad_name_is_refused_in_words(name: str) -> None:
    assert "Nothing was written" in name_problem(name)


def test_a_name_that_is_taken_is_refused(tmp_path: Path) -> None:
    done = deskhand("new", "channel", "slack", cwd=tmp_path)
    assert done.returncode != 0 and "already" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_marks_become_words() -> None:
    assert words_for("carrier-dove")["@Class@"] == "CarrierDove"
    assert words_for("carrier-dove")["@module@"] == "deskhand_carrier_dove"
    assert name_problem("a1-b2") == ""


def test_tests_are_found_by_the_name_they_give(tmp_path: Path) -> None:
    test = tmp_path / "test_it.py"
    for text, found in (
        ('class TestX(ChannelConformance):\n    plugin = "dove"\n', True),
        ('class TestX(testing.DeskConformance):\n    plugin: str = "dove"\n', True),
        ('class TestX(ChannelConformance):\n    plugin = "doves"\n', False),
        ('class Conformance:\n    plugin = "dove"\n', False),
        ("class TestX(ChannelConformance:", False),
    ):
        test.write_text(text, "utf-8")
        assert names_it(test, "dove") is found, text
    (tmp_path / "tests").mkdir()
    assert places_near(None, tmp_path) == [tmp_path / "tests"]
    assert places_near(tmp_path / "lib" / "site-packages" / "x.py", tmp_path / "lib") == []
