"""``deskhand answers``: what became of each answer, what people thought of it, and how far its confidence can be trusted."""

from __future__ import annotations

import csv
import functools
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import IO, Any, TypeVar, cast

import click
import orjson

from bot import answer_views, calibration, confidence, marks
from bot.answer_views import TYPES, Wanted, WrongDay
from bot.plugin_commands import actor
from bot.process import command
from bot.store import write

F = TypeVar("F", bound=Callable[..., Any])
DOLLAR = 1_000_000
MOST_ROWS = 1_000
MOST_WORDS = 400
"""Characters of a question and of an answer that are shown."""
NONE = "none"
EXPORTED = (*answer_views.COLUMNS,)
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes a cell for that begins so."""


def _filters(fn: F) -> F:
    """The options that say which answers, given to ``fn`` as one :class:`Wanted`."""

    @functools.wraps(fn)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        chosen = {name: kwargs.pop(name) for name in list(kwargs) if name in Wanted.__dataclass_fields__}
        chosen["verdict"] = (chosen.get("verdict") or "").replace("-", "_")
        try:
            with command():
                fn(
                    *args,
                    wanted=Wanted(**{name: value for name, value in chosen.items() if value is not None}),
                    **kwargs,
                )
        except WrongDay as problem:
            raise click.ClickException(str(problem)) from None

    options = (
        click.option("--type", type=click.Choice(TYPES), help="How it came about."),
        click.option("--mark", type=click.Choice(["up", "down", NONE]), help="The customer's."),
        click.option("--verdict", type=click.Choice(["right", "wrong", "needs-work", NONE]), help="An agent's."),
        click.option("--provider", metavar="NAME"),
        click.option("--model", metavar="NAME"),
        click.option("--site", metavar="KEY"),
        click.option("--channel", metavar="NAME"),
        click.option("--conversation", metavar="ID"),
        click.option("--step", metavar="WORD", help="What held it back: cheap, quotes, person, repeat, slowed."),
        click.option("--below", type=click.FloatRange(0, 1), help="Less confident than this."),
        click.option("--above", type=click.FloatRange(0, 1), help="At least so confident."),
        click.option("--since", metavar="YYYY-MM-DD", help="From this UTC day on."),
        click.option("--until", metavar="YYYY-MM-DD", help="To this UTC day."),
    )
    made: Any = wrapped
    for option in reversed(options):
        made = option(made)
    return cast("F", made)


@click.group("answers")
def answers() -> None:
    """What became of each answer: cost, time, sources, confidence, and what people thought of it."""


@answers.command("list")
@click.option("--page", "number", type=click.IntRange(1), default=1, show_default=True)
@click.option("--rows", type=click.IntRange(1, MOST_ROWS), default=30, show_default=True, help="Rows of a page.")
@_filters
def list_(wanted: Wanted, number: int, rows: int) -> None:
    """The newest first, a page at a time."""
    found, count = answer_views.page(wanted, rows, number)
    for row in found:
        who = row["agent"] if row["type"] == "person" else "/".join(filter(None, (row["provider"], row["model"])))
        sure = "    " if row["confidence"] is None else f"{row['confidence']:.2f}"
        thought = " ".join(
            filter(None, (row["mark"], row["reason"], row["verdict"], row["handoff"] and f"→ {row['handoff']}"))
        )
        click.echo(
            f"{row['id']}  {_time(row['at'])}  {row['type']:<8} {sure}  {_money(row['cost']):>9}  {_seconds(row['total_ms']):>8}"
            f"  {_plain(who):<32} {_plain(' '.join(filter(None, (row['steps'], thought))))}".rstrip()
        )
    if not found:
        click.echo("There are none." if number == 1 else f"There are {count:,}: no page {number}.")
    elif count > rows * number:
        click.echo(
            f"{rows * (number - 1) + 1:,} to {rows * (number - 1) + len(found):,} of {count:,}. Go on with: --page {number + 1}"
        )


@answers.command()
@click.argument("which", metavar="ID")
def show(which: str) -> None:
    """One answer (by its id, a piece of that, or its message's): everything that is known of it, and every change of its marks."""
    with command():
        row = _find(which)
        titles = answer_views.titles([article for _, article in row["sources"]])
        asked, said = answer_views.words_of(row)
        facts: list[tuple[str, object]] = [
            ("asked", _short(asked)), ("answered", _short(said)),
            ("answer", row["id"]), ("at", _time(row["at"])), ("conversation", row["conversation_id"]), ("message", row["message"]),
            ("site", row["site"]), ("channel", row["channel"]), ("type", row["type"]), ("by", row["agent"]),
            ("model", "/".join(filter(None, (row["provider"], row["model"])))),
            ("tokens", f"{row['input_tokens']:,} in, {row['output_tokens']:,} out" if row["input_tokens"] else ""),
            ("cost", _money(row["cost"])), ("first words", _seconds(row["first_ms"])), ("whole", _seconds(row["total_ms"])),
            ("knowledge", f"version {row['knowledge']}" if row["knowledge"] else ""), ("prompt", row["prompt"]),
            ("no article", "" if row["answerable"] else "the knowledge base had nothing to it"), ("held back", row["steps"]),
            ("passed on", row["handoff"]), ("confidence", _explained(row)),
            ("customer", " ".join(filter(None, (row["mark"], row["reason"], row["words"])))),
            ("verdict", " ".join(filter(None, (row["verdict"], row["note"])))),
        ]  # fmt: skip
        for name, value in facts:
            if value:
                click.echo(f"{name:<13} {_plain(str(value))}")
        for passage, article in row["sources"]:
            click.echo(f"{'source':<13} {_plain(titles.get(article, 'an article that is gone'))} (passage {passage})")
        for at, by, kind, value, reason, words in answer_views.history(row["id"]):
            click.echo(
                _plain(f"{_time(at)}  {by}: {kind} {' '.join(filter(None, (value or 'taken back', reason, words)))}")
            )


def _explained(row: dict[str, Any]) -> str:
    """The confidence, and what each of its parts adds."""
    if row["confidence"] is None:
        return ""
    certainty = row["certainty"] if row["answerable"] else None
    known = {
        "the model's own word": row["stated"],
        "the search": certainty,
        "claims found in the passages": row["grounded"],
    }
    parts = confidence.parts(row["stated"], certainty, row["grounded"], confidence.weights())
    words = [f"{name} {known[name]:.2f} ({part:+.2f})" for name, part in parts if known[name] is not None]
    return f"{row['confidence']:.2f}" + (f", from: {', '.join(words)}" if words else "")


@answers.command()
@click.argument("which", metavar="ID")
@click.argument("verdict", type=click.Choice(["right", "wrong", "needs-work", NONE]))
@click.option("--note", default="", help="Why, or what it should have said.")
def mark(which: str, verdict: str, note: str) -> None:
    """Say what an answer was worth; none takes it back. What it was before is kept."""
    with command():
        row = _find(which)
        value = "" if verdict == NONE else verdict.replace("-", "_")
        changed = write(lambda: marks.by_person(row["id"], value, note, actor()))
        if not changed:
            click.echo("It is marked so already.")
        else:
            click.echo(f"Marked: {marks.VERDICTS[value]}." if value else "The mark is taken back.")


@answers.command()
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True)
@click.option(
    "--out", type=click.File("w", encoding="utf-8", lazy=True), default="-", help="A file; else it is printed."
)
@_filters
def export(wanted: Wanted, form: str, out: IO[str]) -> None:
    """All answers, oldest first, for a spreadsheet or a script. No text of a conversation is in it."""
    rows = csv.writer(out, lineterminator="\n")
    if form == "csv":
        rows.writerow(EXPORTED)
    count = 0
    for row in answer_views.every(wanted):
        count += 1
        if form == "jsonl":
            out.write(orjson.dumps({name: row[name] for name in EXPORTED}).decode() + "\n")
        else:
            rows.writerow([_cell(row[name]) for name in EXPORTED])
    if out is not sys.stdout:
        click.echo(f"{count:,} answers.", err=True)


