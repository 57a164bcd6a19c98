"""The judge of the chats' proof. It knows what people wrote, what stands in their chats at the end, and the rows.

C1 what was written is stored once · C2 in the order in which it was written · C3 what was said stands in the chat, once and in order,
and nothing else stands there · C4 nothing was given up. Where a platform offers neither a key nor a way to look, a text may stand
there again when its delivery was uncertain: that is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.chaos.checker import Violation
from tests.chaos.snapshot import Snapshot, ordered
from tests.chaos.transcript import tokens

Found = tuple[str, str, str]


@dataclass
class Chat:
    """One person's chat: what they wrote, in order, and what the bot's messages there say now."""

    channel: str
    place: str
    asked: list[str]
    shown: list[str]


@dataclass
class ChatWorld:
    """All that the judge may look at."""

    database: Snapshot
    chats: dict[str, Chat]
    lenient: frozenset[str] = frozenset({"telegram"})
    """Channels where a text may arrive again."""
    again: Counter[str] = field(default_factory=Counter)
    """Texts that stand in a chat again, by channel: filled by the judge."""


def judge_chats(world: ChatWorld) -> list[Violation]:
    """Every violation. Empty: the promises held."""
    found = [*_inwards(world), *_outwards(world), *_given_up(world)]
    order = {"lost": 0, "twice": 1, "order": 2}
    return sorted((Violation(*one) for one in found), key=lambda one: order.get(one.kind, 9))


def _inwards(world: ChatWorld) -> Iterator[Found]:
    stored: dict[str, list[tuple[float, int]]] = {}
    begun = {row["id"]: row["created_at"] for row in world.database["conversation"]}
    for row in world.database["message"]:
        if row["author"] == "customer":
            for token in tokens(row["body"]):
                stored.setdefault(token, []).append((begun[row["conversation_id"]], row["seq"]))
    for name, chat in world.chats.items():
        last = (0.0, 0)
        for token in chat.asked:
            places = stored.get(token, [])
            if not places:
                yield "C1", "lost", f"{name}: {token} was written and is not stored"
                continue
            if len(places) > 1:
                yield "C1", "twice", f"{name}: {token} is stored {len(places)} times"
            if places[0] < last:
                yield "C2", "order", f"{name}: {token} was written later and stands earlier"
            last = places[0]


def _outwards(world: ChatWorld) -> Iterator[Found]:
    chat_of = {(chat.channel, chat.place): name for name, chat in world.chats.items()}
    said: dict[str, list[str]] = {}
    messages = world.database.by("message", "conversation_id")
    routes = {row["conversation_id"]: (row["channel"], row["place"]) for row in world.database["route"]}
    for conversation in ordered(world.database["conversation"], "created_at"):
        name = chat_of.get(routes.get(conversation["id"], ("", "")))
        if name is None:
            yield "C3", "other", f"conversation {conversation['id']} is nobody's chat"
            continue
        rows = ordered(messages.get(conversation["id"], []))
        said.setdefault(name, []).extend(
            _plain(row["body"]) for row in rows if row["author"] in {"ai", "agent", "system"}
        )
    for name, chat in world.chats.items():
        yield from _one_chat(world, name, chat, said.get(name, []))


def _one_chat(world: ChatWorld, name: str, chat: Chat, said: list[str]) -> Iterator[Found]:
    rest = list(enumerate(said))
    first: list[int] = []
    used: Counter[str] = Counter()
    for text in map(_plain, chat.shown):
        match = next(((at, words) for at, words in rest if _same(words, text)), None)
        if match is not None:
            rest.remove(match)
            first.append(match[0])
            used[match[1]] += 1
        elif any(_same(words, text) for words in used):
            world.again[chat.channel] += 1
            if chat.channel not in world.lenient:
                yield "C3", "twice", f"{name}: {text[:60]!r} stands there again"
        else:
            yield "C3", "other", f"{name}: {text[:60]!r} stands there and was not said"
    for _, words in rest:
        yield "C3", "lost", f"{name}: {words[:60]!r} was said and does not stand there"
    if first != sorted(first):
        yield "C3", "order", f"{name}: the chat has another order than the conversation"


def _plain(text: str) -> str:
    """Letters and digits only: what each platform's own marks cannot change."""
    return "".join(char for char in text if char.isalnum())


def _same(said: str, shown: str) -> bool:
    """A platform adds the sources under an answer."""
    return bool(said) and shown.startswith(said)


def _given_up(world: ChatWorld) -> Iterator[Found]:
    for row in world.database["delivery"]:
        if row["state"] in {"dead", "held"}:
            yield "C4", "lost", f"{row['channel']} {row['place']}: a {row['op']} was given up: {row['error']}"
