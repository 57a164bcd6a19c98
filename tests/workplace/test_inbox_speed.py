"""An inbox is made at once, however much waits."""

from __future__ import annotations

import time
from typing import Any

from bot.workplace import inbox_lists
from tests.workplace.inboxes import House, labels, rows

OPEN, MINE, DONE = 5_000, 200, 3_000
NUMBER = "n.i"
GOAL = 0.030
"""Seconds, of which a page may take this many on a machine of its own; measured: 10 ms on SQLite, 11 ms on PostgreSQL, at most."""
BUSY = 3
"""How many times slower a machine may be that runs the suite."""


def fill(store: Any, like: str, first: int, count: int, state: str, assignee: str) -> None:
    """Copies of a conversation with its messages and its ticket, with two tags each."""
    ticket, since = f"'t' || {NUMBER}", f"(r.created_at - ({NUMBER} * 7919) % 500000)"
    where = {"open": "waiting", "in_progress": "human"}.get(state, "resolved")
    priority = f"CASE {NUMBER} % 5 WHEN 1 THEN 'high' WHEN 2 THEN 'low' WHEN 4 THEN 'urgent' ELSE 'normal' END"
    snoozed = f"CASE WHEN {NUMBER} % 11 = 0 THEN r.created_at + 900 END"
    changes = {
        store.Conversation: {"id": f"'c' || {NUMBER}", "state": f"'{where}'", "assignee": f"'{assignee}'"},
        store.Message: {"id": f"r.id || {NUMBER}", "conversation_id": f"'c' || {NUMBER}"},
        store.Ticket: {
            "id": ticket, "number": NUMBER, "conversation_id": f"'c' || {NUMBER}", "state": f"'{state}'", "assignee": f"'{assignee}'",
            "priority": priority, "waiting_since": since, "first_reply_due": f"{since} + 3600", "snoozed_until": snoozed,
            "resolved_at": since,
        },
        store.TicketEvent: {"id": f"r.id || {NUMBER}", "ticket_id": ticket},
        store.TicketTag: {
            "id": f"r.id || {NUMBER}", "ticket_id": ticket, "tag": f"CASE r.tag WHEN 'all' THEN 'all' ELSE 'topic-' || ({NUMBER} % 80) END"
        },
    }  # fmt: skip
    own = {
        store.Conversation: "r.id = ?", store.Message: "r.conversation_id = ?", store.Ticket: "r.conversation_id = ?",
        store.TicketEvent: "r.ticket_id = (SELECT id FROM ticket WHERE conversation_id = ?)",
        store.TicketTag: "r.ticket_id = (SELECT id FROM ticket WHERE conversation_id = ?)",
    }  # fmt: skip
    for table, new in changes.items():
        columns = [one.column_name for one in table._meta.sorted_fields]
        query = (
            f"INSERT INTO {table._meta.table_name} ({', '.join(columns)}) WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL"
            f" SELECT i + 1 FROM n WHERE i < {first + count - 1})"
            f" SELECT {', '.join(new.get(one, f'r.{one}') for one in columns)} FROM n, {table._meta.table_name} r WHERE {own[table]}"
        )
        store.write(lambda query=query: store.sql(query, (like,)))


def test_a_page_of_five_thousand_open_tickets_is_made_at_once(house: House) -> None:
    like = house.waits("What was said here is as long as what people say.")
    house.say("tag #1001 all other")
    fill(house.store, like, 10_000, OPEN - 1, "open", "")
    fill(house.store, like, 20_000, MINE, "in_progress", "ana")
    fill(house.store, like, 30_000, DONE, "resolved", "ana")
    if not house.store.is_sqlite():
        house.store.write(lambda: house.store.sql("ANALYZE"))
    for which in inbox_lists.LISTS:
        for tag in ("*", "topic-7"):
            house.choose(tag)
            page = house.tab(which)
            if tag == "*":
                assert len(rows(page)) == 30 and labels(page) == [
                    "Mine (200)",
                    "Unassigned (5,000)",
                    "Resolved (1,000+)",
                ]
            took = []
            for _ in range(7):
                begun = time.perf_counter()
                house.home(again=True)
                took.append(time.perf_counter() - begun)
            print(f"{which} {tag}: {min(took) * 1000:.1f} ms")
            assert rows(page) and min(took) < GOAL * BUSY, (which, tag, took)
