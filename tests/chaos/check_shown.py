"""I9: what customers saw is what is stored: everything, once, in order, and it never changed under their eyes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tests.chaos.journal import Event, of_kind
from tests.chaos.snapshot import Row

if TYPE_CHECKING:
    from tests.chaos.checker import World

Found = tuple[str, str, str]
REFUSALS = frozenset({"too_fast", "busy", "unavailable", ""})
"""What an honest client may be told in bad times: come again. Anything else it did not deserve."""


def check(world: World) -> Iterator[Found]:
    stored = world.database.by("message", "conversation_id")
    turns = {row["id"]: row for row in world.database["turn"]}
    for name, log in world.customers.items():
        for conv, shown in _by_conversation(log).items():
            yield from _order(name, conv, shown)
            yield from _same(name, conv, shown, [row for row in stored.get(conv, []) if row["author"] != "note"])
        yield from _own(name, log)
        yield from _drafts(name, log, turns, stored)
        yield from _manners(name, log)


def _by_conversation(log: list[Event]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for event in of_kind(log, "shown"):
        found.setdefault(event["conv"], []).append(event)
    for event in of_kind(log, "acked"):
        found.setdefault(event["conv"], [])
    return found


def _order(name: str, conv: str, shown: list[Event]) -> Iterator[Found]:
    places: dict[int, str] = {}
    known: set[str] = set()
    newest = 0
    for event in shown:
        seq, message_id = event["seq"], event["id"]
        if places.setdefault(seq, message_id) != message_id:
            yield "I9", "twice", f"{name} {conv}: two messages at place {seq}: {places[seq]} and {message_id}"
        elif seq > newest + 1:
            yield "I9", "gap", f"{name} {conv}: {seq} was shown after {newest}"
        elif seq <= newest and message_id not in known:
            yield "I9", "order", f"{name} {conv}: {seq} was shown first after {newest}"
        known.add(message_id)
        newest = max(newest, seq)
    where: dict[str, int] = {}
    for event in shown:
        if where.setdefault(event["id"], event["seq"]) != event["seq"]:
            yield (
                "I9",
                "twice",
                f"{name} {conv}: message {event['id']} was shown at {where[event['id']]} and at {event['seq']}",
            )
    texts: dict[tuple[str, str], str] = {}
    for event in shown:
        if event["author"] == "customer" or event.get("type") == "ai":
            first = texts.setdefault((event["author"], event["text"]), event["id"])
            if first != event["id"]:
                yield (
                    "I9",
                    "twice",
                    f"{name} {conv}: the same words twice, as {first} and as {event['id']}: {event['text'][:60]}",
                )


def _same(name: str, conv: str, shown: list[Event], rows: list[Row]) -> Iterator[Found]:
    last: dict[str, Event] = {event["id"]: event for event in shown}
    for row in rows:
        seen = last.pop(row["id"], None)
        if seen is None:
            yield "I9", "lost", f"{name} {conv}: message {row['seq']} ({row['author']} {row['kind']}) was never shown"
        elif _face(seen) != (row["seq"], row["author"], row["body"], row["turn"] or ""):
            yield "I9", "other", f"{name} {conv}: message {row['seq']} was shown differently: {seen['text'][:60]!r}"
    for seen in last.values():
        yield "I9", "twice", f"{name} {conv}: message {seen['seq']} was shown and is not stored: {seen['text'][:60]!r}"


def _face(event: dict[str, Any]) -> tuple[Any, ...]:
    return (event["seq"], event["author"], event["text"], event.get("turn") or "")


def _own(name: str, log: list[Event]) -> Iterator[Found]:
    """What a customer sent was sent in order, and is shown in that order, each once."""
    sent = [event for event in of_kind(log, "sent") if event["kind"] in {"send", "message"}]
    acked = {event["cid"] for event in of_kind(log, "acked")}
    refused = {event["cid"] for event in of_kind(log, "error") if event["final"] and event["cid"]}
    places: dict[str, tuple[str, int]] = {}
    for event in of_kind(log, "shown"):
        if event.get("cid") and places.setdefault(event["cid"], (event["conv"], event["seq"])) != (
            event["conv"],
            event["seq"],
        ):
            yield "I9", "twice", f"{name}: {event['cid']} was shown at two places"
    last: dict[str, int] = {}
    for event in sent:
        cid = event["cid"]
        if cid not in acked and cid not in refused:
            yield "I1", "left", f"{name}: {cid} was never acknowledged"
        if cid in places:
            conv, seq = places[cid]
            if seq < last.get(conv, 0):
                yield "I9", "order", f"{name} {conv}: {event['text'][:20]} was sent later and stands earlier"
            last[conv] = max(seq, last.get(conv, 0))
        elif cid in acked:
            yield "I9", "lost", f"{name}: {cid} was acknowledged and never shown"


def _drafts(name: str, log: list[Event], turns: dict[str, Row], stored: dict[str, list[Row]]) -> Iterator[Found]:
    """What was streamed is the beginning of what is stored, if it came from the attempt that was stored."""
    answers = {row["turn"]: row for rows in stored.values() for row in rows if row["author"] == "ai"}
    for event in of_kind(log, "draft"):
        turn, answer = turns.get(event["turn"]), answers.get(event["turn"])
        if turn is None or answer is None or turn["attempt"] != event["attempt"] or turn["state"] != "done":
            continue
        if answer["kind"] in {"ai", "offline"} and not answer["body"].startswith(event["text"].rstrip()):
            yield (
                "I9",
                "other",
                f"{name}: turn {event['turn']} streamed {event['text'][:60]!r}, stored is {answer['body'][:60]!r}",
            )


def _manners(name: str, log: list[Event]) -> Iterator[Found]:
    for event in of_kind(log, "error", "trouble", "changed_silently"):
        if event["event"] != "error":
            yield "I9", "other", f"{name}: {event['event']} {event.get('code', event.get('id'))}"
        elif event["code"] not in REFUSALS or event["final"]:
            yield "I1", "other", f"{name} was told {event['code']}"
