"""Two contacts that a code shows to be one are merged, no surer than they were, and it can be undone."""

from __future__ import annotations

from typing import Any

import pytest

from bot import audit, clock, merging
from tests.carrying_over.conftest import asked, comes, now_at, rows, said, shows
from tests.commanding import command


def test_nothing_is_taken_for_more_sure_than_it_was(store: Any) -> None:
    comes(said("post", "anna"))
    comes(said("pigeon", "p7"))
    kept, gone = (
        rows(store, "SELECT contact_id FROM identity WHERE channel = ?", channel)[0][0]
        for channel in ("post", "pigeon")
    )
    for contact, address, at in (
        (kept, "a@example.com", None),
        (gone, "a@example.com", 5.0),
        (gone, "b@example.com", None),
    ):
        store.write(
            lambda c=contact, a=address, t=at: store.MailAddress.create(
                id=clock.new_id(), contact=c, address=a, confirmed_at=t, created_at=1
            )
        )
    comes(shows("pigeon", "p7", asked("post", "anna")))
    found = rows(store, "SELECT address, confirmed_at FROM mail_address WHERE contact_id = ? ORDER BY address", kept)
    assert found == [("a@example.com", None), ("b@example.com", None)], "confirmed only for whoever confirmed it"


def test_a_merge_can_be_undone_and_everything_is_as_before(store: Any) -> None:
    mine = comes(said("post", "anna")).conversation_id
    theirs = comes(said("pigeon", "p7", "mine")).conversation_id
    before = (
        rows(store, "SELECT id, contact_id FROM conversation ORDER BY id"),
        rows(store, "SELECT id, contact_id FROM identity ORDER BY id"),
    )
    comes(shows("pigeon", "p7", asked("post", "anna")))
    assert len({row[1] for row in rows(store, "SELECT id, contact_id FROM identity")}) == 1
    (merge,) = store.read(merging.merges)
    store.write(lambda: merging.unmerge(merge.id[:18], actor="cli:test"))
    after = (
        rows(store, "SELECT id, contact_id FROM conversation ORDER BY id"),
        rows(store, "SELECT id, contact_id FROM identity ORDER BY id"),
    )
    assert after == before
    assert now_at(store, mine) == [("post", "post-anna")] and now_at(store, theirs) == [("pigeon", "pigeon-p7")]
    assert comes(said("post", "anna", "again")).conversation_id == mine
    assert comes(said("pigeon", "p7", "again")).conversation_id == theirs
    with pytest.raises(merging.MergeError, match="undone before"):
        store.write(lambda: merging.unmerge(merge.id, actor="cli:test"))
    told = {entry.action for entry in audit.entries()}
    assert {"contact.merge", "contact.unmerge"} <= told


def test_what_began_since_the_merge_goes_with_the_place_it_began_at(store: Any) -> None:
    mine = comes(said("post", "anna")).conversation_id
    comes(shows("pigeon", "p7", asked("post", "anna")))
    comes(shows("drum", "d1", asked("pigeon", "p7")))  # the conversation goes on to a third place
    fresh = comes(said("pigeon", "p7", "new here")).conversation_id
    second, first = store.read(merging.merges)
    with pytest.raises(merging.MergeError, match=second.id):
        store.write(lambda: merging.unmerge(first.id, actor="cli:test"))
    store.write(lambda: merging.unmerge(second.id, actor="cli:test"))
    assert now_at(store, mine) == [], "its old place has another conversation by now"
    store.write(lambda: merging.unmerge(first.id, actor="cli:test"))
    owner = rows(store, "SELECT contact_id FROM identity WHERE external_id = 'p7'")
    assert rows(store, "SELECT contact_id FROM conversation WHERE id = ?", fresh) == owner
    assert comes(said("pigeon", "p7", "more")).conversation_id == fresh


def test_an_operator_lists_and_undoes_merges(store: Any) -> None:
    comes(said("post", "anna"))
    comes(shows("pigeon", "p7", asked("post", "anna")))
    shown = command(store, "contacts", "merges")
    assert shown.exit_code == 0 and "post to pigeon" in shown.output
    done = command(store, "contacts", "unmerge", shown.output.split()[0])
    assert done.exit_code == 0 and "two contacts again" in done.output
    assert "undone" in command(store, "contacts", "merges").output
    wrong = command(store, "contacts", "unmerge", "nothing")
    assert wrong.exit_code == 1 and "No merge has this id" in wrong.output
