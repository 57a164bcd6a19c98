"""Pages: what a desk shows to one person beside the threads: their inbox, a form, or words that only they see.

The core says what is on a page, a desk says how it looks. Nothing on a page is a right: what a press means now is decided by the
core from the database when it is pressed. No I/O here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bot.desk_actions import Action

MOST_VALUE = 1_500
"""Characters that a press or a page may carry in ``value``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm:
    """A question before something happens that cannot be taken back."""

    title: str
    text: str
    yes: str
    no: str = "Cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A button, or an entry of a menu: exactly one of ``what``, ``opens``, ``action`` and ``url``."""

    label: str
    what: str = ""
    """A deed of the core, with its room: ``inbox.tab``. Comes back as a :class:`bot.DeskEvent` of the kind ``press``."""
    opens: str = ""
    """The form of this name is opened: ``canned.choose``."""
    action: Action | None = None
    """What cards offer as well; needs ``conversation_id``."""
    url: str = ""
    value: str = ""
    conversation_id: str = ""
    style: Literal["", "primary", "danger"] = ""
    confirm: Confirm | None = None
    spoken: str = ""
    """For screen readers, where the label alone would not say about what."""


@dataclass(frozen=True, slots=True)
class Heading:
    text: str


@dataclass(frozen=True, slots=True)
class Words:
    """Text. ``plain`` is shown exactly as it is (customers' words), ``markdown`` is a small Markdown of ours or of the AI,
    ``quiet`` is for remarks, ``quote`` for what somebody said."""

    text: str
    style: Literal["plain", "markdown", "quiet", "quote"] = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An entry of a list. ``title`` and ``text`` are foreign text."""

    title: str
    text: str = ""
    quiet: str = ""
    presses: tuple[Press, ...] = ()
    """Buttons: three at most."""
    menu: tuple[Press, ...] = ()
    """Behind dots: five at most."""


@dataclass(frozen=True, slots=True)
class Presses:
    """Buttons beside each other."""

    presses: tuple[Press, ...]


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    label: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of several, or several (``many``) of them. ``what``: pressed with the chosen value as soon as it is chosen; else it is a
    field of the form. ``search``: the options are asked for while somebody types (:meth:`bot.DeskInbox.options`)."""

    name: str
    label: str
    options: tuple[Option, ...] = ()
    chosen: tuple[str, ...] = ()
    many: bool = False
    what: str = ""
    search: bool = False
    optional: bool = False
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Something to fill in. ``person``: the desk's id of a colleague; ``day``: ``2026-11-21``. ``edition`` moves when ``value`` is to
    replace what somebody has typed."""

    name: str
    label: str
    value: str = ""
    kind: Literal["line", "text", "person", "day"] = "line"
    longest: int = 3_000
    optional: bool = False
    hint: str = ""
    edition: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A line between two parts."""


Part = Heading | Words | Row | Presses | Choice | Field | Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page for one person. ``home`` is their inbox, ``form`` is filled in and sent, ``aside`` are words in passing."""

    name: str
    """With its room: ``canned.choose``."""
    kind: Literal["home", "form", "aside"]
    title: str = ""
    parts: tuple[Part, ...] = ()
    value: str = ""
    """Comes back with every press on it."""
    conversation_id: str = ""
    submit: str = ""
    """The label of the button that sends a form; empty: there is nothing to send."""
    what: str = ""
    """The deed when the form is sent; ``fields`` of the event are what was filled in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A page that somebody wants to see. ``place`` and ``thread`` say where they are, ``text`` what the message there says."""

    desk: str
    who: str
    name: str
    who_name: str = ""
    trusted: bool = True
    value: str = ""
    conversation_id: str = ""
    place: str = ""
    thread: str = ""
    text: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    again: bool = False
    """It is only made anew to see whether it has changed: nobody has just opened it."""
    zone: str = ""
    """The person's time zone (``Europe/Zagreb``), if the desk knows it: times are told in it."""
