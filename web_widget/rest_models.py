"""What the REST chat API takes and gives. The OpenAPI description is made from these."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

SESSION = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
FILE = r"^[0-9A-Za-z_-]{16,64}$"
CID = r"^[0-9A-Za-z_-]{8,64}$"
MAX_WAIT = 60
MAX_POLL = 25
NEWEST = 2**53
"""A cursor after everything."""


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Page(Body):
    url: str = Field("", max_length=2_000)
    title: str = Field("", max_length=500)


class NewSession(Body):
    site: str = Field("", max_length=64, description="Public key of the site; empty: the first one.")
    locale: str = Field("", max_length=35, description="BCP 47 tag, such as de or pt-BR.")
    page: Page | None = None
    cid: str = Field(
        "",
        pattern=rf"{CID}|^$",
        description="The id of the message that begins the conversation: the same id, the same session.",
    )


class NewMessage(Body):
    session: str = Field(pattern=SESSION)
    cid: str = Field(pattern=CID, description="Your own id of this message: random, and the same on every retry.")
    text: str
    files: list[Annotated[str, Field(pattern=FILE)]] = Field(
        default_factory=list, max_length=20, description="Ids that POST /w/files gave; then text may be empty."
    )
    wait: float = Field(0, ge=0, le=MAX_WAIT, description="Seconds to wait for the answer.")


class Action(Body):
    session: str = Field(pattern=SESSION)
    cid: str = Field(pattern=CID)
    kind: Literal[
        "handoff", "cancel", "ticket", "contact", "resolve", "stop", "rating", "edit", "delete", "react", "mark"
    ]
    rating: int = Field(0, ge=0, le=5, description="1 to 5, for the kind rating; text is the comment.")
    turn: str = Field("", max_length=64, description="Which answer to stop.")
    message: str = Field(
        "",
        pattern=rf"{SESSION}|^$",
        description="Which message to edit (text: the new one), delete or react to (text: an emoji).",
    )
    gone: bool = Field(False, description="The reaction is taken back.")
    mark: Literal["", "up", "down"] = Field(
        "", description="For the kind mark: whether the answer helped; empty takes it back."
    )
    reason: Literal["", "wrong", "outdated", "not_asked", "too_long", "other"] = Field(
        "", description="For a mark down: why; text may say more."
    )
    name: str = Field("", max_length=200)
    email: str = Field("", max_length=300)
    text: str = ""


class Queue(BaseModel):
    """How a conversation stands that waits for a person. Only ``state`` when it does not."""

    state: Literal["ai", "waiting", "human", "resolved", "gone"]
    conv: str | None = None
    ticket: int | None = None
    reason: str | None = None
    position: int | None = Field(None, description="1 is next; 0: it stands in no queue.")
    waiting: int | None = None
    since: float | None = None
    expected: int | None = Field(None, description="Seconds that it usually takes from here on; null: nobody can say.")
    until: float | None = Field(None, description="End of the countdown, Unix seconds.")
    people: Literal["here", "away", "closed", "none"] | None = None
    opens: float | None = None
    zone: str | None = None
    reply: int | None = Field(None, description="Seconds in which a first answer to a ticket usually comes.")
    form: bool | None = Field(None, description="An address is asked for.")
    name: str | None = None
    email: str | None = None


class SessionPath(BaseModel):
    session: str = Field(pattern=SESSION)


class HistoryQuery(BaseModel):
    after: int = Field(0, ge=0, le=2**53, description="Cursor: only what is newer.")
    wait: float = Field(0, ge=0, le=MAX_POLL, description="Seconds to wait if nothing is newer.")


class Session(BaseModel):
    session: str
    visitor: str
    token: str | None = Field(None, description="Only for a new visitor. Keep it: it is told once.")


class Source(BaseModel):
    n: int
    title: str
    heading: str
    url: str
    updated: str
    passage: str


class StoredFile(BaseModel):
    id: str
    name: str
    type: str
    size: int = Field(description="In bytes.")
    width: int | None = None
    height: int | None = None
    url: str | None = Field(None, description="A path on this server, for a day.")
    problem: str | None = Field(None, description="Why there is no url: a sentence for people.")


class Reaction(BaseModel):
    emoji: str
    author: Literal["customer", "agent"]
    name: str


class Message(BaseModel):
    id: str
    seq: int
    rev: int
    author: Literal["customer", "ai", "agent", "system"]
    name: str
    text: str
    at: float
    cid: str | None = None
    turn: str | None = None
    type: str | None = None
    sources: list[Source]
    choices: list[str]
    edited: float | None = None
    deleted: bool | None = None
    files: list[StoredFile] | None = None
    reactions: list[Reaction] | None = None


class Ack(BaseModel):
    cid: str
    conv: str
    id: str
    seq: int
    rev: int


class Stored(BaseModel):
    ack: Ack
    messages: list[Message]
    cursor: int


class Turn(BaseModel):
    id: str
    attempt: int
    text: str


class History(BaseModel):
    epoch: str
    conv: str
    after: int
    cursor: int
    more: bool
    state: Literal["ai", "waiting", "human", "resolved", "gone"]
    msgs: list[Message]
    turn: Turn | None = None
    rating: int | None = Field(None, description="Of a closed conversation: 0 asked, 1 to 5 given.")


class Line(BaseModel):
    session: str
    state: str
    preview: str
    author: str
    seq: int
    at: float


class Sessions(BaseModel):
    sessions: list[Line]


class Deleted(BaseModel):
    deleted: bool


class Done(BaseModel):
    ack: Ack | None = None
    stopped: bool | None = None


class Health(BaseModel):
    status: Literal["ok"]
    version: str


class ErrorBody(BaseModel):
    code: str
    message: str
    request_id: str
    field: str | None = None
    retry_after: int | None = None


class Error(BaseModel):
    error: ErrorBody
