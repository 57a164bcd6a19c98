"""One socket's conversation with one visitor: each frame of docs/protocol.md, in the order it came."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson

from bot import (
    Changes,
    Profile,
    Refused,
    SiteView,
    StoreUnavailable,
    VisitorView,
    changes,
    draft_text,
    epoch,
    failpoint,
    hints_arrive,
    last_conversation,
    offload,
    origin_of,
    request_stop,
    tell_typing,
    upload_limits,
)
from web_widget import inbound
from web_widget.chat import Chat
from web_widget.connection import Connection, text_frame
from web_widget.frames import Frame, FrameError, ack_body, busy, changes_body, parse, refused, too_fast, unavailable
from web_widget.presence import Presence
from web_widget.refusals import in_language

log = logging.getLogger("deskhand.widget")

UNREAD_FRAMES = 64
UNREAD_BYTES = 512 * 1024
"""What one socket may have waiting for us; beyond it, close 1008."""
HELD_FRAMES = 512
TYPING_SECONDS = 3.0
WINDOW = 10.0
WINDOW_FRAMES = 150
"""Frames that mean work, in 10 s: beyond it each is answered ``too_fast``, and at twice as many the socket is closed."""

_PING = b'{"t":"ping"'


class Session:
    """Lives as long as its socket. ``on_frame``, ``on_close``, ``live`` and ``news`` run in the hub and wait for nothing."""

    __slots__ = (
        "address", "chat", "connection", "conv", "cursor", "held", "inbox", "missed", "origin", "place", "presence", "profile",
        "site", "synced", "typed_at", "unread", "visitor", "window", "window_frames", "working",
    )  # fmt: skip

    def __init__(self, chat: Chat, site: SiteView, address: str) -> None:
        self.chat = chat
        self.site = site
        self.address = address
        self.origin = ""
        self.connection: Connection | None = None
        self.visitor: VisitorView | None = None
        self.profile: Profile | None = None
        self.conv = ""
        self.place = ""
        self.cursor = 0
        self.synced = False
        self.missed = False
        self.held: list[bytes] | None = None
        self.inbox: list[bytes] | None = None
        self.unread = 0
        self.working = False
        self.typed_at = 0.0
        self.presence = Presence()
        self.window = 0.0
        self.window_frames = 0

    # In the hub ----------------------------------------------------------------------------------------------------

    def on_frame(self, connection: Connection, payload: bytes) -> None:
        if payload.startswith(_PING) and len(payload) < 512:
            try:
                connection.push(text_frame(orjson.dumps({"t": "pong", "n": orjson.loads(payload).get("n")})))
                return
            except ValueError:
                pass  # no JSON: answered like any other bad frame
        inbox = self.inbox
        if inbox is None:
            inbox = self.inbox = []
        self.unread += len(payload)
        if len(inbox) >= UNREAD_FRAMES or self.unread > UNREAD_BYTES:
            connection.close(1008, "too many frames at once")
            return
        inbox.append(payload)
        if not self.working:
            self.working = True
            self.connection = connection
            if not self.chat.crew.add(self._work):
                self.working = False
                self.inbox = None
                self.unread = 0
                connection.push(text_frame(busy(_cid_of(payload)).frame()))

    def on_close(self, connection: Connection) -> None:
        self.chat.watchers.remove(self.conv, self)
        self.inbox = self.held = self.connection = None

    def live(self, frame: bytes) -> None:
        """A delta, a turn's phase or somebody typing: after the first page, never before it."""
        if self.held is not None:
            if len(self.held) < HELD_FRAMES:
                self.held.append(frame)
        elif self.connection is not None:
            self.connection.push(frame)

    def news(self, page: Changes, frame: bytes) -> None:
        if self.connection is not None:
            self.connection.push(frame)
        self.cursor = max(self.cursor, page.cursor)
        if page.state == "gone":
            self._leave()

    # In the crew ---------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        connection = self.connection
        try:
            while self.inbox and connection is not None and connection.open:
                payload = self.inbox.pop(0)
                self.unread -= len(payload)
                self._handle(payload)
        finally:
            self.inbox = None
            self.unread = 0
            self.working = False

    def _handle(self, payload: bytes) -> None:
        cid = ""
        if not self.chat.is_on and self.connection is not None:
            self.connection.close(1001, "switched off")
            return
        try:
            self._count()
            frame = parse(payload)
            cid = frame.get("cid", "")
            if self.visitor is None and frame["t"] not in {"hello", "ping"}:
                raise FrameError("bad_frame", "Say hello first.", cid=cid, final=False)
            _HANDLERS[frame["t"]](self, frame)
        except FrameError as error:
            self._refuse(error)
        except StoreUnavailable:
            self._refuse(unavailable(cid))
        except Exception:
            log.exception("a frame could not be handled")
            self._refuse(busy(cid))

    def _count(self) -> None:
        now = time.monotonic()
        if now - self.window > WINDOW:
            self.window, self.window_frames = now, 0
        self.window_frames += 1
        if self.window_frames > 2 * WINDOW_FRAMES and self.connection is not None:
            self.connection.close(1008, "too many frames")
        if self.window_frames > WINDOW_FRAMES:
            raise too_fast(int(self.window + WINDOW - now) + 1)

    def _send(self, body: bytes | Frame) -> None:
        if self.connection is not None:
            self.connection.push(text_frame(body if isinstance(body, bytes) else orjson.dumps(body)))

    def _refuse(self, error: FrameError) -> None:
        # As the words around it are, which the client chose; a client that says nothing is told it as the site speaks.
        spoken = (self.profile.language if self.profile is not None else "") or self.site.settings.get("locale", "")
        self._send(in_language(error, spoken).frame())

    def _known(self) -> VisitorView:
        if self.visitor is None:
            raise FrameError("bad_frame", "Say hello first.", final=False)
        return self.visitor

    # Frames --------------------------------------------------------------------------------------------------------

    def _hello(self, frame: Frame) -> None:
        chat, token = self.chat, frame.get("token")
        page = frame.get("page", {})
        self.profile = Profile(
            language=frame.get("locale", ""),
            page_url=page.get("url", ""),
            page_title=page.get("title", ""),
            zone=frame.get("zone", ""),
        )
        self._leave()
        self.origin = offload(origin_of, self.address)
        if token:
            self.visitor = chat.visitor(token, self.site)
            token = None
        else:
            token, self.visitor = chat.arrive(self.site, self.address, frame.get("locale", ""))
        if self.connection is not None:
            self.connection.greet()
        current = offload(epoch)
        cursor = frame.get("cursor", 0) if frame.get("epoch", current) == current else 0
        conv, problem = self._first(frame.get("conv", ""))
        if conv != frame.get("conv"):
            cursor = 0
        welcome: Frame = {
            "t": "welcome",
            "epoch": current,
            "site": chat.about(self.site, self.profile.zone, self.profile.language),
            "limits": {"text": chat.max_text, "files": upload_limits()},
        }
        if token:
            welcome["token"] = token
        if conv:
            welcome["conv"] = conv
        self._send(welcome)
        if problem is not None:
            self._refuse(problem)
        if conv:
            self._watch(conv, cursor)
            self.presence.note("" if cursor else conv)  # with a cursor it came back by itself

    def _first(self, wanted: str) -> tuple[str, FrameError | None]:
        """The conversation to begin with: the one asked for, else the last open one."""
        visitor = self._known()
        if wanted:
            try:
                self.place = inbound.owned(visitor, wanted).place
                return wanted, None
            except FrameError as error:
                return "", error
        last = offload(last_conversation, visitor.contact_id)
        if last:
            self.place = inbound.owned(visitor, last).place
        return last, None

    def _open(self, frame: Frame) -> None:
        conv = frame["conv"]
        if conv != self.conv:
            place = inbound.owned(self._known(), conv).place
            self._leave()
            self.place = place
        self._watch(conv, frame.get("cursor", 0))
        self.presence.note(self.conv)

    def _send_message(self, frame: Frame) -> None:
        self._store(frame, "message", text=frame["text"], files=frame.get("files", ()))

    def _edit(self, frame: Frame) -> None:
        self._store(frame, "edit", text=frame["text"], subject=frame["id"])

    def _delete(self, frame: Frame) -> None:
        self._store(frame, "delete", subject=frame["id"])

    def _react(self, frame: Frame) -> None:
        self._store(frame, "reaction", text=frame["emoji"], subject=frame["id"], gone=frame.get("gone", False))

    def _mark(self, frame: Frame) -> None:
        more = {name: frame.get(name, "") for name in ("mark", "reason", "text")}
        self._store(frame, "mark", subject=frame["id"], **more)

    def _handoff(self, frame: Frame) -> None:
        self._store(frame, "handoff")

    def _cancel(self, frame: Frame) -> None:
        self._store(frame, "cancel")

    def _ticket(self, frame: Frame) -> None:
        self._store(
            frame, "ticket", text=frame.get("text", ""), name=frame.get("name", ""), email=frame.get("email", "")
        )

    def _contact(self, frame: Frame) -> None:
        self._store(frame, "contact", text=frame.get("text", ""), name=frame.get("name", ""), email=frame["email"])

    def _resolve(self, frame: Frame) -> None:
        self._store(frame, "resolve")

    def _rating(self, frame: Frame) -> None:
        self._store(frame, "rating", text=frame.get("text", ""), rating=frame["rating"])

    def _store(self, frame: Frame, kind: inbound.Kind, *, name: str = "", email: str = "", **what: Any) -> None:
        """Commit what must arrive exactly once, and only then say so. ``what``: as :func:`inbound.event` takes it."""
        visitor, cid, conv = self._known(), frame["cid"], frame.get("conv", "")
        place = self.place if conv and conv == self.conv else inbound.owned(visitor, conv, cid).place if conv else ""
        self.chat.count_message(visitor, cid)
        profile = replace(self.profile or Profile(), name=name, email=email)
        event = inbound.event(
            visitor, self.site, cid=cid, conversation_id=conv, place=place, kind=kind, profile=profile, origin=self.origin, **what
        )  # fmt: skip
        outcome = inbound.commit(event)
        if isinstance(outcome, Refused):
            raise refused(outcome, cid)
        failpoint("receive.before_ack")
        self._send(ack_body(outcome, cid))
        if outcome.conversation_id != self.conv:
            place = inbound.owned(visitor, outcome.conversation_id).place
            self._leave()
            self.place = place
            self._watch(outcome.conversation_id, 0)
        elif not hints_arrive():
            self.chat.watchers.look(outcome.conversation_id)
        self.presence.note(self.conv)

    def _stop(self, frame: Frame) -> None:
        conv = frame["conv"]
        if conv != self.conv:
            inbound.owned(self._known(), conv)
        if not request_stop(conv, frame["turn"]) and conv == self.conv:
            self._watch(conv, self.cursor)  # it ended meanwhile: show how

    def _typing(self, frame: Frame) -> None:
        now = time.monotonic()
        if frame["conv"] == self.conv and now - self.typed_at >= TYPING_SECONDS:
            self.typed_at = now
            tell_typing(self.conv)
            self.presence.note(self.conv)

    def _ping(self, frame: Frame) -> None:
        self._send({"t": "pong", "n": frame.get("n")})

    # Watching ------------------------------------------------------------------------------------------------------

    def _leave(self) -> None:
        if self.conv:
            self.chat.watchers.remove(self.conv, self)
        self.conv = self.place = ""
        self.cursor = 0
        self.synced = False
        self.held = None

    def _watch(self, conv: str, cursor: int) -> None:
        """Send what changed after ``cursor``, then everything as it happens. Live frames wait for that page."""
        if self.connection is None:
            return
        if self.conv != conv:
            self.conv = conv
            self.chat.watchers.add(conv, self)
        self.synced = False
        self.missed = False
        self.held = []
        try:
            page = offload(changes, conv, cursor)
            draft = draft_text(page.turn.id, page.turn.attempt) if page.turn is not None else None
        except BaseException:
            self.synced, self.held = True, None
            raise
        failpoint("push.before_frame")
        self._send(changes_body(page, draft))
        self.cursor = max(cursor, page.cursor)
        for frame in self.held or ():
            if self.connection is not None:
                self.connection.push(frame)
        self.held = None
        if page.state == "waiting":
            self.chat.watchers.noted(page, new=True)
        if page.state == "gone":
            self._leave()
        elif not page.more:  # with more to come the client pulls, and is pushed to when it has all
            self.synced = True
            if self.missed:
                self.chat.watchers.look(conv)


_HANDLERS: dict[str, Callable[[Session, Frame], Any]] = {
    "hello": Session._hello,
    "open": Session._open,
    "pull": Session._open,
    "send": Session._send_message,
    "handoff": Session._handoff,
    "cancel": Session._cancel,
    "ticket": Session._ticket,
    "contact": Session._contact,
    "resolve": Session._resolve,
    "rating": Session._rating,
    "edit": Session._edit,
    "delete": Session._delete,
    "react": Session._react,
    "mark": Session._mark,
    "stop": Session._stop,
    "typing": Session._typing,
    "ping": Session._ping,
}


def _cid_of(payload: bytes) -> str:
    try:
        cid = orjson.loads(payload).get("cid", "")
    except (ValueError, AttributeError):
        return ""
    return cid if isinstance(cid, str) and len(cid) <= 64 else ""
