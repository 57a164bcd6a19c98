"""``deskhand keys``: the master key and the data keys that seal secrets and, if so set, message texts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

import click

from bot.plugin_commands import actor, opened

T = TypeVar("T")


@click.group()
def keys() -> None:
    """The keys that seal secrets and texts in the database. Everything here works while Deskhand runs."""


@keys.command()
@opened
def status() -> None:
    """Show the master key's name and the data keys with what they seal. Never a key."""
    from bot import crypto, master_key
    from bot.key_rotation import key_views

    known = _or_say(lambda: master_key.load(may_make=False))
    where = "DESKHAND_KEY" if master_key.from_environment() else str(master_key.key_file())
    if known:
        click.echo(f"master key  {known[0].fingerprint}  from {where}")
    else:
        click.echo("master key  none yet; it is made with the first secret")
    views = key_views()
    for view in views:
        made = f"{datetime.fromtimestamp(view.created_at, UTC):%Y-%m-%d}"
        state = "retired" if view.retired else "in use"
        click.echo(f"data key    {view.id}  {view.purpose:<8}  made {made}  {state:<7}  seals {view.rows}")
    missing = {view.master for view in views} - {key.fingerprint for key in known}
    if missing:
        _or_say(lambda: [crypto.key_state(view.id) for view in views])


@keys.command()
@click.option("--secrets", "what", flag_value="secret", help="New data key for the secrets of plugins.")
@click.option("--texts", "what", flag_value="message", help="New data key for message texts.")
@click.option(
    "--messages", "what", flag_value="follow", help="Seal or open all texts, as DESKHAND_ENCRYPT_MESSAGES says."
)
@opened
def rotate(what: str | None) -> None:
    """Change a key. Without an option: the master key, which takes milliseconds and seals nothing again.

    The others walk over the rows in small batches; interrupted, they go on when they are run again.
    """
    from bot import key_rotation, master_key
    from bot.config import config

    if what is None:
        count = _or_say(lambda: key_rotation.rotate_master(actor()))
        click.echo(
            f"{_count(count, 'data key')} wrapped with master key {master_key.load(may_make=False)[0].fingerprint} now."
        )
        if master_key.from_environment():
            click.echo("Remove the old key from DESKHAND_KEY when all processes run with the new one.")
        else:
            old = master_key.key_file().with_name(master_key.OLD)
            click.echo(
                f"The old key is in {old}. Backups made until now need it: keep it with them, then delete it here."
            )
        return
    if what == "follow":
        done = _or_say(lambda: key_rotation.follow_message_setting(actor(), _progress))
        click.echo(f"{_count(done.changed, 'row')} {'sealed' if config().encrypt_messages else 'opened'}.")
    else:
        done = _or_say(lambda: key_rotation.rotate_data_keys(what, actor(), _progress))
        click.echo(
            f"{_count(done.changed, 'row')} sealed again. The old key is deleted when nothing is sealed with it for an hour."
        )
    if done.unreadable:
        shown = "\n  ".join(done.unreadable[:20])
        raise click.ClickException(
            f"{len(done.unreadable)} texts do not open and were left as they are (changed, or their key was erased):\n  {shown}"
        )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _progress(table: str, rows: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{table}: {rows} rows looked at ", err=True, nl=False)


def _or_say(fn: Callable[[], T]) -> T:
    from bot.crypto import CryptoError

    try:
        return fn()
    except CryptoError as error:
        raise click.ClickException(str(error)) from None
