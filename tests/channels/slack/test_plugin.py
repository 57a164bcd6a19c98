"""Slack as a plugin: off without tokens, honest about wrong ones, and checked by the doctor."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from pydantic import SecretStr, ValidationError

from bot import Desk, DeskCapability, PermanentFailure, Resend
from bot.discovery import discover
from channels.slack import SlackSettings, desk, health_check
from channels.slack.scopes import NEEDED, USEFUL
from channels.slack.visits import SHORTCUTS
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_state import SCOPES

from .conftest import CHANNEL

ROOT = Path(__file__).resolve().parents[3]


def the_settings(slack: FakeSlack, **changed: str) -> SlackSettings:
    values = {
        "bot_token": slack.space.bot_token,
        "app_token": slack.space.app_token,
        "channel": CHANNEL,
        "api_url": slack.url,
    }
    return SlackSettings(**{**values, **changed})  # type: ignore[arg-type]


def test_it_is_a_desk_that_declares_what_it_can() -> None:
    settings = SlackSettings(bot_token=SecretStr("xoxb-1"), app_token=SecretStr("xapp-1"), channel="C0123456789")
    made = desk(settings)
    assert isinstance(made, Desk) and made.name == "slack" and made.place == "C0123456789"
    assert made.capabilities == set(DeskCapability) and made.resend is Resend.READBACK
    assert "xoxb" not in repr(made) + repr(settings)


def test_it_is_found_and_loads_no_sdk() -> None:
    assert {"settings_schema", "desk", "health_check"} == set(
        next(p for p in discover().plugins if p.name == "slack").hooks
    )
    script = "import sys, channels.slack; print({'slack_sdk','slack_bolt','aiohttp','markdown_it'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("bot_token", "xapp-SECRET", "xoxb-"), ("app_token", "xoxb-SECRET", "xapp-"), ("channel", "#support", "C0123456789"),
        ("channel", "", "C0123456789"), ("api_url", "slack.example", "https://"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_explained_without_showing_it(name: str, value: str, said: str) -> None:
    values = {"bot_token": "xoxb-1", "app_token": "xapp-1", "channel": "C0123456789", name: value}
    with pytest.raises(ValidationError) as caught:
        SlackSettings(**values)  # type: ignore[arg-type]
    assert said in str(caught.value) and "SECRET" not in str(caught.value)


def test_the_doctor_finds_everything_right() -> None:
    with FakeSlack() as slack:
        assert "Acme, #support: tokens, scopes, channel and clock are right." in str(health_check(the_settings(slack)))


@pytest.mark.parametrize("scope", USEFUL)
def test_the_doctor_says_what_is_missed_without_a_scope_that_is_not_needed(scope: str) -> None:
    with FakeSlack() as slack:
        slack.space.scopes.discard(scope)
        said = str(health_check(the_settings(slack)))
    assert f"Without the scope {scope} {USEFUL[scope]}." in said and "install it again" in said


@pytest.mark.parametrize("trouble", ["scope", "revoked", "member", "archived", "channel", "app token", "down", "clock"])
def test_the_doctor_names_what_is_wrong_and_what_to_do(trouble: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"scope": "users:read", "revoked": "SLACK_BOT_TOKEN", "member": "/invite", "archived": "archive", "channel": "/invite",
            "app token": "app-level token", "down": "cannot be reached", "clock": "NTP"}[trouble]  # fmt: skip
    with FakeSlack() as slack:
        settings = the_settings(slack)
        if trouble == "scope":
            slack.space.scopes.discard("users:read")
        elif trouble == "revoked":
            slack.revoke()
        elif trouble == "member":
            slack.space.channels[CHANNEL].members.discard("U0BOT")
        elif trouble == "archived":
            slack.space.channels[CHANNEL].is_archived = True
        elif trouble == "channel":
            settings = the_settings(slack, channel="C0NOWHERE")
        elif trouble == "app token":
            settings = the_settings(slack, app_token="xapp-other-SECRET")
        elif trouble == "down":
            slack.down()
        else:
            fast = SimpleNamespace(time=lambda: time.time() + 600)
            monkeypatch.setattr("channels.slack.checkup.time", fast)
        with pytest.raises(PermanentFailure) as caught:
            health_check(settings)
        assert said in str(caught.value) and "SECRET" not in str(caught.value)


def test_the_manifest_asks_for_what_is_needed_and_for_nothing_that_is_not_used() -> None:
    manifest = yaml.safe_load((ROOT / "channels/slack/slack-manifest.yaml").read_text("utf-8"))
    scopes = set(manifest["oauth_config"]["scopes"]["bot"])
    assert {*NEEDED, *USEFUL} <= scopes <= set(SCOPES)
    assert manifest["settings"]["socket_mode_enabled"] and manifest["settings"]["interactivity"]["is_enabled"]
    assert set(manifest["settings"]["event_subscriptions"]["bot_events"]) == {
        "message.channels", "message.groups", "reaction_added", "reaction_removed", "user_change", "app_home_opened",
    }  # fmt: skip
    features = manifest["features"]
    assert features["app_home"]["home_tab_enabled"] and features["app_home"]["messages_tab_read_only_enabled"]
    assert [one["command"] for one in features["slash_commands"]] == ["/desk"]
    assert {one["callback_id"] for one in features["shortcuts"]} == set(SHORTCUTS), (
        "every entry of the menu opens a page"
    )


def test_the_page_leads_there_in_ten_steps_or_fewer() -> None:
    page = (ROOT / "docs/slack.md").read_text("utf-8")
    steps = [line for line in page.splitlines() if line[:2].strip(" .").isdigit() and ". " in line[:4]]
    assert 1 <= len(steps) <= 10
    assert "slack-manifest.yaml" in page and "/invite" in page
