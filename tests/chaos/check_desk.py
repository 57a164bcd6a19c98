"""The judge of the desk's proof. It knows what people wrote and saw in Slack (the fake's log), what customers saw, and the rows.

D1 one thread for each ticket · D2 customers' words in their thread, once, in order · D3 agents' words on their customer's screen,
once, and on no other's · D4 one winner of each race · D5 what was acknowledged to Slack is in the ledger · D6 nothing given up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.checker import Violation
from tests.chaos.desk_load import said
from tests.chaos.journal import Event, of_kind
from tests.chaos.snapshot import Snapshot

Found = tuple[str, str, str]


@dataclass
class DeskWorld:
    """All that the judge may look at."""

    database: Snapshot
    customers: dict[str, list[Event]]
    """Journals by the case's name."""
    threads: dict[str, tuple[str, str]]
    """Channel and thread of each case, as the customers' first words told."""
    roots: dict[str, list[str]]
    """The roots of each Slack channel, now."""
    shown: dict[tuple[str, str], list[dict[str, Any]]]
    """The messages of each thread, now, the oldest first."""
    slack: list[dict[str, Any]] = field(default_factory=list)
    """The log of the fake."""


def judge_desk(world: DeskWorld) -> list[Violation]:
    """Every violation. Empty: the promises held."""
    found = [
        *_threads(world),
        *_customers(world),
        *_agents(world),
        *_races(world),
        *_acknowledged(world),
        *_given_up(world),
    ]
    order = {"lost": 0, "twice": 1, "order": 2}
    return sorted((Violation(*one) for one in found), key=lambda one: order.get(one.kind, 9))


def _threads(world: DeskWorld) -> Iterator[Found]:
    tickets, roots = len(world.database["ticket"]), [ts for one in world.roots.values() for ts in one]
    if len(roots) != tickets:
        yield "D1", "twice" if len(roots) > tickets else "lost", f"{len(roots)} threads for {tickets} tickets"
    known = {(row["place"], row["thread"]) for row in world.database["desk_thread"]}
    for name, thread in world.threads.items():
        if thread not in known:
            yield "D1", "lost", f"{name}: the rows do not know its thread {thread}"


def _customers(world: DeskWorld) -> Iterator[Found]:
    for name, log in world.customers.items():
        text_of = {e["cid"]: e["text"] for e in of_kind(log, "sent")}
        acked = {e["cid"]: e["seq"] for e in of_kind(log, "acked")}
        wanted = [t for cid in sorted(acked, key=acked.__getitem__) for t in said(text_of.get(cid, ""))][1:]
        there = [
            token
            for message in world.shown.get(world.threads[name], [])
            if message.get("bot_id") and message.get("username", "").endswith("· customer")
            for token in said(message["text"])
        ]
        counts = Counter(there)
        for token in wanted:
            if not counts[token]:
                yield "D2", "lost", f"{name}: {token} was acknowledged and is not in the thread"
        for token, times in counts.items():
            if times > 1:
                yield "D2", "twice", f"{name}: {token} is {times} times in the thread"
            if f":{name}:" not in token:
                yield "D2", "other", f"{name}: {token} belongs to somebody else's thread"
        kept = [token for token in there if token in set(wanted)]
        if kept != [token for token in wanted if token in set(kept)]:
            yield "D2", "order", f"{name}: the thread has another order than the conversation"


def _agents(world: DeskWorld) -> Iterator[Found]:
    written: dict[tuple[str, str], list[str]] = {}
    for entry in world.slack:
        if entry["what"] == "written" and entry["thread"]:
            written.setdefault((entry["channel"], entry["thread"]), []).extend(said(entry["text"]))
    rows = Counter(t for row in world.database["message"] if row["author"] == "agent" for t in said(row["body"]))
    for name, thread in world.threads.items():
        places: dict[str, set[str]] = {}
        for event in of_kind(world.customers[name], "shown"):
            if event["author"] == "agent":
                for token in said(event["text"]):
                    places.setdefault(token, set()).add(event["id"])
        for token in written.get(thread, []):
            if token not in places:
                yield "D3", "lost", f"{name}: {token} was written in Slack and never shown to the customer"
            elif len(places[token]) > 1 or rows[token] > 1:
                yield "D3", "twice", f"{name}: {token} was shown as {len(places[token])} messages, {rows[token]} rows"
        for token in set(places) - set(written.get(thread, [])):
            yield "D3", "other", f"{name}: {token} was shown and never written in this thread"


def _races(world: DeskWorld) -> Iterator[Found]:
    joined = Counter(row["conversation_id"] for row in world.database["message"] if row["kind"] == "joined")
    for row in world.database["conversation"]:
        if row["state"] == "human" and joined[row["id"]] != 1:
            yield "D4", "twice", f"{row['id']}: {joined[row['id']]} agents won the claim"


def _acknowledged(world: DeskWorld) -> Iterator[Found]:
    """What Slack was told that we have is on disk: it will not tell it again."""
    keys = {row["key"] for row in world.database["ledger"]}
    for entry in world.slack:
        event = entry.get("event") or {}
        if entry["what"] != "acked" or event.get("type") != "message" or event.get("bot_id") or event.get("subtype"):
            continue
        if event.get("thread_ts") and f"slack:T0DESK:{event['channel']}:{event['ts']}" not in keys:
            yield "D5", "lost", f"{event['ts']} in {event['channel']} was acknowledged and is not in the ledger"


def _given_up(world: DeskWorld) -> Iterator[Found]:
    for row in world.database["delivery"]:
        if row["channel"].startswith("desk:") and row["state"] in {"dead", "held"} and row["op"] != "mark":
            yield "D6", "lost", f"a {row['op']} for the desk was given up: {row['error']}"
    for row in world.database["reply"]:
        if row["state"] == "held":
            yield "D6", "lost", f"reply {row['id']} is still held"
