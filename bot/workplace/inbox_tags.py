"""Tags by form and by word: ``inbox.tags``, ``/desk tag #1042 vip -refund`` and ``!tag vip`` in a thread."""

from __future__ import annotations

import re

from bot import tags
from bot.bus import bus
from bot.claims import Done
from bot.pages import Choice, Field, Option, Page, Part
from bot.store import db, sql
from bot.tags import TagError
from bot.workplace.deeds import Command, Deed, Visit
from bot.workplace.inbox_forms import refused, ticket_of, why_not

OFFERED = 90
_NUMBER = re.compile(r"#?(\d{1,15})")
WHICH = "Say which ticket and which tags, such as: /desk tag #1042 refund -urgent. Nothing was changed."
NO_TICKET = "There is no ticket #{number}. Nothing was changed."


def form(visit: Visit) -> Page:
    """The tags of a ticket: those that are known to choose from, and room for new ones."""
    problem = why_not(visit)
    if problem:
        return refused("inbox.tags", problem)
    mine = tags.tags_of(visit.conversation_id)
    known = [tag for tag, _ in tags.in_use(OFFERED)]
    offered = sorted({*known, *mine})
    parts: list[Part] = []
    if offered:
        options = tuple(Option(tag, tag) for tag in offered)
        parts.append(Choice(name="tags", label="Tags", options=options, chosen=mine, many=True, optional=True))
    parts.append(
        Field(name="new", label="New tags", optional=True, longest=400, hint=f"With spaces between them. {tags.RULE}")
    )
    return Page(
        name="inbox.tags", kind="form", title=f"Tags of #{ticket_of(visit)[0]}", parts=tuple(parts), value=",".join(mine),
        conversation_id=visit.conversation_id, submit="Save", what="inbox.tags",
    )  # fmt: skip


def save(deed: Deed) -> Done:
    """Change what the form changed. What a colleague did meanwhile stays: the form knows what it showed."""
    shown = set(filter(None, (deed.event.page_value or deed.event.value).split(",")))
    chosen = set(filter(None, deed.event.fields.get("tags", "").split(",")))
    try:
        added, _ = tags.wishes(word for word in deed.event.fields.get("new", "").replace(",", " ").split())
        wanted = [tags.tag_of(tag) for tag in sorted(chosen - shown)]
        done = tags.change(deed.conversation_id, [*wanted, *added], sorted(shown - chosen), actor=deed.agent.name)
    except TagError as error:
        return Done("invalid", errors={"new": str(error)})
    return Done("done", _said(done))


def by_word(deed: Deed) -> Done:
    """``#1042 vip -refund``; in a thread without the number. Without tags it says which there are."""
    conversation_id, words = deed.conversation_id, deed.words.replace(",", " ").split()
    if words and (words[0].startswith("#") or not conversation_id):
        number = _NUMBER.fullmatch(words.pop(0))
        if number is None:
            return Done("cannot", WHICH)
        conversation_id = _of_number(int(number[1]))
        if not conversation_id:
            return Done("cannot", NO_TICKET.format(number=number[1]))
        db.after_commit(lambda: bus().wake("out"))
    if not conversation_id:
        return Done("cannot", WHICH)
    if not words:
        mine = tags.tags_of(conversation_id)
        return Done("done", f"Tags: {', '.join(mine)}." if mine else f"It has no tags. {tags.RULE}")
    try:
        add, remove = tags.wishes(words)
        done = tags.change(conversation_id, add, remove, actor=deed.agent.name)
    except TagError as error:
        return Done("cannot", _whole(error))
    return Done("done", _said(done))


def _named(words: str) -> str:
    """The conversation of ``#1042 vip``."""
    first = next(iter(words.replace(",", " ").split()), "")
    number = _NUMBER.fullmatch(first) if first.startswith("#") else None
    return _of_number(int(number[1])) if number is not None else ""


def _of_number(number: int) -> str:
    row = sql("SELECT conversation_id FROM ticket WHERE number = ?", (number,)).fetchone()
    return str(row[0]) if row else ""


def _whole(error: TagError) -> str:
    return str(error) if str(error).endswith("changed.") else f"{error}. Nothing was changed."


def _said(done: tags.Changed) -> str:
    if not done.added and not done.gone:
        return "Nothing had to be changed."
    return f"Tags: {', '.join(done.tags)}." if done.tags else "It has no tags any more."


COMMANDS = {
    "tag": Command(
        run=by_word, usage="tag #1042 word -other", about="puts tags on a ticket and takes others off; in a thread without the number",
        in_thread=True, names=_named,
    )
}  # fmt: skip
