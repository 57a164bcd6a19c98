"""The fake workspace keeps Slack's rules: what the desk's tests rest on."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from tests.fakes.slack import FakeSlack
from tests.patience import patient

CHANNEL = "C0SUPPORT"


@pytest.fixture
def slack():
    with FakeSlack() as one:
        yield one


def client(slack: FakeSlack, token: str = "") -> WebClient:
    one = WebClient(token=token or slack.space.bot_token, base_url=slack.url, retry_handlers=[], timeout=5)
    one.proxy = None
    return one


def refusal(call: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        call()
    return str(caught.value.response["error"])


def test_metadata_is_kept_through_changes_and_shown_only_when_asked_for(slack: FakeSlack) -> None:
    web = client(slack)
    ts = web.chat_postMessage(channel=CHANNEL, text="a", metadata={"event_type": "e", "event_payload": {"k": "1"}})[
        "ts"
    ]
    web.chat_update(channel=CHANNEL, ts=ts, text="b")
    assert "metadata" not in web.conversations_history(channel=CHANNEL)["messages"][0]
    (shown,) = web.conversations_replies(channel=CHANNEL, ts=ts, include_all_metadata=True)["messages"]
    assert shown["metadata"]["event_payload"] == {"k": "1"} and shown["text"] == "b"


def test_refusals(slack: FakeSlack) -> None:
    web = client(slack)
    assert refusal(lambda: client(slack, "xoxb-wrong").auth_test()) == "invalid_auth"
    assert refusal(lambda: web.chat_postMessage(channel="C0X", text="a")) == "channel_not_found"
    assert refusal(lambda: web.chat_postMessage(channel=CHANNEL, text="a", thread_ts="1.1")) == "thread_not_found"
    assert refusal(lambda: web.chat_postMessage(channel=CHANNEL, text="a" * 40_001)) == "msg_too_long"
    assert (
        refusal(lambda: web.chat_postMessage(channel=CHANNEL, text="a", blocks=[{"type": "section"}]))
        == "invalid_blocks"
    )
    assert (
        refusal(lambda: web.chat_postMessage(channel=CHANNEL, text="a", blocks=[{"type": "divider"}] * 51))
        == "invalid_blocks"
    )
    assert refusal(lambda: web.conversations_replies(channel=CHANNEL, ts="1.1")) == "thread_not_found"
    assert refusal(lambda: web.views_open(trigger_id="old", view={"type": "modal"})) == "expired_trigger_id"
    slack.space.scopes.discard("reactions:write")
    assert refusal(lambda: web.reactions_add(channel=CHANNEL, timestamp="1.1", name="x")) == "missing_scope"


def test_a_message_a_second_and_channel(slack: FakeSlack) -> None:
    slack.paced = True
    web = client(slack)
    web.chat_postMessage(channel=CHANNEL, text="a")
    with pytest.raises(SlackApiError) as caught:
        web.chat_postMessage(channel=CHANNEL, text="b")
    assert caught.value.response.status_code == 429 and caught.value.response.headers["Retry-After"] == "1"


def test_the_sdks_own_retries_would_post_twice(slack: FakeSlack) -> None:
    """Why the desk switches them off."""
    web = WebClient(token=slack.space.bot_token, base_url=slack.url)
    web.proxy = None
    slack.fail("drop_after", "chat.postMessage")
    web.chat_postMessage(channel=CHANNEL, text="once")
    assert len(slack.space.noted("posted")) == 2


def test_it_runs_as_a_process_and_people_act_over_http(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.slack", "--journal", str(tmp_path / "log")],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = dict(one.split("=", 1) for one in process.stdout.readline().split())["DESKHAND_SLACK_API_URL"]
        order = json.dumps({"do": "say", "arguments": ["U1", CHANNEL, "hello"]}).encode()
        request = urllib.request.Request(
            address.replace("/api/", "/_fake/act"), order, {"Content-Type": "application/json"}
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        assert json.load(opener.open(request))["done"]
        assert "hello" in [one.get("text") for one in json.load(opener.open(address.replace("/api/", "/_fake/log")))]
        assert "hello" in (tmp_path / "log").read_text()
    finally:
        process.terminate()
        process.wait(patient(10))
        process.stdout.close()


def test_a_file_is_shown_only_by_its_third_step_and_told_where_a_moment_later(slack: FakeSlack) -> None:
    web = client(slack)
    root = web.chat_postMessage(channel=CHANNEL, text="a")["ts"]
    place = web.files_getUploadURLExternal(filename="a.txt", length=5)
    assert (
        refusal(lambda: web.files_completeUploadExternal(files=[{"id": place["file_id"]}], channel_id=CHANNEL))
        == "file_not_found"
    )
    request = urllib.request.Request(
        place["upload_url"], b"hello", {"Content-Type": "application/octet-stream"}, method="POST"
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    assert len(slack.space.messages(CHANNEL, root)) == 1, "nobody sees it yet"
    done = web.files_completeUploadExternal(
        files=[{"id": place["file_id"], "title": "A"}], channel_id=CHANNEL, thread_ts=root
    )
    assert set(done["files"][0]) == {"id", "title"}
    (message,) = slack.space.messages(CHANNEL, root)[1:]
    shares = web.files_info(file=place["file_id"])["file"]["shares"]["public"][CHANNEL]
    assert shares[0]["ts"] == message["ts"] and message["files"][0]["title"] == "A"
    again = lambda: web.files_completeUploadExternal(files=[{"id": place["file_id"]}], channel_id=CHANNEL)  # noqa: E731
    assert refusal(again) == "already_shared"
    slack.space.scopes.discard("files:write")
    assert refusal(lambda: web.files_getUploadURLExternal(filename="a", length=1)) == "missing_scope"


def test_a_file_without_the_token_is_a_page_for_signing_in(slack: FakeSlack) -> None:
    slack.space.add_channel("C0FILES", "files")
    root = slack.say("U1", "C0FILES", "hi")
    ts = slack.share("U1", "C0FILES", root, ("a.png", b"bytes", "image/png"))
    address = slack.space.message("C0FILES", ts)["files"][0]["url_private"]
    with urllib.request.urlopen(address) as answer:
        assert answer.headers["Content-Type"].startswith("text/html") and answer.status == 200
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {slack.space.bot_token}"})
    with urllib.request.urlopen(request) as answer:
        assert answer.read() == b"bytes"


def test_a_form_needs_a_fresh_trigger_and_keeps_slacks_limits(slack: FakeSlack) -> None:
    import time

    web = client(slack)
    view = {"type": "modal", "title": {"type": "plain_text", "text": "A"}, "blocks": [{"type": "divider"}]}
    assert refusal(lambda: web.views_open(trigger_id="none", view=view)) == "expired_trigger_id"
    slack.space.triggers["t"] = time.time() + 3
    opened = web.views_open(trigger_id="t", view=view)["view"]
    assert refusal(lambda: web.views_open(trigger_id="t", view=view)) == "expired_trigger_id", "a trigger is used once"
    web.views_update(view_id=opened["id"], hash=opened["hash"], view=view)
    assert refusal(lambda: web.views_update(view_id=opened["id"], hash=opened["hash"], view=view)) == "hash_conflict"
    for wrong in (
        {"title": {"type": "plain_text", "text": "x" * 25}},
        {"private_metadata": "x" * 3_001},
        {"blocks": []},
    ):
        slack.space.triggers["u"] = time.time() + 3
        assert (
            refusal(lambda wrong=wrong: web.views_open(trigger_id="u", view={**view, **wrong})) == "invalid_arguments"
        )


def test_windows_homes_and_paces_are_those_of_slack(slack: FakeSlack) -> None:
    import time

    web = client(slack)
    view = {"type": "modal", "title": {"type": "plain_text", "text": "A"}, "blocks": [{"type": "divider"}]}
    home = {"type": "home", "blocks": [{"type": "divider"}] * 100}

    def push() -> Any:
        slack.space.triggers["p"] = time.time() + 3
        return web.views_push(trigger_id="p", view=view)

    assert refusal(push) == "not_found", "nothing is open"
    slack.space.triggers["t"] = time.time() + 3
    web.views_open(trigger_id="t", view=view)
    push(), push()
    assert refusal(push) == "push_limit_reached"
    first = web.views_publish(user_id="U1", view=home)["view"]
    web.views_publish(user_id="U1", view=home, hash=first["hash"])
    assert refusal(lambda: web.views_publish(user_id="U1", view=home, hash=first["hash"])) == "hash_conflict"
    for wrong, error in (
        ([{"type": "divider"}] * 101, "invalid_arguments"),
        ([{"type": "markdown", "text": "x" * 12_000}] * 21, "view_too_large"),
        (
            [{"type": "actions", "elements": [{"type": "static_select", "action_id": "a", "options": []}]}],
            "invalid_arguments",
        ),
    ):
        assert refusal(lambda wrong=wrong: web.views_publish(user_id="U1", view={**home, "blocks": wrong})) == error
    slack.space.home_tab = False
    assert refusal(lambda: web.views_publish(user_id="U1", view=home)) == "not_enabled"
    assert not slack.space.noted("too_fast")
    for _ in range(21):
        web.dnd_teamInfo(users=["U1", "U2"])
    (entry,) = slack.space.noted("too_fast")
    assert (entry["method"], entry["allowed"]) == ("dnd.teamInfo", 20)


def test_a_message_to_one_person_is_theirs(slack: FakeSlack) -> None:
    web = client(slack)
    place = web.conversations_open(users=["U1"])["channel"]["id"]
    web.chat_postMessage(channel=place, text="a")
    web.chat_postMessage(channel="U1", text="b")
    assert [one["text"] for one in slack.directs("U1")] == ["a", "b"] and not slack.directs("U2")
    slack.deactivate("U2")
    assert refusal(lambda: web.conversations_open(users=["U2"])) == "user_disabled"
    slack.space.scopes -= {"im:write", "im:history"}
    assert refusal(lambda: web.conversations_open(users=["U1"])) == "missing_scope"
    assert refusal(lambda: web.conversations_history(channel=place)) == "missing_scope"
