"""Canned replies: rows that agents send often, with their checks. The only way commands, forms and files touch them.

Nothing in them is about a customer; what is filled in for one is worked out when it is needed (:mod:`bot.canned_words`).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from bot import audit, canned_words, clock
from bot.desk_actions import WORDS, Action
from bot.hidden import strip_hidden
from bot.store import is_sqlite, read, sql, write

MOST = 2_000
MAX_TEXT, MAX_TITLE, MAX_CATEGORY = 4_000, 100, 60
USE_DAYS = 90
"""Days for which it is known how often a reply was sent: what helped a year ago says little of what is needed now."""
FIELDS = ("shortcut", "title", "text", "category", "language", "site", "on")
"""What people may set, in the order of files."""
_SHORTCUT = re.compile(r"[a-z0-9_-]{1,40}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}")
_NOTE = re.compile(r"\s*(?:note:|🔒|//)", re.IGNORECASE)
_COLUMNS = (
    "id, shortcut, title, text, category, language, site_id, enabled, created_by, created_at, changed_by, changed_at"
)
_USES = (
    "(SELECT count(*) FROM canned_use u WHERE u.canned = c.id AND u.at > ?),"
    " (SELECT max(u.at) FROM canned_use u WHERE u.canned = c.id AND u.at > ?) FROM canned_reply c"
)


class CannedRefused(Exception):
    """A canned reply that is not taken. ``problems``: a sentence for each field that is wrong; the text is all of them."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = dict(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class CannedReply:
    """One canned reply. ``shortcut`` tells it from the others; ``text`` is a small Markdown with variables."""

    shortcut: str
    title: str = ""
    text: str = ""
    category: str = ""
    language: str = ""
    site: str = ""
    """Key of a site; empty: every one."""
    on: bool = True
    id: str = ""
    site_id: str = ""
    uses: int = 0
    """In the last :data:`USE_DAYS`."""
    used_at: float | None = None
    created_by: str = ""
    created_at: float = 0.0
    changed_by: str = ""
    changed_at: float = 0.0

    def fits(self, site_id: str) -> bool:
        """Whether it may be sent to customers of a site."""
        return self.site_id in {"", site_id}

    @property
    def since(self) -> str:
        """The time that its uses are of, behind their number; empty: since it was made."""
        return f" in {USE_DAYS} days" if self.created_at < counted_since() else ""


def counted_since() -> float:
    """Uses before this moment are not known any more. Unix seconds."""
    return clock.now() - USE_DAYS * 86_400.0


