"""What travels: frozen data between channels, the core, desks and plugins. No I/O here.

Plugins get these and return changed copies (``dataclasses.replace``); nobody outside ``bot.store`` sees a database row.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any, Literal

Author = Literal["customer", "ai", "agent", "note", "system"]
"""Who speaks. ``note`` is internal and never leaves for a customer; ``system`` is Deskhand itself."""

State = Literal["ai", "waiting", "human", "resolved", "gone"]
"""Who has the conversation. See ``bot.states`` for every allowed step."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
MAX_TEXT = 4_000
"""Longest customer message in characters (code points), unless the setting says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a channel knows about a person, unverified. Empty strings mean unknown."""

    name: str = ""
    email: str = ""
    language: str = ""
    """BCP 47 tag, such as ``de`` or ``pt-BR``."""
    zone: str = ""
    """Time zone, an IANA name such as ``Europe/Berlin``."""
    page_url: str = ""
    page_title: str = ""
    picture: str = ""
    """An ``https://`` address of their picture that anybody may load, as desks do; never one with a token in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file on its way in or out, with its bytes. Nothing that it says of itself is believed: the core looks at the bytes,
    applies the policy (sizes, types) and keeps it under a random name."""

    name: str
    content: bytes = field(default=b"", repr=False)
    type: str = ""
    """Media type, such as ``image/png``. On the way in: what the platform says."""
    size: int = 0
    """In bytes; on the way in only needed when there is no ``content``."""
    problem: Literal["", "too_large", "unavailable"] = ""
    """Why there is no ``content``: more than ``limits.max_file_bytes``, or the platform did not give it. People are told."""
    id: str = ""
    """Our id of the file: on the way out always, on the way in only of one that was uploaded before (then without ``content``)."""
    url: str = ""
    """On the way out: a link for people, valid for some days; empty without a public address."""

    @property
    def bytes(self) -> int:
        return len(self.content) or self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class FileView:
    """A stored file of a message. Without ``url`` it was refused or has been removed, and ``problem`` says why."""

    id: str
    name: str
    type: str
    size: int
    width: int = 0
    """Of images, in pixels."""
    height: int = 0
    url: str = ""
    """Path on this server with a signature, valid for a day."""
    problem: str = ""
    """A sentence for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """One emoji that somebody put on a message."""

    emoji: str
    author: Author
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """Something to press under a message. A channel shows ``label`` and brings ``value`` back as it is: ``Inbound(kind="button",
    text=value)``. At most 64 bytes, so that every platform can carry it."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """One event from a channel, on its way into :func:`bot.receive`.

    ``key`` is the platform's natural identity of the event, unique for ever and equal on every redelivery, such as
    ``tg:{bot}:{chat}:{message_id}``. A second event with the same key and the same :attr:`body_hash` gets the receipt of
    the first; with another body it is refused (``key_reused``).
    """

    channel: str
    key: str
    external_id: str
    """How the channel knows the person. One identity per (channel, external_id)."""
    place: str
    """Where the conversation happens on the channel: a chat, a thread, a widget conversation's id."""
    text: str = ""
    kind: Literal[
        "message",
        "handoff",
        "cancel",
        "ticket",
        "contact",
        "resolve",
        "rating",
        "edit",
        "delete",
        "reaction",
        "mark",
        "button",
        "new",
        "continue",
    ] = "message"
    """``handoff`` asks for a person, ``cancel`` does not want to wait for one any longer, ``ticket`` turns the chat into a ticket that is
    answered later, ``contact`` leaves name and e-mail on the ticket, ``resolve`` closes the conversation,
    ``rating`` says what the customer thinks of it afterwards (``rating``, with ``text`` as a comment). ``edit`` (``text``: the
    new one) and ``delete`` change the customer's own message ``subject``; ``reaction`` puts the emoji ``text`` on it, or takes it
    back when ``gone``; ``mark`` says whether the answer ``subject`` helped (``mark``, with a ``reason`` and ``text`` as words);
    ``button``: a button under a message of ours was pressed, ``text`` is its value.
    ``new`` closes the conversation of this place and leaves it: the next message there begins another one.
    ``continue``: with a code in ``text`` the conversation for which it was made goes on at this place; without one a code is asked
    for, to go on elsewhere. Show ``Receipt.aside`` or ``Refused.message`` at the place."""
    shared: bool = False
    """Others read along at this place (a group, a thread of a server): no code is given or taken there."""
    site: str = ""
    """Site key; empty means the installation's first site."""
    profile: Profile = field(default_factory=Profile)
    client_key: str = ""
    """The sender's own id of this message (the widget's ``cid``); echoed back in :class:`MessageView`."""
    conversation_id: str = ""
    """The id that a new conversation gets; empty: the core makes one. Must be unguessable and the same in a redelivery."""
    rating: int = 0
    """1 to 5, only for ``rating``."""
    mark: str = ""
    """Only for ``mark``: ``up``, ``down``, or empty to take it back."""
    reason: str = ""
    """Only for ``mark`` down: wrong, outdated, not_asked, too_long or other."""
    subject: str = ""
    """Which message (``edit``, ``delete``, ``reaction``): the ``key`` with which the customer's message came in, the
    ``platform_id`` that ``send`` gave for one of ours, or our own id of it."""
    anywhere: bool = False
    """``subject`` is a ``platform_id`` that is the only one of its kind in the whole channel, and the platform does not say at which
    place it is: it is looked for at every place. Whether it is this person's is checked as ever."""
    gone: bool = False
    """Only for ``reaction``: it was taken back."""
    origin: str = ""
    """A keyed hash of the address it came from (``bot.origin_of``), where the channel knows one: limits count by it."""
    files: tuple[Attachment, ...] = ()
    """Only for ``message``; then ``text`` may be empty."""

    @property
    def body_hash(self) -> str:
        """Hex SHA-256 over what must be equal in a redelivery."""
        parts = [self.kind, self.place, self.text, self.profile.name, self.profile.email]
        if self.rating:
            parts.append(str(self.rating))
        if self.subject:
            parts += [self.subject, str(self.gone)]
        if self.mark or self.reason:
            parts += [self.mark, self.reason]
        # Not the bytes: platforms shrink and re-encode pictures, and a link may have expired at the second delivery.
        parts += [f"{file.name}|{file.bytes}" for file in self.files]
        return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What :func:`bot.receive` answers for one committed event. The platform may be acknowledged now."""

    key: str
    conversation_id: str
    message_id: str = ""
    """Empty for events that make no message."""
    seq: int = 0
    rev: int = 0
    duplicate: bool = False
    """True when an earlier delivery of the same event was committed before."""
    elsewhere: bool = False
    """True when something of it is to be shown at a desk."""
    aside: str = ""
    """A sentence for the person who did it, to be shown at the place at once. It is no part of the conversation and not repeated."""
    stays: bool = False
    """Only for ``button``: it may be pressed again, so leave the buttons under the message as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What :func:`bot.receive` answers for an event it must not store. Sending it again changes nothing."""

    key: str
    code: Literal[
        "key_reused", "too_long", "empty", "unknown_site", "not_yours", "unknown_conversation", "bad_field", "blocked",
        "unknown_message", "bad_file", "bad_code", "not_here", "too_many",
    ]  # fmt: skip
    message: str
    """A sentence for people: what is wrong and what to do."""
    field: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One citation under an answer: the passage behind the marker ``[n]`` in the text."""

    n: int
    passage_id: str
    title: str
    heading: str = ""
    url: str = ""
    """https, http or empty."""
    updated: str = ""
    """ISO date of the article's last change."""

    def label(self, most: int = 100) -> str:
        """Title, place and date on one line, as channels show them: "Returns: How to return (updated 2026-03-01)". The words before the
        date are cut to ``most`` characters."""
        title, heading = (" ".join(part.split()) for part in (self.title or "article", self.heading))
        name = f"{title}: {heading}" if heading and heading.casefold() != title.casefold() else title
        name = name if len(name) <= most else f"{name[: most - 1].rstrip()}…"
        return f"{name} (updated {self.updated[:10]})" if _DATE.fullmatch(self.updated[:10]) else name


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageView:
    """A stored message as a channel, desk or plugin may see it."""

    id: str
    seq: int
    rev: int
    author: Author
    text: str
    """Plain text from customers, a small Markdown from the AI and from agents. Never HTML."""
    created_at: float
    """Unix seconds, UTC."""
    author_name: str = ""
    client_key: str = ""
    turn_id: str = ""
    sources: tuple[Source, ...] = ()
    choices: tuple[str, ...] = ()
    """Quick replies, at most 5."""
    type: str = ""
    """How an AI message came about: ``ai``, ``offline``, ``fallback``, ``stopped``; for system messages their code."""
    deleted: bool = False
    edited_at: float | None = None
    files: tuple[FileView, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)


