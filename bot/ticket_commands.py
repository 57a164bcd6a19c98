"""``deskhand tickets``: requests that need a person, while no desk is connected."""

from __future__ import annotations

import click

from bot import audit, handoff
from bot.bus import bus
from bot.crypto import reveal
from bot.doctor import ago
from bot.plugin_commands import actor
from bot.process import command
from bot.store import Conversation, Ticket, read, write
from bot.store.statements import last_messages

STATES = ("open", "in_progress", "resolved")


@click.group("tickets")
def tickets() -> None:
    """Requests that need a person."""


@tickets.command("list")
@click.option("--state", type=click.Choice([*STATES, "all"]), default="open", show_default=True)
def list_(state: str) -> None:
    """Newest first."""
    with command():
        query = Ticket.select().order_by(Ticket.number.desc()).limit(200)
        rows = read(lambda: list(query if state == "all" else query.where(Ticket.state == state)))
        for row in rows:
            who = " ".join(filter(None, (row.name, f"<{row.email}>" if row.email else "")))
            click.echo(
                f"#{row.number:<6} {row.state:<11} {ago(row.created_at):<10} {_words(row, 'reason'):<24} {who or 'no address left'}"
            )
        if not rows:
            click.echo("There are none." if state == "all" else f"There are none that are {state.replace('_', ' ')}.")


@tickets.command()
@click.argument("number", type=int)
@click.option("--messages", default=30, show_default=True, help="How many of the last messages.")
def show(number: int, messages: int) -> None:
    """One ticket and its conversation."""
    with command():
        row = _find(number)
        facts = [
            ("ticket", f"#{row.number}, {row.state}"), ("since", ago(row.created_at)),
            ("reason", _words(row, "reason")), ("summary", _words(row, "summary")),
            ("name", row.name), ("e-mail", row.email or "none left"), ("assignee", row.assignee), ("outcome", row.outcome),
            ("rating", f"{row.rating} of 5" if row.rating else ""),
            ("conversation", _conversation(row)),
        ]  # fmt: skip
        for name, value in facts:
            if value:
                click.echo(f"{name:<13} {_plain(str(value))}")
        click.echo()
        for message in read(lambda: last_messages(_conversation(row), 2**31 - 1, messages)):
            click.echo(f"{message.author_name or message.author}: {_plain(message.text)}")


@tickets.command()
@click.argument("number", type=int)
def resolve(number: int) -> None:
    """Close a ticket and its conversation. The customer is told."""
    with command():
        row = _find(number)

        def work() -> handoff.Said:
            who = actor()
            said = handoff.resolve(_conversation(row), by=who)
            if said.message_id:
                audit.record(who, "ticket.resolve", f"ticket:{number}")
            return said

        if not write(work).message_id:
            raise click.ClickException(f"Ticket #{number} is closed already.")
        channel = read(lambda: Conversation.get_by_id(_conversation(row)).channel)
        bus().publish([("changed", _conversation(row).encode()), ("out", channel.encode())])
        click.echo(f"Ticket #{number} is resolved.")


def _find(number: int) -> Ticket:
    row = read(lambda: Ticket.get_or_none(Ticket.number == number))
    if row is None:
        raise click.ClickException(f"There is no ticket #{number}. Look at: deskhand tickets list --state all")
    return row


def _words(row: Ticket, column: str) -> str:
    return reveal("ticket", column, str(row.id), getattr(row, column))


def _conversation(row: Ticket) -> str:
    return str(row.conversation_id)  # type: ignore[attr-defined]  # peewee makes it


def _plain(text: str) -> str:
    """A customer's text must not steer the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
