"""Prompts with versions: a draft is changed, published and at last retired; what is published counts from the next turn on.

A version holds all values of its place (the installation, or one site), so that a number says what the AI was told. Publishing and
going back are the same step, and there is one place where it happens: :func:`publish`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot import audit, clock, store
from bot.prompt_values import EVERY, PromptRefused, PromptValues, checked, resolved, rule_of
from bot.store import PromptVersion, Setting, read, sql, write
from bot.store.json_columns import decoded_object

VERSION_KEY = "prompts.version"
NOTE = 300
KEPT = 500
"""Versions of one place; the oldest retired ones go."""

Contents = Mapping[str, tuple[int, Mapping[str, Any]]]
"""By site id (empty: the installation) the number and the values that are published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionView:
    """One version as people see it. Times are Unix seconds."""

    number: int
    site: str = ""
    """Site id; empty: the installation."""
    state: str = "draft"
    """draft, published or retired"""
    values: Mapping[str, Any] = field(default_factory=dict)
    author: str = ""
    note: str = ""
    created_at: float = 0.0
    published_at: float | None = None


_known: tuple[str, str, Contents] | None = None


def in_force(site_id: str, site_settings: Mapping[str, Any]) -> PromptValues:
    """What counts for a site now. One small read while nothing was published since. Inside a read or write."""
    contents = _published()
    own_number, own = contents.get(site_id, (0, {}))
    number, common = contents.get("", (0, {}))
    return resolved(own, site_settings, common, f"{number}.{own_number}")


def prompts_of(site_id: str) -> PromptValues:
    """What counts for a site now, as :func:`in_force`, by the site's id alone. Blocks on the database; raises StoreUnavailable."""

    def look() -> PromptValues:
        row = sql("SELECT settings FROM site WHERE id = ?", (site_id,)).fetchone()
        return in_force(site_id, decoded_object(row[0]) if row else {})

    return read(look)


def published_values(site_id: str, *, own: bool = False) -> dict[str, Any]:
    """Only what was published for the site (and, unless ``own``, for the installation), without what the site's settings say. Blocks
    on the database."""

    def look() -> dict[str, Any]:
        contents = _published()
        common = {} if own else contents.get("", (0, {}))[1]
        return {**common, **contents.get(site_id, (0, {}))[1]}

    return read(look)


def _published() -> Contents:
    global _known
    row = sql("SELECT value FROM setting WHERE key = 'prompts.version'").fetchone()
    if row is None:
        return {}
    marker, database = str(row[0]), store.db.database
    known = _known
    if known is None or known[0] != database or known[1] != marker:
        rows = sql("SELECT site_id, number, content FROM prompt_version WHERE state = 'published'").fetchall()
        contents = {site_id: (int(number), decoded_object(content)) for site_id, number, content in rows}
        known = _known = (str(database), marker, contents)
    return known[2]


# Versions ----------------------------------------------------------------------------------------------------------


def versions_of(site_id: str = "") -> list[VersionView]:
    """All versions of a place, newest first."""
    query = PromptVersion.select().where(PromptVersion.site_id == site_id).order_by(PromptVersion.number.desc())
    return read(lambda: [_view(row) for row in query])


def _view(row: Any) -> VersionView:
    return VersionView(
        number=row.number,
        site=row.site_id,
        state=row.state,
        values=dict(row.content),
        author=row.author,
        note=row.note,
        created_at=row.created_at,
        published_at=row.published_at,
    )


def set_value(site_id: str, name: str, value: Any, *, language: str = EVERY, actor: str, note: str = "") -> VersionView:
    """Set one value in the draft, which is made from what is published if there is none. Raises :class:`PromptRefused`."""
    language = language.lower().replace("_", "-")
    right = checked(name, value, language)
    several = rule_of(name).languages

    def change(content: dict[str, Any]) -> None:
        content[name] = {**content.get(name, {}), language: right} if several else right

    return _change(site_id, change, actor, note)


def unset_value(site_id: str, name: str, *, language: str | None = None, actor: str, note: str = "") -> VersionView:
    """Take a value out of the draft, or only the text of one language. Raises :class:`PromptRefused`."""
    rule_of(name)
    tag = None if language is None else language.lower().replace("_", "-")

    def change(content: dict[str, Any]) -> None:
        value = content.pop(name, None)
        if value is None or (tag is not None and isinstance(value, dict) and tag not in value):
            place = f" for {tag}" if tag else ""
            raise PromptRefused(f"{name} has no value{place} here, so there is nothing to forget. Nothing was changed.")
        if tag is not None and isinstance(value, dict) and (rest := {k: v for k, v in value.items() if k != tag}):
            content[name] = rest

    return _change(site_id, change, actor, note)