def checked(given: CannedReply, sites: Mapping[str, str]) -> CannedReply:
    """The reply as it is stored. ``sites``: ids by key. Raises :class:`CannedRefused` with every field that is wrong."""
    wrong: dict[str, str] = {}
    shortcut = given.shortcut.strip().removeprefix("!").lower()
    if not _SHORTCUT.fullmatch(shortcut):
        wrong["shortcut"] = "A shortcut has 1 to 40 letters from a to z, digits, - and _, such as: refund"
    elif shortcut in _reserved():
        wrong["shortcut"] = f"!{shortcut} means something else in a thread. Choose another shortcut."
    title = _line(given.title) or re.sub(r"[-_]+", " ", shortcut).strip().capitalize() or shortcut
    _short(wrong, "title", title, MAX_TITLE)
    text = strip_hidden(given.text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    wrong |= {"text": problem} if (problem := _text_problem(text)) else {}
    category = _line(given.category)
    _short(wrong, "category", category, MAX_CATEGORY)
    language = _tag(given.language)
    if language and not _LANGUAGE.fullmatch(language):
        wrong["language"] = f"{given.language[:40]!r} is no language. Write it as de or pt-BR, or leave it out."
    if given.site and given.site not in sites:
        wrong["site"] = f"There is no site {given.site[:40]!r}. See: deskhand site list"
    if wrong:
        raise CannedRefused(wrong)
    return replace(
        given, shortcut=shortcut, title=title, text=text, category=category, language=language, site_id=sites.get(given.site, "")
    )  # fmt: skip


@cache
def _reserved() -> frozenset[str]:
    """Words in a thread that mean something else."""
    from bot.workplace import rooms

    return frozenset({*Action, *WORDS, *rooms.commands(), "help", "note"})


def _line(text: str) -> str:
    return " ".join(strip_hidden(text).split())


def _short(wrong: dict[str, str], name: str, value: str, longest: int) -> None:
    if len(value) > longest:
        wrong[name] = f"The {name} has {len(value)} characters; at most {longest} are taken."


def _text_problem(text: str) -> str:
    if not text:
        return "There is no text. Write what is sent to the customer."
    if len(text) > MAX_TEXT:
        return f"The text has {len(text):,} characters; at most {MAX_TEXT:,} are taken. Shorten it."
    if _NOTE.match(text):
        return "A reply that begins with //, note: or 🔒 would look like a note. Begin it with something else."
    return canned_words.problem(text)


def _tag(language: str) -> str:
    first, _, rest = language.strip().replace("_", "-").partition("-")
    return f"{first.lower()}-{rest}" if rest else first.lower()


# Rows ---------------------------------------------------------------------------------------------------------------


def all_of(*, on: bool | None = None) -> list[CannedReply]:
    """All canned replies, by category and shortcut; ``on``: only those that are switched so. Inside a read or write."""
    keys = {site_id: key for key, site_id in sites().items()}
    columns, since = ", ".join(f"c.{name}" for name in _COLUMNS.split(", ")), counted_since()
    rows = sql(f"SELECT {columns}, {_USES} ORDER BY c.category, c.shortcut", (since, since)).fetchall()
    found = [_reply(row, keys) for row in rows]
    return [one for one in found if on is None or one.on is on]


def with_id(canned_id: str) -> CannedReply | None:
    """Inside a read or write."""
    return _one("c.id = ?", canned_id)


def with_shortcut(shortcut: str) -> CannedReply | None:
    """With or without its exclamation mark, in any case. Inside a read or write."""
    return _one("c.shortcut = ?", shortcut.strip().removeprefix("!").lower())


def shortcuts(*, on: bool | None = None) -> list[str]:
    """All of them, or only of those that are switched so. Inside a read or write."""
    rows = sql("SELECT shortcut, enabled FROM canned_reply ORDER BY shortcut").fetchall()
    return [row[0] for row in rows if on is None or bool(row[1]) is on]


def _one(where: str, value: str) -> CannedReply | None:
    columns, since = ", ".join(f"c.{name}" for name in _COLUMNS.split(", ")), counted_since()
    row = sql(f"SELECT {columns}, {_USES} WHERE {where}", (since, since, value)).fetchone()
    return _reply(row, {site_id: key for key, site_id in sites().items()}) if row else None


def _reply(row: Sequence[Any], keys: Mapping[str, str]) -> CannedReply:
    return CannedReply(
        id=row[0], shortcut=row[1], title=row[2], text=row[3], category=row[4], language=row[5], site_id=row[6],
        site=keys.get(row[6], ""), on=bool(row[7]), created_by=row[8], created_at=row[9], changed_by=row[10], changed_at=row[11],
        uses=row[12], used_at=row[13],
    )  # fmt: skip


def sites() -> dict[str, str]:
    """Ids of the sites by their keys. Inside a read or write."""
    return {row[0]: row[1] for row in sql("SELECT key, id FROM site").fetchall()}


def add(given: CannedReply, *, actor: str) -> CannedReply:
    """Store a new canned reply. Inside a write. Raises :class:`CannedRefused`, also when its shortcut is taken."""
    _alone()
    right = checked(given, sites())
    _free(right.shortcut)
    known = sql("SELECT count(*) FROM canned_reply").fetchone()[0]
    if known >= MOST:
        raise CannedRefused(
            {"shortcut": f"There are {known:,} canned replies, and at most {MOST:,} are kept. Remove some."}
        )
    made = _insert(right, actor)
    audit.record(actor, "canned.add", f"canned:{made.shortcut}")
    return made


def change(shortcut: str, /, *, actor: str, was: float | None = None, **values: Any) -> CannedReply:
    """Change some fields, also the shortcut. ``was``: when it was last changed as far as the person knows. Inside a write.
    Raises :class:`CannedRefused`."""
    _alone()
    before = _known(shortcut)
    if was is not None and abs(before.changed_at - was) > 1e-6:
        by = before.changed_by
        raise CannedRefused(
            {"text": f"{by} has changed this meanwhile. Nothing was changed: open it again to see how it is now."}
        )
    right = checked(replace(before, **values), sites())
    changed = [name for name in FIELDS if getattr(right, name) != getattr(before, name)]
    if not changed:
        return before
    if right.shortcut != before.shortcut:
        _free(right.shortcut)
    right = _update(right, actor)
    audit.record(actor, "canned.change", f"canned:{before.shortcut}", {"changed": changed})
    return right


def remove(shortcut: str, *, actor: str) -> CannedReply:
    """Forget one. What was sent of it stays. Inside a write. Raises :class:`CannedRefused` when there is none."""
    _alone()
    found = _known(shortcut)
    sql("DELETE FROM canned_use WHERE canned = ?", (found.id,))
    sql("DELETE FROM canned_reply WHERE id = ?", (found.id,))
    audit.record(actor, "canned.remove", f"canned:{found.shortcut}")
    return found


def _known(shortcut: str) -> CannedReply:
    found = with_shortcut(shortcut)
    if found is not None:
        return found
    close = difflib.get_close_matches(shortcut.strip().removeprefix("!").lower(), shortcuts(), n=1, cutoff=0.6)
    meant = f" Did you mean {close[0]}?" if close else ""
    raise CannedRefused({"shortcut": f"There is no canned reply {shortcut[:40]!r}.{meant} Nothing was changed."})


def _free(shortcut: str) -> None:
    if sql("SELECT 1 FROM canned_reply WHERE shortcut = ?", (shortcut,)).fetchone():
        raise CannedRefused({"shortcut": f"There is a canned reply {shortcut} already. Choose another shortcut."})


def _alone() -> None:
    """Keep others who change canned replies out until the commit; whoever reads or sends is not held up. SQLite has one writer."""
    if not is_sqlite():
        sql("LOCK TABLE canned_reply IN SHARE ROW EXCLUSIVE MODE")


def _insert(one: CannedReply, actor: str) -> CannedReply:
    at = clock.now()
    one = replace(
        one, id=clock.new_id(), created_by=actor, created_at=at, changed_by=actor, changed_at=at, uses=0, used_at=None
    )
    sql(
        f"INSERT INTO canned_reply ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            one.id,
            one.shortcut,
            one.title,
            one.text,
            one.category,
            one.language,
            one.site_id,
            one.on,
            actor,
            at,
            actor,
            at,
        ),
    )
    return one


