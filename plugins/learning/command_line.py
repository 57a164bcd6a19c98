"""``deskhand knowledge gaps`` and ``deskhand knowledge review``: they stand beside the other commands of the knowledge base."""

from __future__ import annotations

import csv
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bot import (
    ArticleRefused,
    DraftWaiting,
    NoSuchTopic,
    PublishingStopped,
    TopicView,
    approve_draft,
    change_draft,
    command_actor,
    find_draft,
    find_topic,
    lessons_learned,
    list_topics,
    mark_topic,
    reject_draft,
    site_ids,
    waiting_drafts,
)

STATES = ("open", "done", "ignored", "all")
FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def knowledge_command() -> click.Group:
    """Make the commands."""

    @click.group("knowledge", help="What the knowledge base lacks, and drafts that wait for a review.")
    def knowledge() -> None:
        pass

    knowledge.add_command(_gaps())
    knowledge.add_command(_review())
    return knowledge


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


# Gaps ----------------------------------------------------------------------------------------------------------------


def _gaps() -> click.Group:
    @click.group(
        "gaps",
        invoke_without_command=True,
        help="Topics of the questions that had no good answer, the most asked first.",
    )
    @click.option("--site", default="", help="Only of the site with this key.")
    @click.option("--state", type=click.Choice(STATES), default="open", show_default=True)
    @click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
    @click.option(
        "--export",
        type=click.Path(path_type=Path),
        help="Write them to a file: .csv, else lines of JSON. - for the screen.",
    )
    @click.pass_context
    def gaps(context: click.Context, site: str, state: str, limit: int, export: Path | None) -> None:
        if context.invoked_subcommand is not None:
            return
        keys = site_ids()
        if site and site not in keys:
            raise click.BadParameter(f"There is no site {site}. There are: {', '.join(sorted(keys)) or 'none'}.")
        chosen: Any = None if state == "all" else state
        topics = list_topics(site=keys[site] if site else "", state=chosen, limit=limit)
        if export is not None:
            _export(export, topics, {id_: key for key, id_ in keys.items()})
            return
        for topic in topics:
            click.echo(f"{topic.ref}  {topic.count:>5}x  {_day(topic.last_at)}  {topic.label}{_mark(topic)}")
            if topic.examples:
                click.echo(f"                             {topic.examples[0][:110]}")
        if not topics:
            click.echo("No questions without a good answer." if state == "open" else f"No topics that are {state}.")

    @gaps.command("show", help="Show the newest questions of a topic.")
    @click.argument("topic")
    def show(topic: str) -> None:
        found = _topic(topic)
        click.echo(f"{found.label}  ({found.ref}, {found.state})")
        click.echo(f"asked {found.count} times, from {_day(found.first_at)} to {_day(found.last_at)}")
        for text in found.examples:
            click.echo(f"  {text}")

    for name, state, help_ in (
        ("done", "done", "Say that a topic is answered now. It comes back when it is asked again without an answer."),
        ("ignore", "ignored", "Say that a topic is none of ours. It is not shown any more."),
        ("open", "open", "Show a topic again."),
    ):
        gaps.add_command(_marking(name, state, help_))
    return gaps


def _marking(name: str, state: Any, help_: str) -> click.Command:
    @click.command(name, help=help_)
    @click.argument("topics", nargs=-1, required=True)
    def mark(topics: tuple[str, ...]) -> None:
        for ref in topics:
            _topic(ref)
            found = mark_topic(ref, state, by=command_actor())
            click.echo(f"{found.label}: {found.state}")

    return mark


def _topic(ref: str) -> TopicView:
    try:
        return find_topic(ref)
    except NoSuchTopic as unknown:
        raise click.ClickException(str(unknown)) from None


def _mark(topic: TopicView) -> str:
    return "" if topic.state == "open" else f"  ({topic.state}{f' by {topic.changed_by}' if topic.changed_by else ''})"


def _export(target: Path, topics: list[TopicView], keys: dict[str, str]) -> None:
    rows = [
        {
            "topic": topic.ref, "label": topic.label, "site": keys.get(topic.site, ""), "language": topic.language,
            "state": topic.state, "count": topic.count, "first": _day(topic.first_at), "last": _day(topic.last_at),
            "examples": list(topic.examples),
        }
        for topic in topics
    ]  # fmt: skip
    try:
        stream = sys.stdout if str(target) == "-" else target.open("w", encoding="utf-8", newline="")
        with stream if stream is not sys.stdout else _Open(stream) as file:
            if target.suffix == ".csv":
                writer = csv.writer(file)
                writer.writerow([*(rows[0] if rows else {"topic": ""})])
                for row in rows:
                    writer.writerow(
                        [_cell(" | ".join(value) if isinstance(value, list) else value) for value in row.values()]
                    )
            else:
                file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    except OSError as error:
        raise click.ClickException(f"{target} cannot be written ({error.strerror}). Name another place.") from None
    click.echo(f"{len(rows)} topics.", err=True)


