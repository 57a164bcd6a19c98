"""Mails that are not sent: kept without a server, dead letters, and what the doctor says."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner

from bot.cli import deskhand as command_line
from bot.config import load_config
from tests.fakes.smtp import USER
from tests.mail.conftest import Made, put, run

# aiosmtpd does not know that the connection it is given is encrypted already (smtps).
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


def test_without_smtp_mails_are_kept_shown_as_not_sent_and_sent_by_command(
    store: Any, server: Made, environment: Any
) -> None:
    mail_id = put(store)
    assert run(store, mail_id).state == "kept"
    cli = CliRunner()
    listed = cli.invoke(command_line, ["mails", "list"])
    assert "not sent" in listed.output
    assert "set SMTP_URL" in listed.output
    refused = cli.invoke(command_line, ["mails", "send"])
    assert refused.exit_code == 1
    assert "SMTP_URL is not set" in refused.output
    shown = cli.invoke(command_line, ["mails", "show", mail_id[-12:]])
    assert "Some words." in shown.output
    made = server()
    store.open_database(load_config().database)
    sent = cli.invoke(command_line, ["mails", "send"])
    assert "1 are on their way" in sent.output
    store.open_database(load_config().database)
    assert run(store, mail_id).state == "sent"
    assert len(made.mails) == 1
    assert "There is nothing to send" in cli.invoke(command_line, ["mails", "send"]).output
    store.open_database(load_config().database)


def test_a_dead_mail_is_a_dead_letter_that_a_person_may_send_again(store: Any, server: Made) -> None:
    from bot import deadletters

    made = server()
    made.script("550 unknown")
    mail_id = put(store)
    run(store, mail_id)
    (one,) = store.read(deadletters.found)
    assert (one.kind, one.where) == (
        "mail",
        "mail test",
    )  # no address: what a person does here is in the audit trail for ever
    assert one.reason.startswith("550")
    store.write(lambda: deadletters.retry(one, "cli"))
    assert run(store, mail_id).state == "sent"
    assert store.read(deadletters.found) == []


def test_the_doctor_says_how_mail_stands(store: Any, server: Made, environment: Any) -> None:
    from bot.config import config
    from bot.doctor import _mail

    def lines() -> list[tuple[str, str]]:
        return [(finding.level, finding.text) for finding in _mail(config())]

    assert lines()[0][0] == "ok"
    run(store, put(store))
    assert lines() == [("warn", "no SMTP_URL: 1 mails are kept and not sent")]
    made = server(tls="starttls", auth=True)
    assert lines()[0] == ("ok", "localhost lets us in (starttls); sender help@shop.example")
    environment(SMTP_URL=f"smtp://{USER}:wrong@localhost:{made.port}?ca={made.ca}")
    level, text = lines()[0]
    assert level == "fail"
    assert "refused user or password" in text
