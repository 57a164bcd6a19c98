"""``deskhand new``: write the first version of a plugin of one's own."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def new() -> None:
    """Write the first version of a plugin of your own."""


@new.command("channel")
@click.argument("name")
@click.option(
    "--into", type=click.Path(path_type=Path), help="Folder to make. Default: one called like the channel, here."
)
def channel(name: str, into: Path | None) -> None:
    """Write a channel called NAME, the platform it is tried against, and its test: green from the first run."""
    from bot.discovery import discover
    from bot.scaffold.writing import ScaffoldError, name_problem, write_channel

    problem = name_problem(name) or name_problem(name, frozenset(one.name for one in discover().plugins))
    if problem:
        raise click.ClickException(problem)
    folder = into or Path(name)
    try:
        written = write_channel(name, folder)
    except ScaffoldError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(
            f"{folder} cannot be written: {error.strerror}. Choose another place with --into."
        ) from error
    for path in written:
        click.echo(f"  {path}")
    click.echo(
        f"\nNext:\n  cd {folder}\n  python -m pytest          # every promise of a channel, green\n"
        f"  deskhand check {name}     # the same as a checklist\n"
        f"Then change {written[2].name} and its platform into yours, and pip install -e . to use it."
    )
