"""What agents ask Deskhand: the queue, a ticket, what was said where, who is there, how they are there themselves. Rows only."""

from __future__ import annotations

from typing import Any

import pytest

from bot import agents, erase, presence
from bot.desk import DeskAnswer, DeskEvent
from bot.desk_actions import WORDS, Action
from bot.desk_events import receive_desk
from bot.pages import Page, Press, Presses, Row, Words
from bot.workplace import entries, finding, rooms
from tests.workplace.inboxes import House

HOSTILE = "<!channel> *bold* `x` <https://evil.example|click> " + "\N{RIGHT-TO-LEFT OVERRIDE}"


def page_of(answer: DeskAnswer) -> Page:
    assert answer.page is not None and answer.page.kind == "aside", answer
    return answer.page


def found_rows(answer: DeskAnswer) -> list[Row]:
    return [part for part in page_of(answer).parts if isinstance(part, Row)]


def buttons(answer: DeskAnswer) -> dict[str, Press]:
    parts = page_of(answer).parts
    return {one.label: one for part in parts if isinstance(part, Presses | Row) for one in part.presses}


def test_the_queue_has_mine_and_what_waits_with_buttons_that_work(house: House) -> None:
    first, second, third = (house.waits(name=name) for name in ("Anna", "Ben", "Cem"))
    house.show(first)
    claims_of = house.say("queue")
    assert claims_of.code == "done" and [one.title for one in found_rows(claims_of)] == [
        "#1001 · Anna", "#1002 · Ben", "#1003 · Cem"
    ]  # fmt: skip
    assert "Mine (0)" in claims_of.aside and "You have no conversation now." in claims_of.aside
    assert "waiting for" in found_rows(claims_of)[0].quiet and "asked for a person" in claims_of.aside
    assert found_rows(claims_of)[0].presses[1].url.startswith("https://wall.example/")
    assert "https://wall.example/" in claims_of.aside, "who sees only text finds the thread, too"
    assert house.press(buttons(claims_of)["Claim"]).code == "done", "the last one: Cem's"
    house.set(second, priority="urgent")
    again = found_rows(house.say("QUEUE"))
    assert [one.title for one in again] == ["#1003 · Cem", "Urgent · #1002 · Ben", "#1001 · Anna"]
    assert "ana has it" in again[0].quiet and [one.label for one in again[0].presses] == ["Details"]
    house.say("queue", "marko")
    house.set(first, snoozed_until=9e12)
    assert [one.title for one in found_rows(house.say("queue", "marko"))] == ["Urgent · #1002 · Ben"]
    erase.erase_conversation(third)
    assert "Mine (0)" in house.say("queue").aside


