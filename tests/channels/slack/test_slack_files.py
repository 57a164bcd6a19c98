"""Files both ways: the bytes come from Slack's own host and nowhere else, and nothing is posted twice."""

from __future__ import annotations

import asyncio

import pytest

from bot import Attachment, DeskPost, OpenThread, PermanentFailure, Posted, TemporaryFailure, Uncertain
from channels.slack import telling, uploading
from channels.slack.fetching import is_slacks
from channels.slack.uploading import marked_name

from .conftest import CHANNEL, Running, a_post, a_thread

PNG = b"\x89PNG\r\n\x1a\n" + b"p" * 3_000


@pytest.fixture
def listening(running: Running) -> Running:
    return running.listen()


def a_file(thread: str, name: str = "order 4711.png", content: bytes = PNG, **changed: object) -> DeskPost:
    file = Attachment(name=name, content=content, type="image/png", size=len(content), url="https://desk.example/f/1")
    return a_post(
        **{"key": "file1key2345", "op": "message", "thread": thread, "author_name": "Anna", "files": (file,), **changed}
    )


# From agents ------------------------------------------------------------------------------------------------------------


def test_an_agents_files_come_with_their_bytes(listening: Running, slack) -> None:
    thread = a_thread(listening)
    ts = slack.share("U1", CHANNEL, thread, ("a.png", PNG, "image/png"), ("b.txt", b"hello", "text/plain"), text="See")
    (event,) = listening.wait_for_events(1)
    assert (event.kind, event.text, event.message) == ("reply", "See", ts)
    assert [(f.name, f.content, f.type, f.problem) for f in event.files] == [
        ("a.png", PNG, "image/png", ""), ("b.txt", b"hello", "text/plain", ""),
    ]  # fmt: skip
    assert all(one["authorized"] for one in slack.space.noted("download"))
    slack.wait(lambda: [a for a in slack.space.noted("acked") if a["event"].get("ts") == ts])


def test_a_file_without_a_word_is_a_reply_as_well(listening: Running, slack) -> None:
    slack.share("U1", CHANNEL, a_thread(listening), ("a.png", PNG, "image/png"))
    (event,) = listening.wait_for_events(1)
    assert event.text == "" and event.files[0].content == PNG


def test_a_file_that_is_too_large_is_not_fetched_and_one_that_lies_about_it_is_cut_off(
    listening: Running, slack
) -> None:
    listening.stop_listening()
    listening.desk.limits = type(listening.desk.limits)(max_file_bytes=1_000)  # type: ignore[misc]
    listening.listen()
    thread = a_thread(listening)
    slack.share("U1", CHANNEL, thread, ("big.png", PNG, "image/png"))
    first = listening.wait_for_events(1)[0].files[0]
    assert (first.problem, first.content, first.bytes) == ("too_large", b"", len(PNG))
    assert not slack.space.noted("download")
    slack.space.no_length = True
    slack.share("U1", CHANNEL, thread, ("liar.png", PNG, "image/png"), size=10)
    second = listening.wait_for_events(2)[1].files[0]
    assert (second.problem, second.content) == ("too_large", b"")


@pytest.mark.parametrize("at_once", [False, True])
def test_slacks_sign_in_page_is_not_taken_for_the_file(listening: Running, slack, at_once: bool) -> None:
    thread = a_thread(listening)
    slack.space.login_at_once = at_once
    slack.space.scopes.discard("files:read")  # taken away while we run
    slack.share("U1", CHANNEL, thread, ("a.png", PNG, "image/png"))
    (event,) = listening.wait_for_events(1)
    assert (event.files[0].problem, event.files[0].content) == ("unavailable", b"")


@pytest.mark.parametrize(
    "odd",
    [
        {"mode": "tombstone"}, {"mode": "hidden_by_limit"}, {"is_external": True, "mode": "external"},
        {"url_private": "https://evil.example/a.png", "url_private_download": "https://evil.example/a.png"},
        {"url_private": "http://files.slack.com.evil.example/", "url_private_download": ""},
    ],
)  # fmt: skip
def test_what_cannot_be_had_says_so_and_the_words_still_go(listening: Running, slack, odd: dict[str, object]) -> None:
    slack.share("U1", CHANNEL, a_thread(listening), ("a.png", PNG, "image/png"), text="Look", **odd)
    (event,) = listening.wait_for_events(1)
    assert (event.text, event.files[0].problem, event.files[0].name) == ("Look", "unavailable", "a.png")
    assert not slack.space.noted("download"), "nobody else is shown the token"


