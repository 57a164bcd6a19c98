"""Ids sort by the time at which they were made, also those of one moment."""

from __future__ import annotations

import itertools
import uuid

from bot.clock import new_id


def test_ids_made_one_after_the_other_sort_so_and_are_uuids_of_version_7() -> None:
    ids = [new_id() for _ in range(2_000)]
    # Two within the same quarter of a microsecond may stand either way: hardly ever, and never far.
    assert sum(a > b for a, b in itertools.pairwise(ids)) <= 5
    assert len(set(ids)) == len(ids)
    assert {uuid.UUID(one).version for one in ids} == {7}
    assert {uuid.UUID(one).variant for one in ids} == {uuid.RFC_4122}
