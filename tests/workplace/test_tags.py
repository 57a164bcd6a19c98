"""Tags of tickets: by word in threads and anywhere, on the card, in the history, in the terminal, and in the filter of an inbox."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import pytest

from bot import erase, tags, tickets
from tests.commanding import command
from tests.workplace.inboxes import House, labels, numbers, presses, rows, short_pages, tag_filter, words


def history(house: House, conversation: str) -> list[tuple[str, str, str]]:
    return [one[1:] for one in house.store.read(lambda: tickets.history_of(conversation)) if one[2] == "tagged"]


def test_a_word_in_the_thread_tags_and_the_card_shows_it(house: House) -> None:
    conversation = house.waits()
    house.show(conversation)
    done = house.say("tag Refund vip", conversation_id=conversation, key="k")
    assert (done.code, done.aside) == ("done", "Tags: refund, vip.")
    assert house.say("tag other", conversation_id=conversation, key="k").code == "duplicate"
    (card,) = [post.card for post in house.show(conversation) if post.op == "card"]
    assert card is not None and card.tags == ("refund", "vip")
    assert house.say("tag -vip 2024 +late", conversation_id=conversation).aside == "Tags: 2024, late, refund."
    assert house.say("tag refund", conversation_id=conversation).aside == "Nothing had to be changed."
    assert house.say("tag", conversation_id=conversation).aside == "Tags: 2024, late, refund."
    assert history(house, conversation) == [("ana", "tagged", "refund vip"), ("ana", "tagged", "2024 late -vip")]


def test_anywhere_else_it_needs_the_number_and_says_what_is_wrong(house: House) -> None:
    conversation, other = house.waits(), house.waits()
    house.show(other)
    for said in ("tag #1001 vip", "tag 1001 shop.eu/de"):
        assert house.say(said).code == "done"
    assert house.say("tag #1001 a", conversation_id=other).code == "done", "the number wins over the thread"
    assert house.store.read(lambda: tags.tags_of(conversation)) == ("a", "shop.eu/de", "vip")
    assert house.say("tag 1002").aside.startswith("It has no tags")
    refused = {
        "tag": "Say which ticket", "tag vip": "Say which ticket", "tag #9999 vip": "no ticket #9999", "tag #x vip": "Say which ticket",
        "tag #1001 <!here>": "cannot be a tag", "tag #1001 " + "y" * 31: "cannot be a tag", "tag #1001 _": "cannot be a tag",
        "tag #1001 " + " ".join(f"t{n}" for n in range(8)): "10 tags at most",
    }  # fmt: skip
    for said, why in refused.items():
        answer = house.say(said)
        assert answer.code == "cannot" and why in answer.aside and "Nothing was changed." in answer.aside, said
    assert house.say("tag #1001 vip -vip").aside == "Tags: a, shop.eu/de.", "to take off wins"
    assert (
        house.say("tag #1001 x", "vera").code == "not_allowed"
        and house.say("tag #1001 x", "nobody").code == "not_linked"
    )
    assert house.say("tag #1001 -a -shop.eu/de").aside == "It has no tags any more."
    ai = house.customer("hello", person="somebody")
    with pytest.raises(tags.TagError, match="no ticket yet"):
        house.store.write(lambda: tags.change(ai, ["x"], [], actor="ana"))
    erase.erase_conversation(conversation)
    assert "no ticket #1001" in house.say("tag #1001 late").aside


@pytest.mark.parametrize(
    ("word", "tag"),
    [
        ("#Refund", "refund"),
        ("İade", "iade"),
        ("हिन्दी", "हिन्दी"),
        ("Z\u030calba", "žalba"),
        ("שלום", "שלום"),
        ("EU/de:2", "eu/de:2"),
    ],
)
def test_a_tag_is_a_word_of_any_language(word: str, tag: str) -> None:
    assert tags.tag_of(word) == tag and tags.tag_of(tag) == tag


@pytest.mark.parametrize(
    "word", ["", "#", "-", ".x", "a b", "a\u202eb", "a\nb", "a<b", "a*b", "🙂", "y" * 31, "\u0301a"]
)
def test_what_is_no_word_is_no_tag(word: str) -> None:
    with pytest.raises(tags.TagError, match="cannot be a tag"):
        tags.tag_of(word)


def test_two_who_tag_at_once_both_count_and_ten_is_the_most(house: House) -> None:
    house.waits()
    house.say("tag #1001 " + " ".join(f"t{n}" for n in range(8)))
    gate, answers = threading.Barrier(6), []

    def tag(number: int) -> None:
        gate.wait()
        answers.append(
            house.say(f"tag #1001 {'same' if number % 2 else f'own{number}'}", "ana" if number % 2 else "marko").code
        )

    threads = [threading.Thread(target=tag, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert house.store.read(lambda: house.store.TicketTag.select().count()) == 10
    assert set(answers) == {"done", "cannot"}


def test_two_who_tag_each_others_ticket_at_once_do_not_wait_for_each_other(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = house.waits(), house.waits()
    house.show(mine)
    house.show(other)
    both, change, troubles = threading.Barrier(2), tags.change, []

    def slowly(*about: Any, **more: Any) -> tags.Changed:
        with suppress(threading.BrokenBarrierError):  # whoever has to wait for the other comes later
            both.wait(1.0)
        return change(*about, **more)

    def tag(conversation: str, said: str) -> None:
        try:
            assert house.say(said, conversation_id=conversation).code == "done"
        except Exception as error:
            troubles.append(error)

    monkeypatch.setattr(tags, "change", slowly)
    crosswise = ((mine, "tag #1002, one"), (other, "tag #1001 two"))
    threads = [threading.Thread(target=tag, args=one) for one in crosswise]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    assert [house.store.read(lambda one=one: tags.tags_of(one)) for one in (mine, other)] == [("two",), ("one",)]  # type: ignore[misc]


def test_an_inbox_shows_only_what_has_a_tag_and_stays_so(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    short_pages(monkeypatch)
    for number in range(5):
        house.waits()
        house.say(f"tag #{1001 + number} {'vip' if number < 4 else 'other'}")
    page = house.tab("unassigned")
    chosen = tag_filter(page)
    assert chosen is not None and chosen.what == "inbox.tag" and chosen.chosen == ("*",)
    assert [(one.value, one.label) for one in chosen.options] == [
        ("*", "All tags"),
        ("vip", "vip (4)"),
        ("other", "other (1)"),
    ]
    house.press(presses(page)["Next page"])
    assert house.choose("other").code == "done"
    page = house.home()
    assert numbers(page) == [1005] and labels(page) == ["Mine (0)", "Unassigned (1)", "Resolved (0)"]
    assert "with the tag other" in words(page) and tag_filter(page).chosen == ("other",)
    page = house.tab("mine")
    assert rows(page) == [] and "nothing with the tag other under Mine" in words(page)
    assert tag_filter(page).chosen == ("other",), "the way out of the filter stays"
    house.choose("vip")
    page = house.tab("unassigned")
    assert len(rows(page)) == 3 and "page 1 of 2" in words(page)
    house.choose("*")
    assert "Unassigned (5)" in labels(house.home())


def test_tags_in_the_terminal(house: House, store: Any) -> None:
    house.waits()
    house.waits()
    assert "There are none yet" in command(store, "tickets", "tags").output
    assert command(store, "tickets", "tags", "1001").output == "Ticket #1001: no tags.\n"
    assert command(store, "tickets", "tags", "1001", "Helmet", "vip").output == "Ticket #1001: helmet, vip.\n"
    assert command(store, "tickets", "tags", "1002", "vip").exit_code == 0
    assert command(store, "tickets", "tags").output == "     2  vip\n     1  helmet\n"
    listed = command(store, "tickets", "list").output.splitlines()
    assert listed[0].endswith(" · vip") and listed[1].endswith(" · helmet, vip")
    assert "#1001" in (only := command(store, "tickets", "list", "--tag", "HELMET").output) and "#1002" not in only
    assert command(store, "tickets", "list", "--tag", "none").output == "There are none that are open.\n"
    assert command(store, "tickets", "list", "--tag", "!").exit_code == 1
    assert command(store, "tickets", "tags", "1001", "-helmet").output == "Ticket #1001: vip.\n"
    shown = command(store, "tickets", "show", "1001").output
    assert "tags          vip" in shown and "tagged -helmet, cli:" in shown
    for words_, why in (
        (("1001", "a b"), "cannot be a tag"),
        (("9999", "x"), "There is no ticket #9999"),
        (("9999",), "no ticket"),
    ):
        refused = command(store, "tickets", "tags", *words_)
        assert refused.exit_code == 1 and why in refused.output
    trail = store.read(lambda: [r.action for r in store.Audit.select()])
    assert trail.count("ticket.tags") == 3
