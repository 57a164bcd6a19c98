"""A real mail server that SMTP_URL names, and mails that are stored and sent as a worker does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import jobs, lease, mail
from bot.events import JobSpec
from bot.store import Job, Mail
from tests.fakes.smtp import FakeMail

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
