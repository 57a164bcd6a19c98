"""Going on elsewhere and coming here: codes for a conversation, with links and QR codes of the channels that have some."""

from __future__ import annotations

from typing import Any

from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, Field

from bot import Inbound, Refused, hints_arrive, offer_code, qr_code, too_many_codes
from web_widget import inbound
from web_widget import rest_models as models
from web_widget.chat import Chat
from web_widget.frames import FrameError, refused
from web_widget.rest import Rest, told

_TAG = Tag(name="carry over", description="Take a conversation to another channel, or bring one here.")
_SECURITY = [{"visitor": []}]
_PROBLEMS = {400: models.Error, 401: models.Error, 403: models.Error, 404: models.Error, 409: models.Error,
             422: models.Error, 429: models.Error, 503: models.Error}  # fmt: skip


class Asked(models.Body):
    session: str = Field(pattern=models.SESSION)


class Shown(models.Body):
    code: str = Field(
        min_length=1, max_length=64, description="As the other channel gave it; case and separators do not matter."
    )
    cid: str = Field(
        pattern=models.CID, description="Your own id of this attempt: random, and the same on every retry."
    )


class Link(BaseModel):
    channel: str
    name: str = Field(description="For people, such as Telegram.")
    url: str = Field(description="Opens the channel and brings the code along.")
    qr: str = Field(description="The same link as a QR code: an SVG without scripts and styles.")


class Code(BaseModel):
    code: str = Field(description="In two groups, as people read it. Told once.")
    expires: float = Field(description="Unix seconds; it works once before.")
    links: list[Link]


class Here(BaseModel):
    session: str = Field(description="The conversation that goes on here.")
    cursor: int


class Carrying:
    """The two calls."""

    def __init__(self, chat: Chat) -> None:
        self.chat = chat
        self.rest = Rest(chat)

    def ask(self, body: Asked) -> dict[str, Any]:
        visitor, _ = self.rest.who()
        place = inbound.owned(visitor, body.session).place
        wait = too_many_codes(f"{inbound.CHANNEL}:{place}")
        if wait:
            text = "You have asked for several codes in a short time. The last one is still good for its ten minutes."
            raise FrameError("too_fast", text, retry_after=wait)
        made = offer_code(body.session)
        if made is None:
            raise FrameError(
                "unknown_conversation", "There is no such conversation (any more). Start a new one.", field="conv"
            )
        links = [
            {
                "channel": link.channel,
                "name": link.name,
                "url": link.url,
                "qr": qr_code(link.url, label=f"QR code for {link.name}"),
            }
            for link in made.links
            if len(link.url) <= LONGEST
        ]
        return {"code": made.shown, "expires": made.expires_at, "links": links}

    def show(self, body: Shown) -> dict[str, Any]:
        visitor, site = self.rest.who()
        self.chat.count_message(visitor, body.cid)
        event = Inbound(
            channel=inbound.CHANNEL,
            key=f"web:continue:{visitor.id}:{body.cid}",
            external_id=visitor.id,
            place="",  # the conversation's own
            kind="continue",
            text=body.code,
            site=site.key,
        )
        if not body.code.strip():
            raise FrameError(
                "bad_field", "The field code is empty: which code were you given?", field="code", cid=body.cid
            )
        outcome = inbound.commit(event)
        if isinstance(outcome, Refused):
            raise refused(outcome, body.cid)
        if not hints_arrive():
            self.chat.watchers.look(outcome.conversation_id)
        return {"session": outcome.conversation_id, "cursor": outcome.rev}


LONGEST = 213
"""Bytes of a link that a QR code takes."""


def add_routes(routes: APIBlueprint, chat: Chat) -> None:
    """Put the calls under ``/api/v1``."""
    carrying = Carrying(chat)

    @routes.post("/api/v1/chat/continue", tags=[_TAG], security=_SECURITY, responses={200: Code, **_PROBLEMS})
    @told
    def chat_continue(body: Asked) -> dict[str, Any]:
        """Make a code with which this conversation goes on elsewhere: ten minutes, once. An earlier code is void."""
        return carrying.ask(body)

    @routes.post("/api/v1/chat/continue/here", tags=[_TAG], security=_SECURITY, responses={200: Here, **_PROBLEMS})
    @told
    def chat_continue_here(body: Shown) -> dict[str, Any]:
        """Bring the conversation of a code here."""
        return carrying.show(body)
