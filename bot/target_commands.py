"""``deskhand targets``: how soon customers should hear from people, and what is done before and after."""

from __future__ import annotations

import click

from bot.accounts import site_by_key
from bot.plugin_commands import actor
from bot.process import command
from bot.service_targets import (
    ESCALATE,
    KINDS,
    PRIORITIES,
    Kind,
    Policy,
    TargetError,
    in_short,
    length,
    policy,
    reset,
    set_policy,
    set_targets,
    target,
)
from bot.store import read, sql, write

_FIELDS: dict[str, Kind] = {"first-reply": "first_reply", "resolve": "resolve"}
_SOURCES = {"site": "this site", "all": "set here", "default": "default"}
SITE = click.option("--site", "site_key", default="", help="Only for the site with this key.")
FOLLOW = "Open tickets follow in a moment."


@click.group("targets")
def targets() -> None:
    """How soon customers should hear from people."""


@targets.command()
@SITE
def show(site_key: str) -> None:
    """What is promised, by priority, and what happens when it is not kept."""
    with command():
        site_id = _site(site_key)
        rules = read(policy)
        click.echo(f"{'priority':<10} {'first reply':<14} {'solution':<14}")
        for priority in reversed(PRIORITIES):
            found = read(lambda p=priority: [target(site_id, p, kind) for kind in KINDS])  # type: ignore[misc]
            cells = [f"{in_short(one.seconds):<14}" for one in found]
            said = " and ".join(dict.fromkeys(_SOURCES[one.source] for one in found))
            click.echo(f"{priority:<10} {' '.join(cells)} {said}".rstrip())
        click.echo("\nIn opening hours (deskhand site hours KEY). A solution's clock stands while a ticket is snoozed.")
        _say(rules)
        own = read(lambda: sql(
            "SELECT DISTINCT s.key FROM service_target t JOIN site s ON s.id = t.site_id ORDER BY s.key").fetchall())  # fmt: skip
        if own and not site_key:
            click.echo(f"Sites with targets of their own: {', '.join(key for (key,) in own)}")


@targets.command("set")
@click.argument("priority", type=click.Choice(PRIORITIES))
@click.argument("pairs", nargs=-1, required=True, metavar="[first-reply TIME] [resolve TIME]")
@SITE
def set_(priority: str, pairs: tuple[str, ...], site_key: str) -> None:
    """Promise something: deskhand targets set urgent first-reply 15m resolve 4h. TIME is 15m, 4h, 2d or never."""
    with command():
        site_id = _site(site_key)
        try:
            wanted = _wanted(pairs)
            write(lambda: set_targets(site_id, priority, wanted, actor=actor(), site_key=site_key))
        except TargetError as error:
            raise click.ClickException(str(error)) from None
        found = read(lambda: [target(site_id, priority, kind).seconds for kind in KINDS])
    where = f" at {site_key}" if site_key else ""
    click.echo(f"{priority}{where}: first reply {in_short(found[0])}, solution {in_short(found[1])}. {FOLLOW}")


def _wanted(pairs: tuple[str, ...]) -> dict[Kind, float]:
    wanted: dict[Kind, float] = {}
    for name, value in zip(pairs[::2], (*pairs[1::2], ""), strict=False):
        kind = _FIELDS.get(name.lower())
        if kind is None:
            raise TargetError(f"{name[:40]}: there are first-reply and resolve. Nothing was changed.")
        if kind in wanted:
            raise TargetError(f"{name}: it is given twice. Nothing was changed.")
        wanted[kind] = length(value, name.lower())
    return wanted


@targets.command("reset")
@click.argument("priority", type=click.Choice(PRIORITIES), required=False)
@SITE
def reset_(priority: str | None, site_key: str) -> None:
    """Forget what was set, of one PRIORITY or of all: of a site, or of the house."""
    with command():
        site_id = _site(site_key)
        gone = write(lambda: reset(site_id, priority or "", actor=actor(), site_key=site_key))
    click.echo(f"Reset. {FOLLOW}" if gone else "Nothing of this was set.")


@targets.command("policy")
@click.option("--remind", help="When somebody is reminded: 80% of the time has passed, 10m before it ends, or off.")
@click.option("--escalate", type=click.Choice(ESCALATE), help="Who is alerted when it has passed.")
@click.option("--raise/--no-raise", "raises", default=None, help="Whether the ticket presses one step more then.")
def policy_(remind: str | None, escalate: str | None, raises: bool | None) -> None:
    """What is done before and after a due time. Without an option it says how it is."""
    with command():
        if (remind, escalate, raises) == (None, None, None):
            _say(read(policy))
            return
        try:
            rules = write(lambda: set_policy(remind=remind, escalate=escalate, raises=raises, actor=actor()))
        except TargetError as error:
            raise click.ClickException(str(error)) from None
    _say(rules)


def _say(rules: Policy) -> None:
    when = {"%": f"after {rules.remind} of the time", "f": "off"}.get(
        rules.remind[-1], f"{rules.remind} before the time ends"
    )
    raises = "the ticket presses one step more" if rules.raises else "its priority stays"
    click.echo(f"Reminder: {when}. Overdue: alerts {rules.escalate}, {raises}.")


def _site(key: str) -> str:
    if not key:
        return ""
    found = site_by_key(key)
    if found is None:
        raise click.ClickException(f"There is no site with the key {key[:60]}. See: deskhand site list")
    return found.id