def restore(site_id: str, number: int, *, actor: str, note: str = "") -> VersionView:
    """Make the draft as an earlier version was. Raises :class:`PromptRefused`."""
    before = version_of(site_id, number)

    def change(content: dict[str, Any]) -> None:
        content.clear()
        content.update(before.values)

    return _change(site_id, change, actor, note or f"as version {number}")


def version_of(site_id: str, number: int) -> VersionView:
    """One version. Raises :class:`PromptRefused` when there is none of this number."""
    known = versions_of(site_id)
    found = next((one for one in known if one.number == number), None)
    if found is None:
        there = f"There are 1 to {known[0].number}." if known else "There is none yet."
        raise PromptRefused(f"There is no version {number} here. {there} See: deskhand prompts history")
    return found


def discard(site_id: str, *, actor: str) -> bool:
    """Throw the draft away; False: there is none."""

    def work() -> bool:
        _lock()
        gone = (PromptVersion.site_id == site_id) & (PromptVersion.state == "draft")
        done = bool(PromptVersion.delete().where(gone).execute())
        if done:
            audit.record(actor, "prompts.discard", _object(site_id))
        return done

    return write(work)


def _change(site_id: str, change: Any, actor: str, note: str) -> VersionView:
    def work() -> VersionView:
        _lock()
        draft = _one(site_id, "draft")
        fresh = draft is None
        if fresh:
            published = _one(site_id, "published")
            newest = sql("SELECT max(number) FROM prompt_version WHERE site_id = ?", (site_id,)).fetchone()[0] or 0
            draft = PromptVersion(
                id=clock.new_id(), site_id=site_id, number=newest + 1, state="draft", author=actor, created_at=clock.now(),
                content=dict(published.content) if published else {},
            )  # fmt: skip
        content = dict(draft.content)
        change(content)
        draft.content, draft.author, draft.changed_at = content, actor, clock.now()
        draft.note = note[:NOTE] or draft.note
        draft.save(force_insert=fresh)
        audit.record(actor, "prompts.draft", _object(site_id), {"number": draft.number, "values": sorted(content)})
        return _view(draft)

    return write(work)


def publish(
    site_id: str = "",
    *,
    actor: str,
    note: str = "",
    anyway: bool = False,
    force: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> VersionView:
    """Publish the draft: from now on it counts, in every process. The answer tests of the house are asked first and stop what makes
    answers worse (``bot.publishing``, with ``anyway`` and ``tell``); ``force`` does not ask them, for a scratch installation.

    Raises :class:`PromptRefused` when there is nothing to publish, and :class:`bot.publishing.PublishingStopped`.
    """
    known = versions_of(site_id)
    draft = next((one for one in known if one.state == "draft"), None)
    before = next((one for one in known if one.state == "published"), None)
    if draft is None:
        raise PromptRefused("There is no draft to publish. Change something first: deskhand prompts set NAME TEXT")
    if before is not None and dict(before.values) == dict(draft.values):
        raise PromptRefused(
            f"The draft says the same as version {before.number}, which is published. Nothing was changed."
        )
    if force:
        return _put_in_force(draft, actor, note)
    from bot import publishing  # which asks the assistant, and so knows of prompts itself

    what = f"version {draft.number} of the prompts"
    return publishing.publish(what, lambda: _put_in_force(draft, actor, note), actor=actor, anyway=anyway, tell=tell)


def _put_in_force(draft: VersionView, actor: str, note: str) -> VersionView:
    def work() -> VersionView:
        _lock()
        here = PromptVersion.site_id == draft.site
        row = _one(draft.site, "draft")
        if row is None or row.number != draft.number or dict(row.content) != dict(draft.values):
            raise PromptRefused(
                "Somebody else changed the draft meanwhile. Nothing was published; look at it and publish again."
            )
        PromptVersion.update(state="retired").where(here & (PromptVersion.state == "published")).execute()
        row.state, row.published_at, row.note = "published", clock.now(), note[:NOTE] or row.note
        row.save()
        old = PromptVersion.state == "retired"
        PromptVersion.delete().where(here & old & (PromptVersion.number <= row.number - KEPT)).execute()
        Setting.update(value=clock.new_id(), changed_at=clock.now()).where(Setting.key == VERSION_KEY).execute()
        audit.record(
            actor, "prompts.publish", _object(draft.site), {"number": row.number, "values": sorted(row.content)}
        )
        return _view(row)

    return write(work)


def _lock() -> None:
    """Inside a transaction: one who changes prompts at a time. Without the row nothing was ever published."""
    Setting.insert(key=VERSION_KEY, value=clock.new_id(), changed_at=clock.now()).on_conflict_ignore().execute()
    if not store.is_sqlite():
        sql("SELECT 1 FROM setting WHERE key = 'prompts.version' FOR UPDATE")


def _one(site_id: str, state: str) -> Any:
    return PromptVersion.get_or_none((PromptVersion.site_id == site_id) & (PromptVersion.state == state))


def _object(site_id: str) -> str:
    return f"prompts:{site_id}" if site_id else "prompts"
