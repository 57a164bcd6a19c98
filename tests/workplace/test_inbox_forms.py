"""What is filled in about a ticket of an inbox: who is to have it, for how long it is hidden, and its drafts beside."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot import agents, clock, drafting, erase
from bot.claims import MAX_SNOOZE
from bot.crypto import keep
from bot.pages import Choice, Field, Option, Page, Wanted, Words
from bot.workplace import rooms
from tests.workplace.inboxes import House, labels, of, presses, rows


def form(house: House, label: str, who: str = "ana") -> Page:
    """Open a form from the menu of the first line."""
    entry = of(rows(house.home(who))[0], label)
    return house.page(entry.opens, who, entry.conversation_id)


def offered(house: House, query: str = "", who: str = "ana") -> list[Option]:
    wanted = Wanted(desk="wall", who=f"T1:{who}", name="inbox.assign", value="agent")
    return list(rooms.options(wanted, query))


def test_a_ticket_is_given_to_an_agent_who_may_act(house: House) -> None:
    conversation = house.waits()
    house.tab("unassigned")
    agents.set_available("marko", False, actor="test")
    page = form(house, "Assign…")
    assert page.kind == "form" and page.title == "Assign #1001" and page.conversation_id == conversation
    assert any(isinstance(part, Words) and part.text == "Nobody has it now." for part in page.parts)
    assert [(one.value, one.note) for one in offered(house)] == [("ana", ""), ("marko", "away")], (
        "no viewer, none that is off"
    )
    assert [one.value for one in offered(house, "ARK")] == ["marko"] and offered(house, "%") == []
    assert offered(house, who="stranger") == []
    agents.add_agent("zeljko", public_name="Željko Ćosić", actor="test")
    assert [one.value for query in ("ŽELJ", "želj", "zelj", "ćosić", "COSIC") for one in offered(house, query)] == [
        "zeljko"
    ] * 5

    assert house.send(page).errors == {"agent": "Choose who is to have it."}
    for nobody in ("vera", "olga", "nobody"):
        refused = house.send(page, agent=nobody)
        assert refused.code == "invalid" and "no agent of that name" in refused.errors["agent"]
    assert house.ticket(conversation).state == "open"
    assert house.send(page, agent="marko", key="k").code == "done"
    assert house.send(page, agent="ana", key="k").code == "duplicate"
    assert house.ticket(conversation).assignee == "marko"
    assert len(rows(house.tab("mine", "marko"))) == 1

    page = form(house, "Assign…", "marko")
    assert any(isinstance(part, Words) and part.text == "Marko has it now." for part in page.parts)
    assert house.send(page, "vera", agent="ana").code == "not_allowed"
    assert house.send(page, "stranger", agent="ana").code == "not_linked"
    house.press(of(rows(house.home("marko"))[0], "Resolve"), "marko")
    assert house.send(page, agent="ana").code == "resolved", "it was resolved while the form was open"
    assert not house.page("inbox.assign", "ana", conversation).submit, "and now there is no form to send"
    erase.erase_conversation(conversation)
    late = house.send(page, agent="ana")
    assert late.code == "stale" and "deleted" in late.aside
    for who in ("ana", "vera", "stranger"):
        assert not house.page("inbox.assign", who, conversation).submit


def test_a_ticket_is_hidden_for_a_while_or_until_the_morning_of_a_day(house: House) -> None:
    conversation, other = house.waits(), house.waits()
    house.tab("unassigned")
    page = form(house, "Snooze…")
    for fields, where in (
        ({}, "minutes"), ({"minutes": "0"}, "minutes"), ({"minutes": "soon"}, "minutes"), ({"minutes": str(MAX_SNOOZE + 1)}, "minutes"),
        ({"day": "2020-01-01"}, "day"), ({"day": "tomorrow"}, "day"), ({"minutes": "60", "day": "2999-01-01"}, "day"),
    ):  # fmt: skip
        assert set(house.send(page, **fields).errors) == {where}, fields
    assert house.ticket(conversation).snoozed_until is None
    done = house.send(page, minutes="180")
    assert done.code == "done" and done.aside.startswith("Snoozed until ")
    assert house.ticket(conversation).snoozed_until == pytest.approx(clock.now() + 180 * 60, abs=5)
    assert [of(one, "Claim").conversation_id for one in rows(house.home())] == [other, conversation], "it stands last"

    house.home(zone="Asia/Tokyo")
    day = datetime.fromtimestamp(clock.now() + 2 * 86_400, UTC).date()
    assert house.send(page, minutes="60", day=day.isoformat()).code == "done"
    until = house.ticket(conversation).snoozed_until - datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
    assert 0 <= until < 61, "nine in the morning there is midnight here"
    assert house.send(page, "vera", minutes="60").code == "not_allowed"
    house.press(of(rows(house.home())[1], "Resolve"))
    assert house.send(page, minutes="60").code == "resolved"
    assert not house.page("inbox.snooze", "ana", conversation).submit
    erase.erase_conversation(conversation)
    assert house.send(page, minutes="60").code == "stale"


def test_tags_are_chosen_and_written_and_those_of_a_colleague_stay(house: House) -> None:
    conversation, other = house.waits(), house.waits()
    house.tab("unassigned")
    page = form(house, "Tags…")
    assert not any(isinstance(part, Choice) for part in page.parts), "there are none to choose from"
    assert house.send(page, new="Refund, VIP #Žalba").code == "done"
    assert house.ticket(conversation).version > 1 and "tags: refund, vip, žalba" in rows(house.home())[0].quiet
    page = house.page("inbox.tags", "ana", other)
    (choice,) = [part for part in page.parts if isinstance(part, Choice)]
    assert [one.value for one in choice.options] == ["refund", "vip", "žalba"] and choice.chosen == ()

    page = form(house, "Tags…")
    (choice,) = [part for part in page.parts if isinstance(part, Choice)]
    assert choice.chosen == ("refund", "vip", "žalba") and page.value == "refund,vip,žalba"
    house.say("tag #1001 urgent -vip", "marko")
    assert house.send(page, tags="refund,vip", new="refund", key="k").code == "done"
    assert "tags: refund, urgent" in rows(house.home())[0].quiet, "only what the form changed is changed"
    assert house.send(page, tags="", key="k").code == "duplicate"
    for new, why in (("x" * 31, "cannot be a tag"), ("a!b", "cannot be a tag"), ("@", "cannot be a tag"), (" ".join(f"t{n}" for n in range(9)), "10 tags at most")):  # fmt: skip
        refused = house.send(page, tags=page.value, new=new)
        assert refused.code == "invalid" and why in refused.errors["new"], new
    assert house.send(page, "vera", new="x").code == "not_allowed"
    assert house.send(page, "stranger", new="x").code == "not_linked"
    assert "tags: refund, urgent" in rows(house.home())[0].quiet
    assert isinstance(house.page("inbox.tags", "vera", conversation).parts[0], Words)
    erase.erase_conversation(conversation)
    assert house.send(page, new="late").code == "stale"
    assert not any(isinstance(part, Field) for part in house.page("inbox.tags", "ana", conversation).parts)


def test_drafts_of_an_agent_stand_in_their_inbox_and_nobody_elses(house: House) -> None:
    conversation = house.waits(name="Anna")
    ana = house.store.read(lambda: agents.agent_named("ana"))
    draft = house.store.write(lambda: drafting.ask(conversation, ana, "wall", ""))
    ready = keep("agent_draft", "text", draft, "It leaves tomorrow.")
    page = house.home()
    assert "Drafts (0)" in presses(page), "it is being written"
    house.store.write(lambda: house.store.sql("UPDATE agent_draft SET state = 'ready', text = ? WHERE id = ?", (ready, draft)))  # fmt: skip
    assert "Drafts (1)" in presses(house.home())
    assert house.press(presses(house.home())["Drafts (1)"]).code == "done"
    (line,) = rows(house.home())
    assert line.title == "#1001 · Anna" and "It leaves tomorrow" in line.text
    assert line.presses[0].label == "Send"
    assert house.press(of(line, "Discard")).code == "done"
    assert rows(house.home()) == [] and "Drafts (0)" in presses(house.home())
    assert rows(house.tab("drafts", "marko")) == []
    several = "INSERT INTO agent_draft ({}) SELECT {} FROM agent_draft d WHERE d.id = ?"
    columns = [one.column_name for one in house.store.AgentDraft._meta.sorted_fields]
    for number in range(31):
        new = {
            "id": f"'d{number}'",
            "state": "'failed'" if number == 3 else "'ready'",
            "text": "'Words'",
            "started_at": f"d.started_at - {number}",
        }
        query = several.format(", ".join(columns), ", ".join(new.get(one, f"d.{one}") for one in columns))
        house.store.write(lambda query=query: house.store.sql(query, (draft,)))
    first = house.home()
    assert len(rows(first)) == 30 and "Drafts (30)" in presses(first), "one of the 31 could not be written"
    assert house.press(presses(first)["Next page"]).code == "done"
    second = house.home()
    assert len(rows(second)) == 1 and "Next page" not in presses(second)
    assert house.press(of(rows(second)[0], "Discard")).code == "done"
    assert rows(house.home()) == rows(first), "where there is no second page any more the first is shown"
    assert len(labels(house.home("vera"))) == 3 and "Drafts (0)" not in presses(house.home("vera"))
