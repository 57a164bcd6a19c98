"""Bad input over real sockets: a clear error, no 5xx, nothing lost, others unaffected."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web.webprocess import Web, new_cid


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, "bad_request"),
        (b"", "application/json", 400, "bad_request"),
        (b"\xff\xfe{}", "application/json", 400, "bad_request"),
        (b'{"session":"\xff"}', "application/json", 400, "bad_request"),
        (b'"{}"', "application/json", 422, "bad_field"),
        (b"[]", "application/json", 400, "bad_frame"),
        (b"null", "application/json", 400, "bad_frame"),
        (b"[" * 100_000, "application/json", 400, "bad_request"),
        (b"{}", "text/plain", 415, "unsupported_type"),
        (b"a=b", "application/x-www-form-urlencoded", 415, "unsupported_type"),
        (b'{"text":"' + b"x" * 300_000 + b'"}', "application/json", 413, "too_large"),
    ],
)  # fmt: skip
def test_bodies_that_are_no_json_object_get_a_clear_error(
    web: Web, body: bytes, kind: str, status: int, code: str
) -> None:
    token, _ = web.begin()
    answer = web.post("/api/v1/chat/message", body, token=token, headers={"Content-Type": kind})
    assert (answer.status, answer.code) == (status, code)
    error = answer.json["error"]
    assert error["message"].endswith(".")
    assert error["request_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"text": 5}, 422, "bad_field", "text"),
        ({"text": None}, 422, "bad_field", "text"),
        ({"cid": "x"}, 422, "bad_field", "cid"),
        ({"cid": "../../../../etc"}, 422, "bad_field", "cid"),
        ({"session": "1"}, 422, "bad_field", "session"),
        ({"session": "01a1fdb9-e222-7583-92fb-29ef8e4d4ab4"}, 404, "unknown_conversation", "session"),
        ({"wait": -1}, 422, "bad_field", "wait"),
        ({"wait": 61}, 422, "bad_field", "wait"),
        ({"surprise": 1}, 422, "bad_field", "surprise"),
        ({"text": ""}, 422, "empty", "text"),
        ({"text": " \u0000\u0007\n"}, 422, "empty", "text"),
        ({"text": "x" * 4_001}, 422, "too_long", "text"),
        ({"text": "x" * 100_000}, 422, "too_long", "text"),
    ],
)  # fmt: skip
def test_wrong_fields_are_named(web: Web, change: dict[str, Any], status: int, code: str, field: str) -> None:
    token, session = web.begin()
    body = {"session": session, "cid": new_cid(), "text": "x", **change}
    answer = web.post("/api/v1/chat/message", body, token=token)
    assert (answer.status, answer.code, answer.json["error"]["field"]) == (status, code, field)
    assert web.get(f"/api/v1/chat/history/{session}", token=token).json["msgs"] == []


def test_a_lone_surrogate_is_an_error_and_odd_characters_are_stored_safely(web: Web) -> None:
    token, session = web.begin()
    broken = b'{"session":"%s","cid":"%s","text":"\\ud800"}' % (session.encode(), new_cid().encode())
    assert web.post("/api/v1/chat/message", broken, token=token).status == 400
    odd = "a\u0000b\u0007\u202ec\u2066d\U000e0041e\ufeff<script>alert(1)</script>"
    web.post("/api/v1/chat/message", {"session": session, "cid": new_cid(), "text": odd}, token=token)
    text = web.get(f"/api/v1/chat/history/{session}", token=token).json["msgs"][0]["text"]
    assert "\u0000" not in text
    assert "\u0007" not in text
    assert text.endswith("<script>alert(1)</script>")  # text stays text: the widget never makes markup of it


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200 + b"\r\n\r\n", b"400"),
        (b"GET\r\n\r\n", b"400"),
        (b"GET / HTTP/9.9\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"POST /api/v1/chat/session HTTP/1.1\r\nContent-Length: -5\r\n\r\n", b"400"),
        (b"POST /api/v1/chat/session HTTP/1.1\r\nContent-Length: abc\r\n\r\n", b"400"),
        (b"POST /api/v1/chat/session HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n{", b"413"),
        (b"POST /api/v1/chat/session HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
         b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
        (b"GET /%ff%fe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"404"),
        (b"GET /w/../../bot/config.py HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"404"),
        (b"GET /w/%2e%2e/%2e%2e/bot/config.py HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"404"),
        (b"TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"405"),
        (b"GET / HTTP/1.1\r\nHost: " + b"\xff" * 10 + b"\r\nConnection: close\r\n\r\n", b"200"),
    ],
)  # fmt: skip
def test_bytes_that_are_hardly_http_are_answered_and_closed(web: Web, data: bytes, status: bytes) -> None:
    answer = web.raw(data, seconds=3)
    assert answer.split(b" ")[1:2] == [status], answer[:200]


def test_methods_and_addresses_that_do_not_exist_have_the_one_error_form(web: Web) -> None:
    answer = web.ask("PUT", "/api/v1/chat/message", {})
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert "POST" in answer.headers["Allow"]
    assert (web.get("/nowhere").status, web.get("/nowhere").code) == (404, "not_found")


def test_a_body_that_comes_in_pieces_is_one_and_a_huge_chunked_one_is_refused(web: Web) -> None:
    head = (
        f"POST /api/v1/chat/session HTTP/1.1\r\nHost: localhost:{web.port}\r\nConnection: close\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    ).encode()
    answer = web.raw(head + b'8\r\n{"site":\r\n6\r\n"demo"\r\n1\r\n}\r\n0\r\n\r\n', seconds=3)
    assert b" 200 " in answer.split(b"\r\n")[0], answer
    huge = web.raw(head + (b"10000\r\n" + b"x" * 65_536 + b"\r\n") * 20, seconds=3)
    assert b" 413 " in huge.split(b"\r\n")[0], huge[:200]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_request_made_from_the_description_is_a_server_error(web: Web, data: st.DataObject) -> None:
    described = web.get("/api/v1/openapi.json").json
    schemas = described["components"]["schemas"]
    token, session = _fuzzer(web)
    path = data.draw(st.sampled_from(sorted(described["paths"])))
    method = data.draw(st.sampled_from(sorted(described["paths"][path])))
    operation = described["paths"][path][method]
    body = None
    if "requestBody" in operation:
        (kind,) = operation["requestBody"]["content"].values()  # a form gets JSON, too: it is refused, no more
        names = sorted(schemas[kind["schema"]["$ref"].rsplit("/", 1)[1]]["properties"])
        plausible = st.sampled_from(
            [session, new_cid(), "demo", "handoff", "contact", "resolve", "stop", "hello", 0, 1]
        )
        body = data.draw(
            st.dictionaries(st.sampled_from(names), plausible | json_values, max_size=len(names)) | json_values
        )
        if isinstance(body, dict) and isinstance(body.get("wait"), (int, float)):
            body["wait"] = 0
    query = data.draw(
        st.sampled_from(["", "?after=0", "?after=-1", "?after=x", "?wait=nan", "?wait=0", "?after=9e99", "?%00=%ff"])
    )
    target = path.replace(
        "{session}", data.draw(st.sampled_from([session, "x", "%00", "%ff", "01a1fdb9-e222-7583-92fb-29ef8e4d4ab4"]))
    )
    if method == "delete" and session in target:
        return
    answer = web.ask(method.upper(), target + query, body, token=data.draw(st.sampled_from([token, "", "x" * 43])))
    assert answer.status < 500, answer.body
    if answer.status >= 400:
        assert answer.json["error"]["message"]


_fuzz: dict[int, tuple[str, str]] = {}


def _fuzzer(web: Web) -> tuple[str, str]:
    if web.port not in _fuzz:
        _fuzz[web.port] = web.begin()
    return _fuzz[web.port]
