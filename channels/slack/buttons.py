"""What buttons say and carry. They carry names, never rights: what a click means now is decided by the core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot import Action

from .forms import NOTE
from .rich import Block, plain

LABELS = {
    Action.CLAIM: "Claim",
    Action.RELEASE: "Release",
    Action.TRANSFER: "Assign to…",
    Action.SNOOZE: "Snooze…",
    Action.RESOLVE: "Resolve",
    Action.REOPEN: "Reopen",
    Action.RETURN: "Return to AI",
    Action.BLOCK: "Block visitor…",
    Action.UNDO: "Undo",
    Action.RETRY: "Try again",
    Action.PRIORITY: "Priority…",
    Action.TICKET: "Make it a ticket",
    Action.AWAY: "I am away",
    Action.BACK: "I am back",
    Action.SUMMARY: "Summarise again",
    Action.LINK: "Link my account",
    Action.MARK: "Mark the AI's answer…",
    Action.DRAFT: "AI draft",
}
NOTE_LABEL = "Note"
_CONFIRM = {
    Action.RESOLVE: ("Resolve this conversation?", "The customer is told, and asked how it was.", "Resolve", "Keep open"),
}  # fmt: skip
_IN_OVERFLOW = 5


@dataclass(frozen=True, slots=True)
class Carried:
    """What a button said when it was clicked. ``action`` is ``None`` for a note."""

    action: Action | None
    conversation: str
    thread: str
    value: str


def carry(action: Action | None, conversation: str, thread: str = "", value: str = "") -> str:
    return f"{action.value if action else NOTE}|{conversation}|{thread}|{value}"


def read_carried(text: str) -> Carried | None:
    """Read what :func:`carry` wrote; ``None`` for buttons that are not ours."""
    action, _, rest = text.partition("|")
    conversation, _, rest = rest.partition("|")
    thread, _, value = rest.partition("|")
    if action not in {*Action, NOTE}:
        return None
    return Carried(None if action == NOTE else Action(action), conversation, thread, value)


def actions_block(
    actions: tuple[Action, ...], *, conversation: str = "", thread: str = "", value: str = "", block_id: str = "", who: str = "",
    note: bool = False,
) -> Block | None:  # fmt: skip
    """One primary button, two beside it, a note, the rest behind dots; ``None`` when there is nothing to do."""
    if not actions:
        return None

    def carried(action: Action | None) -> str:
        return carry(action, conversation, thread, value)

    chosen = list(dict.fromkeys(actions))
    # What cannot be taken back never stands where a thumb slips: it is behind the dots, and asks again.
    front = [one for one in chosen if one is not Action.BLOCK or len(chosen) == 1][:3]
    rest = [one for one in chosen if one not in front]
    if len(rest) == 1 and rest[0] is not Action.BLOCK:
        front, rest = chosen, []
    elements = [_button(one, carried(one), primary=i == 0, who=who) for i, one in enumerate(front)]
    if note:
        elements.append(
            {"type": "button", "action_id": "deskhand:note", "text": plain(NOTE_LABEL), "value": carried(None)[:2000]}
        )
    for number, start in enumerate(range(0, len(rest), _IN_OVERFLOW)):
        options = [
            {"text": plain(LABELS[one]), "value": carried(one)[:150]} for one in rest[start : start + _IN_OVERFLOW]
        ]
        elements.append({"type": "overflow", "action_id": f"deskhand:more:{number}", "options": options})
    block: Block = {"type": "actions", "elements": elements}
    if block_id:
        block["block_id"] = block_id[:255]
    return block


def _button(action: Action, value: str, *, primary: bool, who: str) -> Block:
    button: dict[str, Any] = {
        "type": "button",
        "action_id": f"deskhand:{action.value}",
        "text": plain(LABELS[action]),
        "value": value[:2000],
    }
    if who:
        button["accessibility_label"] = f"{LABELS[action]}: {who}"[:75]
    if primary:
        button["style"] = "danger" if action is Action.BLOCK else "primary"
    if action in _CONFIRM:
        title, text, yes, no = _CONFIRM[action]
        button["confirm"] = {"title": plain(title), "text": plain(text), "confirm": plain(yes), "deny": plain(no)}
    return button
