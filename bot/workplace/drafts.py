"""Drafts that the AI writes for an agent: shown to that agent alone, in the thread and in their inbox. Only a press sends one."""

from __future__ import annotations

from dataclasses import replace

from bot import amendments, claims, clock, drafting, replies
from bot.claims import Done
from bot.desk_actions import Action
from bot.drafting import DraftView
from bot.language_names import NAMES, base, named
from bot.pages import Choice, Option, Page, Part, Rule, Words
from bot.receive import clean
from bot.states import NotAllowed
from bot.store import sql
from bot.workplace.deeds import Command, Deed, Said, Visit
from bot.workplace.draft_pages import (
    GONE,
    NONE,
    OLDER,
    RESOLVED,
    SHOWN,
    THEIRS,
    WRITING,
    aside,
    edit_form,
    row,
    shown,
    why_not,
)  # fmt: skip
from bot.workplace.saying import counted, in_words

REWRITING = "It is being rewritten. The new version comes in a moment; this one stays until then."
STRANGER = "You are not linked as an agent yet. Write !link in a thread of Deskhand. Nothing was changed."


# Forms ---------------------------------------------------------------------------------------------------------------


def edit(visit: Visit) -> Page:
    """The form with the text."""
    view = _for(visit)
    return view if isinstance(view, Page) else edit_form(view, drafting.as_reply(view))


def translate(visit: Visit) -> Page:
    """The form that asks for a language."""
    view = _for(visit)
    if isinstance(view, Page):
        return view
    row = sql("SELECT language FROM conversation WHERE id = ?", (view.conversation_id,)).fetchone()
    theirs = base(row[0]) if row and row[0] else ""
    listed = dict(sorted(NAMES.items(), key=lambda one: (one[0] != theirs, one[1])))
    options = tuple(
        Option(value=code, label=f"{name} (the customer's)" if code == theirs else name)
        for code, name in listed.items()
    )
    choice = Choice(
        name="language", label="Into", options=options, chosen=(theirs,) if theirs in listed else (options[0].value,)
    )
    return Page(
        name="drafts.translate", kind="form", title="Translate the draft", parts=(choice,), submit="Translate",
        what="drafts.translated", value=view.id, conversation_id=view.conversation_id,
    )  # fmt: skip


def _for(visit: Visit) -> DraftView | Page:
    """The draft that a form is about, or a page that says why there is none."""
    if visit.agent is None or not visit.agent.may_act:
        return aside("", [Words(STRANGER)])
    view = drafting.draft(visit.wanted.value.partition("/")[0])
    why = why_not(view, visit.agent)
    return aside("", [Words(why)]) if why or view is None else view


# Deeds ---------------------------------------------------------------------------------------------------------------


def _mine(deed: Deed, *, looking: bool = False) -> DraftView | Done:
    """The draft that is meant, held until the commit, or why it cannot be."""
    draft_id = deed.event.value.partition("/")[0]
    view = drafting.draft(draft_id)
    if view is not None and view.conversation_id and not deed.conversation_id:
        amendments.hold(view.conversation_id)
        view = drafting.draft(draft_id)
    elif view is not None and deed.conversation_id != view.conversation_id:
        view = None  # the button names another conversation than the draft
    why = why_not(view, deed.agent, looking=looking)
    if view is None or not why:
        return view or Done("stale", GONE)
    if why is RESOLVED:
        return Done("resolved", why, (Action.REOPEN,), view.conversation_id)
    return Done("not_allowed" if why is THEIRS else "stale", why)


def _told_of(deed: Deed, view: DraftView) -> bool:
    """Whether they know of everything that was said after it."""
    seen = deed.event.value.partition("/")[2]
    return not view.older or (seen.isdecimal() and int(seen) >= view.newest)


def send(deed: Deed) -> Done:
    """Send it as it is. What is older than the last message is asked for once more."""
    view = _mine(deed)
    if isinstance(view, Done):
        return view
    if not _told_of(deed, view):
        page = shown(view, "Not sent yet. Press Send anyway if it still fits.")
        return Done("stale", f"Not sent yet. {OLDER}", page=page)
    return _say(deed, view, drafting.as_reply(view))


def edited(deed: Deed) -> Done:
    """Send what they made of it."""
    view = _mine(deed)
    if isinstance(view, Done):
        return view
    text = clean(deed.event.fields.get("text", ""))
    if not text:
        return Done("invalid", errors={"text": "There is no text, so nothing was sent. Write something first."})
    if len(text) > drafting.LONGEST:
        return Done("invalid", errors={"text": f"At most {drafting.LONGEST:,} characters. Nothing was sent."})
    if not _told_of(deed, view):
        remark = "Not sent yet: something was said while you wrote. Press Send again if it still fits."
        return Done("stale", remark, page=edit_form(view, text, remark=remark, edition=str(view.newest)))
    return _say(deed, view, text)


