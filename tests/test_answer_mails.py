"""Agents' answers by mail: to the address that was left, when its owner is not there, once, and with nothing else in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bot import answer_mails, clock, confirmations, erase, jobs, mail
from bot.desk_actions import Action
from bot.housekeeping import core_jobs
from bot.messages import Inbound, Profile
from bot.receive import receive
from tests.fakes.smtp import FakeMail
from tests.test_desks import World, world  # noqa: F401  the fixture
from tests.test_follow_up import code_of


class Clock:
    """The time, which can be moved on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead, real = 0.0, clock.now
        monkeypatch.setattr(clock, "now", lambda: real() + self.ahead)

    def move(self, seconds: float) -> None:
        self.ahead += seconds


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def left(world: World, time: Clock, environment: Any) -> Iterator[World]:  # noqa: F811
    """Anna waits, has left an address and is gone for ten minutes."""
    environment(DESKHAND_MAIL_FROM="help@shop.example", DESKHAND_PUBLIC_URL="https://desk.example")
    mail.forget_server()
    contact(world)
    time.move(answer_mails.RECENT + 60)
    yield world
    environment(SMTP_URL=None, DESKHAND_MAIL_FROM=None, DESKHAND_PUBLIC_URL=None)


def contact(world: World, email: str = "anna@example.com", page: str = "") -> None:  # noqa: F811
    profile = Profile(email=email, name="Buy at evil.example", page_url=page)
    receive(
        [
            Inbound(
                channel="widget", key=clock.new_id(), external_id="anna", place="room", kind="contact", profile=profile
            )
        ]
    )


def answer(world: World, text: str) -> None:  # noqa: F811
    world.do("T1:ana", text=text)
    world.later()


def work(world: World, *, sending: bool = False) -> None:  # noqa: F811
    kinds = {
        kind: spec
        for kind, spec in core_jobs().items()
        if kind in {"ticket.answer", "ticket.transcript", *(["mail"] if sending else [])}
    }
    for job, kind, _ in world.store.read(jobs.due):
        if kind in kinds:
            jobs.claim_and_run(job, kinds)


def answers(world: World) -> list[mail.MailView]:  # noqa: F811
    return [one for one in reversed(world.store.read(mail.newest)) if one.kind == "answer"]


def test_answers_go_by_mail_to_who_is_not_there_as_one_mail_and_once(left: World, time: Clock) -> None:
    answer(left, "It left *yesterday*.")
    left.do("T1:ana", text="note: difficult customer")
    time.move(30)
    answer(left, "It arrives on Monday.")
    work(left)
    assert answers(left) == [], "the customer may come back in these two minutes"
    time.move(answer_mails.SOON)
    work(left)
    work(left)
    (sent,) = answers(left)
    assert sent.to == "anna@example.com" and sent.subject == "Your ticket #1001 at Demo"
    assert sent.text.index("It left yesterday.") < sent.text.index("It arrives on Monday.")
    assert "https://desk.example/chat/demo" in sent.text
    for secret in ("Where is my order?", "difficult", "evil.example"):
        assert secret not in sent.text + sent.html + sent.subject, "the address is not proved"
    told = [post.text for post in left.pump() if post.op == "event"]
    assert told == ["The customer is not in the chat, so what they have not seen goes to anna@example.com by mail."]
    time.move(60)
    answer(left, "Good news: Sunday.")
    time.move(answer_mails.SOON + 1)
    work(left)
    assert len(answers(left)) == 2 and "Monday" not in answers(left)[1].text, "only what is new"


def test_who_writes_or_looks_first_gets_no_mail(left: World, time: Clock) -> None:
    answer(left, "It left yesterday.")
    time.move(60)
    left.customer("Thank you")
    time.move(answer_mails.LATER)
    work(left)
    assert answers(left) == []
    answer(left, "You are welcome.")
    time.move(60)
    answer_mails.seen(left.conversation)
    time.move(answer_mails.LATER)
    work(left)
    assert answers(left) == []


def test_who_was_just_there_is_given_ten_minutes_and_then_gets_the_mail(left: World, time: Clock) -> None:
    left.customer("Are you there?")
    time.move(60)
    answer(left, "Yes, I am.")
    time.move(answer_mails.SOON + 1)
    work(left)
    assert answers(left) == []
    time.move(answer_mails.LATER)
    work(left)
    assert [("Yes, I am." in one.text) for one in answers(left)] == [True]