def test_a_file_of_which_only_the_id_is_told_is_asked_for(listening: Running, slack) -> None:
    slack.share("U1", CHANNEL, a_thread(listening), ("a.png", PNG, "image/png"), file_access="check_file_info")
    (event,) = listening.wait_for_events(1)
    assert event.files[0].content == PNG and event.files[0].name == "a.png"


def test_a_broken_download_is_tried_again(listening: Running, slack) -> None:
    slack.fail("500", "download")
    slack.fail("drop_before", "download")
    slack.share("U1", CHANNEL, a_thread(listening), ("a.png", PNG, "image/png"))
    (event,) = listening.wait_for_events(1)
    assert event.files[0].content == PNG


def test_a_slow_file_is_acknowledged_when_it_is_there_and_is_told_once(listening: Running, slack, monkeypatch) -> None:
    monkeypatch.setattr(telling, "PATIENCE", 0.2)
    thread = a_thread(listening)
    slack.fail("slow_after", "download", seconds=1.2)
    ts = slack.share("U1", CHANNEL, thread, ("a.png", PNG, "image/png"))
    other = slack.reply("U2", CHANNEL, thread, "meanwhile")
    (first, second) = listening.wait_for_events(2)
    assert (first.message, second.message) == (other, ts), "nobody waits for somebody else's file"
    slack.wait(lambda: [a for a in slack.space.noted("acked") if a["event"].get("ts") == ts])
    assert slack.space.noted("not_acked") and len(slack.space.noted("download")) == 1


def test_guests_commands_and_an_app_that_may_not_read_files_fetch_nothing(listening: Running, slack) -> None:
    thread = a_thread(listening)
    slack.share("UGUEST", CHANNEL, thread, ("a.png", PNG, "image/png"), text="hi")
    slack.share("U1", CHANNEL, thread, ("a.png", PNG, "image/png"), text="!claim")
    assert [one.files for one in listening.wait_for_events(2)] == [(), ()]
    (aside,) = slack.wait(lambda: slack.space.ephemerals)
    assert "stay here" in aside["text"]
    listening.stop_listening()
    slack.space.scopes.discard("files:read")
    listening.listen()
    slack.share("U1", CHANNEL, thread, ("a.png", PNG, "image/png"))
    slack.wait(lambda: len(slack.space.ephemerals) == 2)
    assert "files:read" in slack.space.ephemerals[1]["text"] and "Nothing was sent" in slack.space.ephemerals[1]["text"]
    assert not slack.space.noted("download") and len(listening.inbox.events) == 2


def test_files_that_were_sent_during_an_outage_are_fetched_afterwards(listening: Running, slack) -> None:
    thread = a_thread(listening)
    slack.sockets.retries = ()
    listening.inbox.open = [
        OpenThread(place=CHANNEL, thread=thread, conversation_id="c", known={"": "a note of a form"})
    ]
    slack.down()
    slack.wait(lambda: listening.inbox.connections[-1] is False)
    slack.share("U1", CHANNEL, thread, ("a.png", PNG, "image/png"))
    slack.up()
    (event,) = listening.wait_for_events(1)
    assert event.files[0].content == PNG
    assert [one.kind for one in listening.inbox.events] == ["reply"], "a note that has no message was not deleted"


@pytest.mark.parametrize(
    ("address", "api", "ours"),
    [
        ("https://files.slack.com/files-pri/T1-F1/a.png", "https://slack.com/api/", True),
        ("http://files.slack.com/files-pri/T1-F1/a.png", "https://slack.com/api/", False),
        ("https://files.slack.com@evil.example/a", "https://slack.com/api/", False),
        ("https://files.slack.com.evil.example/a", "https://slack.com/api/", False),
        ("https://slack.com/a", "https://slack.com/api/", False),
        ("https://u:p@files.slack.com/a", "https://slack.com/api/", False),
        ("https://gate.example/a", "https://gate.example/api/", True),
        ("https://gate.example:444/a", "https://gate.example/api/", False),
        ("", "https://slack.com/api/", False),
    ],
)
def test_who_may_see_the_token(address: str, api: str, ours: bool) -> None:
    assert is_slacks(address, api) is ours


# From customers ---------------------------------------------------------------------------------------------------------


