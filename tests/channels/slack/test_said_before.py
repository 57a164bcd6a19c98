"""The message that opens a thread: names in bold, words as they are, and always the newest of them."""

from __future__ import annotations

from typing import Any

from bot import Action, Line

from .conftest import CHANNEL, Running, a_post, a_thread


def a_line(author: Any, name: str, text: str) -> Line:
    return Line(author=author, name=name, text=text, at=1.0)


def shown(message: dict[str, Any]) -> list[str]:
    return ["".join(part["text"] for part in block["elements"][0]["elements"]) for block in message["blocks"]]


def post(running: Running, slack: Any, *lines: Line, text: str = "") -> dict[str, Any]:
    thread = a_thread(running)
    running.post(a_post(key="t", op="event", author="system", thread=thread, text=text, lines=lines))
    found: dict[str, Any] = slack.space.messages(CHANNEL, thread)[1]
    return found


def test_names_are_bold_and_words_mean_nothing(running: Running, slack) -> None:
    hostile = "**bold** <!channel> [x](https://evil.example)"
    message = post(
        running, slack, a_line("customer", "Anna", hostile), a_line("ai", "AI assistant", "It *left*."), text="all"
    )
    first, second = (block["elements"][0]["elements"] for block in message["blocks"])
    assert first == [{"type": "text", "text": "Anna: ", "style": {"bold": True}}, {"type": "text", "text": hostile}]
    assert [part["text"] for part in second] == ["AI assistant: ", "It *left*."]


def test_what_does_not_fit_is_dropped_from_the_oldest_on_and_a_line_says_so(running: Running, slack) -> None:
    lines = [a_line("customer", "Anna", f"{number} " + "x" * 3_000) for number in range(8)]
    remark = a_line("system", "", "What was said before that is not shown here.")
    message = post(running, slack, remark, *lines, a_line("agent", "Ana", "The very last word"))
    told = shown(message)
    assert told[0] == "What was said before that is not shown here."
    assert told[1] == "6 older messages do not fit here and are left out."
    assert [one.split()[1] for one in told[2:-1]] == ["6", "7"]
    assert told[-1] == "Ana: The very last word"


def test_one_message_that_is_too_long_alone_is_cut_and_says_so(running: Running, slack) -> None:
    (told,) = shown(post(running, slack, a_line("customer", "Anna", "y" * 20_000)))
    assert told.startswith("Anna: yyy") and told.endswith("… cut")


def test_a_remark_of_ours_is_shown_to_its_end(running: Running, slack) -> None:
    thread = a_thread(running)
    text = "Anna changed a message. It is now: " + "z" * 4_000 + " end"
    running.post(a_post(key="e", op="event", author="system", thread=thread, text=text))
    assert shown(slack.space.messages(CHANNEL, thread)[1]) == [text]


def test_a_remark_may_have_buttons_that_carry_what_they_are_about(running: Running, slack) -> None:
    thread = a_thread(running)
    running.listen()
    running.post(
        a_post(
            key="e", op="event", author="system", thread=thread, text="It failed.", actions=(Action.RETRY,), value="d1"
        )
    )
    message = slack.space.messages(CHANNEL, thread)[1]
    slack.click("U1", CHANNEL, message["ts"], "Try again")
    (event,) = running.wait_for_events(1)
    assert (event.action, event.value, event.thread) == (Action.RETRY, "d1", thread)