def _say(deed: Deed, view: DraftView, text: str) -> Done:
    done = replies.say(deed.event, deed.agent, view.conversation_id, text)
    if done.code in {"held", "sent"}:
        row = sql(
            "SELECT id FROM reply WHERE conversation_id = ? AND desk = ? AND origin = ?",
            (view.conversation_id, deed.event.desk, replies.origin(deed.event)),
        ).fetchone()
        drafting.sent(view, row[0], text)
    return done


def shorter(deed: Deed) -> Done:
    return _rewrite(deed, "shorter")


def friendlier(deed: Deed) -> Done:
    return _rewrite(deed, "friendlier")


def translated(deed: Deed) -> Done:
    """Into the language that was chosen in the form."""
    language = deed.event.fields.get("language", "")
    if language not in NAMES:
        return Done("invalid", errors={"language": "Choose one of the languages. Nothing was changed."})
    return _rewrite(deed, "translate", language)


def _rewrite(deed: Deed, way: str, language: str = "") -> Done:
    view = _mine(deed)
    if isinstance(view, Done):
        return view
    try:
        drafting.ask_again(view, deed.agent, way, language)
    except NotAllowed:
        return claims.act(view.conversation_id, deed.agent, deed.event.desk, Action.DRAFT, "")
    return Done("done", f"Into {named(language)}: {REWRITING}" if language else REWRITING)


def discard(deed: Deed) -> Done:
    view = _mine(deed)
    if isinstance(view, Done):
        return view
    drafting.discarded(view)
    return Done("done", "Discarded. Nothing was sent.")


def ask(deed: Deed) -> Done:
    """Have one written from the inbox: for the conversation of the button."""
    return _ask(deed, "")


def again(deed: Deed) -> Done:
    """Try again what failed, the same way."""
    view = _mine(deed, looking=True)
    if isinstance(view, Done):
        return view
    if view.state != "failed":
        return Done(
            "done", WRITING if view.state == "writing" else "It is ready already: it is in your inbox, under Drafts."
        )
    before = drafting.draft(view.parent) if view.parent else None
    if before is None or before.state != "ready":
        return _ask(deed, view.instruction, view.conversation_id)
    try:
        drafting.ask_again(replace(before, instruction=view.instruction), deed.agent, view.way, view.language)
    except NotAllowed:
        return claims.act(view.conversation_id, deed.agent, deed.event.desk, Action.DRAFT, "")
    return Done("done", REWRITING)


def _ask(deed: Deed, words: str, conversation_id: str = "") -> Done:
    wanted = conversation_id or deed.conversation_id
    if not wanted:
        return Done("stale", GONE)
    return claims.act(wanted, deed.agent, deed.event.desk, Action.DRAFT, words)


def show(deed: Deed) -> Done:
    """The whole of one, for who sees only its first words."""
    view = _mine(deed, looking=True)
    if isinstance(view, Done):
        return view
    page = shown(view)
    return Done("done", in_words(page), page=page)


# Words ---------------------------------------------------------------------------------------------------------------


def by_word(deed: Deed) -> Done:
    """``!draft what it should say``."""
    return _ask(deed, deed.words)


def listed(deed: Deed) -> Done:
    """``/desk drafts``: all of an agent's drafts."""
    found = drafting.drafts_of(deed.agent.id, SHOWN)
    if not found:
        return Done("done", NONE)
    parts: list[Part] = []
    for view in found:
        parts += [Rule(), row(view, clock.now())] if parts else [row(view, clock.now())]
    page = aside(f"You have {counted(len(found), 'draft')}", parts)
    return Done("done", in_words(page), page=page)


def post(ref: str) -> Said | None:
    """What the thread shows to the agent when one is ready, or will not be. Inside the write of a claim."""
    view = drafting.draft(ref)
    if view is None or view.state not in {"ready", "failed"} or not view.conversation_id:
        return None
    page = shown(view)
    return Said(text=in_words(page), page=page)


PAGES = {"drafts.edit": edit, "drafts.translate": translate}
PRESSES = {
    "drafts.send": send,
    "drafts.edited": edited,
    "drafts.shorter": shorter,
    "drafts.friendlier": friendlier,
    "drafts.translated": translated,
    "drafts.discard": discard,
    "drafts.ask": ask,
    "drafts.again": again,
    "drafts.show": show,
}
COMMANDS = {
    "draft": Command(
        run=by_word, usage="draft [what it should say]", about="the AI drafts a reply that only you see", in_thread=True,
        anywhere=False,
    ),
    "drafts": Command(run=listed, usage="drafts", about="your drafts, with what can be done with them"),
}  # fmt: skip
POSTS = {drafting.SHOWN: post}
