"""A position that several processes write."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

from bot.cursors import change_cursor, load_cursor, save_cursor


def test_a_position_is_kept_under_its_name(store: ModuleType) -> None:
    assert load_cursor("one") == ""
    save_cursor("one", "7")
    save_cursor("two", "8")
    assert (load_cursor("one"), load_cursor("two")) == ("7", "8")


def test_changes_at_the_same_moment_are_all_kept(store: ModuleType) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: change_cursor("moves", lambda before: f"{before} {n}"), range(40)))
    assert sorted(int(part) for part in load_cursor("moves").split()) == list(range(40))
