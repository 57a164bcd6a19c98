"""A conversation is erased: what named its customer is unsaid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bot import (
    erase,
    notifications,
)
from bot.desk import Posted
from bot.store import read, sql, write

from .conftest import House, board, customer_of, mails


def two_of_the_night(house: House) -> str:
    """Two tickets that were given in quiet hours and are told of in the morning, in one message; returns Anna's, the first."""
    house.prefer(quiet="20:00-08:00", zone="Europe/Berlin")
    house.set("2026-11-18 23:00")
    first, second = house.ticket("anna"), house.ticket("ben")
    for one in (first, second):
        house.assign(one)
    house.set("2026-11-19 08:00")
    house.work()
    return first


def test_erasing_a_conversation_forgets_its_notifications_and_unsays_what_named_the_customer(
    house: House, environment: Callable[..., None]
) -> None:
    environment(SMTP_URL="smtp://127.0.0.1:1")
    first, second = house.ticket("anna"), house.ticket("ben")
    house.assign(first)
    (post,) = house.pump()
    house.prefer(mention="mail")
    for one in (first, second):
        write(
            lambda one=one: notifications.notify(house.id_of("ana"), "mention", one, f"m/{one}", "Marko mentioned you.")
        )  # type: ignore[misc]
    house.work()
    (letter,) = mails()
    name = customer_of("anna")
    assert name in letter.text
    erase.erase_conversation(first)
    house.work()
    (again,) = mails()
    assert name not in again.text and again.subject.endswith("Marko mentioned you.") and again.id != letter.id
    assert [row[0] for row in house.rows()] == ["mention"]
    house.pump()
    unsaid = [(one.person, one.subject) for one in house.all if one.op == "delete" and one.person]
    assert unsaid == [("T1:ana", house.shown[post.key])]
    kept = read(
        lambda: (
            sql("SELECT words, problem FROM notification").fetchall()
            + sql("SELECT problem FROM notification_post").fetchall()
        )
    )
    assert name not in str(kept)


def test_a_digest_that_named_a_customer_goes_with_the_conversation(
    house: House, environment: Callable[..., None]
) -> None:
    environment(SMTP_URL="smtp://127.0.0.1:1")
    house.set("2026-11-18 12:00")
    first, second = house.ticket("anna"), house.ticket("ben")
    house.prefer("ana", digest="08:00", zone="Europe/Berlin")
    house.prefer("marko", digest="08:00", digest_way="mail", zone="Europe/Berlin", mention="none")
    house.act(second, "T1:ana", "note", text="@marko look")
    write(lambda: sql("UPDATE agent SET email = 'marko@shop.example' WHERE name = 'marko'"))
    for one in (first, second):
        house.assign(one)
    (early, _) = house.pump()
    house.act(first, "T1:ana", "note", text="@marko look")
    house.set("2026-11-18 12:01")
    house.assign(first, "marko", by="cli:root")
    house.assign(first, "ana")
    house.pump()
    house.set("2026-11-19 08:00")
    house.work()
    name, other = customer_of("anna"), customer_of("ben")
    (digest,) = [one for one in house.pump() if one.page is not None and one.page.title.startswith("Your day")]
    (letter,) = mails()
    assert name in str(digest.page) and other in str(digest.page) and name in letter.text and other in letter.text
    house.at += 60
    erase.erase_conversation(first)
    (again,) = mails()
    assert again.id != letter.id and name not in again.text and other in again.text and "Your day" in again.subject
    house.pump()
    unsaid = {one.subject for one in house.all if one.op == "delete" and one.person}
    assert {house.shown[early.key], house.shown[digest.key]} <= unsaid


def test_what_a_message_told_besides_is_told_again_when_it_goes_with_an_erased_conversation(house: House) -> None:
    first = two_of_the_night(house)
    (both,) = house.pump()
    assert len(board(both)) == 2
    erase.erase_conversation(first)
    house.work()
    (again,) = house.pump()
    assert [row.title.partition(" · ")[2] for row in board(again)] == [customer_of("ben")]
    assert (house.shown[both.key], "T1:ana") in {(one.subject, one.person) for one in house.all if one.op == "delete"}
    house.work()
    assert house.pump() == []


def test_a_message_that_was_under_way_when_its_customer_was_erased_is_deleted_when_it_is_shown(house: House) -> None:
    first = two_of_the_night(house)

    def late(claimed: Any) -> None:
        erase.erase_conversation(first)
        house.outbox.posted(claimed, Posted("late", ""))

    (both,) = house.pump(late)
    assert len(board(both)) == 2
    house.work()
    (again,) = house.pump()
    assert [row.title.partition(" · ")[2] for row in board(again)] == [customer_of("ben")]
    assert [(one.subject, one.person) for one in house.all if one.op == "delete" and one.person] == [("late", "T1:ana")]
    house.work()
    assert house.pump() == []
