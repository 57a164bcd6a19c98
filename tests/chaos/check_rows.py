"""What was acknowledged is there, once, and numbers have no gap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.chaos.journal import of_kind
from tests.chaos.snapshot import Row, ordered
from tests.chaos.transcript import tokens

if TYPE_CHECKING:
    from tests.chaos.checker import World

Found = tuple[str, str, str]
AHEAD = 600.0
"""Seconds: a job that was put down for a later time than that waits, and is not left."""


def check(world: World) -> Iterator[Found]:
    yield from _acknowledged(world)
    yield from _ledger(world)
    yield from _numbers(world)
    yield from _twice(world)
    yield from _left(world)
    yield from _spending(world)


def _acknowledged(world: World) -> Iterator[Found]:
    """I1: each ack names a row that is there, with the text that was sent, and every ack of one ``cid`` is the same."""
    by_id = {row["id"]: row for row in world.database["message"]}
    for name, log in world.customers.items():
        sent = {event["cid"]: event for event in of_kind(log, "sent")}
        acks: dict[str, tuple[str, str, int, int]] = {}
        for event in of_kind(log, "acked"):
            ack = (event["conv"], event["id"], event["seq"], event["rev"])
            if acks.setdefault(event["cid"], ack) != ack:
                yield "I1", "twice", f"{name}: {event['cid']} was acknowledged as {acks[event['cid']]} and as {ack}"
        for cid, (conv, message_id, seq, rev) in acks.items():
            wanted = sent.get(cid)
            if wanted is None:
                yield "I1", "other", f"{name}: an ack for {cid}, which was never sent"
                continue
            if wanted["kind"] != "message" and wanted["kind"] != "send":
                continue
            row = by_id.get(message_id)
            if row is None:
                yield "I1", "lost", f"{name}: {cid} was acknowledged as message {message_id} and is not there"
            elif (row["conversation_id"], row["seq"], row["client_key"], row["body"]) != (
                conv,
                seq,
                cid,
                wanted["text"],
            ):
                yield "I1", "lost", f"{name}: message {message_id} is not what was acknowledged for {cid}"
            elif row["rev"] < rev:
                yield "I3", "gap", f"{name}: message {message_id} went back from rev {rev} to {row['rev']}"


def _ledger(world: World) -> Iterator[Found]:
    """I2: every event that came in led to what the ledger says, and no customer's message came past it."""
    by_id = {row["id"]: row for row in world.database["message"]}
    listed = {row["message"] for row in world.database["ledger"]}
    for row in world.database["ledger"]:
        if row["error"]:
            yield "I2", "other", f"dead letter {row['key']}: {row['error']}"
        elif row["kind"] == "message" and row["message"] not in by_id:
            yield "I2", "lost", f"the ledger has {row['key']}, but message {row['message']} is not there"
    for row in world.database["message"]:
        if row["author"] == "customer" and row["client_key"] and row["id"] not in listed:
            yield "I2", "other", f"message {row['id']} is not in the ledger"


def _numbers(world: World) -> Iterator[Found]:
    """I3: seq is 1, 2, 3 …; each rev is that of a message, but for the step that opens a closed conversation again."""
    messages = world.database.by("message", "conversation_id")
    for conversation in world.database["conversation"]:
        rows = ordered(messages.get(conversation["id"], []))
        seqs = [row["seq"] for row in rows]
        if seqs != list(range(1, len(rows) + 1)) or conversation["seq"] != len(rows):
            yield "I3", "gap", f"{conversation['id']}: seq {_short(seqs)} of {conversation['seq']}"
        yield from _revs(conversation, rows)


def _revs(conversation: Row, rows: list[Row]) -> Iterator[Found]:
    expected = 1
    for before, row in zip([None, *rows], rows, strict=False):
        if (
            before is not None
            and before["author"] == "system"
            and before["kind"] == "resolved"
            and row["rev"] == expected + 1
        ):
            expected += 1  # opened again: a change of state without a message
        if row["rev"] != expected:
            yield "I3", "gap", f"{conversation['id']}: message {row['seq']} has rev {row['rev']}, {expected} was due"
            expected = row["rev"]
        expected += 1
    silent = (
        1 if conversation["state"] == "resolved" and conversation["state_rev"] == expected else 0
    )  # closed without a word
    if conversation["rev"] != expected - 1 + silent:
        yield "I3", "gap", f"{conversation['id']}: rev is {conversation['rev']}, {expected - 1} changes are known"


def _short(seqs: list[int]) -> str:
    return f"{seqs[:5]}…{seqs[-3:]}" if len(seqs) > 10 else str(seqs)


def _twice(world: World) -> Iterator[Found]:
    """I4: nothing that was said once is there twice: by the client's id, and by the question itself."""
    keys = Counter(
        (row["conversation_id"], row["client_key"]) for row in world.database["message"] if row["client_key"]
    )
    for (conv, key), times in keys.items():
        if times > 1:
            yield "I4", "twice", f"{conv}: {key} is there {times} times"
    asked = Counter(
        token for row in world.database["message"] if row["author"] == "customer" for token in tokens(row["body"])
    )
    for token, times in asked.items():
        if times > 1:
            yield "I4", "twice", f"the question {token} is there {times} times"
    known = {event["cid"] for log in world.customers.values() for event in of_kind(log, "sent")}
    for row in world.database["message"]:
        if row["author"] == "customer" and row["client_key"] and row["client_key"] not in known:
            yield "I4", "other", f"message {row['id']} was sent by nobody"


def _left(world: World) -> Iterator[Found]:
    """I12: nothing is under way any more."""
    for row in world.database["conversation"]:
        if row["needs"] and row["state"] == "ai":
            yield "I12", "left", f"conversation {row['id']} still wants a turn"
        if row["lease_owner"]:
            yield "I12", "left", f"conversation {row['id']} is still leased by {row['lease_owner']}"
    for row in world.database["turn"]:
        if row["state"] == "running":
            yield "I12", "left", f"turn {row['id']} still runs"
    for row in world.database["delivery"]:
        if row["state"] in {"pending", "sending", "uncertain"}:
            yield "I12", "left", f"delivery {row['key']} to {row['channel']} is still {row['state']}: {row['error']}"
    for row in world.database["job"]:
        under_way = row["occasion"] != "periodic" and row["state"] in {"queued", "running"} and not _planned(row)
        if row["state"] == "dead" or under_way:
            yield "I12", "left", f"job {row['kind']} {row['ref']} is {row['state']}: {row['error']}"
    for row in world.database["plugin_state"]:
        if row["off_reason"]:
            yield "I12", "other", f"the plugin {row['name']} was switched off: {row['off_reason']}"


def _planned(job: Row) -> bool:
    """Whether its day was never meant to come within the run: a reminder in some hours, which nobody has tried yet."""
    return job["state"] == "queued" and not job["attempts"] and job["next_at"] > job["created_at"] + AHEAD


def _spending(world: World) -> Iterator[Found]:
    """I11: what the turns cost is booked, and it is within the cap."""
    booked = sum(row["tokens"] + row["held_tokens"] for row in world.database["spend"] if row["scope"] == "cap")
    told = sum(row["input_tokens"] + row["output_tokens"] for row in world.database["turn"])
    if booked < told:
        yield "I11", "other", f"{told} tokens were spent, {booked} are booked"
    if world.token_cap and booked > world.token_cap:
        yield "I11", "other", f"{booked} tokens are booked, the cap is {world.token_cap}"
