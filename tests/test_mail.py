"""Mails through a real mail server: TLS, AUTH, every kind of trouble, and what can never stand in a header."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bot import clock, jobs, lease, letter, mail, smtp
from bot.addresses import Address, address_problem, one_line, parse_addresses, parse_server
from bot.cli import deskhand as command_line
from bot.config import ConfigError, load_config
from bot.events import JobSpec
from bot.store import Job, Mail
from tests.fakes.smtp import USER, FakeMail

# aiosmtpd does not know that the connection it is given is encrypted already (smtps).
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")

SPECS = {"mail": JobSpec(kind="mail", run=mail.send, timeout=150.0)}
Made = Callable[..., FakeMail]


@pytest.fixture(autouse=True)
def _ready(store: Any, environment: Any) -> Iterator[None]:
    lease.start("quick")
    mail.forget_server()
    yield
    environment(SMTP_URL=None, DESKHAND_MAIL_FROM=None)
    mail.forget_server()


@pytest.fixture
def server(environment: Any, tmp_path: Path) -> Iterator[Made]:
    """Start a mail server and let SMTP_URL name it."""
    started: list[FakeMail] = []

    def start(**more: Any) -> FakeMail:
        made = FakeMail(tmp_path, **more)
        made.__enter__()
        started.append(made)
        environment(SMTP_URL=made.url, DESKHAND_MAIL_FROM="Example Shop <help@shop.example>")
        return made

    yield start
    for one in started:
        one.__exit__()


def put(
    store: Any, occasion: str = "a", to: str = "anna@example.com", subject: str = "Hello", text: str = "Some **words**."
) -> str:
    return str(store.write(lambda: mail.put("test", "conversation", occasion, to, subject, text)))


def run(store: Any, mail_id: str, *, now: bool = False) -> mail.MailView:
    """Run the mail's job as a worker does; ``now``: as if its time had come."""
    job = store.read(lambda: Job.get(Job.kind == "mail", Job.ref == mail_id).id)
    if now:
        store.write(lambda: Job.update(next_at=0).where(Job.id == job).execute())
        store.write(lambda: Mail.update(next_at=0).where(Mail.id == mail_id).execute())
    jobs.claim_and_run(job, SPECS)
    return look(store, mail_id)


def look(store: Any, mail_id: str) -> mail.MailView:
    found = store.read(lambda: mail.find(mail_id))
    assert found is not None
    return found  # type: ignore[no-any-return]


def job(store: Any, mail_id: str) -> Job:
    return store.read(lambda: Job.get(Job.kind == "mail", Job.ref == mail_id))


# Sending -----------------------------------------------------------------------------------------------------------------


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


# Without a server ----------------------------------------------------------------------------------------------------------


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


# What can never stand in a header --------------------------------------------------------------------------------------------

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


@pytest.mark.parametrize(
    "to",
    ["a@b>, <c@d", "anna@example.com, bob@example.com", "<anna@example.com>", "anna", "@example.com", "anna@", 'a"b@example.com',
     "anna@exa mple.com", "a@b@c", "anna@example.com ORCPT=rfc822", "x" * 65 + "@example.com", "anna@" + "x" * 255],
)  # fmt: skip
def test_what_is_no_single_address_is_refused(store: Any, to: str) -> None:
    with pytest.raises(mail.MailRefused, match="no mail address"):
        put(store, to=to)


def test_a_body_that_looks_like_the_end_or_a_command_is_only_a_body(store: Any, server: Made) -> None:
    made = server()
    evil = "first\r\n.\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<victim@example.com>\r\nDATA\r\nBcc: x@y.example\n\n..two"
    assert run(store, put(store, text=letter.quote(evil))).state == "sent"
    (taken,) = made.mails
    assert taken.to == ["anna@example.com"]
    assert "MAIL FROM:<evil@example.com>" in taken.text
    assert taken.message["Bcc"] is None


def test_an_address_beyond_ascii_goes_to_a_server_that_takes_it(store: Any, server: Made) -> None:
    made = server()
    assert run(store, put(store, to="änna@bücher.example")).state == "sent"
    assert made.mails[0].to == ["änna@bücher.example"]


def test_one_line_makes_foreign_words_fit_for_a_subject() -> None:
    assert one_line(" a\r\nBcc: b\tc ") == "a Bcc: b c"
    assert one_line("x" * 300, 10) == "x" * 9 + "…"


