"""Files over HTTP: brought with a token, sent once by who brought them, read by a signed link and by nothing else."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.patience import patient
from tests.test_files import photo, png
from tests.web.webprocess import Answer, Web, new_cid, refused

BORDER = "----a-border-of-a-form"


def form(content: bytes, name: str = "photo.png", kind: str = "image/png", field: str = "file") -> bytes:
    head = f'--{BORDER}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\nContent-Type: {kind}\r\n\r\n'
    return head.encode() + content + f"\r\n--{BORDER}--\r\n".encode()


def bring(web: Web, token: str, content: bytes, name: str = "photo.png", *, body: bytes = b"", **more: Any) -> Answer:
    headers = {"Content-Type": f"multipart/form-data; boundary={BORDER}", **more.pop("headers", {})}
    return web.post("/w/files", body or form(content, name, **more), token=token, headers=headers)


def say(web: Web, token: str, session: str, text: str, *files: str) -> Answer:
    body = {"session": session, "cid": new_cid(), "text": text, "files": list(files)}
    return web.post("/api/v1/chat/message", body, token=token)


def act(web: Web, token: str, session: str, kind: str, **more: Any) -> Answer:
    return web.post("/api/v1/chat/action", {"session": session, "cid": new_cid(), "kind": kind, **more}, token=token)


def messages(web: Web, token: str, session: str) -> Any:
    return web.get(f"/api/v1/chat/history/{session}", token=token).json["msgs"]


def test_a_file_is_brought_sent_seen_and_read_whole(web: Web) -> None:
    token, session = web.begin()
    brought = bring(web, token, png(), "../../my photos/Grüße.png")
    assert brought.status == 200, brought.body
    file = brought.json
    assert (file["name"], file["type"], file["width"], file["height"]) == ("Grüße.png", "image/png", 40, 30)
    assert say(web, token, session, "", file["id"]).status == 200
    (message,) = messages(web, token, session)
    (seen,) = message["files"]
    assert message["text"] == "" and {**seen, "url": ""} == {**file, "url": ""}
    read = web.get(seen["url"])
    assert read.status == 200 and len(read.body) == file["size"] and read.body.startswith(b"\x89PNG")
    head = read.headers
    assert head["Content-Type"] == "image/png" and head["X-Content-Type-Options"] == "nosniff"
    assert head["Content-Disposition"] == "inline; filename*=UTF-8''Gr%C3%BC%C3%9Fe.png"
    assert head["Content-Security-Policy"] == "sandbox; default-src 'none'" and head["Set-Cookie"] is None
    assert head["Cross-Origin-Resource-Policy"] == "cross-origin" and "private" in head["Cache-Control"]
    assert web.get(seen["url"], headers={"If-None-Match": head["ETag"]}).status == 304
    assert web.ask("HEAD", seen["url"]).headers["Content-Length"] == str(file["size"])


def test_what_is_no_picture_is_only_downloaded(web: Web) -> None:
    token, _ = web.begin()
    file = bring(web, token, b"<script>alert(1)</script>", "notes.txt").json
    read = web.get(file["url"])
    assert read.headers["Content-Disposition"].startswith("attachment;")
    assert read.headers["Content-Type"] == "text/plain; charset=utf-8" and b"script" in read.body


def test_a_link_that_we_did_not_sign_leads_nowhere(web: Web) -> None:
    token, _ = web.begin()
    file, other = (bring(web, token, png(width), "a.png").json for width in (10, 11))
    path, _, query = file["url"].partition("?")
    wrong = [
        path, f"{path}?e=99999999999&{query.split('&')[1]}", f"{other['url'].partition('?')[0]}?{query}", f"{path}x?{query}",
        f"/f/{file['id']}/?{query}", f"/f/{file['id']}/..%2f..%2fmaster.key?{query}", f"/f/../../master.key?{query}",
        f"{path}?{query[:-1]}", f"{path}?e[]=1&s=%00", "/f/x/y?e=" + "9" * 5_000 + "&s=x", f"/f/%00/a.png?{query}",
    ]  # fmt: skip
    answers = [web.get(one) for one in wrong]
    assert {answer.status for answer in answers} == {404}
    assert len({answer.body.partition(b"request_id")[0] for answer in answers[:4]}) == 1
    assert web.get(file["url"]).status == 200


def test_nobody_brings_or_sends_what_is_not_theirs(web: Web) -> None:
    token, session = web.begin()
    thief, lair = web.begin()
    assert bring(web, "", png()).status == 401
    assert bring(web, "x" * 43, png()).status == 401
    file = bring(web, token, png()).json
    stolen = say(web, thief, lair, "mine now", file["id"])
    assert (stolen.status, stolen.code, stolen.json["error"]["field"]) == (422, "bad_file", "files")
    assert messages(web, thief, lair) == []
    assert say(web, token, session, "mine", file["id"]).status == 200
    assert say(web, token, session, "again", file["id"]).code == "bad_file"


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"MZ\x90", "setup.exe", "this kind of file is not possible"),
        (b"<svg/>", "logo.svg", "this kind of file is not possible"),
        (photo(), "photo.png", "its content is something else"),
        (b"", "empty.txt", "it is empty"),
    ],
)
def test_a_file_that_is_not_taken_is_refused_in_a_sentence(web: Web, content: bytes, name: str, words: str) -> None:
    token, _ = web.begin()
    answer = bring(web, token, content, name)
    error = answer.json["error"]
    assert (answer.status, error["code"], error["field"]) == (422, "bad_file", "file") and words in error["message"]


@pytest.mark.parametrize(
    "body", [b"", b"no form at all", form(b"x", field="other"), form(b"x")[:40], b"--" + BORDER.encode() + b"--\r\n"]
)
def test_a_form_that_is_none_is_refused_clearly(web: Web, body: bytes) -> None:
    token, _ = web.begin()
    answer = bring(web, token, b"", body=body or b" ")
    assert answer.status in {400, 422} and answer.json["error"]["message"].endswith(".")
    answer = web.post("/w/files", {"file": "x"}, token=token)
    assert answer.status in {400, 415, 422}


def test_more_than_is_possible_is_refused_before_it_is_read(web: Web) -> None:
    token, _ = web.begin()
    answer = bring(web, token, b"x" * 10_300_000, "big.txt")
    assert (answer.status, answer.code) == (413, "too_large") and "larger than 10 MB" in answer.json["error"]["message"]
    began = time.monotonic()
    head = f"POST /w/files HTTP/1.1\r\nHost: localhost:{web.port}\r\nAuthorization: Bearer {token}\r\n"
    with socket.create_connection(("127.0.0.1", web.port), timeout=patient(20)) as sock:
        sock.sendall(
            f"{head}Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 4000000000\r\n\r\n".encode()
        )
        answered = sock.recv(65_536)
    assert b" 413 " in answered.split(b"\r\n")[0] and time.monotonic() - began < patient(15)
    got = web.raw(
        f"{head}Content-Type: multipart/form-data; boundary=x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode()
    )
    assert b" 411 " in got.split(b"\r\n")[0]
    assert web.get("/readyz").status == 200


def test_other_addresses_take_no_large_bodies(web: Web) -> None:
    token, _ = web.begin()
    assert web.post("/api/v1/chat/message", b"x" * 300_000, token=token).status == 413
    answer = web.raw(
        f"POST /w/filesx HTTP/1.1\r\nHost: localhost:{web.port}\r\nContent-Length: 9000000\r\n\r\n".encode()
    )
    assert b" 413 " in answer.split(b"\r\n")[0]


def test_a_large_photo_arrives(web: Web) -> None:
    token, _ = web.begin()
    import io
    import os

    from PIL import Image

    out = io.BytesIO()
    Image.frombytes("RGB", (1_600, 1_200), os.urandom(1_600 * 1_200 * 3)).save(out, "JPEG", quality=97)
    assert len(out.getvalue()) > 2_000_000
    answer = bring(web, token, out.getvalue(), "large.jpg")
    assert answer.status == 200 and answer.json["width"] == 1_600
    assert len(web.get(answer.json["url"]).body) == answer.json["size"]


def test_the_socket_sends_files_and_changes_and_reacts(web: Web) -> None:
    page = web.visitor()
    assert page.welcome["limits"]["files"] == {
        "bytes": 10_000_000, "count": 5, "types": ["png", "jpeg", "webp", "gif", "pdf", "txt", "ogg", "mp3", "m4a"],
    }  # fmt: skip
    file = bring(web, page.welcome["token"], png()).json
    page.send(t="send", cid=new_cid(), text="helo", files=[file["id"]])
    ack = page.take("ack")
    page.send(t="edit", cid=new_cid(), conv=ack["conv"], id=ack["id"], text="hello")
    assert page.take("ack")["rev"] == 2
    page.send(t="react", cid=new_cid(), conv=ack["conv"], id=ack["id"], emoji="👍")
    page.take("ack")
    page.send(t="pull", conv=ack["conv"], cursor=0)
    while not (shown := page.take("msgs"))["msgs"][0].get("reactions"):
        pass
    (message,) = shown["msgs"]
    assert (message["text"], message["reactions"]) == ("hello", [{"emoji": "👍", "author": "customer", "name": ""}])
    assert message["files"][0]["id"] == file["id"] and message["edited"]
    page.send(t="delete", cid=new_cid(), conv=ack["conv"], id=ack["id"])
    page.take("ack")
    page.send(t="pull", conv=ack["conv"], cursor=0)
    while not (shown := page.take("msgs"))["msgs"][0].get("deleted"):
        pass
    assert shown["msgs"][0]["text"] == "" and "files" not in shown["msgs"][0]
    assert web.get(file["url"]).status == 404, "the link of a deleted file leads nowhere"
    page.end()


@pytest.mark.parametrize(
    ("frame", "field"),
    [
        ({"t": "send", "text": "x", "files": "abc"}, "files"),
        ({"t": "send", "text": "x", "files": ["../../etc"]}, "files"),
        ({"t": "send", "text": "x", "files": ["x" * 32] * 1 + [f"{n:032d}" for n in range(30)]}, "files"),
        ({"t": "send", "text": "x", "files": [{}]}, "files"),
        ({"t": "edit", "text": "x"}, "conv"),
        ({"t": "edit", "conv": "0" * 8 + "-0000-0000-0000-" + "0" * 12, "text": "x"}, "id"),
        ({"t": "react", "conv": "0" * 8 + "-0000-0000-0000-" + "0" * 12, "id": "x", "emoji": "x"}, "id"),
        (
            {
                "t": "mark",
                "conv": "0" * 8 + "-0000-0000-0000-" + "0" * 12,
                "id": "0" * 8 + "-0000-0000-0000-" + "0" * 12,
            },
            "mark",
        ),
    ],
)
def test_bad_frames_name_the_field(web: Web, frame: dict[str, Any], field: str) -> None:
    page = web.visitor()
    page.send(cid=new_cid(), **frame)
    error = page.take("error")
    assert (error["code"], error["field"]) == ("bad_field", field)
    page.end()


def test_rest_edits_deletes_and_reacts(web: Web) -> None:
    token, session = web.begin()
    ack = say(web, token, session, "helo").json["ack"]
    assert act(web, token, session, "edit", message=ack["id"], text="hello").status == 200
    assert act(web, token, session, "react", message=ack["id"], text="🎉").status == 200
    assert act(web, token, session, "react", message=ack["id"], text="🎉", gone=True).status == 200
    message = messages(web, token, session)[0]
    assert message["text"] == "hello" and "reactions" not in message
    thief, lair = web.begin()
    stolen = act(web, thief, lair, "edit", message=ack["id"], text="hacked")
    assert (stolen.status, stolen.code) == (404, "unknown_message")
    missing = act(web, token, session, "delete")
    assert missing.status == 422 and missing.json["error"]["field"] == "message"
    assert act(web, token, session, "delete", message=ack["id"]).status == 200
    assert messages(web, token, session)[0]["deleted"]


def test_a_mark_over_socket_and_rest_says_what_it_refuses(web: Web) -> None:
    page = web.visitor()
    page.send(t="send", cid=new_cid(), text="hello")
    ack = page.take("ack")
    page.send(t="mark", cid=new_cid(), conv=ack["conv"], id=ack["id"], mark="up")
    own = page.take("error")
    assert (own["code"], own["field"], own["final"]) == ("bad_field", "subject", True)
    page.send(t="mark", cid=new_cid(), conv=ack["conv"], id=ack["id"], mark="down", reason="because")
    bad = page.take("error")
    assert (bad["code"], bad["field"]) == ("bad_field", "reason") and "outdated" in bad["message"]
    page.end()
    token, session = web.begin()
    mine = say(web, token, session, "hello").json["ack"]["id"]
    assert act(web, token, session, "mark", mark="up").json["error"]["field"] == "message"
    refused = act(web, token, session, "mark", message=mine, mark="down", reason="wrong", text="It is.")
    assert (refused.status, refused.json["error"]["field"]) == (422, "subject")


def test_pages_of_the_site_may_bring_files_and_no_others(web: Web) -> None:
    token, _ = web.begin()
    answer = web.ask("OPTIONS", "/w/files", headers={"Origin": web.origin, "Access-Control-Request-Method": "POST"})
    assert answer.status == 204 and answer.headers["Access-Control-Allow-Origin"] == web.origin
    mine = bring(web, token, png(), headers={"Origin": web.origin})
    assert mine.status == 200 and mine.headers["Access-Control-Allow-Origin"] == web.origin
    theirs = bring(web, token, png(), headers={"Origin": "https://evil.example"})
    assert theirs.status == 403 and theirs.headers["Access-Control-Allow-Origin"] is None


def test_the_api_describes_it(web: Web) -> None:
    spec = web.get("/api/v1/openapi.json").json
    call = spec["paths"]["/w/files"]["post"]
    assert "multipart/form-data" in json.dumps(call["requestBody"]) and "413" in call["responses"]
    assert "files" in spec["components"]["schemas"]["NewMessage"]["properties"]


def test_files_switched_off_and_visitors_in_a_hurry(web_on: Callable[..., Web]) -> None:
    web = web_on(DESKHAND_FILES="false", DESKHAND_MESSAGES_PER_MINUTE="3")
    page = web.visitor()
    assert page.welcome["limits"]["files"] == {"bytes": 0, "count": 0, "types": []}
    answer = bring(web, page.welcome["token"], png())
    assert answer.code == "bad_file" and "cannot be sent here" in answer.json["error"]["message"]

    def hurries() -> Answer | None:
        found = bring(web, page.welcome["token"], png())
        return found if found.status == 429 else None

    assert refused(hurries, 3).code == "too_fast"
    page.end()
