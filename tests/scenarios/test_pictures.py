"""A customer's picture through the whole product, over the widget's socket: seen by a model that can, and else honestly not."""

from __future__ import annotations

import base64
import io
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from bot.seeing import CANNOT_SEE
from tests.fakes.llm import FakeLLM, Script
from tests.running import Deskhand
from tests.scenarios.talking import Customer
from tests.scenarios.test_files import bring


def show(product: Deskhand, customer: Customer, text: str) -> dict[str, Any]:
    """Bring a picture and send it with a text; the answer to it."""
    token = customer.frame(lambda f: f["t"] == "welcome")["token"]
    file = bring(product, token)
    before = len(customer.answers())
    frame = {"t": "send", "cid": secrets.token_hex(16), "text": text, "files": [file["id"]]}
    customer.tell(frame | ({"conv": customer.conv} if customer.conv else {}))
    customer.until(lambda: len(customer.answers()) > before, 30)
    return dict(customer.answers()[-1])


@pytest.mark.once
def test_a_picture_is_seen_by_anthropic_and_the_answer_reaches_the_page(
    deskhand: Callable[..., Deskhand], llm: FakeLLM
) -> None:
    llm.script(Script(answer="This is a red rectangle.", conclude={"confidence": 0.9}, times=0))
    product = deskhand(ANTHROPIC_API_KEY="k", ANTHROPIC_BASE_URL=llm.url)
    with Customer(product.base_url) as customer:
        answer = show(product, customer, "What is this?")
    assert answer["text"].startswith("This is a red rectangle.")
    (request,) = [r for r in llm.requests if r["images"]]
    (part,) = [p for p in request["body"]["messages"][-1]["content"] if p["type"] == "image"]
    assert part["source"]["media_type"] == "image/png"
    seen = Image.open(io.BytesIO(base64.b64decode(part["source"]["data"])))
    assert seen.size == (40, 30)
    assert part["source"]["data"][20:60] not in product.log()


@pytest.mark.once
def test_without_a_model_that_sees_the_customer_is_told_so(deskhand: Callable[..., Deskhand]) -> None:
    product = deskhand()
    with Customer(product.base_url) as customer:
        answer = show(product, customer, "How many days do I have to return something?")
    assert answer["text"].startswith(CANNOT_SEE) and "30 days" in answer["text"]
    assert "Talk to a person" in answer.get("choices", answer.get("quick", []))
