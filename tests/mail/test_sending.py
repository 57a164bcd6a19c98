"""Mails through a real mail server: TLS, AUTH and every kind of trouble."""

from __future__ import annotations

from typing import Any

import pytest

from bot import clock, mail
from bot.store import Mail
from tests.fakes.smtp import USER
from tests.mail.conftest import Made, job, look, put, run

# aiosmtpd does not know that the connection it is given is encrypted already (smtps).
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


@pytest.mark.parametrize(("tls", "auth"), [("starttls", True), ("tls", True), ("off", False), ("starttls", False)])
def test_a_mail_arrives_once_with_both_parts_over_whatever_the_server_asks(
    store: Any, server: Made, tls: str, auth: bool
) -> None:
    made = server(tls=tls, auth=auth)
    mail_id = put(
        store,
        subject="Grüße – 日本",
        text="Some **words** and [a link](https://shop.example/x).\n\n.\n\n.dot and ünïcode",
    )
    before = look(store, mail_id).message_id
    assert run(store, mail_id).state == "sent"
    run(store, mail_id, now=True)
    (taken,) = made.mails
    assert taken.tls is (tls != "off")
    assert taken.user == (USER if auth else "")
    assert taken.sender == "help@shop.example"
    message = taken.message
    assert message["Message-ID"] == before
    assert before.endswith("@shop.example>")
    assert message["From"] == "Example Shop <help@shop.example>"
    assert message["To"] == "anna@example.com"
    assert message["Subject"] == "Grüße – 日本"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime.timestamp() == pytest.approx(clock.now(), abs=60)
    assert "Some words and a link (https://shop.example/x).\n\n.\n\n.dot and ünïcode" in taken.text
    assert "<strong>words</strong>" in taken.html
    assert taken.raw.isascii()
    assert job(store, mail_id).state == "done"


def test_the_same_occasion_is_one_mail(store: Any, server: Made) -> None:
    assert put(store)
    assert put(store) == ""
    assert store.read(lambda: Mail.select().count()) == 1


def test_a_server_without_starttls_gets_no_word_and_no_password(store: Any, server: Made, environment: Any) -> None:
    made = server()
    environment(SMTP_URL=f"smtp://{USER}:secret@localhost:{made.port}")
    found = run(store, put(store))
    assert (found.state, made.mails, made.begun) == ("pending", [], 0)
    assert "offers no STARTTLS" in found.error


def test_a_certificate_nobody_vouches_for_is_refused(store: Any, server: Made, environment: Any) -> None:
    made = server(tls="starttls", auth=True)
    environment(SMTP_URL=f"smtp://localhost:{made.port}")
    found = run(store, put(store))
    assert (found.state, made.begun) == ("pending", 0)
    assert "certificate of localhost is not trusted" in found.error


def test_a_certificate_of_another_host_is_refused(store: Any, server: Made) -> None:
    made = server(tls="tls", trusted="elsewhere.example")
    found = run(store, put(store))
    assert (found.state, made.begun) == ("pending", 0)
    assert "not trusted" in found.error


def test_a_wrong_password_loses_no_mail_and_is_never_told(store: Any, server: Made, environment: Any) -> None:
    made = server(tls="starttls", auth=True)
    environment(SMTP_URL=f"smtp://{USER}:hunter2@localhost:{made.port}?ca={made.ca}")
    mail_id = put(store)
    found = run(store, mail_id)
    assert (found.state, made.mails) == ("pending", [])
    assert "refused user or password" in found.error
    assert "hunter2" not in found.error + str(job(store, mail_id).error)
    environment(SMTP_URL=made.url)
    mail.forget_server()
    assert run(store, mail_id, now=True).state == "sent"
    assert len(made.mails) == 1


@pytest.mark.parametrize("step", ["451 try later", "MAIL 450 busy", "RCPT 452 full", "421 going down"])
def test_what_is_temporary_is_tried_again_later_with_the_same_id(store: Any, server: Made, step: str) -> None:
    made = server()
    made.script(step, step)
    mail_id = put(store)
    before = clock.now()
    found = run(store, mail_id)
    assert (found.state, found.attempts) == ("pending", 1)
    assert found.error.startswith(step.removeprefix("MAIL ").removeprefix("RCPT ")[:3])
    assert 55 < found.next_at - before < 70
    row = job(store, mail_id)
    assert (row.state, row.attempts) == ("queued", 0)
    assert abs(row.next_at - found.next_at) < 1
    run(store, mail_id)
    assert made.begun == 1  # its time has not come
    mail.forget_server()
    later = run(store, mail_id, now=True)
    assert later.next_at - clock.now() > 250
    mail.forget_server()
    assert run(store, mail_id, now=True).state == "sent"
    (taken,) = made.mails
    assert taken.message["Message-ID"] == found.message_id


@pytest.mark.parametrize("step", ["550 spam", "RCPT 550 no such user", "MAIL 553 not you", "554 no"])
def test_what_is_refused_for_good_is_never_tried_again_and_says_why(store: Any, server: Made, step: str) -> None:
    made = server()
    made.script(step)
    mail_id = put(store)
    found = run(store, mail_id)
    assert found.state == "dead"
    assert found.error[:3] in step
    assert job(store, mail_id).state == "done"
    run(store, mail_id, now=True)
    assert (made.begun, made.mails) == (1, [])


def test_after_days_of_later_it_is_given_up(store: Any, server: Made) -> None:
    made = server()
    made.script("451 later")
    mail_id = put(store)
    store.write(lambda: Mail.update(attempts=mail.MAX_ATTEMPTS - 1).execute())
    found = run(store, mail_id)
    assert found.state == "dead"
    assert "given up after 72 attempts: 451 later" in found.error


def test_no_answer_after_the_final_dot_is_settled_by_the_same_message_id_ten_minutes_later(
    store: Any, server: Made
) -> None:
    made = server()
    made.script("drop after the dot")
    mail_id = put(store)
    before = clock.now()
    found = run(store, mail_id)
    assert found.state == "uncertain"
    assert 590 < found.next_at - before < 620
    run(store, mail_id)
    assert len(made.mails) == 1
    assert run(store, mail_id, now=True).state == "sent"
    first, second = made.mails
    assert first.message["Message-ID"] == second.message["Message-ID"] == found.message_id
    assert first.raw == second.raw  # byte for byte: a mailbox shows it once


def test_a_mail_lost_after_its_dot_is_uncertain(store: Any, server: Made) -> None:
    made = server()
    made.script("drop after the dot, lost")
    mail_id = put(store)
    assert run(store, mail_id).state == "uncertain"
    assert run(store, mail_id, now=True).state == "sent"
    assert len(made.mails) == 1


def test_a_server_that_is_away_is_not_asked_by_every_mail(store: Any, environment: Any) -> None:
    from tests.ports import free_port

    environment(SMTP_URL=f"smtp://localhost:{free_port()}?starttls=off")
    first, second = put(store, "a"), put(store, "b")
    assert "cannot be reached" in run(store, first).error
    found = run(store, second)
    assert (found.state, found.attempts) == ("pending", 0)
    row = job(store, second)
    assert (row.state, row.attempts) == ("queued", 0)
    assert 25 < row.next_at - clock.now() < 35
