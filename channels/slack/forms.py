"""Forms (Slack: modals) for what a button cannot say: a note, whom, how long, and whether you are sure.

What a form carries is a name and no right: what it means is decided when it is sent, as with buttons.
"""

from __future__ import annotations

from typing import Any

import orjson

from bot import Action

from .rich import Block, cut, escape, plain

View = dict[str, Any]
NOTE = "note"
"""The one form that is no action."""
CALLBACK = "deskhand"
FIELD = "deskhand:field"
MOST_METADATA = 3_000
_DURATIONS = (
    ("15", "15 minutes"), ("60", "1 hour"), ("240", "4 hours"), ("1440", "1 day"), ("4320", "3 days"), ("10080", "1 week"),
    ("43200", "30 days"),
)  # fmt: skip
_PRIORITIES = (("urgent", "Urgent"), ("high", "High"), ("normal", "Normal"), ("low", "Low"))
_VERDICTS = (("right", "Right"), ("wrong", "Wrong"), ("needs_work", "Needs work"))
_TITLES = {
    NOTE: ("Internal note", "Keep"),
    Action.TRANSFER.value: ("Assign to", "Assign"),
    Action.SNOOZE.value: ("Snooze", "Snooze"),
    Action.PRIORITY.value: ("Priority", "Set"),
    Action.BLOCK.value: ("Block this visitor?", "Block"),
    Action.MARK.value: ("The AI's last answer", "Mark"),
}
HAVE_FORMS = frozenset(_TITLES)


def form(what: str, *, conversation: str, place: str, thread: str) -> View:
    """The form for ``what``: ``note`` or an action's value."""
    title, button = _TITLES[what]
    carried = orjson.dumps({"w": what, "c": conversation, "p": place, "t": thread}).decode()
    if len(carried) > MOST_METADATA:
        raise ValueError("the form would carry more than Slack allows")
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": carried,
        "title": plain(title),
        "submit": plain(button),
        "close": plain("Cancel"),
        "blocks": _blocks(what),
    }


def _blocks(what: str) -> list[Block]:
    if what == NOTE:
        element: Block = {
            "type": "plain_text_input",
            "action_id": FIELD,
            "multiline": True,
            "max_length": 3_000,
            "focus_on_load": True,
        }
        return [_input("Only your team reads it", element)]
    if what == Action.TRANSFER:
        element = {"type": "users_select", "action_id": FIELD, "placeholder": plain("A colleague")}
        return [_input("Who goes on with this conversation", element)]
    if what == Action.SNOOZE:
        return [_input("Hide it for so long, or until the customer writes", _choice(_DURATIONS, 1))]
    if what == Action.PRIORITY:
        return [_input("How much it presses; due times move with it", _choice(_PRIORITIES, 2))]
    if what == Action.MARK:
        return [_input("Answer tests and numbers count it; a word why: !mark wrong …", _choice(_VERDICTS, 0))]
    words = "They cannot write to you any more, and the conversation is closed. An admin can take it back: deskhand agents unblock."
    return [{"type": "section", "text": plain(words)}]


def _choice(choices: tuple[tuple[str, str], ...], first: int) -> Block:
    options = [{"text": plain(label), "value": value} for value, label in choices]
    return {"type": "static_select", "action_id": FIELD, "options": options, "initial_option": options[first]}


def _input(label: str, element: Block) -> Block:
    return {"type": "input", "block_id": FIELD, "label": plain(label), "element": element}


def sentence(text: str) -> View:
    """A form that only says something, in place of the one that was sent."""
    shown = {"type": "section", "text": plain(cut(text, 2_900) or "Nothing was changed.")}
    return {
        "type": "modal",
        "callback_id": f"{CALLBACK}:said",
        "title": plain("Deskhand"),
        "close": plain("Close"),
        "blocks": [shown],
    }


def read_form(view: View) -> tuple[str, str, str, str, str] | None:
    """``(what, conversation, place, thread, value)`` of a form that was sent; ``None`` for one that is not ours."""
    if view.get("callback_id") != CALLBACK:
        return None
    carried = orjson.loads(view.get("private_metadata") or "{}")
    what = str(carried.get("w", ""))
    if what not in HAVE_FORMS:
        return None
    given = ((view.get("state") or {}).get("values") or {}).get(FIELD, {}).get(FIELD, {})
    value = given.get("value") or given.get("selected_user") or (given.get("selected_option") or {}).get("value") or ""
    return what, str(carried.get("c", "")), str(carried.get("p", "")), str(carried.get("t", "")), str(value)


def explained(block_id: str, text: str) -> dict[str, Any]:
    """The answer that keeps a form open and says under its field what is wrong."""
    return {"response_action": "errors", "errors": {block_id: escape(text)}}
