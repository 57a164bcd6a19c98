"""``deskhand canned``: replies that agents send often. Written here, at the desk, or in a spreadsheet."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from bot import canned as replies
from bot.canned import CannedRefused, CannedReply
from bot.plugin_commands import actor, opened
from bot.store import read, write

T = TypeVar("T")
_FIELDS = (
    ("--title", "Title in lists; made from the shortcut if there is none."),
    ("--text", "What is sent; - reads it from standard input."),
    ("--category", "Category in lists."),
    ("--language", "Tag such as de, for replies that are of one language."),
    ("--site", "Key of a site, for replies that are of one site."),
)


def _fields(function: Any) -> Any:
    for name, words in reversed(_FIELDS):
        function = click.option(name, default=None, help=words)(function)
    return function


def _given(values: dict[str, str | None]) -> dict[str, Any]:
    given: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
    if given.get("text") == "-":
        given["text"] = sys.stdin.read()
    return given


def _tell(work: Callable[[], T]) -> T:
    try:
        return work()
    except CannedRefused as refused:
        raise click.ClickException(str(refused)) from None


def _found(shortcut: str) -> CannedReply:
    one = read(lambda: replies.with_shortcut(shortcut))
    if one is None:
        raise click.ClickException(f"There is no canned reply {shortcut!r}. See: deskhand canned list")
    return one


@click.group()
def canned() -> None:
    """Replies that agents send often: list, write, switch, import, export."""


@canned.command("list")
@click.argument("words", nargs=-1)
@click.option("--category", default=None, help="Only those of this category.")
@opened
def list_(words: tuple[str, ...], category: str | None) -> None:
    """All of them by category, or the best first for WORDS."""
    from bot.canned_search import search

    rows = replies.listed()
    if category is not None:
        rows = [one for one in rows if one.category.casefold() == category.strip().casefold()]
    rows = search(" ".join(words), rows) if words else rows
    for one in rows:
        where = " ".join(filter(None, (one.language, one.site))) or "everywhere"
        state = click.style("on ", fg="green") if one.on else click.style("off", fg="yellow")
        click.echo(f"{state} {one.uses:>6}x  {where:<14} {one.category or '-':<16} {one.shortcut:<20} {one.title}")
    click.echo(f"{len(rows)} canned {'reply' if len(rows) == 1 else 'replies'}.")


@canned.command()
@click.argument("shortcut")
@opened
def show(shortcut: str) -> None:
    """One with its text, and how often it was sent."""
    from bot.canned_words import KNOWN, variables

    one = _found(shortcut)
    last = f", the last time on {_day(one.used_at)}" if one.used_at else ""
    used = f"{one.uses:,} times{one.since}{last}" if one.uses or one.since else "never"
    click.echo(f"!{one.shortcut}  ({'on' if one.on else 'off'})  {one.title}")
    click.echo(f"category  {one.category or 'none'}")
    click.echo(f"where     language {one.language or 'every one'}, site {one.site or 'every one'}")
    click.echo(f"sent      {used}")
    click.echo(f"changed   {_day(one.changed_at)} by {one.changed_by}; made {_day(one.created_at)} by {one.created_by}")
    free = [name for name in variables(one.text) if name.casefold() not in KNOWN]
    if free:
        click.echo(f"gaps      {', '.join(free)}: filled in by the agent each time")
    click.echo(f"\n{one.text}")


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


@canned.command()
@click.argument("shortcut")
@_fields
@click.option("--off", is_flag=True, help="Not to be sent yet.")
@opened
def add(shortcut: str, off: bool, **values: str | None) -> None:
    """Add one that is sent by !SHORTCUT. In its text {{customer.first_name}} and the like are filled in."""
    given = _given(values)
    made = _tell(lambda: write(lambda: replies.add(CannedReply(shortcut=shortcut, on=not off, **given), actor=actor())))
    click.echo(f"!{made.shortcut} is there{', switched off' if off else ''}.")


@canned.command("set")
@click.argument("shortcut")
@click.option("--rename", default=None, metavar="SHORTCUT", help="Its new shortcut.")
@_fields
@opened
def set_(shortcut: str, rename: str | None, **values: str | None) -> None:
    """Change the one called SHORTCUT; what is not given stays, and an empty value is taken away."""
    given = _given(values) | ({"shortcut": rename} if rename is not None else {})
    if not given:
        raise click.UsageError("Say what to change. See: deskhand canned set --help")
    made = _tell(lambda: write(lambda: replies.change(shortcut, actor=actor(), **given)))
    click.echo(f"!{made.shortcut} is saved.")


@canned.command("on")
@click.argument("shortcut")
@opened
def on_(shortcut: str) -> None:
    """It can be sent again."""
    made = _tell(lambda: write(lambda: replies.change(shortcut, actor=actor(), on=True)))
    click.echo(f"!{made.shortcut} is on.")


@canned.command()
@click.argument("shortcut")
@opened
def off(shortcut: str) -> None:
    """It cannot be sent, and is kept."""
    made = _tell(lambda: write(lambda: replies.change(shortcut, actor=actor(), on=False)))
    click.echo(f"!{made.shortcut} is off.")


@canned.command()
@click.argument("shortcut")
@opened
def remove(shortcut: str) -> None:
    """Forget it. What was sent of it stays."""
    made = _tell(lambda: write(lambda: replies.remove(shortcut, actor=actor())))
    click.echo(f"!{made.shortcut} is removed.")


@canned.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@opened
def import_(file: Path, dry_run: bool) -> None:
    """Take in the rows of FILE (.xlsx or .csv). A shortcut that is there is changed; bad rows are named and left out.

    Columns: shortcut, text, and if you like title, category, language, site, on. A column that is not in the file changes nothing.
    """
    from bot.canned_files import UnusableFile, read_file

    try:
        rows = read_file(file)
    except UnusableFile as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{file} cannot be read: {error.strerror}. Nothing was changed.") from None
    done = replies.take_in(rows, actor=actor(), dry_run=dry_run)
    for where, why in done.bad:
        click.echo(f"{where}: {why}", err=True)
    counts = f"{len(done.added)} added, {len(done.changed)} changed, {len(done.same)} as they were, {len(done.bad)} left out."
    click.echo(f"It would be: {counts} Nothing was changed." if dry_run else counts)
    if done.bad:
        sys.exit(1)


@canned.command()
@click.argument("file", type=click.Path(path_type=Path))
@opened
def export(file: Path) -> None:
    """Write all of them into FILE (.xlsx or .csv), as import reads them."""
    from bot.canned_files import UnusableFile, write_file

    rows = replies.listed()
    try:
        write_file(file, rows)
    except UnusableFile as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}.") from None
    click.echo(f"Wrote {len(rows)} canned {'reply' if len(rows) == 1 else 'replies'} into {file}.")
