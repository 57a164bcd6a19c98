"""What is true in the database at one look, for scripts that wait for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.store import read, sql


@dataclass
class Seen:
    """What is true in the database at one look, by conversation."""

    threads: dict[str, tuple[str, str]] = field(default_factory=dict)
    states: dict[str, tuple[str, str]] = field(default_factory=dict)
    offered: dict[str, str] = field(default_factory=dict)
    snoozed: set[str] = field(default_factory=set)
    urgent: set[str] = field(default_factory=set)
    numbers: dict[str, int] = field(default_factory=dict)
    """Of tickets."""
    drafts: dict[str, str] = field(default_factory=dict)
    """Ids of those that the AI has written and nobody has sent."""
    answered: set[str] = field(default_factory=set)
    """By the AI."""
    said: dict[str, list[str]] = field(default_factory=dict)
    """What agents said, in order."""

    def look(self) -> None:
        def work() -> None:
            self.threads = {
                row[0]: (row[1], row[2])
                for row in sql(
                    "SELECT conversation_id, place, thread FROM desk_thread WHERE thread IS NOT NULL"
                ).fetchall()
            }
            self.states = {
                row[0]: (row[1], row[2]) for row in sql("SELECT id, state, assignee FROM conversation").fetchall()
            }
            self.offered = dict(
                sql(
                    "SELECT o.conversation_id, a.name FROM agent_offer o JOIN agent a ON a.id = o.agent_id WHERE o.state = 'open'"
                ).fetchall()
            )
            rows = sql("SELECT conversation_id, snoozed_until, priority, number FROM ticket").fetchall()
            self.numbers = {row[0]: row[3] for row in rows}
            self.snoozed = {row[0] for row in rows if row[1] is not None}
            self.urgent = {row[0] for row in rows if row[2] == "urgent"}
            self.answered = {
                row[0] for row in sql("SELECT DISTINCT conversation_id FROM message WHERE author = 'ai'").fetchall()
            }
            self.drafts |= dict(
                sql("SELECT conversation_id, id FROM agent_draft WHERE state = 'ready' ORDER BY started_at").fetchall()
            )
            said: dict[str, list[str]] = {}
            for conversation_id, body in sql(
                "SELECT conversation_id, body FROM message WHERE author = 'agent' ORDER BY conversation_id, seq"
            ).fetchall():
                said.setdefault(conversation_id, []).append(body)
            self.said = said

        read(work)