def test_a_deleted_answer_does_not_go_and_an_edited_one_goes_as_it_is_now(left: World, time: Clock) -> None:
    for message, text in (("r1", "Wrong customer"), ("r2", "It left yesterdax.")):
        left.do("T1:ana", text=text, message=message)
    left.later()
    left.do("T1:ana", "delete", message="r1")
    left.do("T1:ana", "edit", message="r2", text="It left yesterday.")
    time.move(answer_mails.SOON + 1)
    work(left)
    (sent,) = answers(left)
    assert "Wrong customer" not in sent.text and "It left yesterday." in sent.text


def test_resolving_is_told_too_but_not_to_who_closed_it_or_gets_the_transcript(left: World, time: Clock) -> None:
    answer(left, "Done.")
    left.do("T1:ana", "action", action=Action.RESOLVE)
    time.move(answer_mails.SOON + 1)
    work(left)
    work(left)
    (sent,) = answers(left)
    assert "Done." in sent.text and "Your ticket is closed with this." in sent.text
    left.customer("One more thing")
    time.move(answer_mails.RECENT + 1)
    left.do("T1:ana", "action", action=Action.RESOLVE)
    time.move(answer_mails.SOON + 1)
    work(left)
    assert "is closed." in answers(left)[1].text and "Done." not in answers(left)[1].text
    left.customer("And another")
    left.customer("", kind="resolve")
    time.move(answer_mails.LATER)
    work(left)
    assert len(answers(left)) == 2, "who closes it knows"
    left.customer("Hello again")
    (asked,) = [one for one in left.store.read(mail.newest) if one.kind == "confirm"]
    confirmations.confirm(code_of(asked))
    answer(left, "Hello Anna")
    left.do("T1:ana", "action", action=Action.RESOLVE)
    time.move(answer_mails.LATER)
    work(left)
    assert len(answers(left)) == 2, "a proved address gets the transcript, which has it all"
    assert any("Hello Anna" in one.text for one in left.store.read(mail.newest) if one.kind == "transcript")


def test_the_link_leads_to_the_customers_page_only_if_it_is_the_sites_own(left: World, time: Clock) -> None:
    from bot import accounts

    for page, origins, link in (
        ("https://evil.example/login", ["*"], "https://desk.example/chat/demo"),
        ("https://evil.example/login", ["https://shop.example"], "https://shop.example"),
        ("https://shop.example/cart?token=secret#x", ["https://shop.example"], "https://shop.example/cart"),
        ("https://shop.example@evil.example/", ["https://shop.example"], "https://shop.example"),
    ):
        left.store.write(lambda origins=origins: left.store.Site.update(origins=origins).execute())
        left.store.write(lambda: left.store.sql("UPDATE conversation SET page_url = ''"))
        accounts.forget_sites()
        contact(left, page=page)
        time.move(answer_mails.RECENT + 1)
        answer(left, f"Look: {page[:8]}")
        time.move(answer_mails.SOON + 1)
        work(left)
        text = answers(left)[-1].text
        assert f"wrote to us: {link}\n" in text and "evil.example" not in text and "secret" not in text


def test_mails_of_one_ticket_are_a_thread(left: World, time: Clock, environment: Any, tmp_path: Any) -> None:
    with FakeMail(tmp_path) as server:
        environment(SMTP_URL=server.url)
        for text in ("First", "Second"):
            answer(left, text)
            time.move(answer_mails.SOON + 1)
            work(left)
            work(left, sending=True)
            time.move(60)
        first, second = [
            one.message for one in server.mails if one.to == ["anna@example.com"] and "confirm" not in one.text
        ]
    assert first["Subject"] == second["Subject"]
    root = first["In-Reply-To"]
    assert first["References"] == root != first["Message-ID"]
    assert second["In-Reply-To"] == first["Message-ID"] and str(second["References"]).split() == [
        root,
        first["Message-ID"],
    ]


def test_without_a_mail_server_it_is_kept_and_said(left: World, time: Clock) -> None:
    answer(left, "It left yesterday.")
    time.move(answer_mails.SOON + 1)
    work(left)
    work(left, sending=True)
    assert [one.state for one in answers(left)] == ["kept"]
    assert "SMTP_URL" in [post.text for post in left.pump() if post.op == "event"][-1]


def test_nothing_goes_after_the_conversation_was_erased(left: World, time: Clock) -> None:
    answer(left, "It left yesterday.")
    erase.erase_conversation(left.conversation)
    time.move(answer_mails.SOON + 1)
    work(left)
    assert left.store.read(mail.newest) == []
