"""What admins do with canned replies at the desk: write, change, switch, remove."""

from __future__ import annotations

from typing import Any

from bot import canned
from bot.canned import MAX_CATEGORY, MAX_TITLE, CannedRefused, CannedReply
from bot.canned_filling import FIELD, joined, parted
from bot.canned_words import KNOWN
from bot.claims import Done
from bot.pages import Choice, Field, Option, Page, Part, Words
from bot.store import sql
from bot.workplace import rooms
from bot.workplace.deeds import Deed, Visit

EVERYWHERE = "*"
"""The choice that means every site: desks take no option without a value."""
REMOVED = "This canned reply was removed meanwhile. Nothing was changed."
HINT = (
    "A small Markdown. Filled in for each customer: "
    + ", ".join(f"{{{{{name}}}}}" for name in KNOWN)
    + ". Anything else in double braces, such as {{order number}}, is a gap that the agent fills in."
)


def edit(visit: Visit) -> Page:
    """The form for a new one, or for the one whose id is the page's value."""
    if not visit.admin:
        return _said(rooms.FORBIDDEN)
    wanted = visit.wanted.value.partition("|")[0]
    found = canned.with_id(wanted) if wanted else None
    if wanted and found is None:
        return _said(REMOVED)
    shown = found or CannedReply(shortcut="")
    first, second, between = parted(shown.text)
    parts: list[Part] = [
        Field(
            name="shortcut",
            label="Shortcut",
            value=shown.shortcut,
            longest=41,
            hint="In a thread !refund alone sends it.",
        ),
        Field(name="title", label="Title", value=shown.title, longest=MAX_TITLE, optional=True),
        Field(name="text", label="Text", value=first, kind="text", longest=FIELD, hint=HINT),
    ]
    if second:
        parts.append(
            Field(name="more", label="Text, continued", value=second, kind="text", longest=FIELD, optional=True)
        )
    parts += [
        Field(name="category", label="Category", value=shown.category, longest=MAX_CATEGORY, optional=True),
        Field(name="language", label="Language", value=shown.language, longest=20, optional=True, hint="Such as de. Empty: every one."),
        *_site_choice(shown),
        Choice(
            name="on", label="State", options=(Option("yes", "On"),), chosen=("yes",) if shown.on else (), many=True, optional=True,
        ),
    ]  # fmt: skip
    if found is not None:
        parts.append(Words(f"Last changed by {found.changed_by}; made by {found.created_by}.", "quiet"))
    return Page(
        name="canned.edit", kind="form", title="Canned reply", parts=tuple(parts), submit="Save", what="canned.save",
        value=f"{shown.id}|{shown.changed_at!r}|{between}",
    )  # fmt: skip


def _said(sentence: str) -> Page:
    return Page(name="canned.edit", kind="form", title="Canned reply", parts=(Words(sentence),))


def _site_choice(shown: CannedReply) -> list[Part]:
    rows = sql("SELECT key, name FROM site ORDER BY name, key LIMIT 99").fetchall()
    if len(rows) < 2 and not shown.site:
        return []
    options = (Option(EVERYWHERE, "Every site"), *(Option(row[0], row[1]) for row in rows))
    return [Choice(name="site", label="Site", options=options, chosen=(shown.site or EVERYWHERE,))]


def save(deed: Deed) -> Done:
    """The form is sent."""
    if not deed.admin:
        return Done("not_allowed", rooms.FORBIDDEN)
    fields = deed.event.fields
    known, changed_at, between = ((deed.event.page_value or deed.event.value) + "||").split("|")[:3]
    values: dict[str, Any] = {name: fields.get(name, "") for name in ("shortcut", "title", "category", "language")}
    values["text"] = joined(fields.get("text", ""), fields.get("more", ""), between)
    values["on"] = "yes" in fields.get("on", "").split(",")
    if "site" in fields:
        values["site"] = "" if fields["site"] == EVERYWHERE else fields["site"]
    try:
        if not known:
            made = canned.add(CannedReply(**values), actor=deed.agent.name)
            return Done("done", f"!{made.shortcut} is there now. In a thread it is sent by !{made.shortcut} alone.")
        before = canned.with_id(known)
        if before is None:
            return Done("invalid", errors={"shortcut": REMOVED})
        made = canned.change(before.shortcut, actor=deed.agent.name, was=_number(changed_at), **values)
    except CannedRefused as refused:
        return Done("invalid", errors=refused.problems)
    return Done("done", f"!{made.shortcut} is saved.")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0  # not a time at which anything was changed: whoever asks is told that it was changed meanwhile


def switch(deed: Deed) -> Done:
    """Switch one on or off."""
    to, _, known = deed.event.value.partition("|")
    found = canned.with_id(known)
    if not deed.admin or to not in {"on", "off"} or found is None:
        return _not_done(deed, found)
    if found.on == (to == "on"):
        return Done("done", f"!{found.shortcut} is {to} already.")
    try:
        canned.change(found.shortcut, actor=deed.agent.name, on=to == "on")
    except CannedRefused as refused:  # renamed or removed this moment, or its shortcut has become a word of ours
        return Done("cannot", f"Nothing was changed. {refused}")
    words = "can be sent again" if to == "on" else "cannot be sent until it is on again. Nothing of it is lost"
    return Done("done", f"!{found.shortcut} is {to}: it {words}.")


def remove(deed: Deed) -> Done:
    """Forget one."""
    found = canned.with_id(deed.event.value)
    if not deed.admin or found is None:
        return _not_done(deed, found)
    try:
        canned.remove(found.shortcut, actor=deed.agent.name)
    except CannedRefused:  # somebody was faster by a moment
        return Done("stale", REMOVED)
    return Done("done", f"!{found.shortcut} is removed. What was sent of it stays.")


def _not_done(deed: Deed, found: CannedReply | None) -> Done:
    if not deed.admin:
        return Done("not_allowed", rooms.FORBIDDEN)
    return Done("stale", REMOVED if found is None else rooms.UNKNOWN)
