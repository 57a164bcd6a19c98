"""``deskhand knowledge``: sync the folder now, list the articles, test a question."""

from __future__ import annotations

import sys

import click

from bot import Question, list_articles, site_ids
from plugins.knowledge.scan import FolderMissing
from plugins.knowledge.search import ANSWERABLE, explain
from plugins.knowledge.sync import host_index, sync


def knowledge_command(folder: str, language: str, sample: bool) -> click.Command:
    """Make the command for these settings."""

    @click.group("knowledge", help="Articles: sync the folder, list them, test a question.")
    def knowledge() -> None:
        pass

    @knowledge.command("sync", help="Read the folder now and bring this host's index up to date.")
    def sync_now() -> None:
        _sync(folder, language, sample)

    @knowledge.command("list", help="List the articles.")
    @click.option("--removed", is_flag=True, help="Show removed articles, too.")
    def list_all(removed: bool) -> None:
        _list(removed)

    @knowledge.command("test", help="Show what would be found for a question, and why it would be answered or not.")
    @click.argument("question")
    @click.option("--site", default="", help="Key of the site that asks. Default: the first one.")
    @click.option("--language", "tag", default="", help="The customer's language, such as de.")
    @click.option("--context", default="", help="What the customer said before.")
    def test(question: str, site: str, tag: str, context: str) -> None:
        _test(question, site, tag, context)

    return knowledge


def _sync(folder: str, language: str, sample: bool) -> None:
    try:
        reports = sync(folder, language, sample)
    except FolderMissing as missing:
        raise click.ClickException(str(missing)) from None
    for report in reports:
        click.echo(str(report))
        for problem in report.problems:
            click.echo(f"  {problem}", err=True)
    if not reports:
        click.echo("There is no folder to read: set DESKHAND_KNOWLEDGE_DIR to a folder of Markdown files.")
    if any(report.problems for report in reports):
        sys.exit(1)


def _list(removed: bool) -> None:
    keys = {id_: key for key, id_ in site_ids().items()}
    views = list_articles(gone=removed)
    for view in views:
        site = keys.get(view.site, view.site) or "every site"
        mark = "" if view.state == "live" else "  (removed)"
        click.echo(f"{view.updated or '-':10}  {view.language or '-':5}  {site:12}  {view.path}  {view.title}{mark}")
    click.echo(f"{len(views)} articles.")


def _test(question: str, site: str, language: str, context: str) -> None:
    sites = site_ids()
    if site and site not in sites:
        raise click.BadParameter(f"There is no site {site}. There are: {', '.join(sorted(sites)) or 'none'}.")
    site_id = sites[site] if site else next(iter(sites.values()), "")
    result = explain(host_index(), Question(site=site_id, text=question, language=language, context=context))
    terms = ", ".join(f"{term.word} ({term.passages} passages, {term.weight:.1f})" for term in result.asked.terms)
    click.echo(f"language {result.asked.language or '-'}{', a follow-up' if result.asked.follow_up else ''}")
    click.echo(f"words    {terms or 'none that say what it is about'}")
    decision = "it would be answered" if result.found.answerable else "it would not be answered"
    click.echo(f"covered  {result.coverage:.2f} of at least {ANSWERABLE:.2f}: {decision}")
    for number, passage in enumerate(result.found.passages, 1):
        heading = f" › {passage.heading}" if passage.heading else ""
        click.echo(f"\n[{number}] {passage.score:.1f}  {passage.title}{heading}  ({passage.id})")
        for line in passage.text.splitlines():
            click.echo(f"    {line}")