def _update(one: CannedReply, actor: str) -> CannedReply:
    one = replace(one, changed_by=actor, changed_at=clock.now())
    sql(
        "UPDATE canned_reply SET shortcut = ?, title = ?, text = ?, category = ?, language = ?, site_id = ?, enabled = ?,"
        " changed_by = ?, changed_at = ? WHERE id = ?",
        (
            one.shortcut,
            one.title,
            one.text,
            one.category,
            one.language,
            one.site_id,
            one.on,
            actor,
            one.changed_at,
            one.id,
        ),
    )
    return one


# Many at once ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Imported:
    """What came of many: shortcuts, and what was left out with where it stood and why."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    bad: list[tuple[str, str]] = field(default_factory=list)


class _DryRun(Exception):
    pass


def take_in(rows: Iterable[tuple[str, Mapping[str, Any], str]], *, actor: str, dry_run: bool = False) -> Imported:
    """Add or change many in one transaction. Each row is where it stood, its fields (those that its file has), and a problem of the row
    itself. A bad row is named and left out; a shortcut that is known is changed. ``dry_run``: nothing is stored. Blocks."""
    rows, done = list(rows), Imported()

    def work() -> None:
        done.added, done.changed, done.same, done.bad = [], [], [], []
        _alone()
        keys, known = sites(), {one.shortcut: one for one in all_of()}
        seen: dict[str, str] = {}
        for where, values, problem in rows:
            try:
                if problem:
                    raise CannedRefused({"row": problem})
                _take_one(values, known, keys, seen, where, actor, done)
            except CannedRefused as refused:
                done.bad.append((where, str(refused)))
        if dry_run:
            raise _DryRun
        if done.added or done.changed:
            audit.record(actor, "canned.import", "canned", {"added": len(done.added), "changed": len(done.changed)})

    try:
        write(work)
    except _DryRun:
        pass
    return done


def _take_one(
    values: Mapping[str, Any], known: dict[str, CannedReply], keys: Mapping[str, str], seen: dict[str, str], where: str, actor: str,
    done: Imported,
) -> None:  # fmt: skip
    shortcut = str(values.get("shortcut", "")).strip().removeprefix("!").lower()
    before = known.get(shortcut)
    right = checked(replace(before or CannedReply(shortcut=shortcut), **values), keys)
    if shortcut in seen:
        raise CannedRefused({"shortcut": f"Its shortcut {shortcut} stands in {seen[shortcut]} already."})
    if before is None and len(known) >= MOST:
        raise CannedRefused({"shortcut": f"There are {MOST:,} canned replies by now, and no more are kept."})
    seen[shortcut] = where
    if before is None:
        known[shortcut] = _insert(right, actor)
        done.added.append(shortcut)
    elif any(getattr(right, name) != getattr(before, name) for name in FIELDS):
        known[shortcut] = _update(right, actor)
        done.changed.append(shortcut)
    else:
        done.same.append(shortcut)


def listed(*, on: bool | None = None) -> list[CannedReply]:
    """All canned replies. Blocks."""
    return read(lambda: all_of(on=on))
