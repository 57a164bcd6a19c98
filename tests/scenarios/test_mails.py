"""Mails through the whole product: a customer leaves an address, proves it, is helped, and gets the transcript once."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.fakes.llm import FakeLLM, Script
from tests.fakes.smtp import FakeMail, Taken
from tests.patience import patient, wait_for
from tests.running import Deskhand
from tests.scenarios.talking import Customer


def test_from_the_address_to_the_transcript(deskhand: Callable[..., Deskhand], tmp_path: Path) -> None:
    with FakeMail(tmp_path, tls="starttls", auth=True) as server, FakeLLM() as llm:
        llm.default = Script(
            answer=lambda asked: (
                "The customer looks for a red spade." if "Write the summary" in asked.prompt else "Let me see."
            )
        )
        product = deskhand(
            SMTP_URL=server.url, DESKHAND_MAIL_FROM="Garden <help@shop.example>", DESKHAND_TEAM_MAIL="team@shop.example",
            OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=llm.openai_url,
        )  # fmt: skip

        def arrived(to: str, subject: str) -> list[Taken]:
            return [one for one in server.mails if one.to == [to] and subject in one.message["Subject"]]

        with Customer(product.base_url) as customer:
            customer.say("I look for a red spade.")
            customer.until(customer.answers)
            customer.tell(
                {"t": "contact", "cid": "c" * 32, "conv": customer.conv, "name": "Anna", "email": "anna@example.com"}
            )
            (told,) = wait_for(lambda: arrived("team@shop.example", "New ticket #1001"), 20)
            assert "I look for a red spade." in told.text
            (asked,) = wait_for(lambda: arrived("anna@example.com", "confirm your address"), 20)
            link = re.search(r"http://\S+?(/w/confirm/[\w-]+)", asked.text)
            assert link is not None
            with urllib.request.urlopen(product.base_url + link[1], data=b"", timeout=patient(10)) as page:
                assert b"is confirmed" in page.read()
            customer.tell({"t": "resolve", "cid": "d" * 32, "conv": customer.conv})
            (transcript,) = wait_for(lambda: arrived("anna@example.com", "Your conversation with"), 20)
            assert "> I look for a red spade." in transcript.text
            customer.tell({"t": "rating", "cid": "e" * 32, "conv": customer.conv, "rating": 5})
            customer.frame(lambda f: f.get("rating") == 5)
        shown = wait_for(
            lambda: (out := product.run("tickets", "show", "1001").stdout) and "summary" in out and out, 20
        )
        assert "The customer looks for a red spade." in shown
        assert "rating        5 of 5" in shown
        doctor = product.run("doctor").stdout
        assert "localhost lets us in (starttls); sender help@shop.example" in doctor
        assert "links in mails lead to" in doctor
        ids = [one.message["Message-ID"] for one in server.mails]
        assert len(ids) == len(set(ids)) == 3
        assert "not sent" not in product.run("mails", "list").stdout
