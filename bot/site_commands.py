"""``deskhand site``: websites with their keys, allowed origins and look."""

from __future__ import annotations

import click

from bot.config import config


@click.group()
def site() -> None:
    """Websites: keys, origins, look."""


def _open() -> None:
    from bot import store

    store.open_database(config().database)
    store.migrate()


@site.command("add")
@click.argument("name")
@click.option("--key", default="", help="Public key in the snippet. Made if it is not given.")
@click.option(
    "--origin", "origins", multiple=True, help="Origin that may use it, such as https://shop.example. Repeat it."
)
@click.option("--title", default="", help="Title of the panel.")
@click.option("--welcome", default="", help="First words of the assistant.")
@click.option("--starter", "starters", multiple=True, help="A suggested question. Up to four.")
@click.option("--locale", default="", help="Language of the widget, such as de. Empty: the visitor's.")
@click.option("--accent", default="", help="Colour such as #2457d6.")
def add(
    name: str,
    key: str,
    origins: tuple[str, ...],
    title: str,
    welcome: str,
    starters: tuple[str, ...],
    locale: str,
    accent: str,
) -> None:
    """Make a site and print the snippet for its pages."""
    from bot.accounts import SELF, SiteError, add_site

    _open()
    words = {"title": title, "welcome": welcome, "starters": list(starters)[:4], "locale": locale}
    try:
        made = add_site(
            name,
            key=key,
            origins=origins or (SELF,),
            look={"accent": accent} if accent else {},
            settings={word: value for word, value in words.items() if value},
        )
    except SiteError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"Made the site {made.name} with the key {made.key}. Put this into its pages:")
    click.echo(
        f'\n  <script async src="{config().base_url}/w/loader.js" data-deskhand data-site="{made.key}"></script>\n'
    )
    if not origins:
        click.echo("Only this installation's own pages may use it. Allow a website with --origin https://shop.example")


@site.command("hours")
@click.argument("key")
@click.argument("mode", type=click.Choice(("open", "closed", "schedule")), required=False)
def hours_(key: str, mode: str | None) -> None:
    """Say whether the site KEY is open, or set it: always open, always closed, or by the schedule of the plugin business_hours."""
    from bot import audit, hours
    from bot.clock import now
    from bot.opening import in_words
    from bot.plugin_commands import actor
    from bot.process import command
    from bot.store import read, write

    with command():
        site_id = _site_id(key)

        def work() -> None:
            hours.set_mode(site_id, str(mode))
            audit.record(actor(), "site.hours", f"site:{key}", {"mode": mode})

        if mode:
            write(work)
        said, how = read(lambda: (hours.opening_of(site_id), hours.mode_of(site_id)))
        known = read(lambda: hours.hours_of(site_id))
        click.echo(f"{key}: {'open' if said.open else 'closed'} now, {_how(how, known is not None)}.")
        if said.next is not None:
            click.echo(f"It opens {in_words(said.next, now(), zone=said.zone)}.")


def _how(mode: str, known: bool) -> str:
    if mode != "schedule":
        return f"always {mode} until you say otherwise: deskhand site hours KEY schedule"
    if known:
        return "by the schedule"
    return 'no hours are set, so always; set them: deskhand plugins set business_hours hours="mon-fri 09:00-17:00"'


@site.command()
@click.argument("key")
@click.option("--open", "while_open", default=None, help="First words of the assistant.")
@click.option(
    "--closed", "while_closed", default=None, help="The same outside opening hours; {opening} is the next one."
)
def welcome(key: str, while_open: str | None, while_closed: str | None) -> None:
    """Change the welcome of the site KEY. An empty text forgets it. With languages and versions: deskhand prompts set welcome."""
    from bot import audit, hours, prompt_versions
    from bot.plugin_commands import actor
    from bot.process import command
    from bot.store import write

    changes = {"welcome": while_open, "welcome_closed": while_closed}
    values = {name: text.strip() for name, text in changes.items() if text is not None}
    if not values:
        raise click.ClickException("Say which: --open TEXT, --closed TEXT, or both. Nothing was changed.")
    with command():
        site_id = _site_id(key)

        published = prompt_versions.published_values(site_id, own=True)
        if versioned := sorted(set(values) & set(published)):
            raise click.ClickException(
                f"{' and '.join(versioned)} of {key} is published with the prompts and would not be shown."
                f" Change it there: deskhand prompts set {versioned[0]} TEXT --site {key} --publish"
            )

        def work() -> None:
            hours.change_site(site_id, **values)
            audit.record(actor(), "site.welcome", f"site:{key}", {"changed": sorted(values)})

        write(work)
        click.echo(f"The welcome of {key} is changed.")


@site.command("set")
@click.argument("key")
@click.argument("pairs", nargs=-1, metavar="[NAME=VALUE]...")
def set_(key: str, pairs: tuple[str, ...]) -> None:
    """Set something of the site KEY, such as answers=checked; an empty value goes back to the default. Without a pair: show what is set."""
    from bot import audit, hours
    from bot.accounts import site_by_key
    from bot.plugin_commands import actor
    from bot.process import command
    from bot.site_settings import SITE_SETTINGS, SiteSettingError, parse
    from bot.store import write

    try:
        values = parse(pairs)
    except SiteSettingError as error:
        raise click.ClickException(str(error)) from None
    with command():
        site_id = _site_id(key)

        def work() -> None:
            hours.change_site(site_id, **values)
            audit.record(actor(), "site.set", f"site:{key}", {"changed": sorted(values)})

        if values:
            write(work)
        found = site_by_key(key)
        for name, known in SITE_SETTINGS.items():
            value = str((found.settings if found else {}).get(name) or known.default)
            click.echo(f"{name:<10} {value or '-':<20} {known.help}")


def _site_id(key: str) -> str:
    from bot.accounts import site_by_key

    found = site_by_key(key) if key else None
    if found is None:
        raise click.ClickException(f"No site has the key {key!r}. See: deskhand site list")
    return found.id


@site.command("list")
def list_sites() -> None:
    """Show all sites."""
    from bot.accounts import sites

    _open()
    found = sites()
    if not found:
        click.echo('There is no site yet. Make one with: deskhand site add "My shop" --origin https://shop.example')
    for one in found:
        click.echo(f"{one.key:<24} {one.name:<32} {' '.join(one.origins)}")
