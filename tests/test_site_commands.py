"""``deskhand site``: add and list websites."""

from __future__ import annotations

from typing import Any

import pytest
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


def test_what_is_set_for_a_site_counts_and_is_shown(store: Any) -> None:
    run("add", "My shop", "--key", "shop", "--welcome", "Hi")
    made = run("set", "shop", "answers=checked", "title=Help", "locale=pt-BR")
    assert made.exit_code == 0 and "checked" in made.output, made.output
    view = accounts.site_by_key("shop")
    assert view is not None
    assert dict(view.settings) == {"welcome": "Hi", "answers": "checked", "title": "Help", "locale": "pt-BR"}
    assert run("set", "shop", "answers=").exit_code == 0
    view = accounts.site_by_key("shop")
    assert view is not None and "answers" not in view.settings, "an empty value goes back to the default"
    assert "streamed" in run("set", "shop").output


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ("answers=quick", "streamed or checked"), ("answers", "NAME=VALUE"), ("answer=checked", "There are: answers"), ("=x", "There are"),
        ("locale=german please", "de or pt-BR"), ("title=" + "x" * 81, "81 characters"), ("answers=checked\n", ""),
    ],
)  # fmt: skip
def test_what_cannot_be_set_is_refused_and_nothing_counts(store: Any, pair: str, words: str) -> None:
    run("add", "My shop", "--key", "shop")
    wrong = run("set", "shop", "title=Help", pair)
    assert (wrong.exit_code == 1) == bool(words) and words in wrong.output, wrong.output
    view = accounts.site_by_key("shop")
    assert view is not None and (view.settings.get("title") == "Help") != bool(words)
    assert run("set", "nowhere", "title=Help").exit_code == 1