def test_a_customers_file_is_shown_in_the_thread_under_their_name(running: Running, slack) -> None:
    thread = a_thread(running)
    posted = running.post(a_file(thread, text="<!channel> look"))
    message = slack.space.messages(CHANNEL, thread)[1]
    assert posted == Posted(message["ts"], thread)
    assert message["text"] == "📎 Anna · customer\n&lt;!channel&gt; look"
    assert message["files"][0]["title"] == "order 4711.png"
    assert slack.space.contents[message["files"][0]["id"]] == PNG


@pytest.mark.parametrize("fault", ["drop_before", "500", "429", "drop_after", "500_after"])
def test_until_it_is_shown_an_upload_may_fail_in_any_way(running: Running, slack, fault: str) -> None:
    thread = a_thread(running)
    slack.fail(fault, "upload", retry_after=1)
    slack.fail("drop_after", "files.getUploadURLExternal")
    for _ in range(2):
        with pytest.raises(TemporaryFailure):
            running.post(a_file(thread))
        running.desk.pacer.block("files.upload", "", -1)
    running.post(a_file(thread))
    assert len(slack.space.messages(CHANNEL, thread)) == 2


@pytest.mark.parametrize("fault", ["drop_after", "500_after"])
def test_a_file_whose_answer_is_lost_is_found_by_its_name(running: Running, slack, fault: str) -> None:
    thread = a_thread(running)
    slack.fail(fault, "files.completeUploadExternal")
    with pytest.raises(Uncertain):
        running.post(a_file(thread))
    found = running.find("file1key2345", thread)
    assert found == Posted(slack.space.messages(CHANNEL, thread)[1]["ts"], thread)
    assert running.find("file1key9999", thread) is None


def test_a_file_that_slack_did_not_share_after_all_is_sent_again(running: Running, slack) -> None:
    thread = a_thread(running)
    slack.fail("drop_before", "files.completeUploadExternal")
    with pytest.raises(Uncertain):
        running.post(a_file(thread))
    assert running.find("file1key2345", thread) is None
    running.post(a_file(thread))
    assert len(slack.space.messages(CHANNEL, thread)) == 2


def test_an_upload_that_takes_long_goes_on_while_others_are_served(running: Running, slack, monkeypatch) -> None:
    monkeypatch.setattr(uploading, "AT_ONCE", 0.2)
    thread = a_thread(running)
    give = uploading._give

    async def slowly(*arguments: object) -> None:
        await asyncio.sleep(0.8)
        await give(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(uploading, "_give", slowly)
    with pytest.raises(TemporaryFailure) as caught:
        running.post(a_file(thread))
    assert caught.value.retry_after == 2
    running.post(a_post(key="m", op="message", thread=thread, text="meanwhile"))
    monkeypatch.setattr(uploading, "AT_ONCE", 5.0)
    running.post(a_file(thread))
    assert len(slack.space.noted("upload")) == 1, "it was not begun again"


def test_what_slack_does_not_take_is_a_link_that_says_why(running: Running, slack) -> None:
    thread = a_thread(running)
    slack.space.largest_upload = 100
    running.post(a_file(thread))
    slack.space.scopes.discard("files:write")
    running.post(a_file(thread, key="file2key2345"))
    running.post(a_file(thread, key="file3key2345"))
    size, *scopes = slack.space.messages(CHANNEL, thread)[1:]
    assert "larger than this workspace allows" in size["text"] and "order 4711.png (3 KB)" in size["text"]
    assert all("files:write" in one["text"] and "https://desk.example/f/1" in str(one["blocks"]) for one in scopes)
    assert size["username"] == "Anna · customer"
    assert len(slack.space.noted("call", method="files.getUploadURLExternal")) == 2, "it is not asked for each time"
    assert running.find("file2key2345", thread) is not None


def test_a_file_for_a_thread_that_is_gone_is_refused(running: Running, slack) -> None:
    a_thread(running)
    with pytest.raises(PermanentFailure, match="deleted"):
        running.post(a_file("1.000001"))


@pytest.mark.parametrize(
    ("name", "marked"),
    [
        ("photo.jpg", "photo-abcdefghijkl.jpg"), ("no ending", "no ending-abcdefghijkl"), ("../../etc/passwd", "_.._etc_passwd-abcdefghijkl"),
        ("", "file-abcdefghijkl"), ("a\x00b\u202e.png", "a_b_-abcdefghijkl.png"), ("x" * 400 + ".pdf", "x" * 150 + "-abcdefghijkl.pdf"),
    ],
)  # fmt: skip
def test_names_are_harmless_and_carry_the_key(name: str, marked: str) -> None:
    assert marked_name(name, "abcdefghijklmnop") == marked
