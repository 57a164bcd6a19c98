"""Updates that Telegram brings to ``web``: the secret before anything is read, the commit before the 200."""

from __future__ import annotations

import hmac
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import structlog
from flask import Blueprint, Response, request

from bot import (
    Attachment,
    DeliveryFailure,
    Inbound,
    Receipt,
    Refused,
    RequestError,
    StoreUnavailable,
    TemporaryFailure,
    change_cursor,
    load_cursor,
    offload,
    receive_events,
)

from .fetching import missing
from .intake import GIVE_UP, QUIET, SORRY, calls, sentences
from .memory import NAME, learn, parse, written
from .places import Moves, spot_of
from .plain_calls import PlainCalls
from .reading import CHANNEL, Heard, Me, Reader, Wanted

log = structlog.get_logger("web")
HEADER = "X-Telegram-Bot-Api-Secret-Token"
Outcome: TypeAlias = Receipt | Refused
_turns = [threading.Lock() for _ in range(256)]
_missed: Counter[str] = Counter()
"""Tries of files, in this process."""
_failed: Counter[str] = Counter()
"""Tries of events that cannot be stored although the database is there, in this process."""


def blueprint(
    path: str,
    *,
    wanted: Callable[[], bool],
    secret: Callable[[], str],
    token: Callable[[], str],
    api_url: Callable[[], str],
) -> Blueprint:
    """The one route. All arguments are asked anew with each call: settings may change."""
    made = Blueprint("telegram", __name__)

    @made.post(path)
    def called() -> Response:
        if not wanted():
            raise RequestError(404, "not_found", "There is nothing at this address.")
        shown = request.headers.get(HEADER, "")
        if not hmac.compare_digest(shown.encode("utf-8", "replace"), secret().encode()):
            log.warning("webhook_refused", channel=CHANNEL, reason="wrong secret")
            raise RequestError(401, "bad_token", "The secret is wrong. Only Telegram calls this address.")
        update = request.get_json(force=True, silent=True)
        if not isinstance(update, dict):
            raise RequestError(400, "bad_frame", "The body must be one JSON object.")
        take(update, PlainCalls(token(), api_url()), token().partition(":")[0])
        return Response(status=200)

    return made


def take(update: dict[str, Any], plain: PlainCalls, bot: str) -> None:
    """Commit what an update says. Raises :class:`StoreUnavailable` (a 503): Telegram sends it again."""
    kept = parse(offload(load_cursor, NAME))
    if str(kept.get("id") or "") != bot:
        raise StoreUnavailable("The bot has not introduced itself yet. Telegram sends this again.")
    moves = Moves()
    learn(moves, kept)
    known = len(moves.began)
    heard = Reader(Me(id=int(bot), username=str(kept.get("username") or "")), moves).read(update)
    if len(moves.began) != known:
        offload(_note_moves, moves)
    for one in heard:
        if one.ignored:
            log.debug("update_ignored", channel=CHANNEL, reason=one.ignored)
    with _turns[_chat(update) % len(_turns)]:
        follow = _commit(heard, plain)
    # Under gevent this is a greenlet: web does not wait for a chat platform.
    threading.Thread(target=_courtesies, args=(follow, plain, moves), daemon=True).start()


def _chat(update: dict[str, Any]) -> int:
    """The chat of an update: Telegram calls for several updates at once, and those of one chat must not overtake each other."""
    for content in update.values():
        if isinstance(content, dict):
            chat = content.get("chat") or (content.get("message") or {}).get("chat")
            if isinstance(chat, dict) and isinstance(chat.get("id"), int):
                return int(chat["id"])
    return 0


def _commit(heard: Sequence[Heard], plain: PlainCalls) -> list[tuple[Heard, Outcome | None]]:
    events = [_whole(one, plain) for one in heard if one.event]
    outcomes = iter(_committed(events))
    follow: list[tuple[Heard, Outcome | None]] = []
    for one in heard:
        outcome = next(outcomes) if one.event else None
        if isinstance(outcome, Refused) and outcome.code in QUIET and one.instead:
            (outcome,) = _committed([one.instead])
        follow.append((one, outcome))
    return follow


def _committed(events: Sequence[Inbound]) -> Sequence[Outcome]:
    """What became of them. Raises :class:`StoreUnavailable`, also for what else went wrong, but not for ever: Telegram brings the
    next update of a chat only after this one was taken."""
    if not events:
        return []
    try:
        return offload(receive_events, list(events))
    except StoreUnavailable:
        raise
    except Exception as error:
        if len(events) > 1:  # one that cannot be stored must not take the others with it
            return [outcome for event in events for outcome in _committed([event])]
        key = events[0].key
        _failed[key] += 1
        if _failed[key] < GIVE_UP:
            log.warning("not_committed", channel=CHANNEL, reason=type(error).__name__, next="Telegram sends it again")
            raise StoreUnavailable(f"an event could not be stored ({type(error).__name__})") from error
        log.exception("event_given_up", channel=CHANNEL, key=key, next="the person is asked to write again")
        del _failed[key]
        return [Refused(key=key, code="bad_field", message=SORRY)]


def _whole(one: Heard, plain: PlainCalls) -> Inbound:
    if one.event is None:
        raise ValueError("nothing to commit")
    return replace(one.event, files=tuple(_fetched(wanted, plain) for wanted in one.files)) if one.files else one.event


def _fetched(wanted: Wanted, plain: PlainCalls) -> Attachment:
    """The file. When it cannot be had now, Telegram calls again, a few times."""
    try:
        got = plain.fetch(wanted)
    except TemporaryFailure as failure:
        _missed[wanted.id] += 1
        if _missed[wanted.id] < GIVE_UP:
            raise StoreUnavailable(str(failure)) from None
        got = missing(wanted, "unavailable")
    _missed.pop(wanted.id, None)
    return got


def _note_moves(moves: Moves) -> None:
    def change(before: str) -> str:
        kept = parse(before)
        learn(moves, kept)
        me = Me(id=int(kept["id"]), username=str(kept.get("username") or ""))
        return written(me, moves, dict(kept.get("drafts") or {}))

    change_cursor(NAME, change)


def _courtesies(follow: Sequence[tuple[Heard, Outcome | None]], plain: PlainCalls, moves: Moves) -> None:
    try:
        for one, outcome in follow:
            for method, data in calls(one, outcome, sentences(one, outcome)):
                if "place" in data:
                    spot = spot_of(str(data.pop("place")))
                    data["chat_id"] = moves.now(spot.chat)
                    if spot.topic:
                        data["message_thread_id"] = spot.topic
                plain.call(method, **data)
    except DeliveryFailure as failure:
        log.info("courtesy_failed", channel=CHANNEL, reason=str(failure))
