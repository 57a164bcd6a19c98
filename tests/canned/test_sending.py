"""Canned replies in a thread and in the form: what goes out, once, and everything that keeps one from going out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot import agents, clock, erase, replies
from bot.canned_words import filled, first_name, gaps, plain_name
from bot.desk_actions import Action
from bot.pages import Choice, Field, Words
from bot.replies import marked_as_note
from tests.canned.conftest import Shop, field, presses, words


def test_a_shortcut_alone_is_a_reply_with_everything_that_replies_have(shop: Shop) -> None:
    shop.add(
        "refund", "Hello {{customer.first_name}}, {{ticket}} is paid back. **{{agent.name}}** of {{site}}, {{date}}"
    )
    shop.named("Anna Kovač")
    held = shop.say("refund", key="k1")
    assert (held.code, held.offer) == ("held", (Action.UNDO,)) and "You claimed this." in held.aside
    assert shop.sent() == [] and [p.op for p in shop.world.pump() if p.op in {"message", "mark"}] == []
    assert shop.say("refund", key="k1").code == "duplicate"
    shop.world.later()
    (said,) = shop.sent()
    number = shop.world.ticket().number
    assert said.startswith(f"Hello Anna, #{number} is paid back. **Ana** of Demo, ") and said.endswith(
        str(clock_year())
    )
    posts = [p for p in shop.world.pump() if p.op in {"message", "mark"}]
    assert [(p.op, p.author, p.author_name, p.text) for p in posts if p.op == "message"] == [
        ("message", "agent", "Ana", said)
    ]
    shown = next(p.id for p in shown_as(shop, said))
    marks = [(p.mark, p.subject) for p in posts if p.op == "mark"]
    assert marks == [("sent", shown)], "the mark is on the post that shows it"
    assert shop.uses("refund") == 1
    shop.world.later()
    assert shop.uses("refund") == 1 and len(shop.sent()) == 1
    assert shop.say("canned REFUND", who="T1:marko").code == "held", "the longer way, by a colleague, in any case"
    shop.world.later()
    assert shop.uses("refund") == 2 and "Marko" in shop.sent()[1]
    undone = shop.say("refund")
    assert shop.world.do("T1:ana", "action", action=Action.UNDO, value=undone.value).code == "done"
    shop.world.later()
    assert shop.uses("refund") == 2 and len(shop.sent()) == 2, "what was taken back was not sent"
    assert [p.mark for p in shop.world.pump() if p.op == "mark"] == ["sent"], "and is marked nowhere"


def clock_year() -> int:
    import datetime

    return datetime.datetime.fromtimestamp(clock.now(), datetime.UTC).year


def shown_as(shop: Shop, text: str) -> list[Any]:
    rows = shop.store.sql(
        "SELECT d.platform_id FROM delivery d JOIN message m ON m.id = d.message WHERE m.body = ? AND d.channel = 'desk:wall'"
        " AND d.op = 'send'",
        (text,),
    )
    return [type("Shown", (), {"id": row[0]}) for row in rows.fetchall()]


def test_gaps_stop_the_shortcut_and_show_the_way_to_the_form(shop: Shop) -> None:
    made = shop.add("late", "Order {{ order  number }} comes on {{day}}. Yours, {{agent.name}}")
    before = shop.world.row().rev
    answer = shop.say("late")
    assert answer.code == "cannot" and "Not sent" in answer.aside and "⟨order number⟩ and ⟨day⟩" in answer.aside
    assert shop.sent() == [] and shop.world.row().rev == before, "nothing was claimed for it"
    (fill,) = presses(answer.page)
    assert (fill.opens, fill.value, fill.conversation_id) == ("canned.choose", made.id, shop.world.conversation)
    page = shop.form(fill.value)
    text = field(page, "text")
    assert (
        isinstance(text, Field)
        and text.value == "Order ⟨order number⟩ comes on ⟨day⟩. Yours, Ana"
        and "⟨day⟩" in text.hint
    )
    for typed, named in (
        (text.value, "⟨order number⟩ and ⟨day⟩"),
        ("Order 4711 comes on ⟨day⟩.", "⟨day⟩"),
        ("Order 4711 comes on ⟨Monday.", "⟨"),
        ("Order 4711 comes on {{day}}.", "{{day}}"),
    ):
        refused = shop.send(typed, page, key="the same form")
        assert refused.code == "invalid" and refused.errors["text"].endswith(named), typed
    assert shop.send("Order 4711 comes on Monday.", page, key="the same form").code == "held"
    assert shop.send("Order 4711 comes on Monday.", page, key="the same form").code == "duplicate"
    shop.world.later()
    assert shop.sent() == ["Order 4711 comes on Monday."] and shop.uses("late") == 1


def test_a_name_is_only_a_name_and_one_that_is_not_known_is_a_gap(shop: Shop) -> None:
    shop.add("hi", "Hi {{customer.first_name}}, {{CUSTOMER.NAME}}")
    for name in ("", "***", "🌸"):
        shop.named(name)
        assert "⟨customer.first_name⟩ and ⟨CUSTOMER.NAME⟩" in shop.say("hi").aside
    shop.world.later()
    assert shop.sent() == []
    for name, said in (
        ("*Anna* [x](https://evil.example) <!channel> `a`", "Hi Anna, Anna x https evil example channel a"),
        ("1. Anna", "Hi 1, 1 Anna"),
        ("# Kovač, Dr. Anna {{ticket}} ⟨x⟩", "Hi Anna, Kovač, Dr. Anna ticket x"),
        ("Mary-Jane O’Neill-Smith Jr.", "Hi Mary-Jane, Mary-Jane O’Neill-Smith Jr."),
        ("J.R.R. Tolkien", "Hi J.R.R., J.R.R. Tolkien"),
        ("王小明", "Hi 王小明, 王小明"),
    ):
        shop.named(name)
        assert shop.say("hi").code == "held"
        shop.world.later()
        assert shop.sent()[-1] == said


def test_who_may_not_and_where_it_cannot_be(shop: Shop) -> None:
    shop.add("hi", "Hi")
    world = shop.world
    assert shop.say("hi", "T1:stranger").code == "not_linked"
    assert shop.say("hi", trusted=False).code == "not_allowed"
    assert shop.say("hi", "T1:eve").code == "not_allowed", "a viewer"
    agents.set_active("marko", False, actor="test")
    assert shop.say("hi", "T1:marko").code == "not_allowed"
    assert "!hi" not in shop.asks("hi").aside and shop.asks("hi").code == "cannot", "there is no conversation"
    assert shop.say("hi there").code == "cannot", "with more behind it nobody knows what is meant"
    assert shop.say("hello").code == "cannot"
    assert world.do("T1:ana", text="// !hi").code == "note"
    shop.change("hi", on=False)
    assert "switched off" in shop.say("hi").aside and shop.say("hi").code == "cannot"
    shop.add("refund-paid", "x")
    assert "There is no !refund_payd. Did you mean !refund-paid? Nothing was sent" in shop.say("refund_payd").aside
    shop.change("refund-paid", on=False)
    assert "There is no !refund_payd. Nothing was sent" in shop.say("refund_payd").aside
    shop.store.write(lambda: shop.store.Site.create(id="s2", key="other", name="Other", created_at=0))
    shop.change("hi", on=True, site="other")
    assert "for the site other" in shop.say("hi").aside
    shop.change("hi", site="")
    shop.store.write(lambda: replies.set_mode("wall", "W1", "alerts-only"))
    assert shop.say("hi").code == "cannot" and shop.send("Hi").errors["text"].startswith("Not sent: this channel only")
    shop.store.write(lambda: replies.set_mode("wall", "W1", "gated"))
    world.do("T1:ana", "action", action=Action.RESOLVE)
    resolved = shop.say("hi")
    assert resolved.code == "resolved" and resolved.offer == (Action.REOPEN,)
    assert "resolved" in words(shop.form()) and "this is resolved" in shop.send("Hi").errors["text"]
    world.do("T1:ana", "action", action=Action.REOPEN)
    world.do("T1:ana", "action", action=Action.RETURN)
    assert shop.say("hi").code == "not_claimed" and "the AI has" in shop.send("Hi").errors["text"]
    assert "The AI has" in words(shop.form())
    world.later()
    assert shop.sent() == [] and shop.uses("hi") == 0


def test_the_form_says_who_may_not_see_it(shop: Shop) -> None:
    made = shop.add("hi", "Hi {{customer.name}}")
    shop.named("Anna")
    for who, more, said in (
        ("T1:stranger", {}, "not linked"),
        ("T1:ana", {"trusted": False}, "not linked"),
        ("T1:eve", {}, "may read but not act"),
        ("T1:ana", {"conversation_id": ""}, "not the thread of a conversation"),
        ("T1:ana", {"conversation_id": "", "place": "W1", "thread": "m9"}, "not the thread of a conversation"),
        ("T1:ana", {"conversation_id": "gone"}, "deleted this conversation"),
    ):
        page = shop.form(made.id, who=who, **more)
        assert said in words(page) and not page.submit and "Anna" not in repr(page.parts)
        assert shop.find("", who=who, **more) == []
    by_thread = shop.form(made.id, conversation_id="", place="W1", thread="m1")
    text = field(by_thread, "text")
    assert by_thread.conversation_id == shop.world.conversation and isinstance(text, Field) and text.value == "Hi Anna"


def test_an_erased_conversation_gets_nothing(shop: Shop) -> None:
    made = shop.add("hi", "Hi")
    page = shop.form(made.id)
    held = shop.say("hi")
    assert held.code == "held"
    erase.erase_conversation(shop.world.conversation)
    shop.world.later()
    assert shop.uses("hi") == 0
    for answer in (shop.send("Hi", page), shop.press("canned.pick", made.id), shop.say("hi")):
        assert answer.code in {"stale", "cannot"} and answer.aside, answer
    assert shop.press("canned.send", conversation_id="", fields={"text": "Hi"}).code == "stale"


def test_picking_fills_the_field_anew_and_keeps_what_was_chosen_below(shop: Shop) -> None:
    one, two = shop.add("one", "First for {{ticket}}"), shop.add("two", "Second")
    page = shop.form()
    assert all(part.style != "markdown" for part in page.parts if isinstance(part, Words)), "words of ours stay words"
    assert isinstance(field(page, "text"), Field) and field(page, "text").value == ""  # type: ignore[union-attr]
    picked = shop.press(
        "canned.pick", one.id, page_value=page.value, fields={"reply": one.id, "text": "", "resolve": "yes"}
    ).page
    assert picked is not None
    text, chosen, after = field(picked, "text"), field(picked, "reply"), field(picked, "resolve")
    assert isinstance(text, Field) and isinstance(chosen, Choice) and isinstance(after, Choice)
    assert (
        text.value == f"First for #{shop.world.ticket().number}"
        and chosen.chosen == (one.id,)
        and after.chosen == ("yes",)
    )
    again = shop.press("canned.pick", two.id, page_value=picked.value, fields={"text": text.value}).page
    assert again is not None and field(again, "text").edition != text.edition  # type: ignore[union-attr]
    shop.change("one", on=False)
    typed = {"text": "what I typed over"}
    gone = shop.press("canned.pick", one.id, page_value=again.value, fields=typed)
    assert gone.code == "stale" and gone.page is not None and "removed or switched off" in words(gone.page)
    kept = field(gone.page, "text")
    assert kept.value == typed["text"] and kept.edition == field(again, "text").edition  # type: ignore[union-attr]
    assert "removed or switched off" in words(shop.form(one.id))


def test_a_text_longer_than_a_field_takes_two_and_stays_whole(shop: Shop) -> None:
    text = "\n\n".join(f"{n}: " + "word " * 120 for n in range(6)).strip()
    made = shop.add("long", text)
    page = shop.form(made.id)
    first, more = field(page, "text"), field(page, "more")
    assert isinstance(first, Field) and isinstance(more, Field) and len(first.value) <= 3_000
    answer = shop.send(first.value, page, fields={"more": more.value})
    assert answer.code == "held"
    shop.world.later()
    assert shop.sent() == [made.text]


def test_what_is_typed_without_a_reply_goes_out_too_and_an_empty_form_or_a_note_does_not(shop: Shop) -> None:
    made = shop.add("hi", "Hi")
    for typed in ("", "  \n ", "note: angry", "// x", "🔒 y"):
        answer = shop.send(typed, shop.form(made.id))
        assert answer.code == "invalid" and answer.errors["text"], typed
    assert shop.send("Only words").code == "held"
    shop.world.later()
    assert shop.sent() == ["Only words"] and shop.uses("hi") == 0
    page = shop.form(made.id)
    shop.store.write(lambda: shop.store.CannedReply.delete().execute())
    assert shop.send("It was removed meanwhile", page).code == "held", "the words are the agent's own by now"


@pytest.mark.parametrize("how", ["gated", "direct"])
def test_resolve_after_sending(shop: Shop, how: str) -> None:
    shop.add("bye", "Bye")
    shop.store.write(lambda: replies.set_mode("wall", "W1", how))
    answer = shop.send("Bye", fields={"resolve": "yes"})
    if how == "gated":
        assert answer.code == "held" and "Then it is resolved" in answer.aside and shop.world.row().state == "human"
        shop.world.later()
    assert shop.world.row().state == "resolved" and [a for a, _ in shop.world.said()][-2:] == ["agent", "system"]
    assert shop.world.ticket().last_agent == "ana"


def test_it_is_not_resolved_over_what_the_customer_wrote_meanwhile(shop: Shop) -> None:
    shop.send("Bye", fields={"resolve": "yes"})
    shop.world.customer("One more thing")
    shop.world.pump()
    shop.world.later()
    assert shop.sent() == ["Bye"] and shop.world.row().state == "human"
    asides = [p for p in shop.world.pump() if p.op == "aside"]
    assert [(p.person, p.thread) for p in asides] == [("T1:ana", "m1")] and "stays open" in asides[0].text
    undone = shop.send("Bye bye", fields={"resolve": "yes"})
    shop.world.do("T1:ana", "action", action=Action.UNDO, value=undone.value)
    shop.world.later()
    assert shop.world.row().state == "human", "taken back with what was to follow it"
    shop.send("Mine", fields={"resolve": "yes"})
    shop.world.do("T1:marko", "action", action=Action.TRANSFER, value="marko")
    shop.world.later()
    assert shop.world.row().state == "human" and shop.world.row().assignee == "marko", "a colleague has it now"
    assert "a colleague took it" in next(p.text for p in shop.world.pump() if p.op == "aside")
    shop.send("Now", fields={"resolve": "yes"})
    shop.world.do("T1:ana", "action", action=Action.RESOLVE)
    shop.world.later()
    assert shop.sent() == ["Bye", "Mine", "Now"] and shop.world.row().state == "resolved", (
        "resolved by hand before its time: once"
    )


def test_a_form_that_was_opened_elsewhere_goes_by_the_rules_of_its_thread(shop: Shop) -> None:
    shop.store.write(lambda: replies.set_mode("wall", "W1", "direct"))
    answer = shop.send("From the inbox", place="D1")
    assert answer.code == "sent" and shop.sent() == ["From the inbox"]
    shown = [p for p in shop.world.pump() if p.op == "message"]
    assert [(p.place, p.thread, p.author) for p in shown] == [("W1", "m1", "agent")]


def test_the_texts_of_replies_are_sealed_like_others(shop: Shop, environment: Any) -> None:
    environment(DESKHAND_ENCRYPT_MESSAGES="true")
    shop.add("hi", "Hi {{customer.name}}")
    shop.named("Anna Kovač")
    assert shop.say("hi").code == "held"
    body = shop.store.read(lambda: shop.store.sql("SELECT body FROM reply WHERE state = 'held'").fetchone()[0])
    assert "Anna" not in body
    audit = shop.store.read(lambda: shop.store.sql("SELECT detail FROM audit").fetchall())
    assert "Anna" not in str(audit) and "Hi" not in str([row for row in audit if "canned" in str(row)])


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.sampled_from(["{{customer.name}}, hello", "Hello {{customer.first_name}}"]),
)
def test_no_name_can_become_markup(name: str, text: str) -> None:
    said = filled(text, {"customer.name": plain_name(name), "customer.first_name": first_name(name)})
    assert bool(gaps(said)) == (not plain_name(name)), "a name, or a gap where nothing is left of it"
    if gaps(said):
        return
    assert marked_as_note(said) == 0 and not set(said) & set("*_`[]<>()#|~@&\\:/\n\r\u202e")
    tokens = MarkdownIt("commonmark").parse(said)
    assert [one.type for one in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    assert {one.type for one in tokens[1].children or ()} == {"text"}
