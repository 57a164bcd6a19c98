"""``deskhand eval``: ask the questions of answer tests and judge the answers."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from bot.config import config
from bot.plugin_commands import opened

if TYPE_CHECKING:
    from bot.answer_tests.cases import Case, Tests
    from bot.answer_tests.trials import Report
    from bot.answer_tests.variants import Tape, Variant

WRONG_ARGUMENT = 2
_PATH = click.Path(path_type=Path)


@click.command("eval")
@click.argument("place", required=False, type=_PATH)
@click.option("--provider", default="", help="Ask this provider alone.")
@click.option("--model", default="", help="Ask this model of it.")
@click.option(
    "--prompt", default="", help="A file with a system prompt, or the number of a version (deskhand prompts history)."
)
@click.option(
    "--knowledge",
    default="",
    metavar="FOLDER|DAY",
    help="A folder of articles, or the installation's as they were on a day.",
)
@click.option("--record", type=_PATH, help="Keep what the providers say in this folder.")
@click.option("--replay", type=_PATH, help="Ask no provider: say what was recorded in this folder.")
@click.option(
    "--compare",
    nargs=2,
    metavar="A B",
    help="Run two and show them side by side: now, a prompt file, an articles folder, a day, model=…",
)
@click.option("--junit", "junit_file", type=_PATH, help="Write the result as JUnit XML.")
@click.option(
    "--judged",
    "judged_file",
    type=_PATH,
    help="Write which answers were right as JSON lines, for: deskhand answers calibrate --from FILE",
)
@click.option("--html", "html_file", type=_PATH, help="Write the result as one HTML page.")
@click.option(
    "--only", multiple=True, metavar="NAME", help="Only cases whose name has this in it, or fits a pattern with *."
)
@click.option("--parallel", default=4, show_default=True, type=click.IntRange(1, 32), help="Questions asked at once.")
@opened
def evaluate(
    place: Path | None,
    provider: str,
    model: str,
    prompt: str,
    knowledge: str,
    record: Path | None,
    replay: Path | None,
    compare: tuple[str, str] | None,
    junit_file: Path | None,
    html_file: Path | None,
    judged_file: Path | None,
    only: tuple[str, ...],
    parallel: int,
) -> None:
    """Ask the questions of answer tests, and judge the answers.

    PLACE is a file, or a folder with files called answers.yaml; by default DESKHAND_ANSWER_TESTS. The questions go the way of a
    customer's, through this installation's plugins, providers and articles, in a copy that is thrown away: nothing is stored and
    nobody is told. What a provider costs is paid. Ends with 0 if all pass, 1 if not, 2 if the tests cannot be run.
    """
    from bot.answer_tests.reading import NoTests, read_tests
    from bot.answer_tests.recordings import RecordingError
    from bot.answer_tests.scratch import ScratchError
    from bot.answer_tests.variants import Tape, Variant, VariantError, parse_variant, with_knowledge

    place = place or config().answer_tests
    if place is None:
        raise _Cannot(
            "Which answer tests? Name a file or a folder, or set DESKHAND_ANSWER_TESTS. How to write them: docs/answers.md."
        )
    tape, files = Tape(record=record, replay=replay), _Files(junit_file, html_file, judged_file)
    if record is not None and replay is not None:
        raise _Cannot("Either --record or --replay: what is replayed was recorded before.")
    try:
        tests = read_tests(place)
        base = Variant(provider=provider, model=model, prompt=prompt, knowledge=tests.knowledge)
        if knowledge:
            base = with_knowledge(base, knowledge)
        cases = _chosen(tests, only)
        if compare:
            both = [parse_variant(text, base) for text in compare]
            ok = _compared(cases, tests, both, tape, parallel, files)
        else:
            ok = _once(cases, tests, base, tape, parallel, files)
    except (NoTests, VariantError, ScratchError, RecordingError) as error:
        raise _Cannot(str(error)) from None
    if not ok:
        sys.exit(1)


class _Cannot(click.ClickException):
    exit_code = WRONG_ARGUMENT


@dataclass(frozen=True, slots=True)
class _Files:
    """Where results are written, if anywhere."""

    junit: Path | None
    html: Path | None
    judged: Path | None

    def write(self, report: Report) -> None:
        """Write all but the page, which is another one for a comparison."""
        from bot.answer_tests.junit import junit

        _write(self.junit, junit(report))
        lines = [orjson.dumps(label) + b"\n" for trial in report.trials for label in trial.labels()]
        _write(self.judged, b"".join(lines))


def _chosen(tests: Tests, only: tuple[str, ...]) -> list[Case]:
    from bot.answer_tests.trials import chosen

    cases = chosen(tests.cases, only)
    if not cases and not tests.problems:
        wanted = f" called {' or '.join(only)}" if only else ""
        raise _Cannot(f"There are no cases{wanted}. There are {len(tests.cases)} in all.")
    return cases


def _run(cases: list[Case], tests: Tests, variant: Variant, tape: Tape, parallel: int) -> Report:
    from bot.answer_tests.trials import run
    from bot.answer_tests.variants import staged

    with staged(variant, tape) as stage:
        return run(cases, stage, label=variant.label, problems=tests.problems, parallel=parallel)


def _once(
    cases: list[Case],
    tests: Tests,
    variant: Variant,
    tape: Tape,
    parallel: int,
    files: _Files,
) -> bool:
    from bot.answer_tests.page import page
    from bot.answer_tests.table import lines_of

    report = _run(cases, tests, variant, tape, parallel)
    for line in lines_of(report):
        click.echo(line)
    _write(files.html, page(report).encode("utf-8", "replace"))
    files.write(report)
    return report.ok


def _compared(
    cases: list[Case],
    tests: Tests,
    both: list[Variant],
    tape: Tape,
    parallel: int,
    files: _Files,
) -> bool:
    from bot.answer_tests.comparing import compare
    from bot.answer_tests.page import comparison_page
    from bot.answer_tests.table import lines_of_comparison

    before, after = (_run(cases, tests, variant, tape, parallel) for variant in both)
    found = compare(before, after)
    for line in lines_of_comparison(found):
        click.echo(line)
    for problem in tests.problems:
        click.echo(f"wrong   {problem}", err=True)
    _write(files.html, comparison_page(found).encode("utf-8", "replace"))
    files.write(after)
    return found.ok and not tests.problems


def _write(path: Path | None, text: Any) -> None:
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    except OSError as error:
        raise _Cannot(f"{path} cannot be written ({error.strerror}). The tests were run; name another place.") from None
    click.echo(f"Written: {path}")
