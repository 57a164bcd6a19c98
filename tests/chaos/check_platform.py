"""I1, I6, I7: what people wrote on other platforms is stored once; what we say arrives there, in order, and once where that can be had."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.chaos.journal import Event, of_kind
from tests.chaos.snapshot import ordered
from tests.chaos.transcript import tokens

if TYPE_CHECKING:
    from tests.chaos.checker import World

Found = tuple[str, str, str]


def check(world: World) -> Iterator[Found]:
    yield from _inwards(world)
    yield from _outwards(world)
    yield from _texts(world)


def _inwards(world: World) -> Iterator[Found]:
    stored: dict[str, list[int]] = {}
    for row in world.database["message"]:
        if row["author"] == "customer":
            for token in tokens(row["body"]):
                stored.setdefault(token, []).append(row["seq"])
    taken = {event["id"] for event in of_kind(world.platform, "taken")}
    last: dict[str, tuple[str, int]] = {}
    convs = {
        token: row["conversation_id"]
        for row in world.database["message"]
        for token in tokens(row["body"])
        if row["author"] == "customer"
    }
    for event in of_kind(world.platform, "written"):
        (token,) = tokens(event["text"])
        found = stored.get(token, [])
        if event["id"] not in taken:
            yield "I1", "left", f"{event['channel']}: {token} was never taken"
        elif not found:
            yield "I1", "lost", f"{event['channel']}: {token} was acknowledged to the platform and is not stored"
        if len(found) > 1:
            yield "I4", "twice", f"{event['channel']}: {token} is stored {len(found)} times"
        if found:
            conv = convs[token]
            before, seq = last.get(event["place"], ("", 0))
            if before == conv and found[0] < seq:
                yield "I7", "order", f"{event['channel']}: {token} was written later and stands earlier"
            last[event["place"]] = (conv, found[0])


def duplicates(platform: list[Event]) -> Counter[str]:
    """How many texts arrived again, by channel: same place, same key."""
    seen: set[tuple[str, str, str]] = set()
    again: Counter[str] = Counter()
    for event in of_kind(platform, "accepted"):
        key = (event["channel"], event["place"], event["key"])
        again[event["channel"]] += key in seen
        seen.add(key)
    return again


def _outwards(world: World) -> Iterator[Found]:
    """By key: accepted is sent, sent is accepted, in the order of the outbox."""
    deliveries = {row["key"]: row for row in world.database["delivery"]}
    accepted: dict[tuple[str, str], list[str]] = {}
    for event in of_kind(world.platform, "accepted"):
        keys = accepted.setdefault((event["channel"], event["place"]), [])
        if event["key"] in keys:
            if event["channel"] in world.strict:
                yield (
                    "I6",
                    "twice",
                    f"{event['channel']} {event['place']}: {event['key']} arrived again: {event['text'][:50]!r}",
                )
            continue
        row = deliveries.get(event["key"])
        if row is None:
            yield "I6", "other", f"{event['channel']} {event['place']}: {event['key']} arrived and is nobody's delivery"
            continue
        if keys and deliveries[keys[-1]]["ord"] > row["ord"]:
            yield (
                "I7",
                "order",
                f"{event['channel']} {event['place']}: delivery {row['ord']} arrived after {deliveries[keys[-1]]['ord']}",
            )
        keys.append(event["key"])
    for row in deliveries.values():
        arrived = row["key"] in accepted.get((row["channel"], row["place"]), [])
        if row["state"] == "sent" and not arrived:
            yield "I6", "lost", f"{row['channel']} {row['place']}: {row['key']} counts as sent and never arrived"
        elif row["state"] in {"dead", "held"}:
            yield "I6", "lost", f"{row['channel']} {row['place']}: {row['key']} is {row['state']}: {row['error']}"
        elif row["state"] not in {"sent", "superseded"} and arrived:
            yield "I6", "left", f"{row['channel']} {row['place']}: {row['key']} arrived and is {row['state']}"


def _texts(world: World) -> Iterator[Found]:
    """By words, whatever the keys say: what stands at a place is what was said there, whole and in order."""
    places = {row["conversation_id"]: (row["channel"], row["place"]) for row in world.database["route"]}
    said: dict[tuple[str, str], str] = {}
    messages = world.database.by("message", "conversation_id")
    for conversation in ordered(world.database["conversation"], "created_at"):
        place = places.get(conversation["id"])
        if place is None or place[0] not in {
            event["channel"] for event in of_kind(world.platform, "accepted", "written")
        }:
            continue
        for row in ordered(messages.get(conversation["id"], [])):
            if row["author"] in {"ai", "agent", "system"}:
                said[place] = said.get(place, "") + "".join(row["body"].split())
    got: dict[tuple[str, str], str] = {}
    seen: set[tuple[str, str, str]] = set()
    for event in of_kind(world.platform, "accepted"):
        key = (event["channel"], event["place"], event["key"])
        if key not in seen:
            got[key[:2]] = got.get(key[:2], "") + "".join(event["text"].split())
        seen.add(key)
    for place, text in said.items():
        if got.get(place, "") != text:
            yield (
                "I6",
                "lost",
                f"{place[0]} {place[1]}: what arrived is not what was said ({_where(got.get(place, ''), text)})",
            )


def _where(one: str, other: str) -> str:
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return f"from {at}: {one[at : at + 40]!r} for {other[at : at + 40]!r}"
