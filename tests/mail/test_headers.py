"""What can never stand in a header, and a body that is only a body."""

from __future__ import annotations

from typing import Any

import pytest

from bot import letter, mail, smtp
from bot.addresses import Address, one_line
from bot.config import ConfigError, load_config
from bot.store import Job, Mail
from tests.mail.conftest import Made, put, run

# aiosmtpd does not know that the connection it is given is encrypted already (smtps).
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


EVIL = ["a\r\nBcc: victim@example.com", "a\nX: y", "a\rb", "a\x00b", "a\u2028b", "\r\n\r\nbody", "a\x0bb", "a\x85b"]


@pytest.mark.parametrize("evil", EVIL)
def test_a_line_end_in_subject_or_address_is_refused_and_nothing_is_stored(store: Any, evil: str) -> None:
    with pytest.raises(mail.MailRefused, match="line end"):
        put(store, subject=evil)
    for to in (evil, f"anna@example.com{evil}", f"{evil}@example.com"):
        with pytest.raises(mail.MailRefused):
            put(store, to=to)
    assert store.read(lambda: Mail.select().count() + Job.select().count()) == 0


@pytest.mark.parametrize("evil", EVIL)
def test_what_came_into_the_row_another_way_is_refused_before_a_byte_is_sent(
    store: Any, server: Made, evil: str
) -> None:
    made = server()
    for column in ("subject", "to_address", "message_id"):
        mail_id = put(store, occasion=column)
        value = evil.replace("\x00", "\x01")  # PostgreSQL takes no NUL
        store.write(
            lambda mail_id=mail_id, column=column, value=value: (
                Mail.update({column: value}).where(Mail.id == mail_id).execute()
            )
        )
        found = run(store, mail_id)
        assert found.state == "dead"
        assert "line end" in found.error
    assert made.begun == 0


@pytest.mark.parametrize("evil", EVIL)
def test_a_sender_with_a_line_end_is_refused_at_start(environment: Any, evil: str) -> None:
    if "\x00" in evil:
        return  # no environment can hold it
    environment(DESKHAND_MAIL_FROM=f"Shop{evil} <help@shop.example>")
    with pytest.raises(ConfigError, match="DESKHAND_MAIL_FROM"):
        load_config()


def test_a_body_that_looks_like_the_end_or_a_command_is_only_a_body(store: Any, server: Made) -> None:
    made = server()
    evil = "first\r\n.\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<victim@example.com>\r\nDATA\r\nBcc: x@y.example\n\n..two"
    assert run(store, put(store, text=letter.quote(evil))).state == "sent"
    (taken,) = made.mails
    assert taken.to == ["anna@example.com"]
    assert "MAIL FROM:<evil@example.com>" in taken.text
    assert taken.message["Bcc"] is None


def test_one_line_makes_foreign_words_fit_for_a_subject() -> None:
    assert one_line(" a\r\nBcc: b\tc ") == "a Bcc: b c"
    assert one_line("x" * 300, 10) == "x" * 9 + "…"


def test_headers_are_made_by_one_strict_policy() -> None:
    with pytest.raises(smtp.HeaderRefused):
        smtp.compose(sender=Address("a@b.example", "x\r\ny"), to=Address("c@d.example"), subject="s", message_id="<1@b>", at=0.0,
                     text="t", html="")  # fmt: skip
