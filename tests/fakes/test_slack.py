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
        process.wait(10)
        process.stdout.close()
