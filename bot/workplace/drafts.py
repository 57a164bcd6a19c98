"""Drafts that the AI writes for an agent: shown to that agent alone, in the thread and in their inbox. Only a press sends one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot import amendments, claims, clock, drafting, replies
from bot.agents import AgentView
from bot.claims import Done
from bot.desk_actions import Action
from bot.drafting import DraftView
from bot.language_names import NAMES, base, named
from bot.pages import Choice, Confirm, Field, Option, Page, Part, Press, Presses, Row, Rule, Words
from bot.receive import clean
from bot.states import NotAllowed
from bot.store import sql
from bot.workplace.deeds import Command, Deed, Said, Visit
from bot.workplace.saying import counted, in_words, since

TITLE = "AI draft: only you see this"
OURS = "Nothing is sent until you press Send. It stays in your inbox, under Drafts."
OLDER = "Older than the last message: something was said after it was written. Read that first."
OLDER_SHORT = "older than the last message"
UNPROVEN = "Only {share} of what it claims stands in the articles. Check the rest before you send it."
UNPROVEN_NONE = "Nobody could check it against the articles. Check every statement before you send it."
NO_ARTICLE = "No article answers this: it rests on the conversation alone."
QUOTES = "These are quotes from the articles, not an answer: no AI was asked ({why})."
GONE = "This draft is not there any more. Nothing was sent; ask for another one with !draft."
ERASED = "The customer has deleted this conversation, and its drafts with it. Nothing was sent."
THEIRS = "This draft is somebody else's. Nothing was changed; ask for one of your own with !draft."
RESOLVED = "Not sent: this is resolved. Reopen it, then press again."
SENT = "It was sent already. Nothing was sent again."
DISCARDED = "You have discarded it. Nothing was sent; ask for another one with !draft."
REPLACED = "There is a newer draft, which replaced this one. Nothing was changed; it is in your inbox, under Drafts."
WRITING = "It is still being written. You see it here, and in your inbox, when it is ready."
ASKED = "A draft is being written. You see it here in a moment, and in your inbox under Drafts."
REWRITING = "It is being rewritten. The new version comes in a moment; this one stays until then."
STRANGER = "You are not linked as an agent yet. Write !link in a thread of Deskhand. Nothing was changed."
NONE = "You have no drafts. Ask for one in a conversation: !draft, and behind it what it should say if you like."
FIRST_WORDS = 160
SHOWN = 30
_BUSY = {"sent": SENT, "discarded": DISCARDED, "replaced": REPLACED, "writing": WRITING}
_MARKS = str.maketrans(dict.fromkeys("[]()<>*_`~\\|", " "))


# Pages ---------------------------------------------------------------------------------------------------------------


def shown(view: DraftView, remark: str = "") -> Page:
    """A draft as its agent sees it, with everything that can be done with it."""
    ready = view.state == "ready"
    parts: list[Part] = [Words(one, "quiet") for one in (remark, *_remarks(view)) if one]
    parts += [Words(view.text, "markdown"), *_sources(view)] if ready else []
    if ready:
        parts += [Words(OURS, "quiet"), Presses(_presses(view, sending=bool(remark)))]
    elif view.state == "failed":
        again = Press(label="Try again", what="drafts.again", value=view.id, conversation_id=view.conversation_id)
        parts.append(Presses((again,)))
    return _aside(TITLE, parts, view.conversation_id, view.id)


def _aside(title: str, parts: Sequence[Part], conversation_id: str = "", value: str = "") -> Page:
    return Page(
        name="drafts.draft", kind="aside", title=title, parts=tuple(parts), value=value, conversation_id=conversation_id
    )


def _remarks(view: DraftView) -> list[str]:
    if view.state != "ready":
        return [view.why if view.state == "failed" else _BUSY[view.state]]
    found = [OLDER] if view.older else []
    if view.kind == "quotes":
        found.append(QUOTES.format(why=view.why))
    elif not view.answerable:
        found.append(NO_ARTICLE)
    if view.unproven:
        found.append(UNPROVEN.format(share=f"{view.grounded:.0%}") if view.grounded else UNPROVEN_NONE)
    return found


def _sources(view: DraftView) -> list[Part]:
    """Where it comes from. Titles are of articles, which may be foreign text: their marks are taken out."""
    lines = []
    for one in view.sources:
        label = " ".join(one.label().translate(_MARKS).split())
        url = one.url if one.url.startswith(("https://", "http://")) and not set(one.url) & set(" ()<>|") else ""
        lines.append(f"{one.n}. [{label}]({url})" if url else f"{one.n}. {label}")
    return [Words("\n".join(lines), "markdown")] if lines else []


def _presses(view: DraftView, *, sending: bool = False) -> tuple[Press, ...]:
    return (_send(view, sending=sending), _press(view, "Edit…", opens="drafts.edit"), *_changes(view))


def _changes(view: DraftView) -> tuple[Press, ...]:
    return (
        _press(view, "Shorter", what="drafts.shorter"),
        _press(view, "Friendlier", what="drafts.friendlier"),
        _press(view, "Translate…", opens="drafts.translate"),
        _press(view, "Discard", what="drafts.discard"),
    )


def _press(view: DraftView, label: str, *, what: str = "", opens: str = "") -> Press:
    spoken = f"{label.rstrip('…')} the draft for ticket {view.number}"
    return Press(
        label=label, what=what, opens=opens, value=view.id, conversation_id=view.conversation_id, spoken=spoken
    )


def _send(view: DraftView, *, sending: bool) -> Press:
    """``sending``: they have just been told of what was said after it, and pressing once more means it."""
    doubt = "Not all of it stands in the articles." if view.unproven else ""
    confirm = Confirm(title="Send it as it is?", text=doubt, yes="Send") if doubt and not sending else None
    return replace(
        _press(view, "Send anyway" if sending else "Send", what="drafts.send"), style="primary", confirm=confirm,
        value=f"{view.id}/{view.newest}" if sending else view.id,
    )  # fmt: skip


def edit(visit: Visit) -> Page:
    """The form with the text."""
    view = _for(visit)
    return view if isinstance(view, Page) else _edit(view, drafting.as_reply(view))


def _edit(view: DraftView, text: str, *, remark: str = "", edition: str = "") -> Page:
    warned = [Words(remark or (OLDER if view.older else ""), "quiet")] if remark or view.older else []
    box = Field(
        name="text", label="Your reply", kind="text", value=text, longest=drafting.LONGEST, edition=edition,
        hint="It goes to the customer under your name.",
    )  # fmt: skip
    return Page(
        name="drafts.edit", kind="form", title="Edit the draft", parts=(*warned, box), submit="Send", what="drafts.edited",
        # Whoever opens the form of an old one has been told.
        value=f"{view.id}/{view.newest}", conversation_id=view.conversation_id,
    )  # fmt: skip


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
        return _aside("", [Words(STRANGER)])
    view = drafting.draft(visit.wanted.value.partition("/")[0])
    why = _why_not(view, visit.agent)
    return _aside("", [Words(why)]) if why or view is None else view


def rows(agent: AgentView, at: float | None = None) -> tuple[Part, ...]:
    """The drafts of an agent as their inbox shows them, newest first: ticket, customer, first words, buttons. Inside a read."""
    found = drafting.drafts_of(agent.id, SHOWN)
    return tuple(_row(view, clock.now() if at is None else at) for view in found) or (Words(NONE, "quiet"),)


def _row(view: DraftView, at: float) -> Row:
    ready = view.state == "ready"
    state = {"writing": "being written", "failed": "not written"}.get(view.state, "")
    quiet = [state, OLDER_SHORT if ready and view.older else "", f"{since(at - view.started_at)} ago"]
    text = " ".join(drafting.as_reply(view).split()) if ready else view.why
    presses: tuple[Press, ...] = (_press(view, "Show", what="drafts.show"),)
    if ready:
        presses = (_send(view, sending=False), _press(view, "Edit…", opens="drafts.edit"), *presses)
    elif view.state == "failed":
        presses = (_press(view, "Try again", what="drafts.again"),)
    return Row(
        title=f"#{view.number} · {drafting.customer_of(view)}",
        text=text if len(text) <= FIRST_WORDS else f"{text[:FIRST_WORDS].rstrip()} …",
        quiet=" · ".join(filter(None, quiet)),
        presses=presses,
        menu=_changes(view) if ready else (),
    )


# Deeds ---------------------------------------------------------------------------------------------------------------


def _why_not(view: DraftView | None, agent: AgentView, *, looking: bool = False) -> str:
    """Why this agent cannot do anything with it; empty: they can. ``looking`` is possible in more states."""
    if view is None:
        return GONE
    if view.agent_id != agent.id:
        return THEIRS
    if not view.conversation_id:
        return ERASED
    if view.state == "ready":
        return RESOLVED if view.conversation_state == "resolved" and not looking else ""
    if looking and view.state in {"failed", "writing"}:
        return ""
    return _BUSY.get(view.state) or view.why


def _mine(deed: Deed, *, looking: bool = False) -> DraftView | Done:
    """The draft that is meant, held until the commit, or why it cannot be."""
    draft_id = deed.event.value.partition("/")[0]
    view = drafting.draft(draft_id)
    if view is not None and view.conversation_id and not deed.conversation_id:
        amendments.hold(view.conversation_id)
        view = drafting.draft(draft_id)
    elif view is not None and deed.conversation_id != view.conversation_id:
        view = None  # the button names another conversation than the draft
    why = _why_not(view, deed.agent, looking=looking)
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
        return Done("stale", remark, page=_edit(view, text, remark=remark, edition=str(view.newest)))
    return _say(deed, view, text)


def _say(deed: Deed, view: DraftView, text: str) -> Done:
    done = replies.say(deed.event, deed.agent, view.conversation_id, text)
    if done.code in {"held", "sent"}:
        row = sql(
            "SELECT id FROM reply WHERE desk = ? AND conversation_id = ? AND agent_id = ? ORDER BY id DESC LIMIT 1",
            (deed.event.desk, view.conversation_id, deed.agent.id),
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
        parts += [Rule(), _row(view, clock.now())] if parts else [_row(view, clock.now())]
    page = _aside(f"You have {counted(len(found), 'draft')}", parts)
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
