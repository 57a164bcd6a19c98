"""``deskhand tickets``: requests that need a person, for who has no desk at hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import click

from bot import agents, audit, claims, clock, desk_posts, handoff, states
from bot import tags as tags_of
from bot import tickets as rows_of
from bot.bus import bus
from bot.crypto import reveal
from bot.file_words import with_files
from bot.findings import ago
from bot.opening import duration
from bot.plugin_commands import actor
from bot.process import command
from bot.report_commands import report_
from bot.store import Conversation, Ticket, TicketTag, read, write
from bot.store.statements import last_messages

STATES = ("open", "in_progress", "resolved")
MARKS = {"low": "", "normal": "", "high": "high ", "urgent": "URGENT "}


@click.group("tickets")
def tickets() -> None:
    """Requests that need a person."""


@tickets.command("list")
@click.option("--state", type=click.Choice([*STATES, "all"]), default="open", show_default=True)
@click.option("--tag", default="", help="Only those with this tag.")
def list_(state: str, tag: str) -> None:
    """Newest first."""
    with command():
        query = Ticket.select().order_by(Ticket.number.desc()).limit(200)
        if state != "all":
            query = query.where(Ticket.state == state)
        if tag:
            wanted = TicketTag.select(TicketTag.ticket).where(TicketTag.tag == _known_tag(tag))
            query = query.where(Ticket.id.in_(wanted))
        rows = read(lambda: list(query))
        tagged = read(lambda: tags_of.of_tickets([row.id for row in rows]))
        for row in rows:
            who = " ".join(filter(None, (row.name, f"<{row.email}>" if row.email else "")))
            due = _due(row)
            click.echo(
                f"#{row.number:<6} {row.state:<11} {ago(row.created_at):<10} {MARKS.get(row.priority, '')}"
                f"{_plain(_words(row, 'reason')):<24} {_plain(who) or 'no address left'}{f' · {due}' if due else ''}"
                f"{_tagged(tagged.get(row.id, ()))}"
            )
        if not rows:
            click.echo("There are none." if state == "all" else f"There are none that are {state.replace('_', ' ')}.")


@tickets.command()
@click.argument("number", type=int)
@click.option("--messages", default=30, show_default=True, help="How many of the last messages.")
def show(number: int, messages: int) -> None:
    """One ticket, its history and its conversation."""
    with command():
        row = _find(number)
        tagged = ", ".join(read(lambda: tags_of.tags_of(_conversation(row))))
        facts = [
            ("ticket", f"#{row.number}, {row.state}"), ("priority", row.priority), ("since", ago(row.created_at)),
            ("tags", tagged), ("due", _due(row)), ("late", _late(row)), ("due day", row.due_day),
            ("subject", _words(row, "subject")), ("reason", _words(row, "reason")), ("kind", row.reason_code),
            ("summary", _words(row, "summary")),
            ("confidence", "" if row.confidence is None else f"{row.confidence:.2f}"),
            ("name", row.name), ("e-mail", row.email or "none left"), ("assignee", row.assignee), ("outcome", row.outcome),
            ("rating", f"{row.rating} of 5" if row.rating else ""),
            ("conversation", _conversation(row)),
        ]  # fmt: skip
        for name, value in facts:
            if value:
                click.echo(f"{name:<13} {_plain(str(value))}")
        click.echo()
        for at, who, event, detail in read(lambda: rows_of.history_of(_conversation(row))):
            click.echo(
                f"{_time(at)}  {_plain(' '.join(filter(None, (event, detail))))}{f', {_plain(who)}' if who else ''}"
            )
        click.echo()
        for message in map(with_files, read(lambda: last_messages(_conversation(row), 2**31 - 1, messages))):
            click.echo(f"{message.author_name or message.author}: {_plain(message.text)}")


def _due(row: Ticket) -> str:
    """What is due next, or overdue."""
    if row.state == "resolved":
        return ""
    known = [(row.first_reply_due, "reply"), (row.resolve_due, "solution")]
    dates = [(float(at), what) for at, what in known if at is not None]
    if not dates:
        return "" if row.resolve_left is None else "solution waits while snoozed"
    at, what = min(dates)
    left = at - clock.now()
    return f"{what} due in {duration(left)}" if left > 0 else f"{what} overdue since {_time(at)}"


def _late(row: Ticket) -> str:
    """What did not come in time since it was opened, whether it came later or not."""
    known = [(row.first_reply_breached_at, "first reply"), (row.resolve_breached_at, "solution")]
    return ", ".join(f"{what} (due {_time(float(at))})" for at, what in known if at is not None)


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


@tickets.command()
@click.argument("number", type=int)
def resolve(number: int) -> None:
    """Close a ticket and its conversation. The customer is told."""

    def work(conversation_id: str, who: str) -> str:
        if not handoff.resolve(conversation_id, by=who).message_id:
            return f"Ticket #{number} is closed already."
        audit.record(who, "ticket.resolve", f"ticket:{number}")
        return ""

    _change(number, work)
    click.echo(f"Ticket #{number} is resolved.")


@tickets.command()
@click.argument("number", type=int)
def reopen(number: int) -> None:
    """Open a closed ticket again: it waits for an agent. The customer is told."""

    def work(conversation_id: str, who: str) -> str:
        claims.reopen(conversation_id, by=who)
        audit.record(who, "ticket.reopen", f"ticket:{number}")
        return ""

    _change(number, work, f"Ticket #{number} is not closed.")
    click.echo(f"Ticket #{number} is open again.")


@tickets.command()
@click.argument("number", type=int)
@click.argument("agent")
def assign(number: int, agent: str) -> None:
    """Give a ticket to AGENT, whoever has it now. The customer is told who is there."""

    def work(conversation_id: str, who: str) -> str:
        other = agents.agent_named(agent)
        if other is None or not other.may_act:
            return f"There is no agent called {agent} who may act. See: deskhand agents list"
        claims.assign(conversation_id, other, by=who)
        audit.record(who, "ticket.assign", f"ticket:{number}", {"agent": other.name})
        return ""

    _change(number, work, f"Ticket #{number} is closed. Open it first: deskhand tickets reopen {number}")
    click.echo(f"Ticket #{number} is with {agent}.")


@tickets.command()
@click.argument("number", type=int)
@click.argument("level", type=click.Choice(rows_of.PRIORITIES))
def priority(number: int, level: str) -> None:
    """Say how much a ticket presses: low, normal, high or urgent. Its due times move with it."""

    def work(conversation_id: str, who: str) -> str:
        if rows_of.set_priority(conversation_id, level, actor=who):
            desk_posts.refresh_card(conversation_id)
            audit.record(who, "ticket.priority", f"ticket:{number}", {"priority": level})
        return ""

    _change(number, work)
    click.echo(f"Ticket #{number} is {level}.")


# -h is no help here: it may begin a tag that is taken off.
@tickets.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("number", type=int, required=False)
@click.argument("words", nargs=-1, metavar="[TAG | -TAG]…")
def tags(number: int | None, words: tuple[str, ...]) -> None:
    """Tags of ticket NUMBER: puts each TAG on it and takes each -TAG off. Without a number: all tags, the most used first."""
    if number is None:
        with command():
            known = read(tags_of.in_use)
            for tag, count in known:
                click.echo(f"{count:>6}  {tag}")
            if not known:
                click.echo("There are none yet. Put one on a ticket: deskhand tickets tags 1042 refund")
        return

    def work(conversation_id: str, who: str) -> str:
        try:
            add, remove = tags_of.wishes(words)
            done = tags_of.change(conversation_id, add, remove, actor=who)
        except tags_of.TagError as error:
            return str(error)
        if done.added or done.gone:
            audit.record(who, "ticket.tags", f"ticket:{number}", {"added": [*done.added], "gone": [*done.gone]})
        return ""

    if words:
        _change(number, work)
    with command():
        row = _find(number)
        mine = read(lambda: tags_of.tags_of(_conversation(row)))
        click.echo(f"Ticket #{number}: {', '.join(mine) or 'no tags'}.")


def _tagged(mine: tuple[str, ...]) -> str:
    return f" · {', '.join(mine)}" if mine else ""


def _known_tag(word: str) -> str:
    try:
        return tags_of.tag_of(word)
    except tags_of.TagError as error:
        raise click.ClickException(str(error)) from error


def _change(number: int, work: Callable[[str, str], str], not_allowed: str = "") -> None:
    """Change a ticket in one write, then wake who shows it. ``work`` answers with a sentence when nothing can be done."""
    with command():
        row = _find(number)
        conversation_id, who = _conversation(row), actor()
        try:
            problem = write(lambda: work(conversation_id, who))
        except states.NotAllowed:
            problem = not_allowed
        if problem:
            raise click.ClickException(problem)
        channel = read(lambda: Conversation.get_by_id(conversation_id).channel)
        bus().publish([("changed", conversation_id.encode()), ("out", channel.encode()), ("out", b"")])


def _find(number: int) -> Ticket:
    row = read(lambda: Ticket.get_or_none(Ticket.number == number))
    if row is None:
        raise click.ClickException(f"There is no ticket #{number}. Look at: deskhand tickets list --state all")
    return row


def _words(row: Ticket, column: str) -> str:
    return reveal("ticket", column, str(row.id), getattr(row, column))


def _conversation(row: Ticket) -> str:
    return str(row.conversation_id)  # type: ignore[attr-defined]  # peewee makes it


tickets.add_command(report_)


def _plain(text: str) -> str:
    """A customer's text must not steer the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
