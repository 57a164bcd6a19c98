"""A page gives a code for its conversation and takes one of another channel, over the REST API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import accounts, clock, deliver, handoff, lease, store, whereabouts
from bot.channel import Channel
from bot.messages import Inbound, Receipt, Refused
from bot.outbox import Outbox
from bot.receive import receive
from tests.web.webprocess import Answer, Web, new_cid

CONTINUE, HERE = "/api/v1/chat/continue", "/api/v1/chat/continue/here"


class Post(Channel):
    name = "post"

    def start_link(self, code: str) -> str:
        return f"https://post.example/start?c={code}"


@pytest.fixture(autouse=True)
def house(web: Web, tmp_path: Path, environment: Callable[..., None]) -> Iterator[Any]:
    """This process plays the channels process on web's database."""
    url = web.env["DATABASE_URL"]
    for forget in (accounts.forget_sites, deliver.forget_declarations):
        forget()
    environment(DATABASE_URL=url, DESKHAND_DATA=str(tmp_path), REDIS_URL="none")
    store.open_database(url)
    lease.start("channels")
    Outbox(Post()).declare()
    whereabouts.announce(Post())
    yield store
    lease.stop()
    store.close_database()
    environment(DATABASE_URL=None, DESKHAND_DATA=None, REDIS_URL=None)


def say(web: Web, token: str, session: str, text: str = "hello") -> Answer:
    return web.post("/api/v1/chat/message", {"session": session, "cid": new_cid(), "text": text}, token=token)


def posted(text: str, kind: Any = "message", who: str = "anna") -> Receipt | Refused:
    return receive(
        [Inbound(channel="post", key=clock.new_id(), external_id=who, place=f"p-{who}", text=text, kind=kind)]
    )[0]


def texts(web: Web, token: str, session: str) -> list[str]:
    return [m["text"] for m in web.get(f"/api/v1/chat/history/{session}", token=token).json["msgs"]]


def test_from_a_page_to_another_channel_and_back(web: Web) -> None:
    token, session = web.begin()
    assert say(web, token, session, "Where is my parcel?").status == 200
    store.write(lambda: handoff.hand_over(session, "asked for a person", asked=True))
    made = web.post(CONTINUE, {"session": session}, token=token)
    assert made.status == 200, made.body
    code = made.json["code"]
    (link,) = made.json["links"]
    assert link["url"] == f"https://post.example/start?c={code.replace('-', '')}" and link["name"] == "Post"
    assert link["qr"].startswith("<svg ") and 600 > made.json["expires"] - clock.now() > 500

    moved = posted(code, "continue")
    assert isinstance(moved, Receipt) and moved.conversation_id == session
    refused = say(web, token, session, "still here?")
    assert (refused.status, refused.code) == (409, "not_here") and "goes on in Post now" in refused.json["error"][
        "message"
    ]
    assert isinstance(posted("I write from here"), Receipt)
    assert texts(web, token, session)[-1] == "I write from here", "the page may go on reading"

    asked = posted("", "continue")
    assert isinstance(asked, Receipt)
    back = asked.aside.partition("Your code is ")[2].split(".")[0]
    body = {"code": back, "cid": new_cid()}
    here = web.post(HERE, body, token=token)
    assert (here.status, here.json["session"]) == (200, session)
    assert web.post(HERE, body, token=token).json == here.json, "again, and nothing happens again"
    assert say(web, token, session, "back again").status == 200
    assert store.read(lambda: store.Ticket.select().where(store.Ticket.conversation == session).count()) == 1


def test_what_was_said_only_elsewhere_is_not_shown_on_the_page(web: Web) -> None:
    posted("a private thing", who="berta")
    token, session = web.begin()
    say(web, token, session)
    code = web.post(CONTINUE, {"session": session}, token=token).json["code"]
    assert isinstance(posted(code, "continue", who="berta"), Receipt)
    listed = web.get("/api/v1/chat/sessions", token=token).json["sessions"]
    assert [line["session"] for line in listed] == [session]


def test_a_conversation_that_began_elsewhere_comes_to_a_page_with_an_open_socket(web: Web) -> None:
    receipt = posted("Where is my parcel?", who="cleo")
    assert isinstance(receipt, Receipt)
    sock = web.visitor()
    token = sock.welcome["token"]
    own = web.post("/api/v1/chat/session", {}, token=token).json["session"]
    asked = posted("", "continue", who="cleo")
    assert isinstance(asked, Receipt)
    code = asked.aside.partition("Your code is ")[2].split(".")[0]
    here = web.post(HERE, {"code": code.lower().replace("-", " "), "cid": new_cid()}, token=token)
    assert here.json["session"] == receipt.conversation_id
    # The socket was opened when the visitor was another contact.
    for conversation in (receipt.conversation_id, own):
        cid = new_cid()
        sock.send(t="send", cid=cid, conv=conversation, text="from the page")
        assert sock.take("ack")["cid"] == cid
    sock.end()


def test_a_second_device_joins_the_conversation(web: Web) -> None:
    token, session = web.begin()
    say(web, token, session, "from the desk")
    code = web.post(CONTINUE, {"session": session}, token=token).json["code"]
    phone, _ = web.begin()
    assert web.post(HERE, {"code": code, "cid": new_cid()}, token=phone).json["session"] == session
    assert say(web, phone, session, "from the phone").status == 200
    assert say(web, token, session, "from the desk again").status == 200
    assert "on another device" in texts(web, phone, session)[1]


def test_wrong_codes_and_strangers_are_told_why(web: Web) -> None:
    token, session = web.begin()
    say(web, token, session)
    stranger, _ = web.begin()
    assert web.post(CONTINUE, {"session": session}, token=stranger).code == "not_yours"
    assert web.post(CONTINUE, {"session": session}).status == 401
    wrong = web.post(HERE, {"code": "AAAAA-AAAAA", "cid": new_cid()}, token=stranger)
    assert (wrong.status, wrong.code) == (422, "bad_code")
    empty = web.post(HERE, {"code": "  ", "cid": new_cid()}, token=stranger)
    assert (empty.status, empty.code) == (422, "bad_field")
    codes = [web.post(CONTINUE, {"session": session}, token=token) for _ in range(6)]
    assert [one.status for one in codes] == [200] * 5 + [429]
    assert codes[-1].headers["Retry-After"]
    own = web.post(HERE, {"code": codes[4].json["code"], "cid": new_cid()}, token=token)
    assert (own.status, own.code) == (409, "not_here")
    guesses = [web.post(HERE, {"code": f"AAAAA-AAA{n:02}", "cid": new_cid()}, token=stranger).status for n in range(11)]
    assert guesses[-1] == 429
