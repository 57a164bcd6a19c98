"""What the buttons, menus and fields of a page carry, and how it is read again. Names only: a control is no right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from bot import Action, Page, Press

BUTTON, OPTION, METADATA = 2_000, 150, 3_000
"""Characters that Slack lets each of them carry."""
CALLBACK = "deskhand:page"
"""Marks forms and inboxes that were made of a page."""
PRESS, MENU, PICK, FIELD, LINK = "press:", "menu:", "pick:", "field:", "link:"
"""What an ``action_id`` begins with. ``pick:`` and ``field:`` go on with the name of the field."""


class TooMuch(ValueError):
    """A page carries more than Slack takes: a fault of whoever made the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnPage:
    """Where a control stands: the page's own names, and where its person was when they opened it."""

    name: str
    value: str = ""
    conversation: str = ""
    what: str = ""
    place: str = ""
    thread: str = ""

    @classmethod
    def of(cls, page: Page, place: str = "", thread: str = "") -> OnPage:
        return cls(
            name=page.name, value=page.value, conversation=page.conversation_id, what=page.what, place=place, thread=thread
        )  # fmt: skip

    def metadata(self) -> str:
        """For ``private_metadata``. Raises :class:`TooMuch`."""
        return _within(
            {
                "n": self.name,
                "v": self.value,
                "c": self.conversation,
                "w": self.what,
                "p": self.place,
                "t": self.thread,
            },
            METADATA,
            f"the page {self.name}",
        )


def read_metadata(text: str) -> OnPage:
    """Read what :meth:`OnPage.metadata` wrote."""
    carried: dict[str, Any] = orjson.loads(text or "{}")
    name, value, conversation, what, place, thread = (str(carried.get(one) or "") for one in "nvcwpt")
    return OnPage(name=name, value=value, conversation=conversation, what=what, place=place, thread=thread)


@dataclass(frozen=True, slots=True)
class Carried:
    """What a button said. Exactly one of ``what``, ``opens`` and ``action`` is there."""

    what: str
    opens: str
    action: Action | None
    value: str
    conversation: str
    page: OnPage | None
    """Only in messages: forms and inboxes say it themselves."""


def carry(press: Press, page: OnPage, *, alone: bool, longest: int = BUTTON) -> str:
    """What the control for ``press`` carries; ``alone``: nothing around it says which page it is on. Raises :class:`TooMuch`."""
    kind, name = (
        ("w", press.what) if press.what else ("o", press.opens) if press.opens else ("a", str(press.action or ""))
    )
    if not name:
        raise ValueError(f"the button {press.label!r} of the page {page.name} does nothing")
    carried: dict[str, str] = {kind: name}
    conversation = press.conversation_id or (page.conversation if alone else "")
    if press.value:
        carried["v"] = press.value
    if conversation and (alone or conversation != page.conversation):
        carried["c"] = conversation
    if alone:
        carried["n"] = page.name
        if page.value:
            carried["pv"] = page.value
    return _within(carried, longest, f"the button {press.label!r} of the page {page.name}")


def read_carried(text: str) -> Carried | None:
    """Read what :func:`carry` wrote; ``None`` for what is not ours."""
    try:
        carried = orjson.loads(text or "null")
    except ValueError:
        return None
    if not isinstance(carried, dict):
        return None
    of = {key: str(value) for key, value in carried.items()}
    action = of.get("a", "")
    if action and action not in set(Action):
        return None
    page = OnPage(name=of["n"], value=of.get("pv", ""), conversation=of.get("c", "")) if of.get("n") else None
    return Carried(
        of.get("w", ""), of.get("o", ""), Action(action) if action else None, of.get("v", ""), of.get("c", ""), page
    )


def _within(carried: Mapping[str, str], longest: int, what: str) -> str:
    text = orjson.dumps({key: value for key, value in carried.items() if value}).decode()
    if len(text) > longest:
        raise TooMuch(f"{what} carries {len(text)} characters, and Slack takes {longest}")
    return text


def option_value(value: str) -> str:
    """What an entry of a list carries: never empty, as Slack wants it. Raises :class:`TooMuch`."""
    if len(value) >= OPTION:
        raise TooMuch(f"an entry of a list carries {len(value)} characters, and Slack takes {OPTION - 1}")
    return f"={value}"


def filled_in(values: Mapping[str, Any] | None) -> dict[str, str]:
    """The fields of a page by their name, from Slack's ``state.values``. People come as Slack's own ids."""
    found: dict[str, str] = {}
    for block in (values or {}).values():
        for action, given in block.items():
            if action.startswith((FIELD, PICK)):
                found[action.partition(":")[2]] = chosen(given)
    return found


def people_in(values: Mapping[str, Any] | None) -> dict[str, str]:
    """Of those the ones that name a person: Slack's id by the name of the field."""
    return {
        action.partition(":")[2]: str(given.get("selected_user") or "")
        for block in (values or {}).values()
        for action, given in block.items()
        if given.get("type") == "users_select" and given.get("selected_user")
    }


def chosen(given: Mapping[str, Any]) -> str:
    """What one control was set to; several with commas between them."""
    options = given.get("selected_options")
    if options is None:
        option = given.get("selected_option")
        options = [option] if option else []
    if options or given.get("type") in {
        "static_select", "external_select", "multi_static_select", "multi_external_select", "checkboxes", "radio_buttons",
    }:  # fmt: skip
        return ",".join(str(one.get("value") or "").removeprefix("=") for one in options)
    return str(given.get("value") or given.get("selected_user") or given.get("selected_date") or "")