# Addresses of servers --------------------------------------------------------------------------------------------------------


def test_the_address_of_the_server_is_read_whole() -> None:
    one = parse_server("smtp://desk%40shop.example:p%2Fw@mail.example?ca=/etc/ca.pem")
    assert (one.host, one.port, one.security, one.user, one.password, one.ca) == (
        "mail.example", 587, "starttls", "desk@shop.example", "p/w", "/etc/ca.pem",
    )  # fmt: skip
    assert parse_server("smtps://mail.example").port == 465
    assert parse_server("smtp://mail.example?starttls=off").port == 25
    assert "p/w" not in repr(one)


@pytest.mark.parametrize(
    ("url", "why"),
    [("http://mail.example", "must begin with smtp"), ("smtp://", "must name a host"), ("smtp://u:p@mail.example?starttls=off", "never sent without TLS"),
     ("smtp://mail.example?starttls=maybe", "required or off"), ("smtp://mail.example:x", "host or port"), ("smtps://mail.example?starttls=off", "from the first byte"),
     ("smtp://u:p/w@mail.example", "host or port"), ("smtp://mail.example/x", "%2F"), ("smtp://mail.example?tls=1", "the options"),
     ("smtp://u:a%0Ab@mail.example", "control characters"), ("smtp://mail.example?ca=ca.pem", "whole path")],
)  # fmt: skip
def test_a_wrong_server_address_is_one_sentence_without_the_password(environment: Any, url: str, why: str) -> None:
    environment(SMTP_URL=url)
    with pytest.raises(ConfigError) as raised:
        load_config()
    assert "SMTP_URL" in str(raised.value)
    assert why in str(raised.value)
    assert "p/w" not in str(raised.value).replace("%2F", "")


def test_addresses_of_the_team_are_read_one_by_one() -> None:
    found = parse_addresses("Team <team@shop.example>, boss@shop.example,")
    assert found == [Address("team@shop.example", "Team"), Address("boss@shop.example")]
    assert [address_problem(one) for one in found] == ["", ""]


# Texts ---------------------------------------------------------------------------------------------------------------------


def test_both_parts_come_from_one_small_markdown() -> None:
    plain, html = letter.parts(
        "## Head\n\n- one\n- **two**\n\n1. a\n2. b\n\n> said\n\n```\ncode <b>\n```", "[x](https://a.example)"
    )
    assert plain == "Head\n\n- one\n- two\n\n1. a\n2. b\n\n> said\n\ncode <b>\n\nx (https://a.example)\n".replace(
        "- two\n\n1.", "- two\n1."
    )
    assert "<h2>Head</h2><ul><li>one</li><li><strong>two</strong></li></ul>" in html
    assert "<pre>code &lt;b&gt;\n</pre>" in html


@pytest.mark.parametrize(
    "evil",
    ["<script>alert(1)</script>", "[x](javascript:alert(1))", "[x](data:text/html,a)", "![x](https://evil.example/p.png)",
     "<img src=x onerror=alert(1)>", '[x](https://a.example/"onmouseover="alert(1))', "&lt;script&gt;"],
)  # fmt: skip
def test_no_part_of_a_mail_can_act(evil: str) -> None:
    _, html = letter.parts(evil, letter.block(evil))
    assert "<script" not in html
    assert "<img" not in html
    assert 'href="javascript' not in html
    assert 'href="data' not in html
    assert '"onmouseover' not in html


def test_foreign_words_stay_words() -> None:
    text = (
        "# no head\n- no list\n1. no number\n[no](https://link.example) **no** `no` > no\n    no code\n---\n```\nfence"
    )
    plain, html = letter.parts(letter.block(text))
    for line in (line.strip() for line in text.splitlines()):
        assert f"> {line}" in plain
    assert "<a " not in html
    assert "<h1" not in html
    assert "<pre" not in html
    assert "<strong" not in html


def test_headers_are_made_by_one_strict_policy() -> None:
    with pytest.raises(smtp.HeaderRefused):
        smtp.compose(sender=Address("a@b.example", "x\r\ny"), to=Address("c@d.example"), subject="s", message_id="<1@b>", at=0.0,
                     text="t", html="")  # fmt: skip
