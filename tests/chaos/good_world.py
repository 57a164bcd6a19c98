"""A small world in which everything is as it must be, to be damaged by one step."""

from __future__ import annotations

from typing import Any

from tests.chaos.checker import World
from tests.chaos.snapshot import Snapshot

CONV, LETTER = "c1", "c2"


def question(number: int, who: str = "w00") -> str:
    return f"q:{who}:1:{number}; where is it?"


def message(conv: str, seq: int, author: str, body: str, **more: Any) -> dict[str, Any]:
    row = {"id": f"{conv}-m{seq}", "conversation_id": conv, "seq": seq, "rev": seq, "author": author, "body": body}
    return {**row, "client_key": None, "turn": None, "kind": "", **more}


def turn(conv: str, number: int, upto: int) -> dict[str, Any]:
    row = {
        "id": f"{conv}-t{number}",
        "conversation_id": conv,
        "upto_seq": upto,
        "state": "done",
        "attempt": 1,
        "crashes": 0,
    }
    return {**row, "input_tokens": 10, "output_tokens": 5}


def conversation(conv: str, size: int, channel: str) -> dict[str, Any]:
    row = {
        "id": conv,
        "state": "ai",
        "seq": size,
        "rev": size,
        "state_rev": 0,
        "needs": False,
        "lease_owner": "",
        "channel": channel,
    }
    return {**row, "created_at": 1.0}


def ledger(row: dict[str, Any]) -> dict[str, Any]:
    return {"key": f"k-{row['id']}", "kind": "message", "message": row["id"], "error": ""}


def world() -> World:
    """Two questions in the widget with their answers, and one letter that was answered in two parts."""
    chat = [
        message(CONV, 1, "customer", question(1), client_key="cid1"),
        message(CONV, 2, "ai", f"You asked: {question(1)} Yes.", turn=f"{CONV}-t1", kind="ai"),
        message(CONV, 3, "customer", question(2), client_key="cid2"),
        message(CONV, 4, "ai", f"You asked: {question(2)} No.", turn=f"{CONV}-t2", kind="ai"),
    ]
    letter = [
        message(LETTER, 1, "customer", question(1, "p00")),
        message(LETTER, 2, "ai", f"You asked: {question(1, 'p00')} Perhaps.", turn=f"{LETTER}-t1", kind="ai"),
    ]
    deliveries = [
        {"key": f"key{n}", "ord": n, "channel": "nonce", "place": "p00", "state": "sent", "error": ""} for n in (1, 2)
    ]
    database = Snapshot()
    database.tables |= {
        "conversation": [conversation(CONV, 4, "widget"), conversation(LETTER, 2, "nonce")],
        "message": [*chat, *letter],
        "turn": [turn(CONV, 1, 1), turn(CONV, 2, 3), turn(LETTER, 1, 1)],
        "ledger": [ledger(chat[0]), ledger(chat[2]), ledger(letter[0])],
        "delivery": deliveries,
        "route": [{"conversation_id": LETTER, "channel": "nonce", "place": "p00"}],
        "spend": [{"scope": "cap", "tokens": 45, "held_tokens": 0}, {"scope": "site", "tokens": 45, "held_tokens": 0}],
    }
    log: list[dict[str, Any]] = []
    for row in chat:
        if row["client_key"]:
            log.append(
                {"event": "sent", "at": row["seq"], "cid": row["client_key"], "kind": "send", "text": row["body"]}
            )
            log.append({"event": "acked", "at": row["seq"], "cid": row["client_key"], "conv": CONV, "id": row["id"],
                        "seq": row["seq"], "rev": row["rev"]})  # fmt: skip
        shown = {name: row[name] for name in ("id", "seq", "rev", "author", "turn")}
        log.append({"event": "shown", "at": row["seq"], "conv": CONV, "text": row["body"], "type": row["kind"] or None,
                    "cid": row["client_key"], **shown})  # fmt: skip
    words = letter[1]["body"]
    half = words.index(" where")
    platform = [
        {"event": "written", "at": 1, "id": "1", "channel": "nonce", "place": "p00", "text": letter[0]["body"]},
        {"event": "taken", "at": 2, "id": "1"},
        {"event": "accepted", "at": 3, "channel": "nonce", "place": "p00", "key": "key1", "text": words[:half]},
        {"event": "accepted", "at": 4, "channel": "nonce", "place": "p00", "key": "key2", "text": words[half:]},
    ]
    return World(database, {"widget-w00": log}, platform, token_cap=1_000)


def rows(w: World, table: str) -> list[dict[str, Any]]:
    return w.database[table]


def shown(w: World) -> list[dict[str, Any]]:
    return [event for event in w.customers["widget-w00"] if event["event"] == "shown"]


def log(w: World) -> list[dict[str, Any]]:
    return w.customers["widget-w00"]
