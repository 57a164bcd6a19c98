"""What goes out: exact words and forms, and every failure told apart."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from bot import Attachment, Button, ChannelDown, PermanentFailure, Source, TemporaryFailure, Uncertain
from channels.telegram.rich import render, units
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_state import USERNAME

from .conftest import ANNA, GROUP, Running

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 500


def test_words_and_their_form_arrive(telegram: FakeTelegram, running: Running) -> None:
    source = Source(
        n=1,
        passage_id="p",
        title="Shipping",
        heading="How long",
        url="https://shop.example/shipping#long",
        updated="2026-03-01",
    )
    sent = running.send(text="**Two** days 🚚 & `<free>` [1]", sources=(source,))
    (message,) = telegram.world.said(ANNA)
    assert message["text"] == "Two days 🚚 & <free> [1]\n\n[1] Shipping: How long (updated 2026-03-01)"
    assert sent.platform_id == str(message["message_id"])
    assert message["preview"] == {"is_disabled": True}
    kinds = {one["type"]: message["text"].encode("utf-16-le")[2 * one["offset"] :][: 2 * one["length"]].decode("utf-16-le")
             for one in message["entities"]}  # fmt: skip
    assert kinds == {"bold": "Two", "code": "<free>", "text_link": "[1] Shipping: How long (updated 2026-03-01)"}
    assert {one["url"] for one in message["entities"] if "url" in one} == {"https://shop.example/shipping#long"}


@pytest.mark.parametrize(
    ("text", "shown", "entities"),
    [
        ("plain", "plain", []),
        ("**b** *i* _i_ ~~s~~", "b i i s", ["bold", "italic", "italic", "strikethrough"]),
        ("# Title\ntext", "Title\ntext", ["bold"]),
        ("- one\n- two", "• one\n• two", []),
        ("> quoted\n> on", "quoted\non", ["blockquote"]),
        ("```py\nx = *1*\n```", "x = *1*", ["pre"]),
        ("```\nnever closed", "never closed", ["pre"]),
        ("snake_case_name 2*3*4 **open", "snake_case_name 2*3*4 **open", []),
        ("[a](javascript:alert(1)) [b](https://x.example/(y))", "[a](javascript:alert(1)) b", ["text_link"]),
        ("![pic](https://x.example/p.png)", "!pic", ["text_link"]),
        (r"\*not\*", "*not*", []),
        ("<b>&amp;</b>", "<b>&amp;</b>", []),
        ("**", "**", []),
    ],
)
def test_small_markdown(text: str, shown: str, entities: list[str]) -> None:
    got, marks = render(text)
    assert (got, [one["type"] for one in marks]) == (shown, entities)
    assert units(got) <= units(text)


def test_the_exact_limit_arrives_whole_and_one_more_is_refused(telegram: FakeTelegram, running: Running) -> None:
    limit = running.channel.limits.max_text
    whole = "😀" * (limit // 2)
    running.send(text=whole)
    assert telegram.world.texts(ANNA) == [whole]
    with pytest.raises(PermanentFailure, match="longer"):
        running.send(text="x" * (limit + 1))


def test_an_agent_is_named_above_their_words(telegram: FakeTelegram, running: Running) -> None:
    running.send(text="It is **on** its way", author="agent", author_name="Ana 🌿 Kovač")
    (message,) = telegram.world.said(ANNA)
    assert message["text"] == "Ana 🌿 Kovač\nIt is on its way"
    assert [(one["type"], one["offset"], one["length"]) for one in message["entities"]] == [
        ("bold", 0, 12),
        ("bold", 19, 2),
    ]
    running.send(text="x" * 4_096, author="agent", author_name="Ana")
    assert telegram.world.texts(ANNA)[1] == "x" * 4_096, "no room, no name, no loss"


def test_nobody_in_a_group_is_called_by_a_name_in_an_answer(telegram: FakeTelegram, running: Running) -> None:
    running.send(place=f"{GROUP}:{ANNA}", text="Ask @everybody, or me@example.com")
    (message,) = telegram.world.said(GROUP)
    assert message["text"] == "Ask @everybody, or me@example.com"
    assert [(one["type"], one["offset"], one["length"]) for one in message["entities"]] == [("code", 4, 10)]


def called(message: dict[str, Any]) -> list[str]:
    """The names that Telegram would call: outside of code and links, of the first hundred entities."""
    text = message["text"].encode("utf-16-le")
    for one in message.get("entities", ())[:100]:
        if one["type"] in {"code", "pre", "text_link"}:
            start, end = 2 * one["offset"], 2 * (one["offset"] + one["length"])
            text = text[:start] + b"." * (end - start) + text[end:]
    return re.findall(r"(?<!\w)@\w{2,32}", text.decode("utf-16-le"), re.ASCII)


@pytest.mark.parametrize(
    "text",
    [
        " ".join(f"@person{n}" for n in range(150)),
        "😀 **so** " * 120 + "@@anna @gif `@ben` ```@code``` (@cleo)" + " `@dora`" * 5,
        "`x` " * 120 + "`@inside` code that Telegram does not look at any more, [@link](https://shop.example) neither",
        ("@person1 " * 500)[:4_095] + ".",
    ],
)
def test_more_names_than_entities_call_nobody_either(telegram: FakeTelegram, running: Running, text: str) -> None:
    place = f"{GROUP}:{ANNA}"
    running.send(place=place, text=text)
    telegram.fail("error", "sendMessage", error="Bad Request: can't parse entities: no reason")
    running.send(place=place, text=text)
    running.send(place=place, text="Hello", author="agent", author_name="@anna")
    for message in telegram.world.said(GROUP):
        assert called(message) == []
        assert len(message.get("entities") or ()) <= 100
    rich, plain, _ = telegram.world.texts(GROUP)
    names = re.findall(r"[@\uff20]\u200b?(\w+)", plain)
    assert names == re.findall(r"@(\w+)", text), "they can still be read"
    assert units(rich) <= 4_096


def test_a_broken_name_moves_no_form(telegram: FakeTelegram, running: Running) -> None:
    running.send(place=f"{GROUP}:{ANNA}", text="`x` " * 99 + "**bold @anna** @ben 🚚 *end*")
    (message,) = telegram.world.said(GROUP)
    last = message["entities"][-1]
    cut = message["text"].encode("utf-16-le")[2 * last["offset"] :][: 2 * last["length"]].decode("utf-16-le")
    assert (last["type"], cut) == ("bold", "bold @\u200banna")
    assert called(message) == []


def test_a_refused_form_costs_the_form_and_not_the_words(telegram: FakeTelegram, running: Running) -> None:
    telegram.fail("error", "sendMessage", error="Bad Request: can't parse entities: unsupported start tag")
    running.send(text="**Hello**", buttons=(Button(label="Yes", value="y"),))
    (message,) = telegram.world.said(ANNA)
    assert message["text"] == "**Hello**"
    assert message["reply_markup"]


def test_edit_delete_and_react(telegram: FakeTelegram, running: Running) -> None:
    one = running.send(text="first")
    assert running.send(op="edit", text="second", subject=one.platform_id) == one
    assert running.send(op="edit", text="second", subject=one.platform_id) == one, "done already is done"
    running.send(op="react", text="❤️", subject=one.platform_id)
    assert telegram.world.said(ANNA)[0]["bots_reaction"] == ["❤"]
    running.send(op="react", text="", subject=one.platform_id)
    assert telegram.world.said(ANNA)[0]["bots_reaction"] == []
    with pytest.raises(PermanentFailure, match="has no reaction"):
        running.send(op="react", text="🧾", subject=one.platform_id)
    theirs = telegram.write(ANNA, "hello")
    running.send(op="react", text="👍", subject=f"tg:1:{ANNA}:{theirs}")
    assert telegram.world.noted("reaction", message=theirs)
    running.send(op="delete", subject=one.platform_id)
    running.send(op="delete", subject=one.platform_id)
    assert telegram.world.texts(ANNA) == []
    with pytest.raises(PermanentFailure, match="not there any more"):
        running.send(op="edit", text="third", subject=one.platform_id)
    with pytest.raises(PermanentFailure):
        running.send(op="edit", text="third", subject="nonsense")


def test_what_is_older_than_two_days_stays(telegram: FakeTelegram, running: Running) -> None:
    one = running.send(text="old")
    telegram.world.messages[ANNA][int(one.platform_id)]["date"] -= 49 * 3600
    with pytest.raises(PermanentFailure, match="48 hours"):
        running.send(op="delete", subject=one.platform_id)


def test_files_go_out_by_their_bytes(telegram: FakeTelegram, running: Running) -> None:
    running.send(files=(Attachment(name="lamp.png", content=PNG, type="image/png"),))
    running.send(files=(Attachment(name="fake.png", content=b"no picture", type="image/png"),))
    running.send(files=(Attachment(name="Rechnung ä.pdf", content=b"%PDF", type="application/pdf"),))
    photo, fake, bill = telegram.world.said(ANNA)
    assert telegram.world.files[photo["photo"][0]["file_id"]] == PNG
    assert fake["document"]["file_name"] == "fake.png"
    assert bill["document"]["file_name"] == "Rechnung ä.pdf"
    with pytest.raises(PermanentFailure):
        running.send(files=(Attachment(name="gone.txt", size=5),))


def test_failures_are_told_apart(telegram: FakeTelegram, running: Running) -> None:
    kinds = {"drop_before": Uncertain, "drop_after": Uncertain, "502": Uncertain, "502_after": Uncertain}
    for kind, failure in kinds.items():
        telegram.fail(kind, "sendMessage")
        with pytest.raises(failure):
            running.send(text=kind)
    assert telegram.world.texts(ANNA) == ["drop_after", "502_after"]
    telegram.block(ANNA)
    with pytest.raises(PermanentFailure, match="blocked the bot"):
        running.send(text="x")
    with pytest.raises(PermanentFailure, match="does not know this chat"):
        running.send(place="99", text="x")
    with pytest.raises(PermanentFailure):
        running.send(place="nowhere", text="x")
    telegram.down()
    with pytest.raises(TemporaryFailure, match="cannot be reached"):
        running.send(text="x")


def test_a_pause_is_for_the_whole_bot_and_nothing_knocks_meanwhile(telegram: FakeTelegram, running: Running) -> None:
    telegram.fail("429", "sendMessage", retry_after=30)
    for place in (str(ANNA), f"{GROUP}:{ANNA}"):
        with pytest.raises(TemporaryFailure) as caught:
            running.send(place=place, text="x")
        assert 25 < (caught.value.retry_after or 0) <= 31
    assert len(telegram.world.noted("call", method="sendMessage")) == 1


def test_no_token_in_any_failure(telegram: FakeTelegram, another: Callable[..., Running]) -> None:
    secret = "123456:THIS-IS-A-SECRET-TOKEN-0123456789"
    running = another(token=secret)
    with pytest.raises(ChannelDown) as caught:
        running.send(text="x")
    telegram.down()
    with pytest.raises(TemporaryFailure) as away:
        running.send(text="x")
    for error in (caught.value, away.value):
        seen: BaseException | None = error
        while seen is not None:
            assert "THIS-IS-A-SECRET" not in f"{seen} {seen!r}"
            seen = seen.__cause__


def test_in_a_group_the_answer_hangs_on_the_question(telegram: FakeTelegram, running: Running) -> None:
    number = telegram.write(ANNA, f"/person@{USERNAME} please", GROUP)
    running.listen().events(2)
    running.send(place=f"{GROUP}:{ANNA}", text="Coming")
    assert telegram.world.said(GROUP)[0]["reply_to_message"] == {"message_id": number}


def test_a_topic_gets_its_answer(telegram: FakeTelegram, running: Running) -> None:
    running.send(place=f"{GROUP}/7:{ANNA}", text="Here")
    assert telegram.world.said(GROUP)[0]["message_thread_id"] == 7
    telegram.world.closed_topics.add((GROUP, 8))
    with pytest.raises(PermanentFailure, match="topic"):
        running.send(place=f"{GROUP}/8:{ANNA}", text="Here")


def test_typing_is_shown(telegram: FakeTelegram, running: Running) -> None:
    running.run(running.channel.typing(f"{GROUP}/7:{ANNA}"))
    assert telegram.world.noted("action", chat=GROUP, action="typing")
    for _ in range(20):
        running.run(running.channel.typing(str(ANNA)))
    assert len(telegram.world.noted("action")) < 15, "signs never take the room of messages"


def test_twenty_a_minute_in_a_group_and_no_more(telegram: FakeTelegram, running: Running) -> None:
    telegram.speed.on = True
    place = f"{GROUP}:{ANNA}"
    for n in range(19):
        running.send(place=place, text=f"m{n}")
    with pytest.raises(TemporaryFailure) as caught:
        running.send(place=place, text="one more")
    assert len(telegram.world.said(GROUP)) == 19
    assert 40 < (caught.value.retry_after or 0) <= 60
    assert not telegram.world.noted("refused"), "Telegram never had to say so"
    running.send(text="others are not held up")
