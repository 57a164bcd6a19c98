"""A customer's file through the whole product: brought, sent while web dies in the middle, answered, seen, and gone for good."""

from __future__ import annotations

import http.client
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from tests.patience import patient, wait_for
from tests.running import Deskhand
from tests.scenarios.talking import Customer
from tests.test_files import png
from tests.web.test_files_over_http import BORDER, form


def request(product: Deskhand, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    parts = urlsplit(product.base_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=patient(20))
    try:
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def bring(product: Deskhand, token: str) -> Any:
    kind = f"multipart/form-data; boundary={BORDER}"
    status, body = request(
        product, "POST", "/w/files", form(png()), Authorization=f"Bearer {token}", **{"Content-Type": kind}
    )
    assert status == 200, body
    return orjson.loads(body)


def bytes_on_disk(product: Deskhand) -> list[Path]:
    return [path for path in (product.data / "files").rglob("*") if path.is_file()]


def test_a_file_survives_the_death_of_web_once_and_ends_with_its_conversation(
    deskhand: Callable[..., Deskhand], tmp_path: Path
) -> None:
    once = tmp_path / "once"
    once.mkdir()
    product = deskhand(DESKHAND_FAILPOINTS="receive.before_commit=kill@2", DESKHAND_FAILPOINTS_ONCE=str(once))
    with Customer(product.base_url) as customer:
        customer.say("How many days do I have to return something?")
        customer.until(customer.answers)
        token = customer.frame(lambda f: f["t"] == "welcome")["token"]
        file = bring(product, token)
        body = orjson.dumps(
            {
                "session": customer.conv,
                "cid": secrets.token_hex(16),
                "text": "It looks like this",
                "files": [file["id"]],
            }
        )
        head = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            request(product, "POST", "/api/v1/chat/message", body, **head)
        except (OSError, http.client.HTTPException):
            pass  # web died between the bytes and the commit, and is started again
        assert wait_for((once / "receive.before_commit").exists, 10, "web passes the point")
        wait_for(product.ready, 30, "web is back")
        for _ in range(2):
            status, answer = request(product, "POST", "/api/v1/chat/message", body, **head)
            assert status == 200, answer
        status, answer = request(product, "GET", f"/api/v1/chat/history/{customer.conv}", **head)
        sent = [m for m in orjson.loads(answer)["msgs"] if m.get("files")]
        assert [(m["text"], len(m["files"])) for m in sent] == [("It looks like this", 1)]
        status, picture = request(product, "GET", sent[0]["files"][0]["url"])
        assert status == 200 and picture.startswith(b"\x89PNG") and len(bytes_on_disk(product)) == 1
        status, _ = request(product, "DELETE", f"/api/v1/chat/session/{customer.conv}", **head)
        assert status == 200 and not bytes_on_disk(product)
        assert request(product, "GET", sent[0]["files"][0]["url"])[0] == 404
    assert "Traceback" not in product.log()