Op = Literal["send", "edit", "delete", "react", "card"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbound:
    """One delivery to one place, ready to send. ``key`` is the same on every attempt (24 characters of base32)."""

    key: str
    op: Op
    place: str
    text: str = ""
    """Within the channel's ``limits.max_text``: the core has split it."""
    author: Author = "ai"
    author_name: str = ""
    subject: str = ""
    """The platform's id of the message to edit, delete or react to; empty for ``send``. A customer's own message (``react``) is
    named by the ``key`` with which it came in."""
    version: int = 0
    part: int = 0
    parts: int = 1
    sources: tuple[Source, ...] = ()
    """Only with the last part."""
    buttons: tuple[Button, ...] = ()
    """Only for channels with ``BUTTONS``, with the last part: quick replies, a rating, "talk to a person"."""
    files: tuple[Attachment, ...] = ()
    """Only for channels with ``FILES``, at most one: every file is a delivery of its own, with an empty ``text``. Other channels get
    links in the text."""
    turn: str = ""
    """Whose answer it is, to tell which draft it replaces."""
    attempt: int = 1
    first_sent_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An answer so far, for channels with ``DRAFT``. The next one replaces it; ``send`` with the same ``turn`` ends it."""

    place: str
    turn: str
    text: str
    """Within the channel's ``limits.max_text`` (its end is cut). Empty: no answer will come of it (a person took over); take back
    what was shown."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The platform took it. ``platform_id`` is its id there, unique per place; empty if the platform gives none."""

    platform_id: str = ""