def _cell(value: object) -> str:
    """A cell as a spreadsheet may get it: what begins like a formula stays text."""
    if value is None or isinstance(value, bool | int | float):
        return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    text = " ".join(passage for passage, _ in value) if isinstance(value, list) else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


@answers.command()
@_filters
def summary(wanted: Wanted) -> None:
    """For each provider and model: answers, cost, time, marks, and how many were right."""
    found = answer_views.summary(wanted)
    if not found:
        click.echo("There are none.")
        return
    head = (
        "who",
        "answers",
        "cost",
        "first p50/p95",
        "whole p50/p95",
        "sure",
        "up/down",
        "right/wrong/work",
        "accuracy",
        "to people",
    )
    table = [head]
    for one in found:
        table.append((
            _plain(f"{one.provider}/{one.model}" if one.provider else one.model), f"{one.answers:,}",
            _money(one.cost) + (f" (+{one.unpriced:,} without a price)" if one.unpriced else ""), _two(one.first), _two(one.total),
            "" if one.confidence is None else f"{one.confidence:.2f}", f"{one.up}/{one.down}",
            f"{one.right}/{one.wrong}/{one.needs_work}", "" if one.accuracy is None else f"{one.accuracy:.0%}",
            f"{one.handoffs / one.answers:.0%}",
        ))  # fmt: skip
    widths = [max(len(line[at]) for line in table) for at in range(len(head))]
    for line in table:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    answered, spent = sum(one.answers for one in found), sum(one.cost for one in found)
    click.echo(f"Together: {answered:,} answers, {_money(spent)}.")


