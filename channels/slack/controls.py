"""The controls of a page as Slack has them: buttons, menus behind dots, choices and fields."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from bot import Choice, Field, Option, Press

from .carried import FIELD, LINK, MENU, OPTION, PICK, PRESS, OnPage, TooMuch, carry, option_value
from .rich import Block, cut, plain

LABEL, DIALOG_TITLE, DIALOG_TEXT, DIALOG_BUTTON = 75, 100, 300, 30
IN_MENU, IN_CHECKBOXES, IN_LIST = 5, 10, 100
INPUT = 3_000
HINT = 2_000
BLOCK_ID = 200
"""Slack takes 255; some are left for what makes it unique."""
_USER = re.compile(r"(?:[A-Z0-9]+:)?([UW][A-Z0-9]+)\Z")
NOTHING = "There is nothing to choose from."


class Numbers:
    """Numbers for what must have a name of its own within one view."""

    def __init__(self) -> None:
        self._next = 0
        self._taken: set[str] = set()

    def action(self, prefix: str) -> str:
        self._next += 1
        return f"{prefix}{self._next}"

    def block(self, wanted: str) -> str:
        """``wanted``, or something like it when that is taken."""
        wanted = wanted[:BLOCK_ID]
        name = wanted
        while name in self._taken:
            self._next += 1
            name = f"{wanted}~{self._next}"
        self._taken.add(name)
        return name


def elements(
    presses: Sequence[Press], menu: Sequence[Press], page: OnPage, numbers: Numbers, *, alone: bool
) -> list[Block]:
    """Buttons, then what stands behind dots. What asks first or carries too much for a menu is a button; so is a single entry."""
    behind: list[tuple[Press, str]] = []
    buttons = list(presses)
    for one in menu:
        value = "" if one.url or one.confirm else _short(one, page, alone=alone)
        if value:
            behind.append((one, value))
        else:
            buttons.append(one)
    found = [button(one, page, numbers, alone=alone) for one in buttons]
    for start in range(0, len(behind), IN_MENU):
        part = behind[start : start + IN_MENU]
        if len(part) == 1:
            found.append(button(part[0][0], page, numbers, alone=alone))
            continue
        options = [{"text": label(one.label), "value": value} for one, value in part]
        found.append({"type": "overflow", "action_id": numbers.action(MENU), "options": options})
    return found


def _short(press: Press, page: OnPage, *, alone: bool) -> str:
    """What an entry behind dots carries; empty when that is more than Slack takes there."""
    try:
        return carry(press, page, alone=alone, longest=OPTION)
    except TooMuch:
        return ""


def button(press: Press, page: OnPage, numbers: Numbers, *, alone: bool) -> Block:
    made: dict[str, Any] = {"type": "button", "text": label(press.label)}
    if press.url:
        if not press.url.startswith(("https://", "http://")) or len(press.url) > 3_000:
            raise ValueError(f"the button {press.label!r} of the page {page.name} leads nowhere")
        made |= {"action_id": numbers.action(LINK), "url": press.url}
    else:
        made |= {"action_id": numbers.action(PRESS), "value": carry(press, page, alone=alone)}
    if press.style:
        made["style"] = press.style
    if press.spoken.strip():
        made["accessibility_label"] = cut(press.spoken, LABEL)
    if press.confirm:
        ask = press.confirm
        made["confirm"] = {
            "title": _text(ask.title, DIALOG_TITLE), "text": _text(ask.text, DIALOG_TEXT),
            "confirm": _text(ask.yes, DIALOG_BUTTON), "deny": _text(ask.no, DIALOG_BUTTON),
        }  # fmt: skip
    return made


def label(text: str) -> Block:
    return _text(text, LABEL)


def _text(text: str, longest: int) -> Block:
    """Foreign text, exactly; Slack wants one character at least."""
    return plain(cut(" ".join(text.split()), longest) or "–")


# Choices -------------------------------------------------------------------------------------------------------------------


def choice(one: Choice, page: OnPage, numbers: Numbers, *, alone: bool, sent: bool) -> Block:
    """A block for a choice. ``sent``: it stands in a form that is sent, else only what it does when chosen counts. ``alone``: nothing
    around it says which page it is on. Raises :class:`TooMuch`."""
    if not one.options and not one.search:
        return {"type": "context", "elements": [plain(f"{cut(one.label, 300)}: {NOTHING}")]}
    element, note = _list(one)
    element["action_id"] = f"{PICK if one.what else FIELD}{one.name}"
    # What has an effect at once is shown as the core knows it; what is only filled in stays as it was left.
    edition = hashlib.sha256(repr(one.chosen).encode()).hexdigest()[:12] if one.what else ""
    # The deed is not in the action_id, which must stay the same for a value to be kept: it is in the block_id.
    where = f"{page.name}:{page.conversation}" if alone else ":"
    wanted = f"{PICK}{one.name}:{one.what}:{where}:{edition}" if one.what else f"{FIELD}{one.name}:"
    if len(wanted) > BLOCK_ID:
        raise TooMuch(f"the choice {one.name:.40} has a name of {len(wanted)} characters, and {BLOCK_ID} fit")
    block_id = numbers.block(wanted)
    if not sent and one.what:
        return {"type": "actions", "block_id": block_id, "elements": [element]}
    return _input(one.label, element, block_id, one.optional, one.hint or note, now=bool(one.what))


def _list(one: Choice) -> tuple[Block, str]:
    """The element, and a remark when not everything could be offered."""
    named = {entry.value: option(entry) for entry in one.options}
    options = list(named.values())[:IN_LIST]
    note = f"The first {IN_LIST} of {len(named)} are offered." if len(named) > IN_LIST else ""
    offered = {entry["value"] for entry in options}
    initial = [named[value] for value in dict.fromkeys(one.chosen) if value in named]
    placeholder = _text(one.label, 150)
    if one.search:
        made: dict[str, Any] = {"placeholder": placeholder, "min_query_length": 0}
        if one.many:
            return {"type": "multi_external_select", **made, **({"initial_options": initial} if initial else {})}, note
        return {"type": "external_select", **made, **({"initial_option": initial[0]} if initial else {})}, note
    initial = [entry for entry in initial if entry["value"] in offered]
    if one.many and len(options) <= IN_CHECKBOXES:
        return {"type": "checkboxes", "options": options, **({"initial_options": initial} if initial else {})}, note
    kind, first = ("multi_static_select", {"initial_options": initial}) if one.many else (
        "static_select", {"initial_option": initial[0] if initial else None}
    )  # fmt: skip
    return {"type": kind, "placeholder": placeholder, "options": options, **(first if initial else {})}, note


def option(one: Option) -> Block:
    """An entry of a list. Raises :class:`TooMuch`."""
    made: dict[str, Any] = {"text": label(one.label or one.value), "value": option_value(one.value)}
    if one.note.strip():
        made["description"] = label(one.note)
    return made


# Fields --------------------------------------------------------------------------------------------------------------------


def field(one: Field, numbers: Numbers) -> Block:
    """A block for a field. A new ``edition`` gives the block another id, so that Slack shows the new value."""
    element: dict[str, Any] = {"action_id": f"{FIELD}{one.name}"}
    hint = one.hint
    if one.kind == "person":
        element |= {"type": "users_select", "placeholder": plain("A colleague")}
        known = _USER.match(one.value)
        if known:
            element["initial_user"] = known[1]
    elif one.kind == "day":
        element["type"] = "datepicker"
        if _is_day(one.value):
            element["initial_date"] = one.value
    else:
        longest = max(1, min(one.longest, INPUT))
        element |= {"type": "plain_text_input", "multiline": one.kind == "text", "max_length": longest}
        if one.value:
            element["initial_value"] = one.value[:longest]
        if len(one.value) > longest:
            hint = f"Cut: {len(one.value)} characters, and {longest} fit in here. {hint}".strip()
    return _input(one.label, element, numbers.block(f"{FIELD}{one.name}:{one.edition}"), one.optional, hint)


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _input(text: str, element: Block, block_id: str, optional: bool, hint: str, *, now: bool = False) -> Block:
    made: dict[str, Any] = {
        "type": "input", "block_id": block_id, "label": _text(text, HINT), "element": element, "optional": optional,
    }  # fmt: skip
    if hint.strip():
        made["hint"] = _text(hint, HINT)
    if now:
        made["dispatch_action"] = True
    return made


def read_choice(block_id: str) -> tuple[str, str, str]:
    """Of a choice that has an effect at once, from the id of its block: the deed, and in messages its page and conversation."""
    kind, _, rest = block_id.partition(":")
    parts = rest.rsplit(":", 4)
    return (parts[1], parts[2], parts[3]) if f"{kind}:" == PICK and len(parts) == 5 else ("", "", "")
