"""Canned replies for agents: found by their words, sent by their shortcut or in a form that shows what the customer will get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import groupby

from bot import canned, replies
from bot.canned import CannedReply
from bot.canned_filling import FIELD, joined, parted, preview
from bot.canned_search import search
from bot.canned_words import gaps, gaps_in_words
from bot.claims import Done
from bot.desk_actions import Action
from bot.pages import Choice, Confirm, Field, Heading, Option, Page, Part, Press, Presses, Row, Words
from bot.receive import clean
from bot.store import sql
from bot.workplace import canned_editing
from bot.workplace.deeds import Command, Deed, Said, Visit
from bot.workplace.saying import aside, counted

PAGE = 8
"""Replies of one list: each takes a few blocks of a message."""
SHOWN = 240
"""Characters of a text in a list."""
STRANGER = "You are not linked as an agent yet. Write !link in a thread of Deskhand, and an admin links you with the code you get."
VIEWER = "Your account here may read but not act. Ask an admin."
NOWHERE = "This is not the thread of a conversation, so there is nobody to send a canned reply to. Open it from a message in such a thread."
GONE = "The customer has deleted this conversation. There is nobody to send a reply to."
MISSING = "This canned reply was removed or switched off meanwhile. Nothing was sent: choose another one."
KEPT = "A reply is held for 5 seconds with an Undo, like one that you write in the thread."
BEFORE = {
    "resolved": "This conversation is resolved: reopen it before you send.",
    "ai": "The AI has this conversation: claim it before you send.",
}
NOTHING = "No canned reply is on here. Admins add some with /desk canned, or by deskhand canned import FILE."
NOT_FOUND = "No canned reply has these words in its shortcut, title, category or text. /desk canned shows all."
NOTE = "This begins like a note between colleagues, so it would look strange to the customer. Begin it with something else."


# In the thread ---------------------------------------------------------------------------------------------------------


def command(deed: Deed) -> Done:
    """``canned``: the list, or those with these words. In a thread one word that is a shortcut is sent."""
    if deed.conversation_id and deed.words and " " not in deed.words:
        sent = by_shortcut(deed, deed.words)
        if sent is not None:
            return sent
    return Done("done", after=lambda: _list(deed, deed.words, 1))


def by_shortcut(deed: Deed, word: str) -> Done | None:
    """Send the reply with this shortcut into the thread's conversation; ``None``: there is none. Inside a write."""
    found = canned.with_shortcut(word)
    if found is None:
        return None
    if not deed.agent.may_act:
        return Done("not_allowed", f"Not sent: {VIEWER[:1].lower()}{VIEWER[1:]} !canned shows what there is.")
    if not found.on:
        return Done("cannot", f"Not sent: !{found.shortcut} is switched off. !canned shows those that are on.")
    if not found.fits(_site(deed.conversation_id)):
        return Done(
            "cannot", f"Not sent: !{found.shortcut} is for the site {found.site}, and this customer is on another one."
        )
    text = preview(found, deed.conversation_id, deed.agent)
    missing = gaps(text)
    if not missing:
        return replies.say(deed.event, deed.agent, deed.conversation_id, clean(text), canned=found.id)
    fill = Press(
        label="Fill in and send",
        opens="canned.choose",
        value=found.id,
        conversation_id=deed.conversation_id,
        style="primary",
    )
    said = f"Not sent: !{found.shortcut} has gaps that only you can fill in: {gaps_in_words(missing)}"
    return aside(
        "canned.gaps", "", Words(said), Words(_short(text), "quote"), Presses((fill,)), conversation_id=deed.conversation_id, code="cannot"
    )  # fmt: skip


def _site(conversation_id: str) -> str:
    row = sql("SELECT site_id FROM conversation WHERE id = ?", (conversation_id,)).fetchone()
    return str(row[0]) if row else ""


def _language(conversation_id: str) -> str:
    row = sql("SELECT language FROM conversation WHERE id = ?", (conversation_id,)).fetchone()
    return str(row[0] or "") if row else ""


# The list ---------------------------------------------------------------------------------------------------------------


def more(deed: Deed) -> Done:
    """The next replies of a list."""
    number, _, words = deed.event.value.partition("|")
    return Done("done", after=lambda: _list(deed, words, int(number[:4]) if number.isdecimal() else 1))


