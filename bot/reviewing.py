"""The review queue: drafts of articles, from whoever made them, until somebody approves or rejects them.

Approving publishes: the answer tests are run with the article first (``bot.publishing``). What is approved is found within seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.article_versions import (
    ArticleRefused,
    VersionView,
    approve_article,
    edit_draft,
    find_version,
    list_drafts,
    reject_article,
)
from bot.publishing import publish
from bot.store import Lesson, read, write

SHORT = 6
"""Characters of a draft's id by which people call it: the last ones, which differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftWaiting:
    """A draft that waits, with the ticket that it was learned from (0: it came from elsewhere)."""

    draft: VersionView
    ticket: int = 0
    by: str = ""
    """ai or extract, for what was learned."""

    @property
    def ref(self) -> str:
        """What people call it by."""
        return self.draft.id[-SHORT:]


def waiting_drafts() -> list[DraftWaiting]:
    """What waits for a decision, oldest first."""
    drafts = list_drafts()

    def learned() -> dict[str, tuple[int, str]]:
        query = Lesson.select().where(Lesson.draft.in_([draft.id for draft in drafts]))
        return {row.draft: (row.ticket, row.by) for row in query}

    known = read(learned) if drafts else {}
    found = []
    for draft in drafts:
        ticket, by = known.get(draft.id, (0, ""))
        found.append(DraftWaiting(draft=draft, ticket=ticket, by=by))
    return found


def find_draft(ref: str) -> DraftWaiting:
    """The draft that people call by the end of its id. Raises :class:`ArticleRefused`."""
    found = [one for one in waiting_drafts() if len(ref) >= 4 and one.draft.id.endswith(ref.lower())]
    if len(found) == 1:
        return found[0]
    decided = find_version(ref)
    if decided is not None:
        raise ArticleRefused(f"This draft was decided already: it is {decided.state}.")
    which = "No draft that waits is" if not found else "Several drafts are"
    raise ArticleRefused(f"{which} called {ref[:40]}. See: deskhand knowledge review list")


def approve(ref: str, *, by: str, anyway: bool = False, tell: Callable[[str], None] = lambda line: None) -> str:
    """Publish a draft; returns the article's id. ``anyway``: also when answer tests get worse.

    Raises :class:`ArticleRefused` and :class:`bot.PublishingStopped`.
    """
    draft = find_draft(ref).draft
    return publish(
        f"the article “{draft.title}”", lambda: approve_article(draft.id, by=by), actor=by, anyway=anyway, tell=tell
    )


def reject(ref: str, *, by: str, note: str = "") -> None:
    """Put a draft aside; the same text is not brought again. Raises :class:`ArticleRefused`."""
    reject_article(find_draft(ref).draft.id, by=by, note=note)


def edit(ref: str, *, by: str, title: str = "", body: str = "", language: str = "") -> DraftWaiting:
    """Change what a draft says (empty: as it is); the new draft takes its place. Raises :class:`ArticleRefused`."""
    before = find_draft(ref)

    def work() -> str:
        new = edit_draft(before.draft.id, by=by, title=title, body=body, language=language)
        Lesson.update(draft=new).where(Lesson.draft == before.draft.id).execute()
        return new

    return find_draft(write(work))
