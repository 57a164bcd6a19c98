"""Turns that wait, and answers that are given again, because somebody asks too fast or the same once more (hook ``pace``)."""

from __future__ import annotations

import math

import structlog

from bot import clock
from bot.asking import MAX_CHOICES, PERSON
from bot.events import Answer
from bot.store import StoreUnavailable, read, sql, write
from bot.store.statements import COLUMNS, view
from bot.turns import Begun, let_go

log = structlog.get_logger("turns")

GIVEN_AGAIN = frozenset({"ai", "auto", "cache", "offline"})


class PutOff(BaseException):
    """This turn is looked at again in so many seconds."""

    def __init__(self, seconds: float, why: str) -> None:
        super().__init__(seconds, why)
        self.seconds = seconds
        self.why = why


def put_off(begun: Begun, later: PutOff) -> None:
    """Look at the turn again in so many seconds; what is asked until then is answered with it. The sweep finds it then. Blocks."""

    def work() -> None:
        sql(
            "UPDATE turn SET put_off = put_off + ? WHERE id = ? AND state = 'running'",
            (math.ceil(later.seconds), begun.turn_id),
        )
        sql(
            "UPDATE conversation SET due_at = ? WHERE id = ? AND fence = ? AND lease_owner = ?",
            (clock.now() + later.seconds, begun.conversation_id, begun.lease.fence, begun.lease.owner),
        )
        let_go(begun)

    log.info(
        "turn_put_off", conversation=begun.conversation_id, turn=begun.turn_id, seconds=round(later.seconds, 1), why=later.why
    )  # fmt: skip
    try:
        write(work)
    except StoreUnavailable as error:
        log.warning("turn_not_put_off", turn=begun.turn_id, reason=str(error), next="its lease ends, and it runs")


def given_again(begun: Begun, message_id: str) -> Answer | None:
    """An earlier answer to the same person on the same site, as an answer to this turn; ``None`` when there is none any more. Blocks."""

    def work() -> Answer | None:
        row = sql(
            f"SELECT {', '.join('m.' + name for name in COLUMNS.split(', '))} FROM message m"  # noqa: S608
            " JOIN conversation a ON a.id = m.conversation_id JOIN conversation b ON b.contact_id = a.contact_id AND b.site_id = a.site_id"
            " WHERE m.id = ? AND b.id = ? AND m.author = 'ai' AND NOT m.deleted",
            (message_id, begun.conversation_id),
        ).fetchone()
        if row is None:
            return None
        said = view(row)
        if said.type not in GIVEN_AGAIN or not said.text.strip():
            return None
        # Who asks again was not helped by it.
        choices = tuple(dict.fromkeys((*said.choices[: MAX_CHOICES - 1], PERSON)))
        return Answer(text=said.text, sources=said.sources, choices=choices, type="cache", steps=("repeat",))

    return read(work)
