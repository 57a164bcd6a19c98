"""``deskhand mails``: what was sent, what was not and why, and sending what was kept."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from bot import audit, mail
from bot.addresses import one_line
from bot.bus import bus
from bot.findings import ago
from bot.plugin_commands import actor
from bot.process import command
from bot.store import read, write

STATES = ("kept", "pending", "sending", "uncertain", "sent", "dead")


@click.group("mails")
def mails() -> None:
    """Mails to customers and to the team."""


@mails.command("list")
@click.option("--state", type=click.Choice([*STATES, "all"]), default="all", show_default=True)
def list_(state: str) -> None:
    """Newest first, the last 200."""
    with command():
        found = read(lambda: mail.newest("" if state == "all" else state))
        for one in found:
            shown = "not sent" if one.state == "kept" else one.state
            line = f"{one.id}  {shown:<9}  {ago(one.created_at):<10}  {one.to}  {one_line(one.subject, 80)}"
            click.echo(line + (f"  ({one_line(one.error, 120)})" if one.error else ""))
        if not found:
            click.echo("There are none.")
        kept = read(lambda: mail.count("kept"))
        if kept and mail.server() is None:
            click.echo(f"{kept} are kept and not sent: set SMTP_URL, restart, then: deskhand mails send")
        elif kept:
            click.echo(f"{kept} were kept while there was no SMTP_URL. To send them: deskhand mails send")


@mails.command()
@click.argument("mail_id")
def show(mail_id: str) -> None:
    """One mail, whole."""
    with command():
        one = _find(mail_id)
        when = f"{datetime.fromtimestamp(one.sent_at, UTC):%Y-%m-%d %H:%M:%S} UTC" if one.sent_at else "no"
        rows = [
            ("id", one.id), ("kind", one.kind), ("state", one.state), ("written", ago(one.created_at)), ("sent", when),
            ("attempts", str(one.attempts)), ("reason", one.error), ("to", one.to), ("subject", one.subject),
            ("Message-ID", one.message_id), ("conversation", one.ref),
        ]  # fmt: skip
        for name, value in rows:
            if value:
                click.echo(f"{name:<13} {one_line(value, 400)}")
        click.echo()
        click.echo("".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in one.text))


@mails.command()
@click.argument("mail_ids", nargs=-1)
def send(mail_ids: tuple[str, ...]) -> None:
    """Send what was kept while there was no SMTP_URL; with ids also what was given up."""
    with command():
        if mail.server() is None:
            raise click.ClickException(
                "SMTP_URL is not set, so nothing can be sent; the mails stay kept. Set it for the running processes and here."
            )
        chosen = [_find(one).id for one in mail_ids] or [one.id for one in read(lambda: mail.newest("kept", 100_000))]
        if not chosen:
            click.echo("There is nothing to send.")
            return

        def work() -> int:
            moved = sum(mail.send_again(one) for one in chosen)
            if moved:
                audit.record(actor(), "mails.send", "mails", {"count": moved})
            return moved

        moved = write(work)
        bus().publish([("jobs", b"")])
        if moved < len(chosen):
            click.echo(f"{len(chosen) - moved} of them were sent already, or are being sent.")
        click.echo(f"{moved} are on their way. Look at: deskhand mails list")


def _find(text: str) -> mail.MailView:
    found = read(lambda: mail.find(text))
    if found is None:
        fits = [
            one for one in read(lambda: mail.newest(limit=10_000)) if one.id.startswith(text) or one.id.endswith(text)
        ]
        if len(fits) == 1:
            return fits[0]
        raise click.ClickException(
            f"{text} fits {len(fits)} mails: write more of the id."
            if fits
            else f"There is no mail {text}. Look at: deskhand mails list"
        )
    return found
