"""Canned replies at the desk beside sending: lists, searching, and what admins write, change, switch and remove there."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from bot import canned, clock, housekeeping
from bot.canned import CannedRefused, CannedReply
from bot.canned_search import search, small_letters
from bot.pages import Choice, Field, Heading
from tests.canned.conftest import Shop, field, presses, words
from tests.commanding import command


def listed(answer: Any) -> list[str]:
    return [
        part.title.partition(" ")[0]
        for part in answer.page.parts
        if hasattr(part, "presses") and hasattr(part, "title")
    ]


def test_the_list_is_by_category_and_goes_on_behind_more(shop: Shop) -> None:
    assert "No canned reply is on here" in words(shop.say("canned").page)
    for number in range(10):
        shop.add(
            f"a{number}",
            f"Text {number} " + "long " * 90,
            title=f"Title {number}",
            category="Orders" if number % 2 else "",
        )
    shop.change("a3", on=False)
    first = shop.say("canned")
    assert first.code == "done" and first.page is not None and first.page.kind == "aside"
    assert [part.text for part in first.page.parts if isinstance(part, Heading)] == ["Without a category", "Orders"]
    assert listed(first) == ["!a0", "!a2", "!a4", "!a6", "!a8", "!a1", "!a5", "!a7"], "a3 is off"
    assert "9 canned replies, 1 of 2" in first.aside and "!a0" in first.aside, "also in words"
    assert all(len(part.text) < 250 for part in first.page.parts if hasattr(part, "quiet"))
    (use, *_, more) = presses(first.page)
    assert (use.opens, use.conversation_id, more.what) == ("canned.choose", shop.world.conversation, "canned.more")
    rest = shop.press(more.what, more.value)
    assert listed(rest) == ["!a9"] and "2 of 2" in rest.aside
    assert listed(shop.press("canned.more", "99|")) == ["!a9"] and len(listed(shop.press("canned.more", "x|"))) == 8
    anywhere = shop.asks("canned")
    assert all(one.opens != "canned.choose" for one in presses(anywhere.page)), "there is no customer to send it to"
    for admin in (shop.say("canned", "T1:boss"), shop.asks("canned a3", "T1:boss")):
        assert {
            "Edit",
            "Switch off" if admin.aside.startswith("10") else "Switch on",
            "Remove",
            "New canned reply",
        } <= {one.label for one in presses(admin.page)}
    assert "off · Orders" in words(shop.asks("canned a3", "T1:boss").page)
    assert shop.asks("canned", "T1:stranger").code == "not_linked"


def test_a_viewer_reads_the_list_and_uses_nothing(shop: Shop) -> None:
    for number in range(10):
        shop.add(f"a{number}", f"Text {number}")
    shop.change("a9", on=False)
    everything = shop.asks("canned", "T1:eve")
    assert everything.code == "done" and everything.aside.startswith("9 canned replies, 1 of 2")
    (more,) = presses(everything.page)
    assert listed(shop.press(more.what, more.value, "T1:eve", conversation_id="")) == ["!a8"]
    assert listed(shop.asks("canned a3", "T1:eve"))[0] == "!a3"
    in_thread = shop.say("canned", "T1:eve")
    assert len(listed(in_thread)) == 8 and [one.label for one in presses(in_thread.page)] == ["More"], "nothing to use"
    for words_ in ("canned a3", "a3"):
        refused = shop.say(words_, "T1:eve")
        assert refused.code == "not_allowed" and "may read but not act" in refused.aside, words_
    assert shop.send("Text 3", who="T1:eve").code == "not_allowed" and shop.sent() == []
    assert not shop.form(who="T1:eve").submit and "!canned" in words(shop.say("help", "T1:eve").page)


def test_searching_by_shortcut_title_category_text_slips_and_accents(shop: Shop) -> None:
    refund = shop.add("refund", "The money is on its way.", title="Refund is done", category="Money", language="en")
    late = shop.add(
        "late", "Your parcel is late because of snow.", title="Verspätung", category="Orders", language="de"
    )
    hello = shop.add("hello", "Good morning. About the refund …")
    shop.store.write(lambda: shop.store.Site.create(id="s2", key="other", name="Other", created_at=0))
    shop.add("elsewhere", "x", site="other")
    shop.add("hidden", "x", on=False)

    def found(query: str) -> list[str]:
        return [one.value for one in shop.find(query)]

    assert found("refund") == [refund.id, hello.id], "the shortcut before the text"
    assert found("!REF") == [refund.id, hello.id] and found("money way") == [refund.id]
    assert found("verspatung") == found("Verspätung") == found("snow") == found("orders parcel") == [late.id]
    assert found("refnud") == [refund.id], "a slip of the pen"
    assert found("xyzzy") == found("hidden") == found("elsewhere") == []
    assert found("") == [hello.id, late.id, refund.id], (
        "nobody used any yet: by shortcut, those for every language first"
    )
    for _ in range(2):
        shop.say("late")
    shop.say("refund")
    shop.world.later()
    assert found("")[0] == hello.id and found("")[1:] == [late.id, refund.id]
    shop.store.write(lambda: shop.store.Conversation.update(language="en-GB").execute())
    assert found("") == [refund.id, hello.id, late.id], "the customer's language before all"
    (first, *_) = shop.find("")
    assert (first.label, first.note) == ("Refund is done · !refund", "Money · en")
    assert words(shop.say("canned nothing here").page).startswith("No canned reply has these words")
    assert "!late" in shop.say("canned late snow").aside and "!refund" not in shop.say("canned late snow").aside
    with_much = shop.find("a" * 5_000)
    assert with_much == []


def test_thousands_of_long_ones_are_searched_while_a_desk_waits() -> None:
    words = ["der", "Müller", "fährt", "übers", "große", "Moor,", "žuta", "kuća:", "12.50", "(sehr", "schön)\n"]
    many = [
        CannedReply(id=str(n), shortcut=f"s-{n}", text=f"{n} {' '.join(words[n % 9 :] + words * 60)}"[:4_000])
        for n in range(canned.MOST)
    ]
    small_letters.cache_clear()
    began = time.thread_time()  # what others do on the machine does not count
    assert search("nowhere", many) == []
    assert time.thread_time() - began < 1.2, "a desk waits two seconds, and the database and the network need some"
    assert [one.id for one in search("1234 12.50 schon muller", many)] == ["1234"], "signs and accents stop nobody"


def test_an_admin_writes_one_in_the_form(shop: Shop) -> None:
    page = shop.form(name="canned.edit", who="T1:boss", conversation_id="")
    assert page.what == "canned.save" and {one.name for one in page.parts if isinstance(one, Field | Choice)} == {
        "shortcut", "title", "text", "category", "language", "on",
    }  # fmt: skip
    fields = {
        "shortcut": "!Refund",
        "title": "",
        "text": "It is {{paid}} back",
        "category": "Money",
        "language": "pt_br",
        "on": "yes",
    }
    saved = save(shop, page.value, fields)
    assert saved.code == "done" and "!refund is there now" in saved.aside
    made = canned.listed()[0]
    assert (made.title, made.language, made.created_by, made.changed_by, made.on) == (
        "Refund",
        "pt-br",
        "boss",
        "boss",
        True,
    )
    twice = save(shop, page.value, fields)
    assert twice.code == "invalid" and "refund already" in twice.errors["shortcut"]
    wrong = save(
        shop,
        page.value,
        {"shortcut": "a b", "title": "x" * 101, "text": " ", "category": "y" * 61, "language": "?", "site": "no"},
    )
    assert (
        set(wrong.errors) == {"shortcut", "title", "text", "category", "language", "site"} and len(canned.listed()) == 1
    )
    for reserved in ("resolve", "queue", "help", "canned", "note"):
        assert "means something else" in save(shop, page.value, fields | {"shortcut": reserved}).errors["shortcut"]
    shop.store.write(lambda: shop.store.Site.create(id="s2", key="other", name="Other", created_at=0))
    page = shop.form(made.id, name="canned.edit", who="T1:boss", conversation_id="")
    site, on = field(page, "site"), field(page, "on")
    assert isinstance(site, Choice) and site.chosen == ("*",) and isinstance(on, Choice) and on.chosen == ("yes",)
    assert save(shop, page.value, fields | {"site": "other", "on": ""}).code == "done"
    (changed,) = canned.listed()
    assert (changed.site, changed.on, changed.id) == ("other", False, made.id)
    stale = save(shop, page.value, fields | {"text": "Another"})
    assert stale.code == "invalid" and stale.errors["text"].startswith("boss has changed this meanwhile")
    assert save(shop, f"{made.id}|nonsense|", fields).code == "invalid"
    shop.store.write(lambda: canned.remove("refund", actor="cli:x"))
    assert "removed meanwhile" in save(shop, page.value, fields).errors["shortcut"]
    assert "removed meanwhile" in words(shop.form(made.id, name="canned.edit", who="T1:boss"))


def save(shop: Shop, value: str, fields: dict[str, str], who: str = "T1:boss") -> Any:
    return shop.press("canned.save", page_value=value, fields=fields, who=who, conversation_id="")


def test_a_long_text_is_changed_in_two_fields(shop: Shop) -> None:
    made = shop.add("long", "\n\n".join(["word " * 150] * 5).strip())
    page = shop.form(made.id, name="canned.edit", who="T1:boss")
    first, more = field(page, "text"), field(page, "more")
    assert isinstance(first, Field) and isinstance(more, Field)
    fields = {"shortcut": "long", "title": made.title, "text": first.value, "more": more.value, "on": "yes"}
    assert save(shop, page.value, fields).code == "done"
    assert canned.listed()[0].changed_at == made.changed_at, "nothing was changed, so nothing is noted"
    assert save(shop, page.value, fields | {"more": more.value + " and more"}).code == "done"
    assert canned.listed()[0].text == made.text + " and more"


def test_only_admins_change_anything_and_what_is_gone_is_said(shop: Shop) -> None:
    made = shop.add("hi", "Hi")
    page = shop.form(name="canned.edit", who="T1:ana", conversation_id="")
    assert "Only admins" in words(page) and not page.submit
    assert save(shop, "", {"shortcut": "x", "text": "x"}, who="T1:ana").code == "not_allowed"
    for what, value in (("canned.switch", f"off|{made.id}"), ("canned.remove", made.id)):
        assert shop.press(what, value, "T1:ana").code == "not_allowed"
        assert shop.press(what, value, "T1:stranger").code == "not_linked"
    assert canned.listed() == [made]
    off = shop.press("canned.switch", f"off|{made.id}", "T1:boss", key="once")
    assert off.code == "done" and "cannot be sent" in off.aside and not canned.listed()[0].on
    assert shop.press("canned.switch", f"off|{made.id}", "T1:boss", key="once").code == "duplicate"
    assert "is off already" in shop.press("canned.switch", f"off|{made.id}", "T1:boss").aside
    assert shop.press("canned.switch", f"sideways|{made.id}", "T1:boss").code == "stale"
    assert shop.press("canned.switch", f"on|{made.id}", "T1:boss").code == "done"
    rename = "UPDATE canned_reply SET shortcut = ? WHERE id = ?"
    shop.store.write(lambda: shop.store.sql(rename, ("queue", made.id)))  # a word of a newer Deskhand
    refused = shop.press("canned.switch", f"off|{made.id}", "T1:boss")
    assert refused.code == "cannot" and "means something else" in refused.aside and canned.listed()[0].on
    shop.store.write(lambda: shop.store.sql(rename, ("hi", made.id)))
    assert shop.press("canned.remove", made.id, "T1:boss").code == "done" and canned.listed() == []
    assert shop.press("canned.remove", made.id, "T1:boss").code == "stale"
    trail = shop.store.read(
        lambda: shop.store.sql(
            "SELECT actor, action, object, detail FROM audit WHERE action LIKE 'canned.%' ORDER BY id"
        ).fetchall()
    )
    assert [tuple(row[:3]) for row in trail] == [
        ("cli:test", "canned.add", "canned:hi"), ("boss", "canned.change", "canned:hi"), ("boss", "canned.change", "canned:hi"),
        ("boss", "canned.remove", "canned:hi"),
    ]  # fmt: skip
    assert json.loads(trail[1][3]) == {"changed": ["on"]}


def test_how_often_one_was_sent_is_known_for_ninety_days_and_then_forgotten(shop: Shop) -> None:
    hello, late = shop.add("hi", "Hi"), shop.add("late", "Late")
    new = shop.add("new", "New")
    long_ago, day = "UPDATE canned_reply SET created_at = created_at - 40000000 WHERE id <> ?", 86_400
    use = "INSERT INTO canned_use (reply, canned, at) VALUES (?, ?, ?)"

    def was(days: float, one: CannedReply) -> None:
        shop.store.sql(use, (clock.new_id(), one.id, clock.now() - days * day))

    def work() -> None:
        shop.store.sql(long_ago, (new.id,))
        for days, one in ((400, hello), (91, hello), (91, late), (89, hello), (1, hello), (1, new)):
            was(days, one)

    def told() -> tuple[list[tuple[str, int]], str, str]:
        found = [(one.shortcut, one.uses) for one in canned.listed()]
        shown = command(shop.store, "canned", "show", "hi").output
        return (
            found,
            words(shop.asks("canned").page),
            next(line for line in shown.splitlines() if line.startswith("sent")),
        )

    shop.store.write(work)
    before = told()
    assert before[0] == [("hi", 2), ("late", 0), ("new", 1)]
    for said in ("sent 2 times in 90 days", "not sent in 90 days", "sent 1 time"):
        assert said in before[1], said
    assert before[1].count("90 days") == 2 and before[2].startswith("sent      2 times in 90 days, the last time on ")
    housekeeping.retention()
    assert shop.store.read(lambda: shop.store.CannedUse.select().count()) == 3
    assert told() == before, "nobody sees when the rows go"


def test_commands_for_canned_replies(store: Any) -> None:
    def run(*given: str, text: str = "") -> Any:
        return command(store, "canned", *given, text=text)

    assert "0 canned replies." in run("list").output
    assert (
        run(
            "add", "Refund", "--text", "-", "--category", "Money", text="Paid back: {{amount}}, {{agent.name}}\n"
        ).output
        == "!refund is there.\n"
    )
    assert "There is a canned reply refund already" in run("add", "refund", "--text", "x").output
    shown = run("show", "!refund").output
    assert (
        "category  Money" in shown
        and "sent      never" in shown
        and "gaps      amount:" in shown
        and "Paid back: {{amount}}" in shown
    )
    assert run("set", "refund", "--rename", "paid", "--category", "", "--language", "DE").output == "!paid is saved.\n"
    (one,) = canned.listed()
    assert (one.shortcut, one.category, one.language, one.title) == ("paid", "", "de", "Refund")
    assert run("set", "paid").exit_code == 2 and "Say what to change" in run("set", "paid").output
    for words_given, said in (
        (("set", "pait", "--title", "x"), "There is no canned reply 'pait'. Did you mean paid? Nothing was changed."),
        (("show", "nothing"), "There is no canned reply 'nothing'"),
        (("on", "nothing"), "There is no canned reply"), (("off", "nothing"), "There is no canned reply"),
        (("remove", "nothing"), "There is no canned reply"),
        (("add", "a b", "--site", "x"), "There is no site 'x'"),
    ):  # fmt: skip
        refused = run(*words_given)
        assert refused.exit_code == 1 and said in refused.output, refused.output
    assert run("off", "paid").output == "!paid is off.\n" and "off      0x  de" in run("list").output
    assert run("on", "paid").output == "!paid is on.\n"
    assert (
        run("add", "other", "--text", "Other", "--category", "Rest", "--off").output
        == "!other is there, switched off.\n"
    )
    assert "1 canned reply." in run("list", "--category", "rest").output and "other" not in run("list", "back").output
    assert run("remove", "paid").output == "!paid is removed.\n" and [row.shortcut for row in canned.listed()] == [
        "other"
    ]


@pytest.mark.parametrize(
    "text", ["Hi {{}}", "Hi {{ }}", "Hi {{a", "Hi a}}", "{{" + "x" * 61 + "}}", "{{⟨x⟩}}", "note: x", "🔒x"]
)
def test_texts_that_nobody_could_send_are_refused(text: str) -> None:
    with pytest.raises(CannedRefused) as refused:
        canned.checked(CannedReply(shortcut="x", text=text), {})
    assert set(refused.value.problems) == {"text"}


def test_two_who_add_the_same_at_once_are_told_apart(shop: Shop) -> None:
    import threading

    told: list[str] = []
    gate = threading.Barrier(4)

    def add() -> None:
        gate.wait()
        try:
            shop.add("same", clock.new_id())
            told.append("added")
        except CannedRefused as refused:
            told.append(next(iter(refused.problems)))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["added", "shortcut", "shortcut", "shortcut"] and len(canned.listed()) == 1
