"""A canned reply as a customer would get it: with what is known of their conversation. Inside a read or write."""

from __future__ import annotations

from bot import clock
from bot.agents import AgentView
from bot.canned import CannedReply
from bot.canned_words import day, filled, first_name, plain_name
from bot.store import sql

FIELD = 3_000
"""Characters of one field of a form: a longer text takes two."""
_JOINTS = {"p": "\n\n", "n": "\n", "s": " ", "": ""}


def preview(reply: CannedReply, conversation_id: str, agent: AgentView) -> str:
    """The text with what is known filled in; the rest are gaps."""
    row = sql(
        "SELECT t.number, t.name, k.name, s.name, v.language, k.zone FROM conversation v JOIN contact k ON k.id = v.contact_id"
        " JOIN site s ON s.id = v.site_id LEFT JOIN ticket t ON t.conversation_id = v.id WHERE v.id = ?",
        (conversation_id,),
    ).fetchone()
    number, left, known, site, language, zone = row or (None, "", "", "", "", "")
    name = left or known or ""
    values = {
        "customer.name": plain_name(name),
        "customer.first_name": first_name(name),
        "agent.name": agent.public_name,
        "ticket": f"#{number}" if number else "",
        "site": site,
        "date": day(clock.now(), reply.language or language or "", zone or ""),
    }
    return filled(reply.text, values)


def parted(text: str) -> tuple[str, str, str]:
    """A text as two fields of a form, and the name of what stands between them; the second is empty when one is enough."""
    if len(text) <= FIELD:
        return text, "", ""
    for name, joint in _JOINTS.items():
        at = text.rfind(joint, 0, FIELD) if joint else FIELD
        if at > FIELD // 3:
            return text[:at], text[at + len(joint) :], name
    return text[:FIELD], text[FIELD:], ""


def joined(first: str, second: str, between: str) -> str:
    """What :func:`parted` took apart, as a person left it."""
    return f"{first}{_JOINTS.get(between, '')}{second}" if second.strip() else first
