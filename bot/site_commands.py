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
