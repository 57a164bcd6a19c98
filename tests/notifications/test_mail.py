"""By a real mail server, and what happens when it or the process is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot import (
    jobs,
    mail,
)
from bot.desk import Posted
from bot.events import JobSpec
from bot.outbox import DeskOutbox
from bot.store import read
from tests.fakes.smtp import FakeMail

from .conftest import Board, House, customer_of, mails


@pytest.fixture
def server(environment: Callable[..., None], tmp_path: Path) -> Iterator[FakeMail]:
    """A mail server, and SMTP_URL that names it."""
    mail.forget_server()
    with FakeMail(tmp_path, tls="off", auth=False) as made:
        environment(SMTP_URL=made.url)
        yield made
    environment(SMTP_URL=None)
    mail.forget_server()


def deliver(house: House) -> None:
    """The jobs that send mails."""
    house.work()
    specs = {"mail": JobSpec(kind="mail", run=mail.send, timeout=150.0)}
    for job_id, kind, _ in read(jobs.due):
        if kind == "mail":
            jobs.claim_and_run(job_id, specs)


def test_a_mail_tells_once_and_keeps_no_words_and_one_that_is_refused_is_told_here(
    house: House, server: FakeMail
) -> None:
    house.prefer(assignment="mail", breach="mail")
    ticket = house.ticket()
    house.assign(ticket)
    for _ in range(3):
        deliver(house)
    (taken,) = server.mails
    assert taken.message["To"] == "ana@shop.example" and "Marko gave this to you" in taken.text
    assert customer_of("anna") in taken.text and "Where is my order?" not in taken.text
    (row,) = house.rows()
    assert row[5] == house.at and row[4] is None and mails()[0].text == mails()[0].html == "", "nothing of it is kept"
    # Read while the server was busy: not sent.
    server.script("451 try later")
    house.assign(house.ticket("ben"))
    deliver(house)
    assert mails()[0].state == "pending"
    house.press("notify.read_all", f"{house.at}")
    house.at += 120
    deliver(house)
    assert len(server.mails) == 1 and house.rows()[1][1] == "moot" and [one.state for one in mails()] == ["sent"]
    # The address is none: the other way, which says so.
    server.script("550 no such user")
    house.assign(house.ticket("cleo"))
    deliver(house)
    (post,) = house.pump()
    assert post.person == "T1:ana" and "The mail could not be delivered" in house.rows()[2][3]
    assert house.rows()[2][4] == house.at and len(server.mails) == 1


def test_without_a_server_at_the_last_moment_it_is_told_here(
    house: House, server: FakeMail, environment: Callable[..., None]
) -> None:
    house.prefer(assignment="mail")
    house.assign(house.ticket())
    house.work()
    environment(SMTP_URL=None)
    deliver(house)
    (post,) = house.pump()
    assert post.person == "T1:ana" and "no mail server" in house.rows()[0][3] and server.mails == []
    house.work()
    assert house.pump() == []


def test_a_process_that_dies_in_between_loses_and_doubles_nothing(house: House, server: FakeMail) -> None:
    """Killed after the claim of a post, before what it became was written: the next process settles it."""
    house.assign(house.ticket())
    claimed = house.outbox.claim("personal:T1:ana")
    assert claimed is not None, "and here the process died"
    house.at += 60
    again = DeskOutbox(Board())
    found = again.claim("personal:T1:ana")
    assert found is not None and found.settle and found.out.key == claimed.out.key
    again.posted(found, Posted("m1", "m1"))
    house.outbox.posted(claimed, Posted("m1", "m1"))
    assert again.claim("personal:T1:ana") is None
    assert [row[4] for row in house.rows()] == [house.at]
