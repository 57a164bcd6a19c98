"""``deskhand knowledge``: read the folder and the sources now, list the articles, test a question."""

from __future__ import annotations

import sys

import click

from bot import (
    Question,
    SourceRefused,
    article_sources,
    find_source,
    knowledge_version,
    list_articles,
    list_sources,
    site_ids,
)
from plugins.knowledge import article_commands, source_commands
from plugins.knowledge.certainty import least
from plugins.knowledge.embed_command import embed_command, ready_vectors
from plugins.knowledge.reasons import reasons
from plugins.knowledge.scan import FolderMissing
from plugins.knowledge.search import explain
from plugins.knowledge.sync import host_index, sync


def knowledge_command(
    folder: str, language: str, sample: bool, certainty: str = "normal", embeddings: bool = False
) -> click.Command:
    """Make the command for these settings."""

    @click.group(
        "knowledge", help="Articles and where they come from: add sources, read them, list, test a question, export."
    )
    def knowledge() -> None:
        pass

    @knowledge.command(
        "sync", help="Read the folder and every source now, or SOURCE alone, and bring this host's index up to date."
    )
    @click.argument("source", default="")
    def sync_now(source: str) -> None:
        _sync(folder, language, sample, source)

    @knowledge.command("list", help="List the articles.")
    @click.option("--removed", is_flag=True, help="Show removed articles, too.")
    @click.option("--drafts", is_flag=True, help="Show articles that wait for their first review, too.")
    @click.option(
        "--source", default="", help="Only articles of the source with this address or id, or such as markdown:folder."
    )
    def list_all(removed: bool, drafts: bool, source: str) -> None:
        _list(removed, drafts, source)

    @knowledge.command("test", help="Show what would be found for a question, and why it would be answered or not.")
    @click.argument("question")
    @click.option("--site", default="", help="Key of the site that asks. Default: the first one.")
    @click.option("--language", "tag", default="", help="The customer's language, such as de.")
    @click.option("--context", default="", help="What the customer said before.")
    def test(question: str, site: str, tag: str, context: str) -> None:
        _test(question, site, tag, context, certainty, embeddings)

    knowledge.add_command(embed_command())
    for command in (*source_commands.commands(language), *article_commands.commands()):
        knowledge.add_command(command)
    return knowledge


def _sync(folder: str, language: str, sample: bool, source: str) -> None:
    before = knowledge_version().number
    whole = source_commands.sync_source(source) if source else _sync_folder(folder, language, sample)
    if not source:
        for view in list_sources():
            whole = source_commands.sync_source(view.id) and whole
    host_index().refresh()
    source_commands.tell_untested(before)
    if not whole:
        sys.exit(1)


def _sync_folder(folder: str, language: str, sample: bool) -> bool:
    try:
        reports = sync(folder, language, sample)
    except FolderMissing as missing:
        click.echo(f"Error: {missing}", err=True)
        return False
    for report in reports:
        click.echo(str(report))
        for problem in report.problems:
            click.echo(f"  {problem}", err=True)
    if not reports and not list_sources():
        click.echo(
            "There is nothing to read: add a source, or set DESKHAND_KNOWLEDGE_DIR to a folder of Markdown files."
        )
    return not any(report.problems for report in reports)


_MARKS = {"live": "", "gone": "  (removed)", "draft": "  (waits for a review)"}


def _list(removed: bool, drafts: bool, source: str) -> None:
    keys = {id_: key for key, id_ in site_ids().items()}
    for view in list_sources():
        if view.state in {"new", "running", "failed"}:
            click.echo(f"{view.address}: {source_commands.standing(view)}")
    views = list_articles(_source_name(source), gone=removed, drafts=drafts)
    for article in views:
        site = keys.get(article.site, article.site) or "every site"
        mark = _MARKS[article.state] + ("  (for agents only)" if article.visibility == "internal" else "")
        click.echo(
            f"{article.id[:8]}  {article.updated or '-':10}  {article.language or '-':5}  {site:12}  {article.path}  {article.title}{mark}"
        )
    click.echo(f"{len(views)} articles.")


def _source_name(wanted: str) -> str:
    if not wanted or wanted in article_sources():
        return wanted
    try:
        return find_source(wanted).source
    except SourceRefused as refused:
        raise click.ClickException(str(refused)) from None


def _test(question: str, site: str, language: str, context: str, certainty: str, embeddings: bool) -> None:
    sites = site_ids()
    if site and site not in sites:
        raise click.BadParameter(f"There is no site {site}. There are: {', '.join(sorted(sites)) or 'none'}.")
    site_id = sites[site] if site else next(iter(sites.values()), "")
    asked = Question(site=site_id, text=question, language=language, context=context)
    for line in reasons(explain(host_index(), asked, least(certainty), ready_vectors() if embeddings else None)):
        click.echo(line)
