"""``deskhand knowledge add | remove | sources``, and reading a source in the terminal."""

from __future__ import annotations

import re
import time

import click

from bot import (
    SourceOrder,
    SourceRefused,
    SourceView,
    add_source,
    ask_for_source,
    command_actor,
    find_source,
    get_config,
    import_source,
    kinds_of_source,
    knowledge_version,
    list_sources,
    remove_source,
    site_id_of,
    site_ids,
)

UNTESTED = "Not tested: what folders and sources say is live as soon as it is read, without the answer tests. Ask them now: deskhand eval"
_UNITS = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


class Every(click.ParamType):
    """A time such as ``6h``."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"(\d+)\s*([mhdw])", str(value).strip().lower())
        if not found or not int(found[1]):
            self.fail(f"{value} is no time such as 30m, 6h, 1d or 1w", param, ctx)
        return float(int(found[1]) * _UNITS[found[2]])


def commands(default_language: str) -> list[click.Command]:
    """The commands; ``default_language`` is that of articles that do not name theirs."""

    @click.command(
        help="Add a source: a web page, a website, a Markdown folder, a PDF, a CSV or XLSX of questions and answers."
    )
    @click.argument("address")
    @click.option("--site", default="", help="Key of the site that may see it. Default: every site.")
    @click.option("--language", default="", help="Its language, such as de. Default: what it says itself.")
    @click.option(
        "--every", type=Every(), default=None, help="Read it again every 30m, 6h, 1d, 1w. Default: 1d; files: 5m."
    )
    @click.option("--once", is_flag=True, help="Never read it again by itself.")
    @click.option(
        "--visibility", type=click.Choice(["public", "internal"]), default="public", help="internal: for agents only."
    )
    @click.option("--sitemap", is_flag=True, help="Of a website: read the pages that its sitemap names.")
    @click.option("--depth", default=0, help="Of a website: follow links below the address for so many steps.")
    @click.option("--pages", type=int, default=None, help="Of a website: read at most so many pages.")
    @click.option("--wait", is_flag=True, help="Read it here and now, and show how far it is.")
    def add(
        address: str, site: str, language: str, every: float | None, once: bool, visibility: str, sitemap: bool, depth: int,
        pages: int | None, wait: bool,
    ) -> None:  # fmt: skip
        options = {"sitemap": sitemap, "depth": depth, "pages": pages, "default_language": default_language}
        order = SourceOrder(address=address, language=_tag(language), options={k: v for k, v in options.items() if v})
        try:
            site_id = site_id_of(site)
            kind, order = _checked(order)
            often = 0.0 if once else every or (86_400.0 if "://" in order.address else 300.0)
            view = add_source(
                kind,
                order,
                by=command_actor(),
                site=site_id,
                visibility="internal" if visibility == "internal" else "public",
                every=often,
            )
        except SourceRefused as refused:
            raise click.ClickException(str(refused)) from None
        click.echo(f"Added {view.address} ({kind}).")
        if wait:
            before = knowledge_version().number
            read_now(view)
            tell_untested(before)
        else:
            click.echo("The worker reads it now; deskhand knowledge list shows how far it is.")
            click.echo(f"If Deskhand is not running: deskhand knowledge sync {view.address}")
            if get_config().answer_tests is not None:
                click.echo(UNTESTED, err=True)

    @click.command(help="Take a source and its articles away. SOURCE is its address or its id.")
    @click.argument("source")
    @click.option("--yes", is_flag=True, help="Do not ask.")
    def remove(source: str, yes: bool) -> None:
        view = _found(source)
        if not yes:
            click.confirm(f"Remove {view.address} with its {view.articles} articles?", abort=True)
        gone = remove_source(view.id, by=command_actor())
        click.echo(f"Removed {view.address} and {gone} articles. Their versions can still be restored.")

    @click.command(help="List the sources, how often they are read, and how the last look went.")
    def sources() -> None:
        views = list_sources()
        keys = {id_: key for key, id_ in site_ids().items()}
        for view in views:
            site = keys.get(view.site, view.site) or "every site"
            hidden = ", for agents only" if view.visibility == "internal" else ""
            click.echo(f"{view.id[-8:]}  {view.kind:8}  {site:12}  {_often(view):9}  {view.address}{hidden}")
            click.echo(f"          {standing(view)}")
            for problem in view.report.problems[:5]:
                click.echo(f"          {problem}")
            if len(view.report.problems) > 5:
                click.echo(f"          and {view.report.left_out + view.report.failed - 5} more")
        click.echo(f"{len(views)} sources.")

    return [add, remove, sources]


def read_now(view: SourceView) -> bool:
    """Read a source here, showing how far it is; whether nothing was left out."""
    shown = [0.0]

    def told(now: SourceView) -> None:
        if time.monotonic() - shown[0] >= 1.0:
            shown[0] = time.monotonic()
            click.echo(f"  {standing(now)}", err=True)

    after = import_source(view.id, told=told)
    click.echo(f"{after.address}: {standing(after)}")
    for problem in after.report.problems:
        click.echo(f"  {problem}", err=True)
    return after.state != "failed" and not after.report.problems


def tell_untested(before: int) -> None:
    """Say that answer tests were not asked, if there are some and articles have changed since the version ``before``."""
    if get_config().answer_tests is not None and knowledge_version().number != before:
        click.echo(UNTESTED, err=True)


def sync_source(wanted: str) -> bool:
    """Read one source that exists; whether nothing was left out."""
    view = _found(wanted)
    ask_for_source(view.id)
    return read_now(view)


def standing(view: SourceView) -> str:
    """Where a source stands, in one line."""
    report = view.report
    counts = f"{report.added} added, {report.changed} changed, {report.unchanged} unchanged, {report.removed} removed"
    counts += f", {report.drafts} to be reviewed" if report.drafts else ""
    counts += f", {report.failed + report.left_out} left out" if report.failed + report.left_out else ""
    if view.state == "new":
        return "not read yet"
    if view.state == "running":
        return f"reading: {view.done} of {view.total} places so far, {counts}"
    if view.state == "failed":
        return view.error
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(view.ended_at)) if view.ended_at else "-"
    return f"read {when}: {counts}"


def _often(view: SourceView) -> str:
    if not view.every:
        return "once"
    for unit, seconds in reversed(_UNITS.items()):
        if view.every % seconds == 0:
            return f"every {int(view.every // seconds)}{unit}"
    return f"every {view.every:.0f}s"


def _found(wanted: str) -> SourceView:
    try:
        return find_source(wanted)
    except SourceRefused as refused:
        raise click.ClickException(str(refused)) from None


def _checked(order: SourceOrder) -> tuple[str, SourceOrder]:
    kinds = kinds_of_source()
    fitting = [kind for kind in kinds.values() if kind.accepts(order.address)]
    if not fitting:
        known = ", ".join(kind.title or kind.kind for kind in kinds.values()) or "nothing: their plugins are off"
        raise SourceRefused(
            f"{order.address} is nothing that can be read. An address begins with https://, a file or folder must be there. "
            f"What can be read: {known}."
        )
    return fitting[0].kind, fitting[0].check(order)


def _tag(language: str) -> str:
    if language and not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", language):
        raise click.BadParameter(f"{language} is no language such as en or pt-BR.")
    return language
