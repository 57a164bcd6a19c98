"""The knowledge base as it was: in a scratch installation every article says what it said at a moment."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.article_versions import article_history, restore_article
from bot.articles import list_articles, retire_articles
from bot.store import Article, read

ACTOR = "answer-tests"


def moment_of(text: str) -> float | None:
    """A date or a time such as ``2026-11-03`` or ``2026-11-03T14:30`` (UTC) in Unix seconds; of a date its end. ``None``: it is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    at = found.timestamp()
    return at + 86_399.999 if len(text) <= len("2026-11-03") else at


def put_back(at: float) -> int:
    """Let every article say what it said at ``at``; returns how many say something else then. What is older than the versions
    that are kept says what it says now. Only in a scratch installation."""
    gone = read(
        lambda: {
            row.id: row.changed_at
            for row in Article.select(Article.id, Article.changed_at, Article.state)
            if row.state == "gone"
        }
    )
    changed, later = 0, []
    for view in list_articles(gone=True):
        if gone.get(view.id, float("inf")) <= at:
            continue  # it was gone by then
        former = [one for one in article_history(view.id) if one.kind == "text" and one.state in {"live", "old"}]
        then = next((one for one in former if (one.decided_at or one.created_at) <= at), None)
        if then is None:
            if former and view.state == "live" and former[-1].number == 1:
                later.append(view.id)
        elif then.state != "live" or view.state != "live":
            restore_article(view.id, then.number, by=ACTOR)
            changed += 1
    return changed + retire_articles(later)