class _Open:
    """The screen is not closed."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __enter__(self) -> Any:
        return self.stream

    def __exit__(self, *_: object) -> None:
        self.stream.flush()


def _cell(value: object) -> object:
    """What a spreadsheet would take for a formula stays text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULAS) else value


# Review --------------------------------------------------------------------------------------------------------------


def _review() -> click.Group:
    @click.group(
        "review", help="Drafts of articles that wait for you: what agents answered, and changes of reviewed articles."
    )
    def review() -> None:
        pass

    @review.command("list", help="List what waits, oldest first.")
    @click.option("--why", is_flag=True, help="Show also of which conversations no draft was made, and why.")
    def list_all(why: bool) -> None:
        drafts = waiting_drafts()
        for one in drafts:
            kind = "removal" if one.draft.kind == "removal" else "change" if one.draft.beside else "new"
            click.echo(f"{one.ref}  {_day(one.draft.created_at)}  {kind:<7}  {one.draft.title}  {_origin(one)}")
        if not drafts:
            click.echo("Nothing waits for a review.")
        for ticket, state, reason in lessons_learned() if why else ():
            if state == "nothing":
                click.echo(f"#{ticket}: no draft. {reason}")

    @review.command("show", help="Show what a draft says.")
    @click.argument("draft")
    def show(draft: str) -> None:
        one = _draft(draft)
        click.echo(f"{one.draft.title}  ({one.ref})")
        click.echo(f"{_origin(one)}, language {one.draft.language or '-'}, {_day(one.draft.created_at)}")
        click.echo(f"\n{one.draft.body or '(the article is to be removed)'}")

    @review.command(
        "edit", help="Change a draft: with the options, or in your editor ($EDITOR), the title in the first line."
    )
    @click.argument("draft")
    @click.option("--title", default="")
    @click.option(
        "--body",
        type=click.File("r", encoding="utf-8"),
        help="A file with the text, in Markdown; - for standard input.",
    )
    @click.option("--language", default="", help="Such as en or de.")
    def edit(draft: str, title: str, body: Any, language: str) -> None:
        one = _draft(draft)
        text = body.read().strip() if body else ""
        if not (title or text or language):
            written = click.edit(f"{one.draft.title}\n\n{one.draft.body}\n", extension=".md")
            if written is None:
                click.echo("Nothing was changed.")
                return
            title, _, text = (part.strip() for part in written.strip().partition("\n"))
        try:
            new = change_draft(draft, by=command_actor(), title=title, body=text, language=language)
        except (ArticleRefused, ValueError) as refused:
            raise click.ClickException(f"Nothing was changed: {refused}") from None
        click.echo(
            f"{new.draft.title} is called {new.ref} now. Publish it: deskhand knowledge review approve {new.ref}"
        )

    @review.command("approve", help="Publish drafts. The answer tests are run with each first (DESKHAND_ANSWER_TESTS).")
    @click.argument("drafts", nargs=-1, required=True)
    @click.option("--anyway", is_flag=True, help="Also when answer tests get worse. The audit trail says so.")
    def approve(drafts: tuple[str, ...], anyway: bool) -> None:
        for ref in drafts:
            one = _draft(ref)
            try:
                approve_draft(ref, by=command_actor(), anyway=anyway, tell=lambda line: click.echo(line, err=True))
            except (ArticleRefused, PublishingStopped) as refused:
                raise click.ClickException(str(refused)) from None
            click.echo(f"Published: {one.draft.title}")

    @review.command("reject", help="Put a draft aside. The same text is not brought again.")
    @click.argument("draft")
    @click.option("--note", default="", help="Why.")
    def reject(draft: str, note: str) -> None:
        one = _draft(draft)
        try:
            reject_draft(draft, by=command_actor(), note=note)
        except ArticleRefused as refused:
            raise click.ClickException(str(refused)) from None
        click.echo(f"Rejected: {one.draft.title}")

    return review


def _draft(ref: str) -> DraftWaiting:
    try:
        return find_draft(ref)
    except ArticleRefused as refused:
        raise click.ClickException(str(refused)) from None


def _origin(one: DraftWaiting) -> str:
    if one.ticket:
        return f"ticket #{one.ticket}{', in its own words' if one.by == 'extract' else ''}"
    return f"by {one.draft.author or one.draft.source}"
