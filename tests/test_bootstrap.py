"""Setting up on somebody's machine: what is missing is said in one sentence, and what is there is not done twice."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.patience import patient

ROOT = Path(__file__).resolve().parent.parent
SH_TOOLS = ("sh", "cat", "cksum", "date", "dirname", "grep", "tail", "ls", "id", "mktemp", "rm")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A clone's set-up files, and a PATH with nothing but the shell's usual tools."""
    (tmp_path / "bin").mkdir()
    for tool in SH_TOOLS:
        found = shutil.which(tool)
        assert found, tool
        (tmp_path / "bin" / tool).symlink_to(found)
    clone = tmp_path / "clone"
    (clone / ".ci").mkdir(parents=True)
    for name in (".ci/prepare", ".ci/system", ".ci/test.lock", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, clone / name)
    return clone


def run(clone: Path, *command: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": str(clone.parent / "bin"), "HOME": str(clone)}
    return subprocess.run(
        ["sh", *command], cwd=clone, env=env, capture_output=True, text=True, timeout=patient(60), check=False
    )


def script(clone: Path, name: str, text: str) -> None:
    path = clone.parent / "bin" / name
    path.unlink(missing_ok=True)  # a link to the machine's own tool must not be written through
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_without_python_it_says_what_to_install(bare: Path) -> None:
    told = run(bare, ".ci/prepare", "run")
    assert told.returncode == 1
    assert told.stderr.strip().startswith("Deskhand needs Python 3.11 or newer")
    assert len(told.stderr.strip().splitlines()) == 1


def test_a_python_that_is_too_old_is_no_python(bare: Path) -> None:
    script(bare, "python3", "exit 1")  # what `sys.exit(sys.version_info < (3, 11))` ends with
    assert "needs Python 3.11" in run(bare, ".ci/prepare", "run").stderr


def test_a_python_without_venv_is_told_with_the_package(bare: Path) -> None:
    script(bare, "python3", 'case "$*" in *ensurepip*) exit 1;; -V) echo "Python 3.11.2";; esac')
    told = run(bare, ".ci/prepare", "run")
    assert told.returncode == 1
    assert (
        told.stderr.strip()
        == "Python 3.11.2 has no venv module: install it (Debian, Ubuntu: apt install python3-venv) and start again."
    )


def test_packages_that_cannot_be_installed_leave_no_stamp_and_name_the_log(bare: Path) -> None:
    venv = bare / ".venv" / "bin"
    venv.mkdir(parents=True)
    (venv / "python").write_text('#!/bin/sh\ncase "$*" in *pip*) echo "no network"; exit 1;; esac\n')
    (venv / "python").chmod(0o755)
    told = run(bare, ".ci/prepare", "run")
    assert told.returncode == 1
    assert "no network" in told.stderr
    assert ".venv/prepare.log" in told.stderr
    assert not (bare / ".venv" / ".installed-run").exists()


def test_the_second_time_nothing_is_done(bare: Path) -> None:
    venv = bare / ".venv" / "bin"
    venv.mkdir(parents=True)
    (venv / "python").write_text('#!/bin/sh\necho "$@" >> "$HOME/calls"\n')
    (venv / "python").chmod(0o755)
    first = run(bare, ".ci/prepare", "test")
    assert first.returncode == 0, first.stderr
    assert "--require-hashes" in (bare / "calls").read_text()
    for kind in ("test", "run"):  # the lock of the tests holds that of the product
        (bare / "calls").write_text("")
        again = run(bare, ".ci/prepare", kind)
        assert (again.returncode, again.stdout) == (0, "")
        assert "pip" not in (bare / "calls").read_text()
    with (bare / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    run(bare, ".ci/prepare", "run")
    assert "pip" in (bare / "calls").read_text()


def test_what_the_tests_need_and_may_not_install_is_one_line_and_a_failure(bare: Path) -> None:
    if list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        script(bare, "ls", "exit 1")  # as on a machine without it
    told = run(bare, ".ci/system")
    assert told.returncode == 1
    assert len(told.stderr.strip().splitlines()) == 1
    assert "postgresql" in told.stderr
    assert "chromium" in told.stderr
