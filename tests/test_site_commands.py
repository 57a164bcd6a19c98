"""``deskhand site``: add and list websites."""

from __future__ import annotations

from typing import Any

from click.testing import CliRunner

from bot import accounts
from bot.site_commands import site


def run(*arguments: str) -> Any:
    accounts.forget_sites()
    return CliRunner().invoke(site, list(arguments))


def test_an_added_site_is_listed_and_its_snippet_shown(store: Any) -> None:
    made = run(
        "add", "My shop", "--key", "shop", "--origin", "https://shop.example", "--welcome", "Hi", "--accent", "#123456"
    )
    assert made.exit_code == 0, made.output
    assert 'data-site="shop"' in made.output
    assert "/w/loader.js" in made.output
    listed = run("list")
    assert "shop" in listed.output
    assert "https://shop.example" in listed.output
    view = accounts.site_by_key("shop")
    assert view is not None
    assert (dict(view.settings), dict(view.look)) == ({"welcome": "Hi"}, {"accent": "#123456"})


def test_without_an_origin_it_says_that_only_own_pages_may_use_it(store: Any) -> None:
    assert "--origin" in run("add", "My shop").output


def test_mistakes_are_one_sentence(store: Any) -> None:
    wrong = run("add", "x", "--origin", "shop.example")
    assert wrong.exit_code == 1
    assert "https://shop.example" in wrong.output
    run("add", "x", "--key", "taken")
    assert "already" in run("add", "y", "--key", "taken").output


def test_an_empty_list_says_what_to_do(store: Any) -> None:
    assert "deskhand site add" in run("list").output
