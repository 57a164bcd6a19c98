"""``deskhand check``: run a plugin's conformance tests and print its promises as a checklist."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

NO_TESTS = 2
SIGNS = {"passed": "✓", "failed": "✗", "not declared": "–", "skipped": "–"}


@click.command()
@click.argument("name")
@click.option(
    "--tests",
    type=click.Path(path_type=Path, exists=True),
    multiple=True,
    help="Where to look for them: a file or a folder.",
)
def check(name: str, tests: tuple[Path, ...]) -> None:
    """Print what the plugin NAME promises and whether it keeps it. Ends with 0 if it keeps everything, 1 if not, 2 if it has no tests."""
    if importlib.util.find_spec("pytest") is None:
        raise _Cannot("The promises are tests, and pytest is not installed. Install it: pip install pytest")
    from bot.testing.finding import places_near, project_of, test_modules

    source, problem = _source(name)
    found = test_modules(name, list(tests) or places_near(source, Path.cwd()))
    if not found:
        raise _Cannot(
            f"{name} has no conformance tests that can be found. Write a test module with a class made from "
            f'bot.testing.ChannelConformance (or DeskConformance, ProviderConformance, PluginConformance) that says plugin = "{name}", '
            f"and run this in the project's folder, or name it: deskhand check {name} --tests FILE. docs/write-a-channel.md shows how."
        )
    if problem:
        click.echo(problem, err=True)
    list_ = _Printed()
    for folder in dict.fromkeys(project_of(path) for path in found):
        _run(name, [path for path in found if project_of(path) == folder], folder, list_)
    sys.exit(list_.end(name))


class _Cannot(click.ClickException):
    exit_code = NO_TESTS


def _source(name: str) -> tuple[Path | None, str]:
    """The plugin's file, and what is wrong with it."""
    from bot.discovery import discover

    found = discover()
    place = next((one.place for one in found.plugins if one.name == name), "")
    if place:
        spec = importlib.util.find_spec(place.partition(":")[0])
        return (Path(spec.origin) if spec and spec.origin else None), ""
    broken = next((one for one in found.broken if one.name == name), None)
    if broken is not None:
        return None, f"{name} is no plugin yet: {broken.reason}"
    return (
        None,
        f"{name} is not installed here: its tests are run all the same. To use it: pip install -e . in its folder.",
    )


class _Printed:
    """The checklist as it grows."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(("passed", "failed", "not declared", "skipped"), 0)
        self.errors = 0
        self.kit = ""

    def add(self, line: dict[str, Any]) -> None:
        if "error" in line:
            self.errors += 1
            click.echo(f"✗ The tests cannot be read: {line['error']}")
            return
        if line["kit"] != self.kit:
            self.kit = line["kit"]
            click.echo(self.kit)
        self.counts[line["outcome"]] += 1
        words = f" ({line['words']})" if line["outcome"] == "not declared" else ""
        click.echo(f"  {SIGNS[line['outcome']]} {line['sentence']}{words}")
        if line["outcome"] == "failed":
            click.echo(f"      {line['words']}\n      in {line['test']}")

    def end(self, name: str) -> int:
        kept, broken = self.counts["passed"], self.counts["failed"]
        click.echo(f"\n{name}: {kept} kept, {broken} broken, {self.counts['not declared']} not declared")
        return NO_TESTS if self.errors and not kept + broken else int(bool(broken or self.errors))


def _run(name: str, files: list[Path], folder: Path, printed: _Printed) -> None:
    from bot.testing.checklist import MARK

    path = os.pathsep.join(one for one in sys.path if one)
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "bot.testing.checklist", name, *map(str, files)],
        cwd=folder, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    told = printed.counts.copy()
    rest = []
    assert process.stdout is not None  # noqa: S101
    for line in process.stdout:
        if line.startswith(MARK):
            printed.add(json.loads(line[1:]))
        else:
            rest.append(line)
    process.wait()
    if printed.counts == told and not printed.errors:
        printed.errors += 1
        click.echo("".join(rest[-15:]).strip())
        click.echo("✗ The tests did not run; the lines above say why.")
