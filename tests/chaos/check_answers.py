"""Every question has exactly one answer, or people have it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.chaos.journal import of_kind
from tests.chaos.snapshot import Row, ordered
from tests.chaos.transcript import tokens

if TYPE_CHECKING:
    from tests.chaos.checker import World

Found = tuple[str, str, str]
ENDED = frozenset({"done", "stopped", "failed"})


def check(world: World) -> Iterator[Found]:
    messages = world.database.by("message", "conversation_id")
    turns = world.database.by("turn", "conversation_id")
    tickets = world.database.by("ticket", "conversation_id")
    stops = {event["turn"]: (name, event) for name, log in world.customers.items() for event in of_kind(log, "stop")}
    for conversation in world.database["conversation"]:
        conv = conversation["id"]
        rows = ordered(messages.get(conv, []))
        yield from _turns(conv, rows, turns.get(conv, []))
        yield from _covered(
            conversation, rows, {row["id"]: row for row in turns.get(conv, [])}, bool(tickets.get(conv))
        )
    yield from _stopped(world, stops)


def _turns(conv: str, rows: list[Row], turns: list[Row]) -> Iterator[Found]:
    """I5: a turn that ended has one answer; one that was superseded has none."""
    answers: dict[str, int] = {}
    for row in rows:
        if row["author"] == "ai":
            answers[row["turn"]] = answers.get(row["turn"], 0) + 1
    for turn in turns:
        times = answers.pop(turn["id"], 0)
        if times > 1:
            yield "I5", "twice", f"{conv}: turn {turn['id']} has {times} answers"
        elif turn["state"] in ENDED and not times:
            yield "I5", "lost", f"{conv}: turn {turn['id']} is {turn['state']} and has no answer"
        elif turn["state"] not in ENDED and times:
            yield "I5", "other", f"{conv}: turn {turn['id']} is {turn['state']} and has an answer"
    for turn_id in answers:
        yield "I5", "other", f"{conv}: an answer of turn {turn_id}, which is not there"


def _covered(conversation: Row, rows: list[Row], turns: dict[str, Row], ticket: bool) -> Iterator[Found]:
    """I5: answers go forward, each covers new questions, and says which; what none covers is for people."""
    conv = conversation["id"]
    questions = {row["seq"]: row for row in rows if row["author"] == "customer"}
    upto = 0
    covered: set[int] = set()
    for row in rows:
        turn = turns.get(row["turn"] or "") if row["author"] == "ai" else None
        if turn is None:
            continue
        end = turn["upto_seq"]
        fresh = {seq for seq in questions if upto < seq <= end}
        if not fresh:
            yield (
                "I5",
                "twice",
                f"{conv}: answer {row['seq']} covers nothing that was not answered (up to {end} after {upto})",
            )
        if end >= row["seq"]:
            yield "I5", "order", f"{conv}: answer {row['seq']} covers questions up to {end}"
        if row["kind"] == "ai" and end in questions:
            said, asked = tokens(row["body"]), tokens(questions[end]["body"])
            if asked and (not said or said[-1] != asked[-1]):
                yield "I5", "answer", f"{conv}: answer {row['seq']} to question {asked} says {said}"
        covered |= fresh
        upto = max(upto, end)
    for seq, row in questions.items():
        if seq in covered or _for_people(rows, seq, ticket):
            continue
        yield (
            "I5",
            "lost",
            f"{conv}: question {seq} {tokens(row['body'])} ({conversation['state']}) has no answer and no ticket",
        )


def _for_people(rows: list[Row], seq: int, ticket: bool) -> bool:
    """Whether a question was passed to people: before it, or after it and before anything answered it; or its writer closed."""
    handed = any(row["author"] == "system" and row["kind"].startswith("handoff") for row in rows)
    closed = any(row["author"] == "system" and row["kind"] == "resolved" and row["seq"] > seq for row in rows)
    return (ticket and handed) or closed


def _stopped(world: World, stops: dict[str, tuple[str, Row]]) -> Iterator[Found]:
    """An answer is cut short only by who pressed stop, and nothing that was asked afterwards is swallowed by it."""
    bodies = {(row["conversation_id"], row["seq"]): row for row in world.database["message"]}
    sent = {event["cid"]: event["at"] for log in world.customers.values() for event in of_kind(log, "sent")}
    for turn in world.database["turn"]:
        if turn["state"] != "stopped":
            continue
        if turn["id"] not in stops:
            yield "I5", "lost", f"turn {turn['id']} was stopped, and nobody had pressed stop"
            continue
        newest = bodies.get((turn["conversation_id"], turn["upto_seq"]))
        pressed = stops[turn["id"]][1]["at"]
        if newest is not None and newest["client_key"] and sent.get(newest["client_key"], 0) > pressed:
            yield (
                "I5",
                "lost",
                f"turn {turn['id']} was stopped and took question {turn['upto_seq']} with it, which was asked later",
            )
