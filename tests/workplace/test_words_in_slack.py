"""What the words after ``/desk`` say, as Slack gets it: whole, within its limits, and with nothing of customers read as its syntax."""

from __future__ import annotations

import json

from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from bot import agents
from bot.pages import Page
from bot.plugins import forget_plugins, load_plugins
from channels.slack.pages import message_blocks, modal_view
from tests.fakes.slack_limits import wrong_blocks, wrong_view
from tests.workplace.inboxes import House

NAMES = (
    "<!channel> *Anna*",
    "<https://evil.example|Slack>",
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe",
    "一" * 100,
    "x" * 100,
    "&amp; <@U1>",
)
TEXT = "<!here> my *lamp* <https://evil.example|hums> " * 60


def shown(page: Page | None) -> str:
    assert page is not None
    blocks = message_blocks(page)
    assert not wrong_blocks(blocks)
    for block in blocks:
        parsed = Block.parse(block)
        assert parsed is not None, block
        parsed.validate_json()
    text = json.dumps(blocks, ensure_ascii=False)
    assert "do not fit in here" not in text, "nothing is left out"
    mrkdwn = [one for one in _objects(blocks) if one.get("type") == "mrkdwn"]
    assert not [one for one in mrkdwn if "evil" in one["text"] or "<!" in one["text"]]
    return text


def _objects(value: object) -> list[dict[str, object]]:
    if isinstance(value, list):
        return [found for one in value for found in _objects(one)]
    if isinstance(value, dict):
        return [value, *(found for one in value.values() for found in _objects(one))]
    return []


def test_every_answer_is_whole_and_within_the_limits(house: House) -> None:
    agents.add_agent("ada", role="admin", actor="test")
    agents.link("ada", "wall", "T1:ada", actor="test")
    plugins = load_plugins("channels")
    try:
        for number in range(20):
            conversation = house.waits(TEXT, name=NAMES[number % len(NAMES)])
            house.show(conversation, "https://acme.slack.com/archives/C0SUPPORT/p{}")
            if number < 10:
                house.store.write(
                    lambda conversation=conversation: house.store.sql(
                        "UPDATE conversation SET state = 'human', assignee = 'ada' WHERE id = ?", (conversation,)
                    )
                )
        page = house.page("ticket.make", "ada", conversation)
        view = modal_view(page)
        assert not wrong_view(view)
        View(**{key: value for key, value in view.items() if key != "type"}, type="modal").validate_json()
        fields = {
            "subject": NAMES[0],
            "priority": "high",
            "description": TEXT[:3_000],
            "due": "",
            "assignee": "",
            "tell": "",
        }
        assert house.send(page, "ada", **fields).code == "done"
        for _ in range(15):
            house.say("tag #1020 vip", "ada")
            house.say("tag #1020 -vip", "ada")
        assert "Mine (10)" in shown(house.say("", "ada").page)
        for words, said in (
            ("help", "/desk plugins"), ("queue", "and 2 more"), ("search lamp", "results for"), ("ticket #1020", "earlier"), ("who", "Ada"),
            ("status", "Processes"), ("plugins", "offer_person"), ("providers", "offline"), ("plugins off slack", "branch"),
        ):  # fmt: skip
            assert said in shown(house.say(words, "ada").page), words
        new = modal_view(house.page("ticket.make", "ada", text=TEXT))
        assert not wrong_view(new)
    finally:
        plugins.close()
        forget_plugins()
