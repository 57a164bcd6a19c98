"""A stranger's package, installed by pip, found by its entry point, works the same as a built-in one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.patience import patient

pytestmark = pytest.mark.once

HERE = Path(__file__).parent
PACKAGE = HERE / "third_party" / "acme_pigeon"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as pip installs it, in a folder of its own."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [*command, "--disable-pip-version-check", "--target", str(target), str(PACKAGE)],
        capture_output=True, text=True, timeout=patient(120), check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return target


def run(script: str, installed: Path, **env: str) -> Any:
    """Run a script as a process of Deskhand with the package installed; its last line is JSON."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(HERE.parent), str(installed))), **env},
        capture_output=True, text=True, timeout=patient(60), check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


START = """
    import json
    from dataclasses import asdict
    from bot import store
    from bot.config import config
    store.open_database(config().database)
    from bot.plugins import load_plugins
"""


@pytest.mark.usefixtures("store")
def test_it_is_listed_with_its_package_and_is_off_until_it_has_what_it_needs(installed: Path, tmp_path: Path) -> None:
    script = (
        START
        + """
    rows = {row.name: asdict(row) for row in load_plugins("cli").snapshot().status()}
    print(json.dumps(rows))
    """
    )
    rows = run(script, installed)
    assert rows["pigeon"]["origin"] == "package acme-pigeon 1.2.0"
    assert (rows["pigeon"]["on"], rows["pigeon"]["why"]) == (False, "needs folder (or PIGEON_LOFT)")
    assert rows["pigeon"]["title"] == "Carrier pigeons"
    assert not any(row["broken"] for row in rows.values())
    rows = run(script, installed, PIGEON_LOFT=str(tmp_path))
    assert (rows["pigeon"]["on"], rows["pigeon"]["why"]) == (True, "on")


@pytest.mark.usefixtures("store")
def test_its_filter_is_called_in_turns_beside_the_built_in_ones(installed: Path, tmp_path: Path) -> None:
    answer = run(
        START
        + """
    from tests.registries import MESSAGE, TURN
    from dataclasses import replace
    snapshot = load_plugins("turns").snapshot()
    message, turn = replace(MESSAGE, text="where is my parcel? coo"), replace(TURN, channel="pigeon")
    print(json.dumps([snapshot.plugins("filter_inbound"), snapshot.pipe("filter_inbound", "message", message, turn=turn).text]))
    """,
        installed,
        PIGEON_LOFT=str(tmp_path),
    )
    assert "pigeon" in answer[0]
    assert len(answer[0]) > 1
    assert answer[1] == "where is my parcel?"


@pytest.mark.usefixtures("store")
def test_its_channel_brings_a_letter_into_the_database_and_sends(installed: Path, tmp_path: Path) -> None:
    for name in ("letters", "answers"):
        (tmp_path / name).mkdir()
    (tmp_path / "letters" / "a1.txt").write_text("ida\nWhere is my parcel?\ncoo", "utf-8")
    stored, answers, left = run(
        START
        + """
    import asyncio
    from pathlib import Path
    from bot.messages import Outbound
    from bot.accounts import add_site
    from bot.receive import receive
    (name, pigeons), = [pair for pair in load_plugins("channels").snapshot().objects("channel") if pair[0] == "pigeon"]
    if not store.read(lambda: store.Site.select().count()):
        add_site("Loft")

    class Inbox:
        async def receive(self, *events):
            return await asyncio.to_thread(receive, events)

    async def main():
        task = asyncio.create_task(pigeons.listen(Inbox()))
        while list((pigeons.folder / "letters").glob("*.txt")):
            await asyncio.sleep(0.02)
        task.cancel()
        await pigeons.send(Outbound(key="k1", op="send", place="ida", text="On its way."))

    asyncio.run(asyncio.wait_for(main(), 20))
    rows = store.read(lambda: [row.body for row in store.Message.select()])
    answers = [path.read_text() for path in (pigeons.folder / "answers").iterdir()]
    print(json.dumps([rows, answers, len(list((pigeons.folder / "letters").iterdir()))]))
    store.close_database()
    """,
        installed,
        PIGEON_LOFT=str(tmp_path),
    )
    assert stored == ["Where is my parcel?\ncoo"]
    assert answers == ["ida\nOn its way."]
    assert left == 0


@pytest.mark.usefixtures("store")
def test_it_is_switched_and_set_by_the_same_commands(installed: Path, tmp_path: Path) -> None:
    def deskhand(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "bot.cli", "plugins", *arguments],
            env={**os.environ, "PYTHONPATH": os.pathsep.join((str(HERE.parent), str(installed)))},
            capture_output=True, text=True, timeout=patient(60), check=False,
        )  # fmt: skip
        return done.stdout + done.stderr

    told = deskhand("set", "pigeon", f"folder={tmp_path}")
    assert f"  folder = {tmp_path}  (stored)" in told
    assert told.endswith("\npigeon is on.\n")
    assert deskhand("off", "pigeon") == "pigeon is off.\n"
    shown = deskhand("show", "pigeon")
    assert "Carrier pigeons: switched off" in shown
    assert f"folder = {tmp_path}" in shown.replace('"', "")
