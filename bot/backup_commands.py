"""``deskhand backup`` and ``deskhand restore``."""

from __future__ import annotations

from pathlib import Path

import click

from bot.config import config


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--with-key", is_flag=True, help="Put the master key in, too. Who has the file then reads everything.")
def backup(file: Path, with_key: bool) -> None:
    """Write FILE with the database and the uploaded files, while Deskhand runs.

    The master key is not in it: keep a copy of it elsewhere, or take --with-key and guard the file.
    """
    from bot.backup import BackupError, make
    from bot.process import command

    with command():
        try:
            manifest = make(config(), file.resolve(), with_key=with_key)
        except BackupError as error:
            raise click.ClickException(str(error)) from None
    size = file.stat().st_size / 1e6
    click.echo(
        f"Wrote {file} ({size:.1f} MB, {len(manifest.members)} members, {'with' if with_key else 'without'} the master key)."
    )


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--yes", is_flag=True, help="Do not ask.")
def restore(file: Path, yes: bool) -> None:
    """Replace everything by what FILE holds. Deskhand must be stopped."""
    from bot import logs
    from bot.backup import BackupError
    from bot.restore import restore as put_back

    logs.setup("deskhand")
    settings = config()
    if not yes:
        click.confirm(f"Replace everything in {settings.data} by {file}?", abort=True)
    try:
        manifest = put_back(settings, file.resolve())
    except BackupError as error:
        raise click.ClickException(str(error)) from None
    click.echo(
        f"Restored the backup of {manifest.made_at} (version {manifest.version}). Clients will load everything anew."
    )
    if settings.is_sqlite:
        click.echo(f"The database that was here is kept in {settings.data} as *.before-*.")
