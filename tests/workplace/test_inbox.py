"""What stands in somebody's inbox, in which order and on which page, and what may be pressed there. Rows only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot import agents, clock, departures, erase, presence, tickets
from bot.crypto import seal
from bot.desk_actions import Action
from bot.pages import Presses, Row
from bot.workplace import inbox_lists, inbox_views, rooms
from tests.commanding import command
from tests.workplace.inboxes import (
    House,
    labels,
    numbers,
    of,
    offers,
    presses,
    rows,
    short_pages,
    tabs,
    tag_filter,
    words,
)


def test_a_ticket_goes_from_list_to_list_by_the_buttons_of_its_line(house: House) -> None:
    first, second = house.waits(name="Anna Kovač"), house.waits("The lamp is broken", name="Ben")
    page = house.home()
    assert page.kind == "home" and page.title == "Ana"
    assert labels(page) == ["Mine (0)", "Unassigned (2)", "Resolved (0)"] and "Nothing is with you" in words(page)
    page = house.tab("unassigned")
    assert numbers(page) == [1001, 1002], "who waits longest stands first"
    line = rows(page)[0]
    assert line.title == "#1001 · Anna Kovač" and line.text == "Customer: Where is my order?"
    assert (
        line.quiet.startswith("Waiting since ") and "normal priority" in line.quiet and "First reply due " in line.quiet
    )
    assert offers(line) == ["Claim", "Canned reply…", "Assign…", "Snooze…", "Resolve", "Tags…"], (
        "its thread is not open yet"
    )
    house.show(first)
    line = rows(house.home())[0]
    assert of(line, "Open thread").url.startswith("https://wall.example/")
    assert house.press(of(line, "Claim")).code == "done"
    assert numbers(house.home()) == [1002] and labels(house.home()) == ["Mine (1)", "Unassigned (1)", "Resolved (0)"]
    (mine,) = rows(house.tab("mine"))
    assert mine.title.startswith("#1001") and mine.quiet.startswith("In progress since ")
    assert offers(mine) == ["Open thread", "AI draft", "Canned reply…", "Assign…", "Snooze…", "Resolve", "Tags…"]
    assert house.press(of(mine, "Resolve")).code == "done"
    (done,) = rows(house.tab("resolved"))
    assert done.title.startswith("#1001") and done.quiet.startswith("Resolved ") and done.quiet.endswith(" by Ana")
    assert offers(done) == ["Open thread", "Reopen", "Tags…"]
    assert house.press(of(done, "Reopen")).code == "done"
    assert house.ticket(first).state == "open" and house.ticket(second).state == "open"
    house.press(of(rows(house.tab("unassigned"))[1], "Claim"), "marko")
    assert labels(house.home()) == ["Mine (0)", "Unassigned (1)", "Resolved (0)"], "what a colleague has is not mine"


def test_what_a_colleague_did_meanwhile_is_told_and_twice_is_once(house: House) -> None:
    conversation = house.waits()
    (stale,) = rows(house.tab("unassigned"))
    assert house.press(of(stale, "Claim"), "marko", key="k").code == "done"
    assert house.press(of(stale, "Claim"), "marko", key="k").code == "duplicate"
    late = house.press(of(stale, "Claim"))
    assert late.code == "stale" and "Marko has it" in late.aside
    assert rows(house.home()) == [] and house.ticket(conversation).assignee == "marko"
    house.press(of(stale, "Resolve"), "marko")
    late = house.press(of(stale, "Resolve"))
    assert late.code == "resolved" and late.offer == (Action.REOPEN,)
    erase.erase_conversation(conversation)
    late = house.press(of(stale, "Claim"))
    assert late.code == "stale" and "deleted" in late.aside
    assert labels(house.home()) == ["Mine (0)", "Unassigned (0)", "Resolved (0)"]


def test_thirty_lines_stand_on_a_page(house: House) -> None:
    there = 0
    for count, pages in ((0, 0), (1, 1), (30, 1), (31, 2), (95, 4)):
        for _ in range(count - there):
            house.waits()
        there = count
        _all_pages(house, count, pages)
    _shrinks(house)


def _all_pages(house: House, count: int, pages: int) -> None:
    page = house.tab("unassigned")
    assert labels(page)[1] == f"Unassigned ({count})"
    seen = numbers(page)
    for number in range(2, pages + 1):
        assert f"page {number - 1} of {pages}" in words(page)
        assert house.press(presses(page)["Next page"]).code == "done"
        page = house.home()
        seen += numbers(page)
    assert "Next page" not in presses(page) and ("Previous page" in presses(page)) == (pages > 1)
    assert seen == sorted(set(seen)) and len(seen) == count, "each once, none left out"
    assert len(rows(page)) == (count - 1) % 30 + 1 if count else rows(page) == []


def _shrinks(house: House) -> None:
    """Somebody resolves most of it while another is on the last page: they see what is the last page now."""
    for one in rows(house.home()):
        house.press(of(one, "Resolve"), "marko")
    page = house.home()
    assert "page 3 of 3" in words(page) and len(rows(page)) == 30
    for stale in ("0", "999999", "-1", "x"):
        house.press(replace(presses(page)["Previous page"], value=stale))
        assert rows(house.home()), stale
    for button in ("Previous page", "Previous page"):
        house.press(presses(page)[button], key="once")
    assert "page 2 of 3" in words(house.home()), "sent twice it goes back once"


def test_what_presses_stands_first_and_what_is_hidden_last(house: House) -> None:
    at = clock.now()
    ids = [house.waits() for _ in range(6)]
    for conversation, level in zip(ids, ("low", "normal", "urgent", "high", "normal", "urgent"), strict=True):
        house.store.write(lambda c=conversation, p=level: tickets.set_priority(c, p, actor="test"))
    house.set(ids[1], waiting_since=at - 60)
    house.set(ids[4], waiting_since=at - 3_600)
    house.set(ids[5], snoozed_until=at + 7_200)
    house.set(ids[3], snoozed_until=at - 5)  # over, and nobody has noticed it yet
    page = house.tab("unassigned")
    assert numbers(page) == [1003, 1004, 1005, 1002, 1001, 1006]
    assert rows(page)[-1].quiet.startswith("Snoozed until ") and "Snoozed" not in rows(page)[1].quiet
    assert "urgent priority" in rows(page)[0].quiet
    for conversation in ids:
        house.store.write(lambda c=conversation: house.store.sql("UPDATE ticket SET state = 'in_progress', assignee = 'ana' WHERE conversation_id = ?", (c,)))  # fmt: skip
    due = {
        ids[0]: (at + 50, at + 10),
        ids[1]: (at - 90, None),
        ids[2]: (None, at + 40),
        ids[3]: (None, None),
        ids[4]: (at + 20, None),
    }
    for conversation, (reply, solution) in due.items():
        house.set(conversation, first_reply_due=reply, resolve_due=solution)
    page = house.tab("mine")
    assert numbers(page) == [1002, 1005, 1003, 1001, 1004, 1006]
    told = [one.quiet for one in rows(page)]
    assert "Overdue: first reply was due " in told[0] and "First reply due " in told[1] and "Solution due " in told[2]
    assert "ue " not in told[4]
    for number, conversation in enumerate(ids):
        house.set(conversation, state="resolved", resolved_at=at - number)
    assert numbers(house.tab("resolved")) == [1001, 1002, 1003, 1004, 1005, 1006]


def test_a_reload_shows_the_same_whichever_process_makes_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    short_pages(monkeypatch)
    for _ in range(4):
        house.waits()
    house.tab("unassigned")
    house.press(presses(house.home())["Next page"])
    before = house.home()
    assert numbers(before) == [1004]
    house.store.close_database()
    from bot.config import config

    house.store.open_database(config().database)
    rooms._table.cache_clear()
    assert house.home() == before
    assert labels(house.home("marko")) == labels(before) and "Nothing is with you" in words(house.home("marko"))


def test_somebody_is_here_or_away_by_one_button_and_since_when_does_not_move(house: House) -> None:
    def status() -> Row:
        part = house.home().parts[0]
        assert isinstance(part, Row)
        return part

    assert (status().title, status().text, status().quiet) == ("You are here", "", "")
    for state, told in (("quiet", True), ("away", True), ("here", False)):
        presence.told("wall", {"T1:ana": state})
        assert ("nobody counts on you" in status().text) is told, "what the desk says of them counts as well"
    away = of(status(), "I am away")
    assert house.press(away).code == "done"
    assert status().title == "You are away" and status().quiet.startswith("Since ")
    since = house.store.read(lambda: agents.agent_named("ana")).available_since
    assert "away (said " in command(house.store, "agents", "list").output
    assert house.press(away).code == "done", "pressed on an old page"
    assert house.store.read(lambda: agents.agent_named("ana")).available_since == since
    house.press(of(status(), "I am here"))
    assert status().title == "You are here"
    trail = house.store.read(lambda: [r.action for r in house.store.Audit.select().order_by(house.store.Audit.id)])
    assert [one for one in trail if one in {"agent.away", "agent.back"}] == ["agent.away", "agent.back"]
    assert house.press(replace(away, value="asleep")).code == "stale"
    with pytest.raises(agents.AgentError):
        agents.set_available("nobody", True, actor="test")


def test_who_is_no_agent_sees_no_ticket_and_viewers_only_look(house: House) -> None:
    house.show(house.waits(name="Secret Person"))
    (line,) = rows(house.tab("unassigned"))
    for page in (house.home("stranger"), house.home("olga"), house.home("ana", trusted=False)):
        assert "Secret" not in repr(page) and rows(page) == [] and tabs(page) == {}
    asked = house.press(presses(house.home("stranger"))["Link me"], "stranger")
    assert asked.code == "not_linked" and "agents link" in asked.aside
    code = asked.aside.split("link ")[1].split()[0]
    agents.redeem(code, "marko", actor="test")
    assert labels(house.home("stranger")) == ["Mine (0)", "Unassigned (1)", "Resolved (0)"], "linked now"
    assert "linked as Marko" in house.press(presses(house.home("nobody"))["Link me"], "stranger").aside

    page = house.tab("unassigned", "vera")
    assert offers(rows(page)[0]) == ["Open thread"] and "may look" in words(page)
    assert not any(isinstance(part, Row) and part.title.startswith("You are") for part in page.parts)
    assert house.press(of(line, "Claim"), "vera").code == "not_allowed"
    assert house.press(replace(tabs(page)["mine"], what="inbox.status", value="away"), "vera").code == "not_allowed"
    for who in ("olga", "unknown"):
        assert house.press(tabs(page)["mine"], who).code in {"not_allowed", "not_linked"}
    assert house.press(tabs(page)["mine"], trusted=False).code == "not_allowed"
    assert house.press(replace(tabs(page)["mine"], value="theirs")).code == "stale"
    assert house.ticket(house.store.read(lambda: house.store.Ticket.get().conversation_id)).state == "open"


def test_erased_conversations_vanish_and_take_their_tags_along(house: House) -> None:
    kept, gone = house.waits(), house.waits("My secret", name="Gone Person")
    house.say("tag #1002 vip")
    page = house.tab("unassigned")
    assert numbers(page) == [1001, 1002] and tag_filter(page) is not None
    assert erase.erase_conversation(gone)
    page = house.home()
    assert numbers(page) == [1001] and tag_filter(page) is None and "Gone" not in repr(page)
    assert house.store.read(lambda: house.store.TicketTag.select().count()) == 0
    assert house.ticket(kept).number == 1001


def test_hostile_names_and_words_stay_one_line_of_plain_text(house: House) -> None:
    name = "*Admin* <!channel>\n#9999 · \u202eevil\u2066 " + "x" * 400
    house.waits("<@U1> `code`\n\n\u2028" + "y" * 3_900, name=name)
    (line,) = rows(house.tab("unassigned"))
    assert line.title.startswith("#1001 · *Admin* <!channel> #9999 · evil ") and len(line.title) < 80
    assert "\n" not in line.title + line.text + line.quiet and "\u2028" not in line.text
    assert line.text.startswith("Customer: <@U1> `code` yyy") and line.text.endswith("…") and len(line.text) < 160
    assert not set("\u202e\u2066") & set(line.title)


def test_the_last_words_are_those_that_people_saw(house: House) -> None:
    conversation = house.waits("first", person="anna")
    house.show(conversation)
    (line,) = rows(house.tab("unassigned"))
    house.press(of(line, "Claim"))
    assert rows(house.tab("mine"))[0].text == "Customer: first", "what Deskhand says itself is not it"
    house.customer("second", person="anna")
    assert rows(house.home())[0].text == "Customer: second"


def test_times_are_told_in_the_zone_of_who_looks(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    at = 1_795_000_000.0  # 2026-11-18 11:06:40 UTC
    house.set(house.waits(), waiting_since=at, first_reply_due=at + 86_400 * 60)
    monkeypatch.setattr(clock, "now", lambda: at + 60)
    (line,) = rows(house.tab("unassigned"))
    assert line.quiet == "Waiting since 11:06 UTC · normal priority · First reply due 17 Jan 2027 11:06 UTC"
    told = rows(house.home(zone="Asia/Tokyo"))[0].quiet
    assert told == "Waiting since 20:06 · normal priority · First reply due 17 Jan 2027 20:06"
    assert rows(house.home(again=True))[0].quiet == told, "the zone is remembered"
    house.tab("unassigned", "marko")
    assert rows(house.home("marko", zone="No/Where"))[0].quiet == line.quiet


def test_an_inbox_is_kept_up_to_date_for_half_a_day_after_a_look(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    view, now = house.store.InboxView, [clock.now()]
    monkeypatch.setattr(clock, "now", lambda: now[0])

    def seen_at(who: str) -> float:
        return float(house.store.read(lambda: view.get(view.person == f"T1:{who}").seen_at))

    assert rooms.homes("wall") == []
    house.home("ana", again=True)
    house.home("guest", trusted=False)
    assert rooms.homes("wall") == [], "making it anew is no look, and guests have no inbox"
    house.home("ana")
    began = now[0]
    now[0] += 30
    house.home("ana")
    assert seen_at("ana") == began, "at most once a minute"
    house.home("stranger")
    assert rooms.homes("wall") == ["T1:stranger", "T1:ana"] and rooms.homes("other") == []
    now[0] += 31
    house.home("ana")
    assert seen_at("ana") == now[0]
    now[0] += inbox_views.LIVE_SECONDS - 5
    assert rooms.homes("wall") == ["T1:ana"]
    house.home("ana", again=True)
    house.press(tabs(house.home("ana", again=True))["resolved"])
    assert seen_at("ana") == now[0], "a press is a look"
    now[0] += inbox_views.LIVE_SECONDS + 1
    assert rooms.homes("wall") == []
    house.home("ana")
    house.store.write(lambda: departures.left("wall", "T1:ana"))
    assert rooms.homes("wall") == []


def test_a_look_that_cannot_be_noted_shows_the_page_all_the_same(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(work: Any, *, durable: bool = True) -> None:
        raise house.store.StoreUnavailable("the disk is full")

    monkeypatch.setattr(inbox_views, "write", full)
    assert labels(house.home()) == ["Mine (0)", "Unassigned (0)", "Resolved (0)"]


def test_resolved_ones_are_counted_as_far_as_anybody_looks(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    short_pages(monkeypatch)
    monkeypatch.setattr(inbox_lists, "RECENT", 4)
    for _ in range(5):
        house.press(of(rows(house.tab("unassigned") if house.waits() else None)[0], "Resolve"))
    page = house.tab("resolved")
    assert labels(page)[2] == "Resolved (4+)" and "page 1 of 2" in words(page)
    house.press(presses(page)["Next page"])
    assert len(rows(house.home())) == 2 and "Next page" not in presses(house.home())
    assert [part for part in page.parts if isinstance(part, Presses)], "and the tabs are there"


def test_what_cannot_be_opened_takes_no_other_line_along(house: House) -> None:
    broken, _ = house.waits(name="Anna"), house.waits("The lamp is broken", name="Ben")
    elsewhere = seal("message", "words", "of another row")
    house.set(broken, subject=elsewhere)
    house.store.write(
        lambda: house.store.sql(
            "UPDATE message SET body = ?, sealed = ? WHERE conversation_id = ?", (elsewhere, True, broken)
        )
    )
    first, second = rows(house.tab("unassigned"))
    assert first.title.startswith("#1001 · Anna · (cannot be opened") and "(cannot be opened" in first.text
    assert second.text == "Customer: The lamp is broken"
    assert "#1002" in house.say("queue").aside and "#1001" in house.say("queue").aside


def test_with_several_sites_a_line_says_which(house: House) -> None:
    house.waits()
    assert "Demo" not in rows(house.tab("unassigned"))[0].quiet
    house.store.write(lambda: house.store.Site.create(id="s2", key="two", name="Second\nshop", created_at=clock.now()))
    assert rows(house.home())[0].quiet.endswith(" · Demo")


def test_a_line_says_to_whom_it_is_offered(house: House) -> None:
    conversation = house.waits()

    def offer() -> None:
        agent = house.store.Agent.get(house.store.Agent.name == "marko")
        house.store.sql(
            "INSERT INTO agent_offer (id, conversation_id, agent_id, wait, state, at, until) VALUES ('o1', ?, ?, 1, 'open', 0, 0)",
            (conversation, agent.id),
        )

    house.store.write(offer)
    assert rows(house.tab("unassigned"))[0].quiet.endswith(" · offered to Marko")
    assert rows(house.tab("unassigned", "marko"))[0].quiet.endswith(" · offered to you")
    house.press(of(rows(house.home("marko"))[0], "Claim"), "marko")
    assert "offered" not in rows(house.tab("mine", "marko"))[0].quiet


def test_a_viewer_may_ask_and_not_tell(house: House) -> None:
    house.waits()
    for asked in ("", "help", "queue", "who", "search order"):
        assert house.say(asked, "vera").code == "done", asked
        assert house.say(asked, "olga").code == "not_allowed" and house.say(asked, "stranger").code == "not_linked"
    for told in ("status away", "tag #1001 x", "nonsense"):
        assert house.say(told, "vera").code == "not_allowed", told


def test_who_is_answered_later_does_not_wait(house: House) -> None:
    house.set(house.waits(), deferred=True)
    assert rows(house.tab("unassigned"))[0].quiet.startswith("To be answered later, since ")


def test_a_thread_that_is_opened_anew_has_another_address(house: House) -> None:
    conversation = house.waits()

    def link() -> str:
        (line,) = rows(house.tab("unassigned"))
        return next((one.url for one in line.presses if one.url), "")

    house.show(conversation, link="javascript:alert({})")
    assert link() == "", "only addresses of the web are shown"
    house.press(of(rows(house.home())[0], "Claim"))
    house.press(of(rows(house.tab("mine"))[0], "Resolve"))
    house.press(of(rows(house.tab("resolved"))[0], "Reopen"))
    house.show(conversation)
    before = link()
    assert before.startswith("https://wall.example/"), "a later card tells it as well"
    house.customer("Hello?", person="customer1")
    claimed = house.outbox.claim(conversation)
    assert claimed is not None
    house.outbox.thread_gone(claimed, "deleted")
    assert link() == ""
    house.show(conversation)
    assert link().startswith("https://wall.example/") and link() != before