def test_what_is_looked_up_holds_up_no_writer(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.waits(name="Anna")
    look, seen = entries.entries, []

    def watched(*arguments: Any, **more: Any) -> Any:
        seen.append(house.store.db.in_transaction())
        return look(*arguments, **more)

    monkeypatch.setattr(entries, "entries", watched)
    for text in ("", "queue", "search anna", "ticket 1001"):
        assert "#1001" in house.say(text).aside
    assert len(seen) >= 4 and not any(seen), "inside a read, after what is remembered of it was committed"


def test_many_that_wait_are_counted(house: House) -> None:
    for _ in range(10):
        house.waits()
    told = house.say("queue")
    assert len(found_rows(told)) == 8 and "Waiting for somebody (10)" in told.aside and "… and 2 more." in told.aside


def test_alone_it_is_help_and_the_queue_and_help_names_every_word_there_is(house: House) -> None:
    agents.add_agent("ada", role="admin", actor="test")
    agents.link("ada", "wall", "T1:ada", actor="test")
    house.waits(name="Anna")
    alone = house.say("")
    assert "#1001 · Anna" in alone.aside and "/desk queue" in alone.aside
    told, admin = house.say("help").aside, house.say("help", "ada").aside
    for name, one in rooms.commands().items():
        assert f"/desk {one.usage} — {one.about}" in admin or not one.anywhere, name
        assert (f"/desk {one.usage}" in told) is (one.anywhere and not one.admin), name
        assert (f"!{one.usage} — " in told) is (one.in_thread and not one.admin), name
    assert all(f"!{one.usage} — {one.about}" in told for one in WORDS.values())
    assert "!shortcut — send the canned reply" in told
    assert {one.action for one in WORDS.values()} == set(Action) - {Action.DRAFT}, (
        "each of them has its word, or a room has it"
    )


def test_unknown_words_say_what_happened_and_one_thing_to_do(house: House) -> None:
    conversation = house.waits()
    house.show(conversation)
    near = house.say("quue please")
    assert near.code == "cannot"
    assert near.aside == "There is no command quue. Did you mean /desk queue? Nothing was changed. See: /desk help"
    far = house.say("x" * 5_000)
    assert far.code == "cannot" and len(far.aside) < 200
    assert "This works only in the thread of a conversation: write !claim there." in house.say("claim").aside
    there = house.say("resolv it please", conversation_id=conversation)
    assert there.code == "cannot"
    assert there.aside == (
        "There is no !resolv. Did you mean !resolve? Nothing was sent to the customer. !help shows what there is."
    )
    assert "plugins" not in house.say("plugin").aside, "nobody is led to what they may not do"
    assert house.say("plugins list").code == "not_allowed" and house.say("providers").code == "not_allowed"
    for text in ("status purple", "ticket", "ticket seven", "ticket #9999", "search", "search x"):
        refused = house.say(text)
        assert refused.code == "cannot" and "/desk " in refused.aside, text
    assert "There is no ticket #9999." in house.say("ticket 9999").aside


@pytest.mark.parametrize("who", ["nobody", "olga"])
def test_who_is_no_agent_learns_nothing(house: House, who: str) -> None:
    house.waits(name="Anna")
    for text in ("", "help", "queue", "search anna", "ticket 1001", "who", "status", "plugins off slack"):
        answer = house.say(text, who)
        assert answer.code == ("not_linked" if who == "nobody" else "not_allowed"), text
        assert answer.page is None and "Anna" not in answer.aside


def test_a_command_counts_once_and_not_in_threads_of_others(house: House) -> None:
    assert house.say("status away", key="k").aside.startswith("You are away.")
    assert house.say("status away", key="k").code == "duplicate"
    for who in ("T1:ana", "T1:stranger"):
        event = DeskEvent(desk="wall", key=f"wow{who}", kind="command", who=who, text="wow", place="W1", thread="m99")
        assert receive_desk([event])[0].code == "unknown_thread"


def test_status_is_ones_own(house: House) -> None:
    house.waits()
    told = house.say("status")
    assert "You are available. You have 0 conversations; 1 waits for somebody." in told.aside
    assert "The house" not in told.aside, "that is for admins"
    assert house.press(buttons(told)["Go away"]).aside.startswith("You are away.")
    back = buttons(house.say("status"))["I am back"]
    assert house.press(back).aside == "You are back." and house.say("status available").code == "done"
    assert house.press(Press(label="", what="desk_words.status", value="purple")).code == "stale"
    assert house.press(back, "vera").code == "not_allowed"


def test_who_is_there(house: House) -> None:
    conversation = house.waits()
    house.show(conversation)
    assert house.press(buttons(house.say("queue"))["Claim"], "marko").code == "done"
    house.say("status away")
    told = house.say("who")
    assert page_of(told).title == "1 of 2 agents could come now", "vera only reads, and olga is switched off"
    assert [(one.title, one.text, one.quiet) for one in found_rows(told)] == [
        ("Marko", "available", "marko · 1 conversation"), ("Ana", "away", "ana · 0 conversations"),
    ]  # fmt: skip
    presence.told("wall", {"T1:marko": "quiet"})
    told = house.say("who")
    assert (
        page_of(told).title == "0 of 2 agents could come now" and "available, but not at their desk now" in told.aside
    )
    house.say("status available")
    reply = DeskEvent(
        desk="wall", key="r", kind="reply", who="T1:marko", conversation_id=conversation, message="m7", text="Hello"
    )
    assert receive_desk([reply])[0].code == "held"
    assert (
        found_rows(house.say("who"))[0].title == "Ana"
        and "marko · 1 conversation · wrote 0 s ago" in house.say("who").aside
    )


def test_a_ticket_shows_how_it_stands_and_what_can_be_done(house: House) -> None:
    conversation = house.waits(name=HOSTILE)
    house.show(conversation)
    told = house.say("ticket #1001")
    page = page_of(told)
    assert page.title == "Ticket #1001" and page.conversation_id == conversation
    assert all(part.style == "plain" for part in page.parts if isinstance(part, Words) and "evil" in part.text)
    assert "State: waiting" in told.aside and "With: nobody" in told.aside and "opened asked" in told.aside
    assert {"Claim", "Resolve", "Edit ticket", "Open thread"} <= set(buttons(told))
    assert house.press(buttons(told)["Claim"]).code == "done"
    assert "With: ana" in house.say("ticket 1001").aside and "claimed · ana" in house.say("ticket 1001").aside
    late = house.press(buttons(told)["Claim"], "marko")
    assert late.code == "stale" and "Ana has it" in late.aside
    assert house.press(buttons(house.say("ticket 1001"))["Resolve"]).code == "done"
    done = house.say("ticket 1001")
    assert "State: resolved" in done.aside and "Reopen" in buttons(done) and "Edit ticket" not in buttons(done)
    assert house.press(Press(label="", what="desk_words.ticket", value="1001")).page is not None
    erase.erase_conversation(conversation)
    assert "There is no ticket #1001." in house.say("ticket 1001").aside


def test_search_finds_people_numbers_reasons_tags_and_what_was_said(
    house: House, environment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment(DESKHAND_ENCRYPT_MESSAGES="true")
    anna = house.waits("My Sörvärend lamp is broken", name="Anna Kovač")
    ben = house.waits("Refund 100% please", name="Ben")
    quiet = house.customer("Is the lamp dimmable?", name="Quinn Quiet")
    house.set(ben, email="ben_x@example.com")
    assert house.say("tag #1002 vip").code == "done"

    def titles(words: str) -> list[str]:
        return [one.title for one in found_rows(house.say(f"search {words}"))]

    assert titles("#1002") == ["#1002 · Ben"] and titles("1001") == ["#1001 · Anna Kovač"]
    assert titles("kovač") == titles("KOVAČ anna") == ["#1001 · Anna Kovač"]
    assert titles("ben_x@EXAMPLE") == ["#1002 · Ben"] and titles("benyx@example") == [], "an underline is no wildcard"
    assert sorted(titles("asked for")) == ["#1001 · Anna Kovač", "#1002 · Ben"], "the reason"
    assert titles("#vip") == titles("VIP ben") == ["#1002 · Ben"] and titles("vi") == [], "a tag is a whole word"
    (said,) = found_rows(house.say("search SÖRVÄREND lamp"))
    assert said.title == "#1001 · Anna Kovač" and "Sörvärend" in said.quiet
    assert titles("100%") == ["#1002 · Ben"] and titles("200%") == []
    (unticketed,) = found_rows(house.say("search quinn"))
    assert unticketed.title == "no ticket · Quinn Quiet" and unticketed.presses[0].action is Action.CLAIM
    assert house.press(unticketed.presses[0]).code == "done"
    assert titles("dimmable") == ["#1003 · Quinn Quiet"]
    nothing = house.say("search " + HOSTILE)
    assert nothing.code == "done" and "Nothing found" in nothing.aside and "the texts of 3 tickets" in nothing.aside
    endless = house.say("search a\x00 " + "é%" * 40_000)
    assert endless.code == "done" and "Nothing found" in endless.aside
    monkeypatch.setattr(finding, "SCANNED", 1)
    assert "the newest 1 of 3 tickets: older texts are not searched" in house.say("search refund").aside
    assert titles("sörvärend") == []
    monkeypatch.setattr(finding, "FOUND", 2)
    many = house.say("search asked")
    assert (
        len(found_rows(many)) == 2
        and "These are the newest 2" in many.aside
        and "texts were not looked at" in many.aside
    )
    monkeypatch.setattr(finding, "SCANNED", 300)
    for conversation in (anna, quiet):
        erase.erase_conversation(conversation)
    assert titles("kovač") == titles("sörvärend") == titles("quinn") == []
