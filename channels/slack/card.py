"""The card at the head of a thread, always edited in place. Summary before details: an agent decides in five seconds.

Sizes are cut so that the whole stays far below Slack's limits (50 blocks, header 150 characters, about 13,000 in all).
"""

from __future__ import annotations

from datetime import UTC, datetime

from bot import Card, Line, Press

from .buttons import actions_block
from .carried import OnPage
from .controls import Numbers, button
from .rich import Block, Part, cut, escape, header, link, moment, quote, rich, section, words

SUMMARY = 1_500
LINE = 280
LINES = 8
FIELD = 200
_STATES = {
    "ai": "🔵 With the AI",
    "waiting": "🟠 Waiting",
    "human": "🟢 In progress",
    "resolved": "⚪ Resolved",
    "gone": "⚫ Deleted by the customer",
}
_PRIORITIES = {"low": "", "normal": "", "high": "❗ High · ", "urgent": "‼️ Urgent · "}
_AUTHORS = {"ai": "AI assistant", "note": "Note", "system": "Deskhand"}
HINT = "Reply in this thread to answer the customer. Begin with `note:` or 🔒 to keep it between you. `!help` shows the commands."


def card_blocks(card: Card) -> list[Block]:
    """The blocks of a card. Nothing in it is read by Slack as a mention, a link or a command."""
    blocks = [header(_title(card)), rich(section(*_about(card)))]
    if card.summary.strip():
        by = {"ai": "Summary (AI)", "extract": "Summary (taken from the conversation)", "agent": "Description"}.get(
            card.summary_by, "Summary"
        )
        blocks.append(rich(section(words(f"{by}\n", bold=True), words(cut(card.summary, SUMMARY)))))
    details = _details(card)
    if details:
        blocks.append(rich(section(*details)))
    if card.state not in {"resolved", "gone"}:
        shown = [one for one in card.lines if one.text.strip()][-LINES:]
        if shown:
            blocks.append(rich(*(quote(*_line(one)) for one in shown)))
    actions = actions_block(
        card.actions,
        conversation=card.conversation_id,
        block_id=f"card:{card.conversation_id}:{card.version}",
        who=f"#{card.ticket}",
        note=card.state in {"waiting", "human"},
    )
    if actions is not None:
        if card.state in {"waiting", "human"}:
            _with_canned(actions, card)
        blocks.append(actions)
    if card.state in {"waiting", "human"}:
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": HINT}]})
    return blocks


def _with_canned(actions: Block, card: Card) -> None:
    """A button that opens the form of canned replies, before what stands behind dots."""
    press = Press(
        label="Canned reply",
        opens="canned.choose",
        conversation_id=card.conversation_id,
        spoken=f"Canned reply: #{card.ticket}",
    )
    elements = actions["elements"]
    at = next((n for n, one in enumerate(elements) if one["type"] == "overflow"), len(elements))
    elements.insert(at, button(press, OnPage(name="card"), Numbers(), alone=True))


def card_fallback(card: Card) -> str:
    """One line for notifications and screen readers."""
    return escape(cut(" — ".join(part for part in (_title(card), _one_line(card.reason, FIELD)) if part), 300))


def _title(card: Card) -> str:
    state = _STATES[card.state]
    if card.state == "human" and card.assignee:
        state = f"🟢 {_one_line(card.assignee, 40)} is on it"
    elif card.state == "waiting" and card.snoozed_until:
        state = "😴 Snoozed"
    return f"{_PRIORITIES[card.priority]}{state} · #{card.ticket} · {_one_line(card.customer, 60) or 'Visitor'}"


def _about(card: Card) -> list[Part]:
    """When, and who the customer is."""
    parts: list[Part] = []

    def add(*some: Part) -> None:
        if parts:
            parts.append(words(" · "))
        parts.extend(some)

    if card.state in {"waiting", "ai"} and card.waiting_since:
        add(words("Waiting since "), _clock(card.waiting_since))
    if card.overdue and card.overdue_since:
        add(words(f"{card.overdue.capitalize()} overdue since ", bold=True), _clock(card.overdue_since))
    elif card.due and card.state in {"waiting", "human"}:
        add(words("Due "), _clock(card.due))
    if card.snoozed_until and card.state in {"waiting", "human"}:
        add(words("Snoozed until "), _clock(card.snoozed_until))
    if card.state == "resolved":
        add(words(f"Resolved by {_one_line(card.resolved_by, 60)}" if card.resolved_by else "Resolved"))
        if card.outcome:
            add(words(_one_line(card.outcome, FIELD)))
    if card.email:
        add(words(_one_line(card.email, 120) + (" (verified)" if card.verified else " (not verified)")))
    for value in (card.language, card.channel, card.site):
        if value:
            add(words(_one_line(value, 60)))
    if card.rating is not None:
        add(words(f"rated {card.rating}"))
    return parts or [words(f"Ticket #{card.ticket}")]


def _details(card: Card) -> list[Part]:
    parts: list[Part] = []

    def add(label: str, part: Part) -> None:
        if parts:
            parts.append(words("\n"))
        parts.extend((words(f"{label}: ", bold=True), part))

    if card.subject.strip():
        add("Subject", words(_one_line(card.subject, FIELD)))
    if card.reason.strip():
        add("Why", words(_one_line(card.reason, FIELD)))
    if card.confidence is not None and card.state in {"waiting", "human"}:
        level = "low" if card.confidence < 0.5 else "high" if card.confidence >= 0.8 else "medium"
        add("AI confidence", words(f"{level} ({card.confidence:.2f})"))
    if card.page_url:
        add("Page", link(card.page_url, _one_line(card.page_url.partition("://")[2] or card.page_url, 120)))
    if card.state == "waiting":
        nobody = f"nobody (last: {_one_line(card.last_agent, 60)})" if card.last_agent else "nobody"
        add("Assigned", words(f"offered to {_one_line(card.offered, 60)}" if card.offered else nobody))
    elif card.assignee:
        add("Assigned", words(_one_line(card.assignee, 60)))
    if card.tags:
        add("Tags", words(_one_line(", ".join(card.tags), 2 * FIELD)))
    return parts


def _line(line: Line) -> list[Part]:
    who = (
        _AUTHORS.get(line.author) or _one_line(line.name, 40) or ("Customer" if line.author == "customer" else "Agent")
    )
    return [words(f"{who}: ", bold=True), words(cut(" ".join(line.text.split()), LINE))]


def _clock(at: float) -> Part:
    when = datetime.fromtimestamp(at, UTC)
    today = when.date() == datetime.now(UTC).date()
    return moment(
        at, "{time}" if today else "{date_short} {time}", f"{when:%H:%M} UTC" if today else f"{when:%d %b %H:%M} UTC"
    )


def _one_line(text: str, longest: int) -> str:
    return cut(" ".join(text.split()), longest)
