"""What drafts look like to their agent: in the thread, in the inbox and in the form that changes one, and why one cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot import clock, drafting
from bot.agents import AgentView
from bot.drafting import DraftView
from bot.pages import Confirm, Field, Page, Part, Press, Presses, Row, Words
from bot.workplace.inbox_lists import PAGE
from bot.workplace.saying import since

TITLE = "AI draft: only you see this"
OURS = "Nothing is sent until you press Send. It stays in your inbox, under Drafts."
NUMBERS = "The numbers are for you: the customer gets the links of the sources below the text instead."
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
NONE = "You have no drafts. Ask for one in a conversation: !draft, and behind it what it should say if you like."
FIRST_WORDS = 160
SHOWN = PAGE
_BUSY = {"sent": SENT, "discarded": DISCARDED, "replaced": REPLACED, "writing": WRITING}
_MARKS = str.maketrans(dict.fromkeys("[]()<>*_`~\\|", " "))


def shown(view: DraftView, remark: str = "") -> Page:
    """A draft as its agent sees it, with everything that can be done with it."""
    ready = view.state == "ready"
    parts: list[Part] = [Words(one, "quiet") for one in (remark, *_remarks(view)) if one]
    parts += [Words(view.text, "markdown"), *_sources(view)] if ready else []
    if ready:
        parts += [
            Words(f"{NUMBERS} {OURS}" if view.sources else OURS, "quiet"),
            Presses(_presses(view, sending=bool(remark))),
        ]
    elif view.state == "failed":
        again = Press(label="Try again", what="drafts.again", value=view.id, conversation_id=view.conversation_id)
        parts.append(Presses((again,)))
    return aside(TITLE, parts, view.conversation_id, view.id)


def aside(title: str, parts: Sequence[Part], conversation_id: str = "", value: str = "") -> Page:
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
    return (send_press(view, sending=sending), _press(view, "Edit…", opens="drafts.edit"), *_changes(view))


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


def send_press(view: DraftView, *, sending: bool) -> Press:
    """``sending``: they have just been told of what was said after it, and pressing once more means it."""
    doubt = "Not all of it stands in the articles." if view.unproven else ""
    confirm = Confirm(title="Send it as it is?", text=doubt, yes="Send") if doubt and not sending else None
    return replace(
        _press(view, "Send anyway" if sending else "Send", what="drafts.send"), style="primary", confirm=confirm,
        value=f"{view.id}/{view.newest}" if sending else view.id,
    )  # fmt: skip


def edit_form(view: DraftView, text: str, *, remark: str = "", edition: str = "") -> Page:
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


def rows(agent: AgentView, at: float | None = None, page: int = 1) -> tuple[Part, ...]:
    """The drafts of an agent as a page of their inbox shows them, newest first: ticket, customer, first words, buttons. Inside a read."""
    found = drafting.drafts_of(agent.id, SHOWN, (page - 1) * SHOWN)
    return tuple(row(view, clock.now() if at is None else at) for view in found) or (Words(NONE, "quiet"),)


def row(view: DraftView, at: float) -> Row:
    ready = view.state == "ready"
    state = {"writing": "being written", "failed": "not written"}.get(view.state, "")
    quiet = [state, OLDER_SHORT if ready and view.older else "", f"{since(at - view.started_at)} ago"]
    text = " ".join(drafting.as_reply(view).split()) if ready else view.why
    presses: tuple[Press, ...] = (_press(view, "Show", what="drafts.show"),)
    if ready:
        presses = (send_press(view, sending=False), _press(view, "Edit…", opens="drafts.edit"), *presses)
    elif view.state == "failed":
        presses = (_press(view, "Try again", what="drafts.again"),)
    return Row(
        title=f"#{view.number} · {drafting.customer_of(view)}",
        text=text if len(text) <= FIRST_WORDS else f"{text[:FIRST_WORDS].rstrip()} …",
        quiet=" · ".join(filter(None, quiet)),
        presses=presses,
        menu=_changes(view) if ready else (),
    )


def why_not(view: DraftView | None, agent: AgentView, *, looking: bool = False) -> str:
    """Why this agent cannot do anything with it; empty: they can. ``looking`` is possible in more states."""
    if view is None:
        return GONE
    if view.agent_id != agent.id:
        return THEIRS
    if not view.conversation_id:
        return ERASED
    if view.state == "ready":
        if not view.text:
            return GONE  # words go after a month; what became of it is only counted
        return RESOLVED if view.conversation_state == "resolved" and not looking else ""
    if looking and view.state in {"failed", "writing"}:
        return ""
    return _BUSY.get(view.state) or view.why