def _list(deed: Deed, words: str, number: int) -> Done:
    """One part of the list for this agent, by category; what was searched stands in the order of how well it fits."""
    known = canned.all_of(on=None if deed.admin else True)
    if deed.conversation_id:
        site = _site(deed.conversation_id)
        known = [one for one in known if one.fits(site)]
    found = search(words, known, language=_language(deed.conversation_id)) if words.strip() else known
    new = Press(label="New canned reply", opens="canned.edit")
    if not found:
        return aside("canned.list", "", Words(NOT_FOUND if known else NOTHING), *_presses([new] if deed.admin else []))
    pages = -(-len(found) // PAGE)
    number = min(max(number, 1), pages)
    some = found[(number - 1) * PAGE : number * PAGE]
    parts: list[Part] = []
    if words.strip():
        parts += [_row(one, deed, one.category) for one in some]
    else:
        for category, those in groupby(some, lambda one: one.category):
            parts += [Heading(category or "Without a category"), *(_row(one, deed) for one in those)]
    below = []
    if number < pages:
        below.append(
            Press(
                label="More",
                what="canned.more",
                value=f"{number + 1}|{words}"[:1_000],
                conversation_id=deed.conversation_id,
            )
        )
    if deed.admin:
        below.append(new)
    where = f", {number} of {pages}" if pages > 1 else ""
    title = f"{counted(len(found), 'canned reply', 'canned replies')}{where}"
    return aside("canned.list", title, *parts, *_presses(below), conversation_id=deed.conversation_id)


def _presses(presses: list[Press]) -> list[Part]:
    return [Presses(tuple(presses))] if presses else []


def _row(one: CannedReply, deed: Deed, category: str = "") -> Row:
    used = f"sent {counted(one.uses, 'time')}" if one.uses else "not sent" if one.since else "never sent"
    quiet = " · ".join(filter(None, ("" if one.on else "off", category, one.language, one.site, used + one.since)))
    presses: list[Press] = []
    if deed.conversation_id and one.on and deed.agent.may_act:
        presses.append(
            Press(
                label="Use", opens="canned.choose", value=one.id, conversation_id=deed.conversation_id, spoken=f"Use {one.shortcut}"
            )
        )  # fmt: skip
    menu: tuple[Press, ...] = ()
    if deed.admin:
        on = ("Switch off", "off") if one.on else ("Switch on", "on")
        presses += [
            Press(label="Edit", opens="canned.edit", value=one.id, spoken=f"Edit {one.shortcut}"),
            Press(label=on[0], what="canned.switch", value=f"{on[1]}|{one.id}", spoken=f"{on[0]} {one.shortcut}"),
        ]
        sure = Confirm(
            title="Remove this canned reply?", text="What was sent of it stays. Its text is gone, and how often it was sent.",
            yes="Remove", no="Keep it",
        )  # fmt: skip
        menu = (Press(label="Remove", what="canned.remove", value=one.id, style="danger", confirm=sure),)
    return Row(
        title=f"!{one.shortcut} · {one.title}", text=_short(one.text), quiet=quiet, presses=tuple(presses), menu=menu
    )


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN].rstrip()} …"


# The form -------------------------------------------------------------------------------------------------------------


def choose(visit: Visit) -> Page:
    """The form in which one is searched, seen as the customer will get it, and sent."""
    refused = _not_here(visit)
    if refused:
        return Page(name="canned.choose", kind="form", title="Canned reply", parts=(Words(refused),))
    wanted = visit.wanted.value.partition("|")[0]
    found = canned.with_id(wanted) or canned.with_shortcut(wanted) if wanted else None
    usable = found if found is not None and found.on and found.fits(_site(visit.conversation_id)) else None
    assert visit.agent is not None  # noqa: S101  strangers were refused above
    text = preview(usable, visit.conversation_id, visit.agent) if usable is not None else ""
    return _form(visit.conversation_id, usable, text, {}, "" if usable is not None or not wanted else MISSING)


def _not_here(visit: Visit) -> str:
    if visit.agent is None or not visit.wanted.trusted:
        return STRANGER
    if not visit.agent.may_act:
        return VIEWER
    if not visit.conversation_id:
        return NOWHERE
    row = sql("SELECT state FROM conversation WHERE id = ?", (visit.conversation_id,)).fetchone()
    return GONE if row is None or row[0] == "gone" else ""


def _form(
    conversation_id: str, chosen: CannedReply | None, text: str, fields: Mapping[str, str], said: str = ""
) -> Page:
    first, second, between = parted(text)
    missing = gaps(text)
    state = sql("SELECT state FROM conversation WHERE id = ?", (conversation_id,)).fetchone()[0]
    hint = (
        f"Type over {gaps_in_words(missing)} before you send."
        if missing
        else "What the customer gets. Change it as you like."
    )
    edition = chosen.id if chosen is not None else ""
    some = () if chosen is None else (_option(chosen),)
    parts: list[Part] = [Words(one) for one in (said, BEFORE.get(state, "")) if one]
    parts += [
        Choice(
            name="reply", label="Canned reply", options=some, chosen=tuple(one.value for one in some), what="canned.pick", search=True,
            optional=True, hint="Type a shortcut, or words of its title or text.",
        ),
        Field(name="text", label="Reply", value=first, kind="text", longest=FIELD, edition=edition, hint=hint),
    ]  # fmt: skip
    if second:
        parts.append(
            Field(
                name="more",
                label="Reply, continued",
                value=second,
                kind="text",
                longest=FIELD,
                edition=edition,
                optional=True,
            )
        )
    after = Option(
        "yes", "Resolve after sending", "Not if the customer writes, or a colleague takes it, before it is sent."
    )
    kept = ("yes",) if _wants_resolve(fields) else ()
    parts += [
        Choice(name="resolve", label="Then", options=(after,), chosen=kept, many=True, optional=True),
        Words(KEPT, "quiet"),
    ]
    return Page(
        name="canned.choose", kind="form", title="Canned reply", parts=tuple(parts), value=f"{edition}|{between}",
        conversation_id=conversation_id, submit="Send", what="canned.send",
    )  # fmt: skip


