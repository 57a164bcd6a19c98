"""The form of a ticket: in a thread of ours, and for somebody who never wrote to us and is answered by mail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot import agents, answer_mails, clock, erase, follow_up, jobs, mail, replies, summaries
from bot.crypto import seal
from bot.desk import DeskEvent
from bot.desk_actions import Action
from bot.desk_events import receive_desk
from bot.due_days import end_of_day
from bot.housekeeping import core_jobs
from bot.pages import Choice, Field, Page, Press, Words
from bot.plugins import load_plugins
from bot.store.statements import last_messages
from tests.fakes.smtp import FakeMail
from tests.workplace.inboxes import House

HOSTILE = "<!channel> *x* <https://evil.example|click>\n\x00" + "é" * 200


def fields(page: Page) -> dict[str, str]:
    """What a desk sends when nothing is changed."""
    found = {part.name: part.value for part in page.parts if isinstance(part, Field)}
    return found | {part.name: ",".join(part.chosen) for part in page.parts if isinstance(part, Choice)}


def told(page: Page) -> str:
    return " ".join(part.text for part in page.parts if isinstance(part, Words))


def day(ahead: int) -> str:
    return (datetime.fromtimestamp(clock.now(), UTC) + timedelta(days=ahead)).date().isoformat()


def said(house: House, conversation: str) -> list[tuple[str, str]]:
    return house.store.read(lambda: [(one.author, one.text) for one in last_messages(conversation, 2**31 - 1, 20)])


def reply(house: House, conversation: str, text: str) -> None:
    query = "SELECT place, thread FROM desk_thread WHERE conversation_id = ?"
    place, thread = house.store.read(lambda: house.store.sql(query, (conversation,)).fetchone())
    event = DeskEvent(
        desk="wall",
        key=clock.new_id(),
        kind="reply",
        who="T1:ana",
        text=text,
        place=place,
        thread=thread,
        message=clock.new_id(),
    )
    assert receive_desk([event])[0].code == "held"
    house.store.write(lambda: house.store.Reply.update(due_at=0).where(house.store.Reply.state == "held").execute())
    replies.send_due()


@pytest.fixture
def server(house: House, environment: Any) -> Iterator[FakeMail]:
    with FakeMail() as fake:
        environment(
            SMTP_URL=fake.url, DESKHAND_MAIL_FROM="help@shop.example", DESKHAND_PUBLIC_URL="https://desk.example"
        )
        mail.forget_server()
        yield fake
        environment(SMTP_URL=None, DESKHAND_MAIL_FROM=None, DESKHAND_PUBLIC_URL=None)
        mail.forget_server()


def test_in_a_thread_the_form_sets_the_ticket_and_tells_who_waits(house: House, environment: Any) -> None:
    environment(DESKHAND_ENCRYPT_MESSAGES="true")
    conversation = house.waits(name="Anna")
    house.show(conversation)
    page = house.page("ticket.make", conversation_id=conversation, text="It hums and blinks.")
    assert page.title == "Ticket #1001" and page.submit == "Save" and page.conversation_id == conversation
    assert fields(page) == {
        "subject": "", "priority": "normal", "assignee": "", "due": "", "description": "It hums and blinks.", "tell": "tell",
    }  # fmt: skip
    sent = fields(page) | {"subject": "Lamp hums", "priority": "high", "assignee": "T1:marko", "due": day(3)}
    done = house.send(page, key="form", **sent)
    assert (
        done.code == "done" and done.aside == "Ticket #1001 is saved. The customer knows that this is answered later."
    )
    assert house.send(page, key="form", **sent | {"subject": "Twice"}).code == "duplicate"
    row = house.ticket(conversation)
    assert (row.priority, row.assignee, row.due_day, row.deferred, row.summary_by) == (
        "high",
        "marko",
        day(3),
        True,
        "agent",
    )
    assert row.resolve_due == end_of_day(day(3), "s1")
    assert "hums" not in row.subject and "hums" not in row.summary, "sealed like what was said"
    history = house.say("ticket 1001").aside
    assert "edited subject, description, due" in history and "Subject: Lamp hums" in history and "It hums" in history
    card = house.show(conversation)[0].card
    assert (
        card is not None
        and card.subject == "Lamp hums"
        and card.summary == "It hums and blinks."
        and card.summary_by == "agent"
    )
    assert card.due is None or card.due <= row.resolve_due
    assert any(
        "answered later" in text or "#1001" in text for author, text in said(house, conversation) if author == "system"
    )
    before = len(said(house, conversation))
    page = house.page("ticket.make", conversation_id=conversation)
    now = fields(page)
    assert now["assignee"] == "T1:marko" and now["subject"] == "Lamp hums" and "tell" not in now, "told once is enough"
    assert house.send(page, **now).code == "done" and len(said(house, conversation)) == before
    assert house.ticket(conversation).changed_at >= row.changed_at
    plugins = load_plugins("worker")
    summaries.summarise(conversation)
    plugins.close()
    assert house.ticket(conversation).summary_by == "agent", "the AI does not write over what an agent wrote"
    house.store.write(lambda: follow_up.summary_wanted(conversation))
    assert house.ticket(conversation).summary_by == "", "unless somebody wants it"


def test_a_text_that_cannot_be_opened_is_asked_for_anew(house: House) -> None:
    conversation = house.waits()
    elsewhere = seal("message", "words", "of another row")
    house.set(conversation, subject=elsewhere, summary=elsewhere)
    shown = house.say("ticket 1001")
    assert shown.code == "done" and shown.aside.count("(cannot be opened") == 2
    page = house.page("ticket.make", conversation_id=conversation)
    assert fields(page)["subject"] == fields(page)["description"] == ""
    assert house.send(page, **fields(page) | {"subject": "Lamp", "description": "It hums"}).code == "done"
    assert "Subject: Lamp" in house.say("ticket 1001").aside and "It hums" in house.say("ticket 1001").aside


def test_a_day_that_was_named_stays_whatever_else_moves(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    real, ahead = clock.now, [0.0]
    monkeypatch.setattr(clock, "now", lambda: real() + ahead[0])
    conversation = house.waits()
    house.show(conversation)
    target = house.ticket(conversation).resolve_due

    def save(**changed: str) -> None:
        page = house.page("ticket.make", conversation_id=conversation)
        assert house.send(page, **fields(page) | {"subject": "Lamp"} | changed).code == "done"

    def act(action: Action, value: str = "") -> None:
        event = DeskEvent(
            desk="wall",
            key=clock.new_id(),
            kind="action",
            who="T1:ana",
            conversation_id=conversation,
            action=action,
            value=value,
        )
        assert receive_desk([event])[0].code == "done"

    save(due=day(1))
    named = end_of_day(day(1), "s1")
    for step in (
        lambda: save(priority="urgent"),
        lambda: act(Action.PRIORITY, "low"),
        lambda: act(Action.SNOOZE, "60"),
    ):
        step()
        assert house.ticket(conversation).resolve_due == named
    assert f"Solution due: {day(1)}" in house.say("ticket 1001").aside
    act(Action.PRIORITY, "normal")
    save(due="")
    row = house.ticket(conversation)
    assert (row.due_day, row.resolve_due) == ("", None), (
        "without a day the target counts again; it is snoozed, so it stands"
    )
    assert row.resolve_left == pytest.approx(target - clock.now(), abs=60)
    save(due=day(1))
    late = day(1)
    ahead[0] = 3 * 86_400
    save(priority="high")
    assert (house.ticket(conversation).due_day, house.ticket(conversation).priority) == (late, "high"), (
        "overdue, and edited"
    )
    act(Action.RESOLVE)
    act(Action.REOPEN)
    row = house.ticket(conversation)
    assert row.due_day == "" and row.resolve_due > clock.now(), "opened again after that day it has the usual target"


def test_of_what_the_ai_has_a_ticket_is_made_and_the_customer_told(house: House) -> None:
    conversation = house.waits()
    house.show(conversation)
    event = DeskEvent(
        desk="wall", key="r", kind="action", who="T1:ana", conversation_id=conversation, action=Action.RETURN
    )
    assert receive_desk([event])[0].code == "done"
    page = house.page("ticket.make", conversation_id=conversation)
    assert "The customer is told" in told(page) and "tell" not in fields(page)
    assert house.send(page, **fields(page) | {"subject": "Call back"}).code == "done"
    row = house.ticket(conversation)
    assert row.state == "open" and row.deferred and row.assignee == ""
    assert house.store.read(lambda: house.store.Conversation.get_by_id(conversation)).state == "waiting"


def test_what_is_wrong_is_said_at_its_field_and_nothing_is_done(house: House) -> None:
    conversation = house.waits()
    house.show(conversation)
    page = house.page("ticket.make", conversation_id=conversation)
    agents.link("vera", "wall", "T1:vera", actor="test")
    wrong = {
        "subject": " \x00 ",
        "priority": "loud",
        "assignee": "T1:vera",
        "due": day(-2),
        "description": "x" * 4_000,
        "tell": "tell",
    }
    answer = house.send(page, **wrong)
    assert answer.code == "invalid" and set(answer.errors) == {"subject", "priority", "assignee", "due", "description"}
    assert all(text.endswith((".", "them.")) for text in answer.errors.values())
    for due, word in (("tomorrow", "such as"), ("2999-W01-1", "such as"), (day(900), "two years")):
        refused = house.send(page, **wrong | {"due": due, "subject": "s" * 151})
        assert word in refused.errors["due"] and "150" in refused.errors["subject"]
    row = house.ticket(conversation)
    assert row.subject == "" and row.priority == "normal" and not row.deferred
    good = fields(page) | {"subject": HOSTILE[:150], "tell": ""}
    assert house.send(page, **good).code == "done" and not house.ticket(conversation).deferred
    card = house.show(conversation)[0].card
    assert card is not None and "\x00" not in card.subject and "\n" not in card.subject and "evil" in card.subject


def test_who_may_not_and_what_is_over_is_refused(house: House) -> None:
    conversation = house.waits()
    house.show(conversation)
    place, thread = house.store.read(
        lambda: house.store.sql(
            "SELECT place, thread FROM desk_thread WHERE conversation_id = ?", (conversation,)
        ).fetchone()
    )
    page = house.page("ticket.make", conversation_id=conversation)
    good = fields(page) | {"subject": "Lamp"}
    assert "not linked" in told(house.page("ticket.make", "nobody", conversation)) and "may read" in told(
        house.page("ticket.make", "vera", conversation)
    )
    assert (
        house.send(page, "nobody", **good).code == "not_linked"
        and house.send(page, "vera", **good).code == "not_allowed"
    )
    assert house.send(page, "olga", **good).code == "not_allowed"
    assert house.press(Press(label="", what=page.what), page=page, trusted=False, **good).code == "not_allowed"
    event = DeskEvent(
        desk="wall", key="r", kind="action", who="T1:ana", conversation_id=conversation, action=Action.RESOLVE
    )
    assert receive_desk([event])[0].code == "done"
    late = house.send(page, **good)
    assert late.code == "resolved" and late.offer == (Action.REOPEN,) and house.ticket(conversation).subject == ""
    closed = house.page("ticket.make", conversation_id=conversation)
    assert not closed.submit and "Reopen it first" in told(closed)
    erase.erase_conversation(conversation)
    assert house.send(page, **good).code == "stale"
    gone = house.page("ticket.make", place=place, thread=thread, text="hello")
    assert not gone.submit and "has deleted" in told(gone), "an erased conversation is no new ticket"
    assert not house.page("ticket.make", conversation_id=conversation).submit


def test_elsewhere_a_ticket_is_made_for_somebody_who_is_answered_by_mail(
    house: House, server: FakeMail, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, ahead = clock.now, [0.0]
    monkeypatch.setattr(clock, "now", lambda: real() + ahead[0])
    page = house.page("ticket.make", place="C9", thread="99.1", text="Mrs. Meyer called about her lamp.")
    assert (
        page.title == "New ticket"
        and page.conversation_id == ""
        and "by mail" in told(page)
        and "SMTP_URL" not in told(page)
    )
    assert fields(page)["description"] == "Mrs. Meyer called about her lamp." and "site" not in fields(page)
    empty = house.send(page, **fields(page))
    assert empty.code == "invalid" and set(empty.errors) == {"email", "subject"}
    bad = house.send(page, **fields(page) | {"email": "meyer@", "subject": "Lamp"})
    assert set(bad.errors) == {"email"} and "anna@example.com" in bad.errors["email"]
    good = fields(page) | {
        "email": "Meyer@example.com",
        "name": "Mrs. Meyer",
        "subject": "Lamp",
        "priority": "urgent",
        "due": day(1),
    }
    assert (
        house.say("notify request=direct", "marko").code == "done" and house.say("notify request=direct").code == "done"
    )
    done = house.send(page, key="f", **good)
    assert done.code == "done" and "Ticket #1001 is made" in done.aside and "nobody has claimed it" in done.aside
    assert house.send(page, key="f", **good).code == "duplicate"
    row = house.store.read(house.store.Ticket.get)
    conversation = str(row.conversation_id)
    told_of = "SELECT a.name FROM notification n JOIN agent a ON a.id = n.agent_id WHERE n.kind = 'request'"
    assert house.store.read(lambda: house.store.sql(told_of).fetchall()) == [("marko",)], "who made it knows of it"
    assert (row.state, row.assignee, row.priority, row.email, row.deferred) == (
        "open",
        "",
        "urgent",
        "Meyer@example.com",
        True,
    )
    posts = house.show(conversation)
    assert [one.op for one in posts] == ["card", "event", "message"] and posts[2].author == "note"
    assert (
        posts[0].card is not None and posts[0].card.customer == "Mrs. Meyer" and Action.CLAIM in posts[0].card.actions
    )
    assert said(house, conversation) == [("note", "Mrs. Meyer called about her lamp.")]
    assert "#1001 · Mrs. Meyer" in house.say("queue").aside and "answered later" in house.say("queue").aside
    reply(house, conversation, "We send you a new one.")
    ahead[0] = answer_mails.LATER + 60
    kinds = {kind: spec for kind, spec in core_jobs().items() if kind in {"ticket.answer", "mail"}}
    for _ in range(2):
        for job, kind, _queue in house.store.read(jobs.due):
            if kind in kinds:
                jobs.claim_and_run(job, kinds)
    (taken,) = [one for one in server.mails if "Meyer@example.com" in str(one.message["To"])]
    assert (
        "We send you a new one." in taken.text and "name ticket #1001" in taken.text and "our team opened" in taken.text
    )
    assert "called about" not in taken.text, "what colleagues wrote stays between them"
    again = house.send(page, **good | {"email": "meyer@EXAMPLE.com", "name": ""})
    assert again.code == "done"
    people = house.store.read(lambda: [(one.name, one.email) for one in house.store.Contact.select()])
    assert people == [("Mrs. Meyer", "Meyer@example.com")], "the same address is the same person"
    house.store.write(lambda: house.store.Contact.update(blocked=True).execute())
    assert "blocked" in house.send(page, **good).errors["email"]
    for ticket in house.store.read(lambda: list(house.store.Ticket.select())):
        assert erase.erase_conversation(str(ticket.conversation_id))
    left = house.store.read(lambda: list(house.store.sql("SELECT name, email FROM contact").fetchall()))
    assert [tuple(one) for one in left] == [("", "")]
    kept = house.store.read(
        lambda: str(house.store.sql("SELECT external_id FROM identity WHERE channel = 'mail'").fetchall())
    )
    assert "example" not in kept


def test_the_form_comes_by_words_too(house: House, server: FakeMail) -> None:
    page = house.say("ticket new").page
    assert page is not None and page.kind == "form" and page.value == "new" and page.submit
    assert house.send(page, **fields(page) | {"email": "meyer@example.com", "subject": "Lamp"}).code == "done"
    refused = house.say("ticket new", "vera")
    assert refused.code == "not_allowed" and refused.page is None
    assert house.say("ticket 1001", "vera").page is not None, "a viewer may look"
    assert house.press(Press(label="", what="desk_words.ticket", value="1001"), "vera").page is not None


def test_without_a_mail_server_nothing_is_made_and_nothing_typed_is_lost(house: House) -> None:
    page = house.page("ticket.make")
    assert "SMTP_URL" in told(page) and page.submit
    answer = house.send(page, **fields(page) | {"email": "meyer@example.com", "subject": "Lamp"})
    assert (
        answer.code == "invalid" and set(answer.errors) == {"email"} and "stays in this form" in answer.errors["email"]
    )
    assert house.store.read(house.store.Ticket.select().count) == 0
    house.store.write(lambda: house.store.Site.create(id="s2", key="two", name="Second", created_at=clock.now()))
    page = house.page("ticket.make")
    assert fields(page)["site"] == "s1"
    assert "site" in house.send(page, **fields(page) | {"site": "s9"}).errors
