"""``deskhand knowledge show | history | restore | export``."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import click
import yaml

from bot import (
    ArticleRefused,
    ArticleView,
    PublishingStopped,
    VersionView,
    article_history,
    article_text,
    command_actor,
    list_articles,
    publish_change,
    restore_article,
    site_ids,
)


def commands() -> list[click.Command]:
    """The commands."""

    @click.command(help="Show what an article says. ARTICLE is its id, its path or its title.")
    @click.argument("article")
    @click.option("--version", "number", type=int, default=None, help="Show this version instead.")
    def show(article: str, number: int | None) -> None:
        view = find_article(article)
        if number is None:
            _head(view)
            click.echo(article_text(view.id))
            return
        known = {one.number: one for one in article_history(view.id)}
        if number not in known:
            there = ", ".join(str(one) for one in sorted(known)) or "none"
            raise click.ClickException(f"This article has no version {number}. There are: {there}.")
        click.echo(f"{known[number].title}\n{_line(known[number])}\n")
        click.echo(known[number].body)

    @click.command(help="List the versions of an article: who wrote them and when, and who approved them.")
    @click.argument("article")
    def history(article: str) -> None:
        view = find_article(article)
        _head(view)
        for version in article_history(view.id):
            click.echo(_line(version))

    @click.command(
        help="Make a former version what the article says. The answer tests are run with it first (DESKHAND_ANSWER_TESTS)."
    )
    @click.argument("article")
    @click.argument("number", type=int)
    @click.option("--anyway", is_flag=True, help="Also when answer tests get worse. The audit trail says so.")
    def restore(article: str, number: int, anyway: bool) -> None:
        view = find_article(article)
        actor = command_actor()

        def put_back() -> int:
            return restore_article(view.id, number, by=actor)

        try:
            if any(one.number == number for one in article_history(view.id)):
                new = publish_change(
                    f"version {number} of the article “{view.title}”", put_back, actor=actor, anyway=anyway,
                    tell=lambda line: click.echo(line, err=True),
                )  # fmt: skip
            else:
                new = put_back()  # it says which there are, and no test is asked for that
        except (ArticleRefused, PublishingStopped) as refused:
            raise click.ClickException(str(refused)) from None
        click.echo(
            f"{view.title} says what version {number} said. That is version {new}; its source does not replace it."
        )

    @click.command(
        help="Write all articles to a file of JSON lines, or as a folder of Markdown files that can be read again."
    )
    @click.argument("target", type=click.Path(path_type=Path), default=Path("-"))
    @click.option(
        "--as", "form", type=click.Choice(["jsonl", "markdown"]), default=None, help="Default: by the name of TARGET."
    )
    @click.option("--site", default="", help="Only what the site with this key may see.")
    @click.option("--source", default="", help="Only articles of this source, such as markdown:folder.")
    def export(target: Path, form: str | None, site: str, source: str) -> None:
        ids = site_ids()
        if site and site not in ids:
            raise click.BadParameter(f"There is no site {site}. There are: {', '.join(sorted(ids)) or 'none'}.")
        keys = {id_: key for key, id_ in ids.items()}
        views = [view for view in list_articles(source) if not site or view.site in {"", ids[site]}]
        form = form or ("jsonl" if str(target) == "-" or target.suffix in {".jsonl", ".json"} else "markdown")
        count = _to_folder(target, views, keys) if form == "markdown" else _to_lines(target, views, keys)
        click.echo(f"{count} articles.", err=True)

    return [show, history, restore, export]


def find_article(wanted: str) -> ArticleView:
    """One article by its id or the beginning of it, its path or its title."""
    views = list_articles(gone=True, drafts=True)
    for fits in (
        lambda view: view.id == wanted,
        lambda view: view.path == wanted and view.state == "live",
        lambda view: view.path == wanted,
        lambda view: view.title.casefold() == wanted.casefold() and view.state == "live",
        lambda view: len(wanted) >= 4 and view.id.startswith(wanted.lower()),
    ):
        found = [view for view in views if fits(view)]
        if len(found) == 1:
            return found[0]
        if found:
            shown = ", ".join(f"{view.id} ({view.source}, {view.path})" for view in found[:5])
            raise click.ClickException(f"{wanted} stands for {len(found)} articles. Name one by its id: {shown}.")
    raise click.ClickException(f"There is no article {wanted}. deskhand knowledge list shows them.")


def _head(view: ArticleView) -> None:
    state = {"live": "", "gone": ", removed", "draft": ", waits for a review"}[view.state]
    hidden = ", for agents only" if view.visibility == "internal" else ""
    click.echo(f"{view.title}  ({view.id})")
    click.echo(f"{view.source}, {view.path}{state}{hidden}" + (f", {view.url}" if view.url else ""))
    click.echo(f"written by {view.author}" + (f", reviewed by {view.reviewed_by}" if view.reviewed_by else "") + "\n")


def _line(version: VersionView) -> str:
    when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(version.created_at))
    decided = (
        f", {'approved' if version.state in {'live', 'old'} else 'decided'} by {version.decided_by}"
        if version.decided_by
        else ""
    )
    what = "removal" if version.kind == "removal" else f"{len(version.body):,} characters"
    note = f"  {version.note}" if version.note else ""
    return f"{version.number:4}  {version.state:8}  {when}  {version.checksum[:8]}  {what}, by {version.author}{decided}{note}"


def _to_lines(target: Path, views: list[ArticleView], keys: dict[str, str]) -> int:
    with ExitStack() as stack:
        out: IO[str] = sys.stdout if str(target) == "-" else stack.enter_context(_opened(target))
        for view, body in _bodies(views):
            out.write(json.dumps({**_facts(view, keys), "body": body}, ensure_ascii=False) + "\n")
    return len(views)


def _opened(target: Path) -> IO[str]:
    try:
        return target.open("x", encoding="utf-8")
    except FileExistsError:
        raise click.ClickException(f"{target} is there already. Name another file.") from None
    except OSError as error:
        raise click.ClickException(f"{target} cannot be written ({error.strerror}).") from None


def _to_folder(target: Path, views: list[ArticleView], keys: dict[str, str]) -> int:
    if str(target) == "-":
        raise click.ClickException("Name a folder to write Markdown files to.")
    try:
        target.mkdir(parents=True, exist_ok=True)
        if any(target.iterdir()):
            raise click.ClickException(f"{target} is not empty. Name a new folder.")
        taken: set[str] = set()
        for view, body in _bodies(views):
            name = _file_name(view, taken)
            front = {"title": view.title, "language": view.language, "url": view.url, "updated": view.updated}
            sites = [keys[view.site]] if view.site in keys else []
            hidden = view.visibility if view.visibility == "internal" else ""
            told = {key: value for key, value in {**front, "sites": sites, "visibility": hidden}.items() if value}
            text = f"---\n{yaml.safe_dump(told, allow_unicode=True, sort_keys=False)}---\n\n{body.strip()}\n"
            (target / name).write_text(text, "utf-8")
    except OSError as error:
        raise click.ClickException(f"{target} cannot be written ({error.strerror}).") from None
    return len(views)


def _bodies(views: list[ArticleView]) -> Iterator[tuple[ArticleView, str]]:
    """One at a time: a knowledge base need not fit into memory."""
    for view in views:
        yield view, article_text(view.id)


def _facts(view: ArticleView, keys: dict[str, str]) -> dict[str, Any]:
    return {
        "id": view.id, "source": view.source, "path": view.path, "title": view.title, "language": view.language, "url": view.url,
        "updated": view.updated, "site": keys.get(view.site, ""), "visibility": view.visibility, "author": view.author,
        "reviewed_by": view.reviewed_by, "checksum": view.checksum,
    }  # fmt: skip


def _file_name(view: ArticleView, taken: set[str]) -> str:
    """A name that no other article has and that no path of a source can lead elsewhere."""
    plain = re.sub(r"[^\w-]+", "-", view.title.lower()).strip("-")
    stem = os.fsdecode(os.fsencode(plain)[:80].decode("utf-8", "ignore").encode()) or view.id
    name = f"{stem}.md" if f"{stem}.md" not in taken else f"{stem}-{view.id[:8]}.md"
    taken.add(name)
    return name
