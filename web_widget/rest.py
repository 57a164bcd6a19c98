"""The REST chat API: the socket's rows and ids for clients that cannot hold a socket, and for servers."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import uuid4

from flask import request
from flask_openapi3 import APIBlueprint, Tag
from gevent.event import Event

from bot import (
    Changes,
    Profile,
    Receipt,
    Refused,
    SiteView,
    VisitorView,
    __version__,
    address_prefix,
    changes,
    client_address,
    conversations,
    draft_text,
    erase_conversation,
    hints_arrive,
    offload,
    origin_of,
    queues,
    request_stop,
    site_by_id,
    site_by_key,
    start_conversation,
    visitor_of,
)
from web_widget import cors, inbound
from web_widget import rest_models as models
from web_widget.chat import Chat
from web_widget.frames import FrameError, ack_body, changes_body, message_body, queue_body, refused
from web_widget.rest_errors import as_request_error, bearer

MAX_WAITING = 2_000
"""Requests of this process that may wait at once; beyond it a wait is answered at once."""

_TAG = Tag(name="chat", description="Talk to the assistant without a socket.")
_SECURITY = [{"visitor": []}]
_PROBLEMS = {400: models.Error, 401: models.Error, 403: models.Error, 404: models.Error, 422: models.Error,
             429: models.Error, 503: models.Error}  # fmt: skip


def told(view: Callable[..., Any]) -> Callable[..., Any]:
    """Answer a :class:`FrameError` in the HTTP form."""

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return view(*args, **kwargs)
        except FrameError as error:
            raise as_request_error(error) from None

    return wrapper


def check_body() -> None:
    """A body must be JSON, whole and readable, before any field of it is looked at."""
    if request.path.startswith("/api/") and request.method in {"POST", "PUT", "PATCH"}:
        request.get_json()  # raises 415, 413 or 400; kept for the view


class Rest:
    """The calls, with what they share."""

    def __init__(self, chat: Chat) -> None:
        self.chat = chat
        self.waiting = 0

    def who(self) -> tuple[VisitorView, SiteView]:
        """The visitor of this request's token and the site; checks the page's origin."""
        visitor = offload(visitor_of, bearer())
        site = offload(site_by_id, visitor.site_id) if visitor is not None else None
        if visitor is None or site is None:
            raise FrameError("bad_token", "This token is not known here (any more). Make a new session without one.")
        cors.check_origin(site)
        return visitor, site

    def start(self, body: models.NewSession) -> dict[str, Any]:
        token = None
        if "Authorization" in request.headers:
            visitor, site = self.who()
            if body.site and body.site != site.key:
                raise FrameError("bad_token", "This token belongs to another site.")
            self.chat.count_message(visitor, "")  # a conversation is a row like a message
        else:
            found = offload(site_by_key, body.site)
            if found is None:
                raise FrameError("unknown_site", "No site has this key. Look at: deskhand site list", field="site")
            site = found
            cors.check_origin(site)
            token, visitor = self.chat.arrive(site, address_prefix(client_address(request.environ)), body.locale)
        session = start_conversation(
            contact_id=visitor.contact_id,
            site_id=site.id,
            channel=inbound.CHANNEL,
            # With the first message's id a retry finds the same conversation, also over the socket.
            conversation_id=inbound.first_conversation(visitor, body.cid) if body.cid else str(uuid4()),
            language=body.locale,
        )
        answer = {"session": session, "visitor": visitor.id}
        return {**answer, "token": token} if token else answer

    def commit(
        self, kind: inbound.Kind, session: str, cid: str, text: str, profile: Profile, **what: Any
    ) -> tuple[Receipt, VisitorView]:
        """``what``: as :func:`inbound.event` takes it."""
        visitor, site = self.who()
        place = inbound.owned(visitor, session, cid).place
        self.chat.count_message(visitor, cid)
        outcome = inbound.commit(
            inbound.event(
                visitor,
                site,
                cid=cid,
                conversation_id=session,
                place=place,
                kind=kind,
                text=text,
                profile=profile,
                origin=offload(origin_of, address_prefix(client_address(request.environ))),
                **what,
            )
        )
        if isinstance(outcome, Refused):
            raise refused(outcome, cid)
        if not hints_arrive():
            self.chat.watchers.look(outcome.conversation_id)
        return outcome, visitor

    def message(self, body: models.NewMessage) -> dict[str, Any]:
        receipt, _ = self.commit("message", body.session, body.cid, body.text, Profile(), files=tuple(body.files))
        page = self.wait(receipt.conversation_id, receipt.rev, body.wait, _answered)
        ack = ack_body(receipt, body.cid)
        del ack["t"]
        return {"ack": ack, "messages": [message_body(message) for message in page.messages], "cursor": page.cursor}

    def action(self, body: models.Action) -> dict[str, Any]:
        if body.kind == "stop":
            visitor, _ = self.who()
            inbound.owned(visitor, body.session)
            if not body.turn:
                raise FrameError("bad_field", "The field turn is missing: which answer shall stop?", field="turn")
            return {"stopped": request_stop(body.session, body.turn)}
        if body.kind in {"edit", "delete", "react", "mark"} and not body.message:
            raise FrameError("bad_field", "The field message is missing: which one is meant?", field="message")
        profile = Profile(name=body.name, email=body.email)
        kind: inbound.Kind = "reaction" if body.kind == "react" else body.kind
        receipt, _ = self.commit(
            kind, body.session, body.cid, body.text, profile, rating=body.rating, subject=body.message, gone=body.gone,
            mark=body.mark, reason=body.reason,
        )  # fmt: skip
        ack = ack_body(receipt, body.cid)
        del ack["t"]
        return {"ack": ack}

    def history(self, session: str, after: int, wait: float) -> dict[str, Any]:
        visitor, _ = self.who()
        inbound.owned(visitor, session)
        page = self.wait(session, after, wait, _anything)
        draft = draft_text(page.turn.id, page.turn.attempt) if page.turn is not None else None
        body = changes_body(page, draft)
        del body["t"]
        return {**body, "epoch": page.epoch}

    def queue(self, session: str) -> dict[str, Any]:
        visitor, _ = self.who()
        inbound.owned(visitor, session)
        found = offload(queues, [session]).get(session)
        if found is None:
            return {"state": offload(changes, session, models.NEWEST).state}
        body = queue_body(found)
        del body["t"]
        return {**body, "state": "waiting"}

    def wait(self, conversation_id: str, after: int, seconds: float, enough: Callable[[Changes], bool]) -> Changes:
        """Read what changed; if that is not enough, wait for more of it, at most so long."""
        until = time.monotonic() + seconds
        page = offload(changes, conversation_id, after)
        if enough(page) or not seconds or self.waiting >= MAX_WAITING or self.chat.hub.draining:
            return page
        event = Event()
        self.chat.watchers.wait(conversation_id, event)
        self.waiting += 1
        try:
            while True:
                # Again after the event is known to the watchers: what came in between is seen here.
                page = offload(changes, conversation_id, after)
                left = until - time.monotonic()
                if enough(page) or left <= 0 or self.chat.hub.draining:
                    return page
                event.wait(left)
                event.clear()
        finally:
            self.waiting -= 1
            self.chat.watchers.stop_waiting(conversation_id, event)

    def listed(self) -> dict[str, Any]:
        visitor, _ = self.who()
        return {
            "sessions": [
                {
                    "session": one.id,
                    "state": one.state,
                    "preview": one.preview,
                    "author": one.author,
                    "seq": one.seq,
                    "at": one.at,
                }
                for one in offload(conversations, visitor.contact_id)
            ]
        }

    def delete(self, session: str) -> dict[str, Any]:
        visitor, _ = self.who()
        inbound.owned(visitor, session)
        done = erase_conversation(session)
        if not hints_arrive():
            self.chat.watchers.look(session)
        return {"deleted": done}


def _answered(page: Changes) -> bool:
    """Whether there is nothing to wait for: somebody else has written, or nobody will do so at once."""
    if page.state != "ai":
        return True
    return page.turn is None and any(message.author != "customer" for message in page.messages)


def _anything(page: Changes) -> bool:
    return bool(page.messages) or page.cursor > page.after or page.state == "gone"


def add_routes(routes: APIBlueprint, chat: Chat) -> None:
    """Put the calls under ``/api/v1``."""
    rest = Rest(chat)
    routes.before_request(check_body)

    @routes.post("/api/v1/chat/session", tags=[_TAG], responses={200: models.Session, **_PROBLEMS})
    @told
    def chat_session(body: models.NewSession) -> dict[str, Any]:
        """Begin a conversation. Without a token a visitor is made and its token told, once."""
        return rest.start(body)

    @routes.post(
        "/api/v1/chat/message",
        tags=[_TAG],
        security=_SECURITY,
        responses={200: models.Stored, 409: models.Error, **_PROBLEMS},
    )
    @told
    def chat_message(body: models.NewMessage) -> dict[str, Any]:
        """Store a message, once however often it is sent; with ``wait`` answer when the assistant has."""
        return rest.message(body)

    @routes.post(
        "/api/v1/chat/action",
        tags=[_TAG],
        security=_SECURITY,
        responses={200: models.Done, 409: models.Error, **_PROBLEMS},
    )
    @told
    def chat_action(body: models.Action) -> dict[str, Any]:
        """Ask for a person or withdraw it, make a ticket, leave an address, close the conversation, rate it, or stop an answer."""
        return rest.action(body)

    @routes.get(
        "/api/v1/chat/history/<session>", tags=[_TAG], security=_SECURITY, responses={200: models.History, **_PROBLEMS}
    )
    @told
    def chat_history(path: models.SessionPath, query: models.HistoryQuery) -> dict[str, Any]:
        """Read what is newer than a cursor; with ``wait`` hold the request until something is."""
        return rest.history(path.session, query.after, query.wait)

    @routes.get(
        "/api/v1/chat/queue/<session>", tags=[_TAG], security=_SECURITY, responses={200: models.Queue, **_PROBLEMS}
    )
    @told
    def chat_queue(path: models.SessionPath) -> dict[str, Any]:
        """Where a conversation stands that waits for a person. Ask at most every 10 s: nothing changes faster."""
        return rest.queue(path.session)

    @routes.get("/api/v1/chat/sessions", tags=[_TAG], security=_SECURITY, responses={200: models.Sessions, **_PROBLEMS})
    @told
    def chat_sessions() -> dict[str, Any]:
        """List this visitor's conversations, newest first."""
        return rest.listed()

    @routes.delete(
        "/api/v1/chat/session/<session>", tags=[_TAG], security=_SECURITY, responses={200: models.Deleted, **_PROBLEMS}
    )
    @told
    def chat_delete(path: models.SessionPath) -> dict[str, Any]:
        """Really delete a conversation with everything in it."""
        return rest.delete(path.session)

    @routes.get("/api/v1/health", tags=[_TAG], responses={200: models.Health})
    def api_health() -> dict[str, Any]:
        """Whether this API answers."""
        return {"status": "ok", "version": __version__}