def _option(one: CannedReply) -> Option:
    where = " · ".join(filter(None, (one.category, one.language, one.site)))
    return Option(one.id, f"{one.title} · !{one.shortcut}", where)


def _wants_resolve(fields: Mapping[str, str]) -> bool:
    return "yes" in fields.get("resolve", "").split(",")


def find(visit: Visit, query: str) -> list[Option]:
    """Replies for what was typed, the best first; without words the most used."""
    if _not_here(visit):
        return []
    site = _site(visit.conversation_id)
    among = [one for one in canned.all_of(on=True) if one.fits(site)]
    return [_option(one) for one in search(query, among, language=_language(visit.conversation_id))]


def pick(deed: Deed) -> Done:
    """One was chosen: the form shows it as this customer would get it."""
    if not deed.conversation_id:
        return Done("stale", NOWHERE)
    fields = deed.event.fields
    found = canned.with_id(deed.event.value or fields.get("reply", ""))
    if found is None or not found.on or not found.fits(_site(deed.conversation_id)):
        # What was typed so far stays, since the edition stays.
        before, _, between = deed.event.page_value.partition("|")
        page = _form(deed.conversation_id, canned.with_id(before), _typed(fields, between), fields, MISSING)
        return Done("stale", page=replace(page, value=deed.event.page_value))
    text = preview(found, deed.conversation_id, deed.agent)
    return Done("done", page=_form(deed.conversation_id, found, text, fields))


def _typed(fields: Mapping[str, str], between: str) -> str:
    return joined(fields.get("text", ""), fields.get("more", ""), between)


def send(deed: Deed) -> Done:
    """The form is sent: as the agent's reply, or it stays open and says what is in the way."""
    if not deed.conversation_id:
        return Done("stale", NOWHERE)
    chosen, _, between = (deed.event.page_value or deed.event.value).partition("|")
    text = clean(_typed(deed.event.fields, between))
    missing = gaps(text)
    if missing:
        return _invalid(f"Not sent: there is still something to fill in. Type over {gaps_in_words(missing)}")
    if replies.marked_as_note(text):
        return _invalid(NOTE)
    resolve = _wants_resolve(deed.event.fields)
    known = chosen if chosen and canned.with_id(chosen) is not None else ""
    done = replies.say(deed.event, deed.agent, deed.conversation_id, text, canned=known, resolve=resolve)
    if done.code not in {"sent", "held"}:
        return _invalid(done.aside)
    then = " Then it is resolved, unless the customer writes before that." if resolve and done.code == "held" else ""
    done = replace(done, aside=f"{done.aside}{then}")
    return done if deed.event.place else replace(done, page=_sent(deed, done))


def _sent(deed: Deed, done: Done) -> Page | None:
    """Where the form was opened from the inbox there is no thread for a sentence with an Undo: it takes the form's place."""
    if done.code != "held":
        return None
    undo = Press(label="Undo", action=Action.UNDO, value=done.value, conversation_id=deed.conversation_id)
    return Page(name="canned.sent", kind="form", title="Canned reply", parts=(Words(done.aside), Presses((undo,))))


def _invalid(sentence: str) -> Done:
    return Done("invalid", errors={"text": sentence})


def not_resolved(conversation_id: str) -> Said | None:
    """Something happened before the reply was sent that was to be the last one."""
    row = sql("SELECT state FROM conversation WHERE id = ?", (conversation_id,)).fetchone()
    if row is None or row[0] in {"resolved", "gone"}:
        return None
    return Said(
        "Your reply was sent, and the conversation stays open: the customer wrote, or a colleague took it, in the meantime."
    )


PAGES = {"canned.choose": choose, "canned.edit": canned_editing.edit}
OPTIONS = {"canned.choose/reply": find}
LOOKS = {"canned.more": more}
PRESSES = LOOKS | {
    "canned.pick": pick, "canned.send": send, "canned.save": canned_editing.save,
    "canned.switch": canned_editing.switch, "canned.remove": canned_editing.remove,
}  # fmt: skip
COMMANDS = {
    "canned": Command(
        run=command,
        usage="canned [words]",
        about="canned replies: all of them, or those with these words",
        in_thread=True,
        looks=True,
    ),
}
POSTS = {replies.NOT_RESOLVED: not_resolved}
