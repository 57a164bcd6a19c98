"""The guide is true: a newcomer with the installed wheel and nothing else follows it, command by command and snippet by snippet."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.patience import patient

ROOT = Path(__file__).resolve().parent.parent.parent
GUIDE = (ROOT / "docs" / "write-a-channel.md").read_text("utf-8")
COMMANDS = re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
SNIPPETS = re.findall(r"```python\n# (\S+\.py)\n(.*?)```", GUIDE, re.DOTALL)


OWN = '''
from bot import Inbound, receive_events
from bot.testing.promises import promise


def test_the_store_is_a_fixture(deskhand_store):
    receive_events([Inbound(channel="x", key="k", external_id="ida", place="p", text="Hello")])
    assert [one.text for one in deskhand_store.written("x")] == ["Hello"]


class TestPromise:
    def keep(self, function):
        function(self, None)

    @promise()
    def test_a_promise(self, stage):
        """The sun rises."""
        assert False
'''


def run(*command: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> str:
    done = subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, timeout=patient(300), check=False)
    assert done.returncode == 0, f"{' '.join(command)[:200]}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A folder, and the environment of somebody who just installed the wheel. Other libraries come from here, without a network."""
    folder = tmp_path_factory.mktemp("newcomer")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist"), cwd=ROOT)
    (wheel,) = (folder / "dist").glob("*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", str(folder / "venv"))
    python = folder / "venv" / "bin" / "python"
    site = Path(run(str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    run(*pip, "--disable-pip-version-check", str(wheel))
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    env = {
        **kept,
        "PATH": f"{folder / 'venv' / 'bin'}:/usr/bin:/bin",
        "DESKHAND_DATA": str(folder / "data"),
        # What pip would fetch is there already.
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
    }
    where = run(str(python), "-c", "import bot; print(bot.__file__)", env=env, cwd=folder).strip()
    assert where.startswith(str(folder)), "the installed wheel is what is tried"
    return folder, env


def test_every_block_of_the_guide_is_tried_here() -> None:
    assert len(COMMANDS) == 2 and len(SNIPPETS) == 1
    assert GUIDE.count("```") == 2 * (len(COMMANDS) + len(SNIPPETS))
    assert len(GUIDE.splitlines()) < 150, "one page"


def test_pytest_starts_no_slower_where_deskhand_is_installed() -> None:
    script = "import sys, bot.testing.plugin; print(sorted(m for m in sys.modules if m.partition('.')[0] in {'bot', 'peewee', 'pydantic'}))"
    assert run(sys.executable, "-c", script, cwd=ROOT).strip() == "['bot', 'bot.testing', 'bot.testing.plugin']"


@pytest.mark.slow
def test_a_newcomer_follows_the_guide(newcomer: tuple[Path, dict[str, str]]) -> None:
    folder, env = newcomer
    first, use = COMMANDS
    said = run("sh", "-ec", first, env=env, cwd=folder)
    assert re.search(r"^4\d passed", said, re.MULTILINE), said[-2000:]
    assert "carrier-dove: 4" in said and " 0 broken" in said

    project = folder / "carrier-dove"
    assert len((project / "deskhand_carrier_dove.py").read_text("utf-8").splitlines()) <= 80
    for name, source in SNIPPETS:
        (project / name).write_text(source, "utf-8")
    said = run(
        "python", "-m", "pytest", "-q", "tests/test_typing.py", "-k", "typing_is or declared", env=env, cwd=project
    )
    assert re.search(r"^4 passed", said, re.MULTILINE), said

    (project / "tests" / "test_own.py").write_text(OWN, "utf-8")
    failed = subprocess.run(
        ["python", "-m", "pytest", "-q", "tests/test_own.py"],
        env=env,
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 failed, 1 passed" in failed.stdout, failed.stdout
    assert "The promise that was not kept" in failed.stdout and "The sun rises." in failed.stdout

    said = run("sh", "-ec", use, env=env, cwd=project)
    (line,) = [line for line in said.splitlines() if line.startswith("carrier-dove")]
    assert "needs url (or CARRIER_DOVE_URL)" in line, line
