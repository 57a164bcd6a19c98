"""What follows a ticket: the team hears of it, the customer gets the transcript at a proved address, and may rate."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import clock, confirmations, erase, follow_up, handoff, history, jobs, lease, mail, ratings
from bot.housekeeping import core_jobs
from bot.messages import Inbound, Profile, Receipt, Refused
from bot.receive import receive
from bot.store import Job, Mail, Ticket
from bot.store.statements import Place, insert_message
from tests.fakes.smtp import FakeMail

TEAM = "team@shop.example"


@pytest.fixture
def conversation(store: Any, environment: Any) -> Iterator[str]:
    environment(DESKHAND_TEAM_MAIL=TEAM, DESKHAND_MAIL_FROM="help@shop.example")
    store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo <Shop>", created_at=clock.now()))
    lease.start("quick")
    mail.forget_server()
    yield say("Where is my order?").conversation_id
    environment(DESKHAND_TEAM_MAIL=None, DESKHAND_MAIL_FROM=None, SMTP_URL=None)


def event(kind: Any, text: str = "", *, who: str = "anna", **more: Any) -> Inbound:
    return Inbound(
        channel="test", key=clock.new_id(), external_id=who, place=f"room of {who}", kind=kind, text=text, **more
    )


def say(text: str = "", kind: Any = "message", **more: Any) -> Receipt:
    got = receive([event(kind, text, **more)])[0]
    assert isinstance(got, Receipt), got
    return got


def leave(email: str = "anna@example.com", name: str = "Anna", **more: Any) -> Receipt:
    return say(kind="contact", profile=Profile(name=name, email=email), **more)


def work(store: Any) -> None:
    """Run everything that is due, as the workers do, but for summaries and mails."""
    kinds = {kind: spec for kind, spec in core_jobs().items() if kind not in {"ticket.summary", "mail"}}
    for job, kind, _ in store.read(jobs.due):
        if kind in kinds:
            jobs.claim_and_run(job, kinds)


def mails(store: Any, kind: str) -> list[mail.MailView]:
    return [one for one in reversed(store.read(mail.newest)) if one.kind == kind]


def code_of(one: mail.MailView) -> str:
    found = re.search(r"/w/confirm/([\w-]+)", one.text)
    assert found is not None
    return found[1]


def test_the_team_hears_once_of_a_new_ticket_and_again_when_it_is_opened_again(store: Any, conversation: str) -> None:
    store.write(lambda: handoff.hand_over(conversation, "asked for\r\nBcc: x@y.example a person"))
    work(store)
    work(store)
    (first,) = mails(store, "team.ticket")
    assert first.to == TEAM
    assert first.subject.startswith("New ticket #1001: asked for Bcc: x@y.example a person")
    assert "Where is my order?" in first.text
    assert "Demo &lt;Shop&gt;" in first.html
    store.write(lambda: handoff.resolve(conversation, by="ana"))
    store.write(lambda: Ticket.update(created_at=clock.now() - 60).execute())
    say("Still nothing!")
    work(store)
    _, second = mails(store, "team.ticket")
    assert second.subject.startswith("Open again: ticket #1001")
    assert "Still nothing\\!" not in second.text
    assert first.message_id != second.message_id


def test_every_address_of_the_team_gets_a_mail_of_its_own_and_without_one_there_is_none(
    store: Any, conversation: str, environment: Any
) -> None:
    environment(DESKHAND_TEAM_MAIL=f"{TEAM}, Boss <boss@shop.example>")
    store.write(lambda: handoff.hand_over(conversation, "asked"))
    work(store)
    assert [one.to for one in mails(store, "team.ticket")] == [TEAM, "boss@shop.example"]
    environment(DESKHAND_TEAM_MAIL=None)
    other = say("Hello?", who="bob").conversation_id
    store.write(lambda: handoff.hand_over(other, "asked"))
    work(store)
    assert len(mails(store, "team.ticket")) == 2


def test_a_ticket_that_was_closed_before_the_job_ran_makes_no_noise(store: Any, conversation: str) -> None:
    store.write(lambda: handoff.hand_over(conversation, "asked"))
    store.write(lambda: handoff.resolve(conversation, by="ana"))
    work(store)
    assert mails(store, "team.ticket") == []


def test_jobs_are_there_exactly_when_the_transaction_is(store: Any, conversation: str) -> None:
    def fails() -> None:
        handoff.hand_over(conversation, "asked")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.write(fails)
    assert store.read(lambda: Job.select().count()) == 0
    store.write(lambda: handoff.hand_over(conversation, "asked"))
    store.write(lambda: handoff.hand_over(conversation, "asked"))  # people have it already
    kinds = sorted(store.read(lambda: [row.kind for row in Job.select()]))
    assert kinds == ["targets.look", "ticket.notify", "ticket.summary"]


def test_the_team_is_reminded_of_what_nobody_touches_and_of_nothing_else(store: Any, conversation: str) -> None:
    store.write(lambda: handoff.hand_over(conversation, "asked"))

    def since(hours: float, **more: Any) -> int:
        store.write(lambda: Ticket.update(changed_at=clock.now() - hours * 3600, **more).execute())
        follow_up.remind()
        follow_up.remind()
        return len(mails(store, "team.reminder"))

    assert since(3.9) == 0
    assert since(4.1, snoozed_until=clock.now() + 60) == 0
    assert since(4.1, snoozed_until=None, state="in_progress") == 0
    assert since(4.1, state="open") == 1
    assert mails(store, "team.reminder")[0].subject.startswith("Still open: ticket #1001")


def test_reminders_come_a_day_apart_and_end(store: Any, conversation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write(lambda: handoff.hand_over(conversation, "asked"))
    began = clock.now()
    counts = []
    for hours in (3, 5, 20, 29, 53, 77, 200):
        monkeypatch.setattr(clock, "now", lambda hours=hours: began + hours * 3600)
        follow_up.remind()
        counts.append(len(mails(store, "team.reminder")))
    assert counts == [0, 1, 1, 2, 3, 3, 3]


# Addresses and transcripts ----------------------------------------------------------------------------------------------


def test_the_transcript_goes_only_to_a_proved_address(store: Any, conversation: str) -> None:
    leave()
    (asked,) = mails(store, "confirm")
    assert asked.to == "anna@example.com"
    insert(store, conversation, "agent", "It is *on its way*.", "Ana")
    insert(store, conversation, "note", "This customer is difficult.", "Ana")
    store.write(lambda: handoff.resolve(conversation, by="ana"))
    work(store)
    assert mails(store, "transcript") == []
    assert confirmations.confirm("wrong") is None
    done = confirmations.confirm(code_of(asked))
    assert done == confirmations.Asked("anna@example.com", "Demo <Shop>", True)
    work(store)
    (sent,) = mails(store, "transcript")
    assert sent.to == "anna@example.com"
    assert sent.subject == "Your conversation with Demo <Shop>: ticket #1001"
    assert "> Where is my order?" in sent.text
    assert "> It is on its way." in sent.text
    assert "<em>on its way</em>" in sent.html
    assert "difficult" not in sent.text + sent.html
    confirmations.confirm(code_of(asked))  # pressed twice
    work(store)
    assert len(mails(store, "transcript")) == 1


def insert(store: Any, conversation: str, author: str, text: str, name: str) -> None:
    def fn() -> None:
        row = store.sql(
            "UPDATE conversation SET seq = seq + 1, rev = rev + 1 WHERE id = ? RETURNING seq, rev", (conversation,)
        ).fetchone()
        insert_message(
            clock.new_id(),
            conversation,
            Place(*row),
            author=author,
            author_name=name,
            body=text,
            created_at=clock.now(),
        )

    store.write(fn)


def test_each_closing_has_one_transcript_once_the_address_is_proved(store: Any, conversation: str) -> None:
    leave()
    confirmations.confirm(code_of(mails(store, "confirm")[0]))
    for count in (1, 2):
        store.write(lambda: handoff.resolve(conversation, by="ana"))
        work(store)
        work(store)
        assert len(mails(store, "transcript")) == count
        say("One more thing")
    leave()  # the same address again: it is proved already
    assert len(mails(store, "confirm")) == 1


def test_a_strangers_proof_is_not_anybody_elses(store: Any, conversation: str) -> None:
    leave()
    confirmations.confirm(code_of(mails(store, "confirm")[0]))
    say("Hello", who="mallory")
    receipt = leave(who="mallory")
    store.write(lambda: handoff.resolve(receipt.conversation_id, by="ana"))
    work(store)
    assert [one.ref for one in mails(store, "transcript")] == []
    assert len(mails(store, "confirm")) == 2


def test_an_old_code_works_no_more(store: Any, conversation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    leave()
    first = code_of(mails(store, "confirm")[0])
    leave()
    second = code_of(mails(store, "confirm")[1])
    assert confirmations.asked_by(first) is None
    found = confirmations.asked_by(second)
    assert found is not None
    assert not found.confirmed  # looking changes nothing
    later = clock.now() + 4 * 86_400
    monkeypatch.setattr(clock, "now", lambda: later)
    assert confirmations.confirm(second) is None


def test_nobody_can_fill_a_strangers_mailbox(store: Any, conversation: str) -> None:
    for _ in range(5):
        leave("victim@example.com")
    for _ in range(5):
        leave("Victim@EXAMPLE.com")
    assert len(mails(store, "confirm")) == 3
    for number in range(5):
        leave(f"other{number}@example.com")
    assert len(mails(store, "confirm")) == 5
    assert store.read(lambda: Ticket.get().email) == "other4@example.com"  # the ticket has it all the same


@pytest.mark.parametrize(
    "email", ["a@b.example\r\nBcc: x@y.example", "anna@example.com%0abcc:x", "a b@c.example", "anna@exa/mple.com"]
)
def test_an_address_that_could_break_out_is_refused_or_harmless(store: Any, conversation: str, email: str) -> None:
    (outcome,) = receive([event("contact", profile=Profile(email=email))])
    if isinstance(outcome, Refused):
        assert outcome.field == "email"
        assert mails(store, "confirm") == []
    else:
        assert "\n" not in mails(store, "confirm")[0].to


def test_a_code_is_nowhere_in_the_database_once_its_mail_was_sent(
    store: Any, conversation: str, environment: Any, tmp_path: Path
) -> None:
    leave()
    (asked,) = mails(store, "confirm")
    code = code_of(asked)
    with FakeMail(tmp_path) as server:
        environment(SMTP_URL=server.url)
        mail.send(asked.id)
        assert code in server.mails[0].text
    row = store.read(lambda: Mail.get_by_id(asked.id))
    assert (row.state, row.text, row.html) == ("sent", "", "")
    assert confirmations.confirm(code) is not None


def test_texts_of_mails_are_sealed_with_the_messages(store: Any, conversation: str, environment: Any) -> None:
    environment(DESKHAND_ENCRYPT_MESSAGES="1")
    try:
        store.write(lambda: handoff.hand_over(conversation, "asked"))
        work(store)
        row = store.read(lambda: Mail.get(Mail.kind == "team.ticket"))
        assert all(value.startswith("sealed:1:") for value in (row.subject, row.text, row.html))
        assert "Where is my order?" in mails(store, "team.ticket")[0].text
    finally:
        environment(DESKHAND_ENCRYPT_MESSAGES=None)


def test_erasing_a_conversation_erases_its_mails_and_addresses(store: Any, conversation: str) -> None:
    leave()
    work(store)
    store.write(lambda: handoff.resolve(conversation, by="ana"))
    erase.erase_conversation(conversation)
    work(store)
    for table in ("mail", "mail_address", "rating"):
        assert store.read(lambda table=table: store.sql(f"SELECT count(*) FROM {table}").fetchone()[0]) == 0


# Ratings ---------------------------------------------------------------------------------------------------------------


def test_a_closed_conversation_is_rated_and_stays_closed(store: Any, conversation: str) -> None:
    (early,) = receive([event("rating", rating=5)])
    assert isinstance(early, Refused)
    assert early.message == "This conversation is not closed yet. Rate it when it is."
    assert history.changes(conversation, 0).rating is None
    store.write(lambda: handoff.hand_over(conversation, "asked"))
    store.write(lambda: handoff.resolve(conversation, by="ana"))
    page = history.changes(conversation, 0)
    assert (page.state, page.rating) == ("resolved", 0)
    version = store.read(lambda: Ticket.get().version)
    receipt = say("Very kind.", kind="rating", rating=4)
    after = history.changes(conversation, page.cursor)
    assert (after.state, after.rating, after.cursor) == ("resolved", 4, receipt.rev)
    assert receipt.rev == page.cursor + 1
    ticket = store.read(Ticket.get)
    assert ticket.rating == 4
    assert ticket.version > version  # the desk's card shows it
    assert store.read(lambda: ratings.comment(conversation)) == "Very kind."
    say(kind="rating", rating=5)
    assert history.changes(conversation, 0).rating == 5


def test_a_rating_that_was_sent_twice_counts_once(store: Any, conversation: str) -> None:
    store.write(lambda: handoff.resolve(conversation, by="customer"))
    one = event("rating", "ok", rating=3)
    first, second = receive([one, one])
    assert isinstance(first, Receipt)
    assert isinstance(second, Receipt)
    assert (first.rev, second.rev, second.duplicate) == (first.rev, first.rev, True)


@pytest.mark.parametrize("score", [0, 6, -1])
def test_a_rating_out_of_range_is_refused(store: Any, conversation: str, score: int) -> None:
    store.write(lambda: handoff.resolve(conversation, by="customer"))
    (outcome,) = receive([event("rating", rating=score)])
    assert isinstance(outcome, Refused)
    assert outcome.field == "rating"


def test_the_customer_is_told_of_the_mail_only_when_one_goes_out(
    store: Any, conversation: str, environment: Any
) -> None:
    def told() -> str:
        return history.changes(conversation, 0).messages[-1].text

    leave()
    assert told() == "Thank you. Your ticket is #1001; we will answer to the address you left."
    environment(SMTP_URL="smtp://mail.example")
    leave()
    assert told().endswith("Please confirm it by the link in the mail that is on its way.")
