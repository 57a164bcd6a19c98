"""What travels: frozen data between channels, the core, desks and plugins. No I/O here.

Plugins get these and return changed copies (``dataclasses.replace``); nobody outside ``bot.store`` sees a database row.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Literal

Author = Literal["customer", "ai", "agent", "note", "system"]
"""Who speaks. ``note`` is internal and never leaves for a customer; ``system`` is Deskhand itself."""

State = Literal["ai", "waiting", "human", "resolved", "gone"]
"""Who has the conversation. See ``bot.states`` for every allowed step."""

MAX_TEXT = 4_000
"""Longest customer message in characters (code points), unless the setting says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a channel knows about a person, unverified. Empty strings mean unknown."""

    name: str = ""
    email: str = ""
    language: str = ""
    """BCP 47 tag, such as ``de`` or ``pt-BR``."""
    page_url: str = ""
    page_title: str = ""


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
    kind: Literal["message", "handoff", "contact", "resolve", "rating"] = "message"
    """``handoff`` asks for a person, ``contact`` leaves name and e-mail on the ticket, ``resolve`` closes the conversation,
    ``rating`` says what the customer thinks of it afterwards (``rating``, with ``text`` as a comment)."""
    site: str = ""
    """Site key; empty means the installation's first site."""
    profile: Profile = field(default_factory=Profile)
    client_key: str = ""
    """The sender's own id of this message (the widget's ``cid``); echoed back in :class:`MessageView`."""
    conversation_id: str = ""
    """The id that a new conversation gets; empty: the core makes one. Must be unguessable and the same in a redelivery."""
    rating: int = 0
    """1 to 5, only for ``rating``."""

    @property
    def body_hash(self) -> str:
        """Hex SHA-256 over what must be equal in a redelivery."""
        parts = [self.kind, self.place, self.text, self.profile.name, self.profile.email]
        if self.rating:
            parts.append(str(self.rating))
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What :func:`bot.receive` answers for an event it must not store. Sending it again changes nothing."""

    key: str
    code: Literal[
        "key_reused", "too_long", "empty", "unknown_site", "not_yours", "unknown_conversation", "bad_field", "blocked"
    ]
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
    """The platform's id of the message to edit, delete or react to; empty for ``send``."""
    version: int = 0
    part: int = 0
    parts: int = 1
    sources: tuple[Source, ...] = ()
    choices: tuple[str, ...] = ()
    attempt: int = 1
    first_sent_at: float | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """The platform took it. ``platform_id`` is its id there, unique per place; empty if the platform gives none."""

    platform_id: str = ""