@answers.command()
@click.option(
    "--from",
    "path",
    type=click.Path(exists=True, dir_okay=False),
    help="Judged answers as JSON lines, such as of answer tests.",
)
@click.option("--use", is_flag=True, help="Let what was found count from now on.")
@click.option("--reset", is_flag=True, help="Go back to the weights that Deskhand comes with.")
@_filters
def calibrate(wanted: Wanted, path: str | None, use: bool, reset: bool) -> None:
    """Fit the confidence to answers that people marked, and say what that would change. Nothing is changed without --use."""
    if reset:
        confidence.use(None, actor())
        click.echo("The weights are those that Deskhand comes with.")
        return
    try:
        if path is None:
            judged = answer_views.judged(wanted)
        else:
            with open(path, encoding="utf-8") as lines:
                judged = answer_views.from_lines(lines, path)
        fit = calibration.fit(judged, confidence.weights())
    except (calibration.TooFew, ValueError, UnicodeDecodeError) as problem:
        raise click.ClickException(str(problem)) from None
    now = confidence.weights()
    click.echo(f"{fit.answers:,} judged answers, {fit.right:,} of them right.")
    click.echo(f"{'':<34}{'now':>8}{'fitted':>8}")
    for name, label in (
        ("bias", "bias"),
        ("stated", "the model's own word"),
        ("certainty", "the search"),
        ("grounded", "claims found"),
    ):
        click.echo(f"weight: {label:<26}{getattr(now, name):>8.2f}{getattr(fit.weights, name):>8.2f}")
    for name, label in (
        ("brier", "squared error (less is better)"), ("log_loss", "log loss (less is better)"),
        ("error", "distance from what came true"), ("ranking", "right ones above wrong ones"),
        ("right_above", "right among those from 0.5"),
    ):  # fmt: skip
        click.echo(f"{label:<34}{getattr(fit.before, name):>8.3f}{getattr(fit.after, name):>8.3f}")
    click.echo(f"{'answers from 0.5':<34}{fit.before.above:>8,}{fit.after.above:>8,}")
    if not use:
        click.echo("Nothing was changed. Use them with: deskhand answers calibrate --use")
        return
    confidence.use(fit.weights, actor())
    click.echo("They count from now on. Go back with: deskhand answers calibrate --reset")


def _find(which: str) -> dict[str, Any]:
    try:
        row = answer_views.find(which.strip().lower())
    except answer_views.Several:
        raise click.ClickException(f"More than one answer is called {_plain(which[:60])}: write more of it.") from None
    if row is None:
        raise click.ClickException(f"There is no answer {_plain(which[:60])}. Look at: deskhand answers list")
    return row


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= MOST_WORDS else f"{text[:MOST_WORDS]} …"


def _money(cost: int | None) -> str:
    return "?" if cost is None else f"${cost / DOLLAR:.4f}"


def _seconds(ms: int | None) -> str:
    return "" if ms is None else f"{ms / 1000:.1f} s"


def _two(pair: tuple[int, int] | None) -> str:
    return "" if pair is None else f"{pair[0] / 1000:.1f}/{pair[1] / 1000:.1f} s"


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"


def _plain(text: str) -> str:
    """A customer's text must not steer the terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
