"""The frames of docs/protocol.md: what may come in, checked field by field, and what goes out, as bytes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from bot import (
    Changes,
    FileView,
    MessageView,
    PromptValues,
    QueueView,
    Receipt,
    Refused,
    SiteHours,
    SiteView,
    welcome_words,
)

Frame = dict[str, Any]

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_CID = re.compile(r"[0-9A-Za-z_-]{8,64}")
_FILE = re.compile(r"[0-9A-Za-z_-]{16,64}")
MAX_CURSOR = 2**53
MAX_FILES = 20
"""Ids in one frame; how many a message may have is a setting."""


class FrameError(Exception):
    """What is wrong with a request, as the client is told. ``final``: it must not be sent again as it is."""

    def __init__(
        self, code: str, message: str, *, field: str = "", cid: str = "", final: bool = True, retry_after: int = 0
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.cid = cid
        self.final = final
        self.retry_after = retry_after

    def frame(self) -> bytes:
        body: Frame = {"t": "error", "code": self.code, "message": self.message, "final": self.final}
        if self.cid:
            body["cid"] = self.cid
        if self.field:
            body["field"] = self.field
        if self.retry_after:
            body["retry_after"] = self.retry_after
        return orjson.dumps(body)


def too_fast(seconds: int, cid: str = "") -> FrameError:
    return FrameError(
        "too_fast", f"That was too fast. Wait {seconds} s and try again.", cid=cid, final=False, retry_after=seconds
    )


def unavailable(cid: str = "") -> FrameError:
    return FrameError(
        "unavailable",
        "This could not be stored right now. It will be tried again.",
        cid=cid,
        final=False,
        retry_after=2,
    )


def busy(cid: str = "") -> FrameError:
    return FrameError(
        "busy", "There is too much to do right now. Send it again in a moment.", cid=cid, final=False, retry_after=2
    )


# In ----------------------------------------------------------------------------------------------------------------

Check = Callable[[Any, str], Any]


def _bad(name: str, wish: str) -> FrameError:
    return FrameError("bad_field", f"The field {name} must be {wish}.", field=name)


def _string(most: int) -> Check:
    def check(value: Any, name: str) -> str:
        if not isinstance(value, str):
            raise _bad(name, "a text")
        if len(value) > most:
            raise _bad(name, f"a text of at most {most} characters")
        return value

    return check


def _long_text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise _bad(name, "a text")
    return value  # its length is judged by the core, which knows the limit and says it


def _conversation(value: Any, name: str) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise _bad(name, "the id of a conversation")
    return value


def _cid(value: Any, name: str) -> str:
    if not isinstance(value, str) or not _CID.fullmatch(value):
        raise _bad(name, "8 to 64 letters, digits, - or _ (128 random bits in hex)")
    return value


def _count(value: Any, name: str) -> int:
    if type(value) is not int or not 0 <= value <= MAX_CURSOR:
        raise _bad(name, "a whole number from 0")
    return value


def _score(value: Any, name: str) -> int:
    if type(value) is not int or not 1 <= value <= 5:
        raise _bad(name, "a whole number from 1 to 5")
    return value


def _switch(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise _bad(name, "true or false")
    return value


def _epoch(value: Any, name: str) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise _bad(name, "what the server called it")
    return str(value)[:64]


def _text_of(least: int, most: int) -> Check:
    def check(value: Any, name: str) -> str:
        if not isinstance(value, str) or not least <= len(value) <= most:
            raise _bad(name, f"a text of {least} to {most} characters")
        return value

    return check


def _file_ids(value: Any, name: str) -> tuple[str, ...]:
    if (
        not isinstance(value, list)
        or len(value) > MAX_FILES
        or not all(isinstance(one, str) and _FILE.fullmatch(one) for one in value)
    ):
        raise _bad(name, f"a list of at most {MAX_FILES} ids of uploaded files")
    return tuple(dict.fromkeys(value))


def _page(value: Any, name: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _bad(name, "an object with url and title")
    return {part: _clipped(value.get(part, ""), f"{name}.{part}") for part in ("url", "title")}


def _zone(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise _bad(name, "the name of a time zone, such as Europe/Berlin")
    return value[:64]


def _clipped(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise _bad(name, "a text")
    return value[:500]


def _anything(value: Any, name: str) -> Any:
    return value


NEEDED: dict[str, dict[str, Check]] = {
    "hello": {},
    "send": {"cid": _cid, "text": _long_text},
    "open": {"conv": _conversation},
    "pull": {"conv": _conversation},
    "stop": {"conv": _conversation, "turn": _conversation},
    "handoff": {"cid": _cid},
    "cancel": {"cid": _cid, "conv": _conversation},
    "ticket": {"cid": _cid},
    "contact": {"cid": _cid, "email": _string(300)},
    "resolve": {"cid": _cid, "conv": _conversation},
    "rating": {"cid": _cid, "conv": _conversation, "rating": _score},
    "edit": {"cid": _cid, "conv": _conversation, "id": _conversation, "text": _long_text},
    "delete": {"cid": _cid, "conv": _conversation, "id": _conversation},
    "react": {"cid": _cid, "conv": _conversation, "id": _conversation, "emoji": _text_of(1, 64)},
    "mark": {"cid": _cid, "conv": _conversation, "id": _conversation, "mark": _text_of(0, 8)},
    "typing": {"conv": _conversation, "on": _switch},
    "ping": {},
}
OPTIONAL: dict[str, dict[str, Check]] = {
    "hello": {
        "token": _string(200), "conv": _conversation, "cursor": _count, "epoch": _epoch, "locale": _string(35), "page": _page,
        "zone": _zone,
    },
    "send": {"conv": _conversation, "files": _file_ids},
    "open": {"cursor": _count},
    "pull": {"cursor": _count},
    "stop": {"cid": _cid},
    "handoff": {"conv": _conversation},
    "contact": {"conv": _conversation, "name": _string(200), "text": _long_text},
    "cancel": {},
    "ticket": {"conv": _conversation, "name": _string(200), "email": _string(300), "text": _long_text},
    "resolve": {},
    "rating": {"text": _long_text},
    "edit": {},
    "delete": {},
    "react": {"gone": _switch},
    "mark": {"reason": _string(20), "text": _long_text},
    "typing": {},
    "ping": {"n": _anything},
}  # fmt: skip


def parse(payload: bytes) -> Frame:
    """Read one frame from the client. Raises :class:`FrameError` that names the field and what it should be."""
    try:
        raw = orjson.loads(payload)
    except ValueError:
        raise FrameError("bad_frame", "This is no JSON. Send one JSON object for each frame.") from None
    if not isinstance(raw, dict):
        raise FrameError("bad_frame", "A frame is a JSON object with a field t.")
    kind, cid = raw.get("t"), raw.get("cid")
    cid = cid if isinstance(cid, str) and _CID.fullmatch(cid) else ""
    if not isinstance(kind, str) or kind not in NEEDED:
        raise FrameError("unknown_type", f"No frame has this type. Known are: {', '.join(NEEDED)}.", field="t", cid=cid)
    frame: Frame = {"t": kind}
    try:
        for name, check in NEEDED[kind].items():
            if name not in raw:
                raise FrameError("bad_field", f"The field {name} is missing.", field=name)
            frame[name] = check(raw[name], name)
        for name, check in OPTIONAL[kind].items():
            if raw.get(name) is not None:
                frame[name] = check(raw[name], name)
    except FrameError as error:
        error.cid = cid
        raise
    return frame


# Out ---------------------------------------------------------------------------------------------------------------


def refused(outcome: Refused, cid: str) -> FrameError:
    return FrameError(outcome.code, outcome.message, field=outcome.field, cid=cid)


def message_body(message: MessageView) -> Frame:
    """A message as clients see it."""
    body: Frame = {
        "id": message.id, "seq": message.seq, "rev": message.rev, "author": message.author,
        "name": message.author_name or message.extra.get("name", ""),
        "text": message.text, "at": message.created_at,
        "sources": [
            {"n": s.n, "title": s.title, "heading": s.heading, "url": s.url, "updated": s.updated, "passage": s.passage_id}
            for s in message.sources
        ],
        "choices": list(message.choices),
    }  # fmt: skip
    if message.client_key:
        body["cid"] = message.client_key
    if message.turn_id:
        body["turn"] = message.turn_id
    if message.type:
        body["type"] = message.type
    if message.extra.get("picture"):
        body["picture"] = message.extra["picture"]
    if message.edited_at is not None:
        body["edited"] = message.edited_at
    if message.deleted:
        body["deleted"] = True
    if message.files:
        body["files"] = [file_body(file) for file in message.files]
    if message.reactions:
        body["reactions"] = [{"emoji": r.emoji, "author": r.author, "name": r.name} for r in message.reactions]
    return body


def file_body(file: FileView) -> Frame:
    """A file as clients see it: with ``url``, or with the ``problem`` why there is none."""
    body: Frame = {"id": file.id, "name": file.name, "type": file.type, "size": file.size}
    if file.width and file.height:
        body |= {"width": file.width, "height": file.height}
    if file.url:
        body["url"] = file.url
    if file.problem:
        body["problem"] = file.problem
    return body


def changes_body(page: Changes, draft: str | None = None) -> Frame:
    """A ``msgs`` frame. ``draft``: the text so far of the answer in progress, for who has just come; ``None`` leaves it out."""
    body: Frame = {
        "t": "msgs", "conv": page.conversation_id, "after": page.after, "cursor": page.cursor, "more": page.more,
        "state": page.state, "msgs": [message_body(message) for message in page.messages],
    }  # fmt: skip
    if page.turn is not None and draft is not None:
        body["turn"] = {"id": page.turn.id, "attempt": page.turn.attempt, "text": draft}
    if page.rating is not None:
        body["rating"] = page.rating
    return body


def queue_body(queue: QueueView) -> Frame:
    """A ``queue`` frame: how a conversation stands that waits for a person."""
    return {
        "t": "queue", "conv": queue.conversation_id, "ticket": queue.ticket, "reason": queue.reason,
        "position": queue.position, "waiting": queue.waiting, "since": queue.since,
        "expected": None if queue.expected is None else round(queue.expected), "until": queue.until,
        "people": queue.people, "opens": queue.opens, "zone": queue.zone,
        "reply": None if queue.reply is None else round(queue.reply),
        "form": queue.form, "name": queue.name, "email": queue.email,
    }  # fmt: skip


def ack_body(receipt: Receipt, cid: str) -> Frame:
    return {
        "t": "ack", "cid": cid, "conv": receipt.conversation_id, "id": receipt.message_id, "seq": receipt.seq, "rev": receipt.rev,
    }  # fmt: skip


def site_body(site: SiteView, now: SiteHours, prompts: PromptValues, language: str) -> Frame:
    """What the widget may know of its site, whether somebody could take over ``now``, and how a visitor of this language is greeted."""
    settings: Mapping[str, Any] = site.settings
    spoken = settings.get("locale") or language
    welcome = welcome_words(
        prompts, name=site.name, language=spoken, closed=now.people == "closed", opening=now.opening
    )
    return {
        "name": site.name,
        "title": settings.get("title") or site.name,
        "welcome": welcome,
        "starters": list(settings.get("starters") or ())[:4],
        "look": dict(site.look),
        "locale": settings.get("locale") or "",
        "desk": now.people in {"here", "away"},
        "people": now.people,
        "opens": now.opens,
        "zone": now.zone,
    }
