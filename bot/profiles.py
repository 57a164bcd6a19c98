"""What a channel tells of a person beside their words, for agents: where they write from, and a picture. Inside a write.

Nobody vouches for either: an address that is not a plain web address is left out, and so is one that is too long.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from bot.crypto import keep, reveal
from bot.messages import Profile
from bot.store import sql

LONGEST = 500
"""Characters of an address."""


def note(conversation_id: str, profile: Profile) -> None:
    """Remember the page and the picture, if they are told and new."""
    page = web_address(profile.page_url)
    if page and page != page_of(conversation_id):
        sql(
            "UPDATE conversation SET page_url = ? WHERE id = ?",
            (keep("conversation", "page_url", conversation_id, page), conversation_id),
        )
    picture = web_address(profile.picture)
    if picture.startswith("https://"):
        sql(
            "UPDATE contact SET picture = ? WHERE id = (SELECT contact_id FROM conversation WHERE id = ?) AND picture <> ?",
            (picture, conversation_id, picture),
        )


def page_of(conversation_id: str) -> str:
    """The page the customer wrote from last; empty if it is not known. Also inside a read."""
    row = sql("SELECT page_url FROM conversation WHERE id = ?", (conversation_id,)).fetchone()
    return reveal("conversation", "page_url", conversation_id, row[0]) if row and row[0] else ""


def picture_of(conversation_id: str) -> str:
    """The customer's picture; empty if there is none. Also inside a read."""
    row = sql(
        "SELECT k.picture FROM contact k JOIN conversation v ON v.contact_id = k.id WHERE v.id = ?", (conversation_id,)
    ).fetchone()
    return str(row[0]) if row else ""


def web_address(text: str) -> str:
    """The address without its fragment and without a name or password in it; empty if it is none that can be shown."""
    if not text.startswith(("https://", "http://")) or len(text) > LONGEST or not text.isprintable() or " " in text:
        return ""
    try:
        parts = urlsplit(text)
        if not parts.hostname or parts.username is not None:
            return ""
    except ValueError:
        return ""
    return parts._replace(fragment="").geturl()
