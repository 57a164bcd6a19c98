"""``deskhand audit``: read the trail, and check that nobody changed it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click

from bot.plugin_commands import opened


@click.group()
def audit() -> None:
    """Who did what, chained by hash so that a change is noticed."""


@audit.command("list")
@click.option("--limit", default=50, show_default=True, help="How many of the newest.")
@click.option("--object", "object_", default="", help="Only about this, such as plugin:openai.")
@click.option("--action", default="", help="Only this action, such as plugin.off.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@opened
def list_entries(limit: int, object_: str, action: str, as_json: bool) -> None:
    """Show the newest entries, newest first."""
    from bot.audit import entries

    for entry in entries(limit, object=object_, action=action):
        at = f"{datetime.fromtimestamp(entry.at, UTC):%Y-%m-%d %H:%M:%S}"
        if as_json:
            row = {"id": entry.id, "at": entry.at, "actor": entry.actor, "action": entry.action}
            click.echo(json.dumps({**row, "object": entry.object, "detail": entry.detail}, ensure_ascii=False))
        else:
            detail = " ".join(f"{name}={value}" for name, value in entry.detail.items())
            click.echo(f"{at}  {entry.actor:<16}  {entry.action:<14}  {entry.object}  {detail}".rstrip())


@audit.command("verify")
@opened
def verify_chain() -> None:
    """Compute the whole chain again. Exit code 1 if a row was changed, removed or inserted."""
    from bot.audit import verify

    verdict = verify()
    if verdict.problem:
        raise click.ClickException(
            f"The audit trail is not whole. {verdict.problem} The {verdict.entries} entries before are."
            " Compare with a backup, and with the head you noted last."
        )
    click.echo(f"The audit trail is whole: {verdict.entries} entries, head {verdict.head}.")
