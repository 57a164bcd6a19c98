"""Six hundred texts that try to be more than text, through every way in and out of the whole product.

They come as customers' words, as articles, as names of files and of agents, and from a model that does whatever anybody told it.
Nothing may become active: not in the page, not in Slack, not on Telegram or Discord, not in a mail, a table or a log.
"""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Starter, Visit
from tests.browser.hostile import BEACON, payloads
from tests.browser.widget import Widget
from tests.fakes.discord import FakeDiscord
from tests.fakes.llm import FakeLLM
from tests.fakes.llm_script import Asked, Script
from tests.fakes.slack import FakeSlack
from tests.fakes.smtp import FakeMail
from tests.fakes.telegram import FakeTelegram
from tests.patience import patient, wait_for
from tests.running import Deskhand

pytestmark = [pytest.mark.product, pytest.mark.browser]

ROOM = "C0HELP"
ROOMS = {"widget01": ROOM, "widget03": "C0HELP3", "widget04": "C0HELP4", "widget05": "C0HELP5"}
"""Where people get the question about each: Slack takes a message a second in a channel, and there are many."""
HOME = "https://shop.example"
SIZE = 2_600
"""Characters of a batch: it fits into a message with its question."""
NAMES = 60
"""Files with a name of their own; as many more would only take longer."""
ACTIVE = "script,iframe,object,embed,style,link,base,meta,form,video,audio,math,template,table,details:not(.sources),marquee,custom-element,input,img"
FOREIGN = re.compile(r"<[@!#]|<(?:https?|mailto|tel|tg|slack|javascript|data)[^>\s]*[|>]", re.IGNORECASE)


def batches() -> list[str]:
    found, now = [], ""
    for one in payloads():
        if len(now) + len(one) > SIZE:
            found.append(now)
            now = ""
        now += one + "\n\n"
    return [*found, now]


BATCHES = batches()


def obey(asked: Asked) -> str:
    """Whatever stands in the question or in an article is done: said, with all it has, and cited."""
    return f"{asked.prompt[-9_000:]}\n\n{asked.question[:3_000]} [1] [99] 【1†x】"


@pytest.fixture(scope="module")
def llm() -> Iterator[FakeLLM]:
    choices = [one for one in payloads() if len(one) < 70][:5]
    conclude = {"confidence": 0.9, "quick_replies": choices, "refund": 1000, "url": f"https://{BEACON}/"}
    with FakeLLM() as fake:
        fake.default = Script(answer=obey, conclude=conclude)
        yield fake


@pytest.fixture(scope="module")
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as fake:
        for number, room in enumerate(ROOMS.values()):
            fake.space.channels.pop(room, None)
            fake.space.add_channel(room, f"help-{number}").members.update({"U1", "U2"})
        yield fake


@pytest.fixture(scope="module")
def telegram() -> Iterator[FakeTelegram]:
    with FakeTelegram() as fake:
        yield fake


@pytest.fixture(scope="module")
def discord() -> Iterator[FakeDiscord]:
    with FakeDiscord() as fake:
        fake.routes.ack_within = 15.0
        yield fake


@pytest.fixture(scope="module")
def mail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeMail]:
    with FakeMail(tmp_path_factory.mktemp("mail"), tls="starttls", auth=True) as server:
        yield server


@pytest.fixture(scope="module")
def articles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with comments that anybody could write: it has an address, and its title is hostile as well."""
    folder = tmp_path_factory.mktemp("articles")
    titles = [one for one in payloads() if one.isprintable() and len(one) < 80]
    for number, batch in enumerate(BATCHES):
        head = f"title: {json.dumps(f'Widget {number} {titles[number * 7]}')}\nurl: https://shop.example/help/{number}"
        body = f"How does the widget{number:02d} work? The widget{number:02d} works well.\n\n{batch}"
        (folder / f"widget-{number}.md").write_text(f"---\n{head}\n---\n{body}", "utf-8", newline="")
    return folder


@pytest.fixture(scope="module")
def product(
    start: Starter,
    llm: FakeLLM,
    slack: FakeSlack,
    telegram: FakeTelegram,
    discord: FakeDiscord,
    mail: FakeMail,
    articles: Path,
) -> Deskhand:
    one = start(
        "hostile", OPENAI_API_KEY="k", OPENAI_BASE_URL=llm.openai_url, DESKHAND_KNOWLEDGE_DIR=str(articles), SMTP_URL=mail.url,
        DESKHAND_MAIL_FROM="Shop <help@shop.example>", DESKHAND_TEAM_MAIL="team@shop.example", SLACK_BOT_TOKEN=slack.space.bot_token,
        SLACK_APP_TOKEN=slack.space.app_token, SLACK_CHANNEL=ROOM, DESKHAND_SLACK_API_URL=slack.url, **telegram.env, **discord.env(),
    )  # fmt: skip
    # What is looked at here must hold without these: they would only keep some of the texts from arriving.
    for plugin in (
        "grounding",
        "slow_down",
        "reply_cache",
        "escalation_keywords",
        "escalation_confidence",
        "escalation_no_answer",
    ):
        assert one.run("plugins", "off", plugin).returncode == 0
    added = one.run(
        "agents",
        "add",
        "ana",
        "--slack",
        f"{slack.space.team}:U1",
        "--public-name",
        "<!channel> **A** <img src=x onerror=alert(1)>",
    )
    assert added.returncode == 0, added.stderr
    assert one.run("agents", "mode", "slack", ROOM, "direct").returncode == 0
    for word, room in ROOMS.items():
        ruled = one.run("routing", "add", word, f"words={word}", f"place={room}", "desk=slack")
        assert ruled.returncode == 0, ruled.stderr
    slack.wait(lambda: slack.sockets.open, 45)
    discord.wait(discord.connected, 45)
    return one


@pytest.fixture
def watch(visit: Visit, product: Deskhand) -> Iterator[Callable[[], Widget]]:
    """Pages of which every request and every dialog is noted, and must have stayed at home."""
    asked: list[str] = []
    dialogs: list[str] = []

    def come() -> Widget:
        widget = visit(product)
        page: Page = widget.page
        page.on("request", lambda request: asked.append(request.url))
        page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        return widget

    yield come
    strangers = [url for url in asked if not url.startswith((product.base_url, "data:", "blob:"))]
    assert strangers == [], "nothing is asked of anybody else"
    assert dialogs == [], "no script of anybody ran"


@pytest.fixture
def watched(watch: Callable[[], Widget]) -> Widget:
    return watch()


def inactive(widget: Widget, home: str) -> None:
    """Nothing in the log is more than text, but links that the house allows, that agents write, and those to the product's own files."""
    found: dict[str, Any] = widget.page.evaluate(
        """(active) => { const roots = [...document.querySelectorAll('*')].map((one) => one.shadowRoot).filter(Boolean);
        const log = roots.map((root) => root.querySelector('.log')).find(Boolean); const all = [...log.querySelectorAll('*')];
        return { active: [...log.querySelectorAll(active)].filter((one) => !one.src?.startsWith('blob:')).map((one) => one.outerHTML.slice(0, 200)),
          handlers: all.flatMap((one) => one.getAttributeNames().filter((name) => name.startsWith('on'))),
          styles: all.filter((one) => /url|expression/.test(one.getAttribute('style') ?? '')).length,
          links: [...log.querySelectorAll('article:not(.agent) a')].map((one) => one.href) } }""",
        ACTIVE,
    )
    assert found["active"] == []
    assert found["handlers"] == []
    assert found["styles"] == 0
    assert [link for link in found["links"] if not link.startswith((HOME, f"{home}/f/"))] == []


def test_nothing_becomes_active_in_the_page(product: Deskhand, watched: Widget) -> None:
    chat = watched.open()
    for number, batch in enumerate(BATCHES):
        said = f"How does the widget{number:02d} work?\n\n{batch}".replace("\x00", "")
        answer = chat.ask(said)
        expect(answer.locator(".b")).not_to_be_empty()
        inactive(chat, product.base_url)
    shown = " ".join(chat.texts())
    assert "beacon.example/p" in shown or "alert(document.domain)" in shown, "the texts did arrive, as text"
    chat.page.reload()
    chat.open()
    inactive(chat, product.base_url)


def in_slack(slack: FakeSlack, *rooms: str) -> str:
    """All that stands in the rooms, in every form in which Slack was told it."""
    roots = [(room, root) for room in rooms for root in slack.space.messages(room)]
    return json.dumps([[root, *slack.space.messages(room, root["ts"])] for room, root in roots], ensure_ascii=False)


def parts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from parts(one)


def passed_on(slack: FakeSlack, chat: Widget, room: str) -> str:
    """Ask for a person; the thread in this room."""
    before = len(slack.space.messages(room))
    chat.page.locator(".under").get_by_role("button", name="Talk to a person").click()
    return str(
        slack.wait(lambda: (found := slack.space.messages(room)) and len(found) > before and found[-1]["ts"], 45)
    )


def test_nothing_becomes_active_in_slack(product: Deskhand, slack: FakeSlack, watch: Callable[[], Widget]) -> None:
    """Words before and after the handoff, names of files, and an agent whose public name is a trap. Four customers share them."""
    names = [one.replace("\x00", "")[:100] for one in payloads() if "\n" not in one][-NAMES:]
    fives = [names[number : number + 5] for number in range(0, len(names), 5)]
    chats: dict[str, tuple[Widget, str]] = {}
    for number, (word, room) in enumerate(ROOMS.items()):
        chat = watch().open()
        chat.ask(f"How does the {word} work? {BATCHES[number + 1]}"[:3_900])
        chats[room] = chat, passed_on(slack, chat, room)
        for batch in BATCHES[number :: len(ROOMS)]:
            chat.say(batch.replace("\x00", ""))
        chat.page.evaluate("window.up = 0; void Deskhand.on('file:uploaded', () => { up += 1 })")
        for times, five in enumerate(fives[number :: len(ROOMS)], 1):
            files = [{"name": f"{name}.txt", "mimeType": "text/plain", "buffer": b"text"} for name in five]
            chat.page.locator("input[type=file]").set_input_files(files)  # type: ignore[arg-type]
            chat.until("(up) => window.up == up", 5 * times)
            chat.say("five files")
            expect(chat.page.locator(".put")).to_have_count(0)
        chat.say("That is all.")
    for room in ROOMS.values():
        slack.wait(lambda room=room: "That is all." in in_slack(slack, room), 120)
    slack.wait(lambda: len(slack.space.noted("call", method="files.completeUploadExternal")) >= len(names), 120)
    chat, root = chats[ROOM]
    slack.click("U1", ROOM, root, "Claim")
    expect(chat.page.locator("article.joined")).to_have_count(1, timeout=patient(30_000))
    slack.reply("U1", ROOM, root, f"{BATCHES[0][:2_000]} the end")
    expect(chat.page.locator("article.agent").last).to_contain_text("the end", timeout=patient(30_000))
    for chat, _ in chats.values():
        inactive(chat, product.base_url)
    posted = [one for one in slack.space.noted("call") if str(one.get("method", "")).startswith("chat.")]
    for message in parts(json.loads(in_slack(slack, *ROOMS.values()))):
        if message.get("type") == "mrkdwn" or "blocks" in message:
            live = FOREIGN.findall(str(message.get("text") or ""))
            assert [
                one for one in live if "shop.example" not in one and "127.0.0.1" not in one and "<@U1" not in one
            ] == []
        if message.get("type") in {"user", "usergroup", "channel", "broadcast", "emoji", "image"}:
            assert message.get("user_id") in {"U1", None} and message["type"] in {"user", "emoji", "image"}, message
        if message.get("type") == "link":
            assert message["url"].startswith((HOME, product.base_url, "mailto:")), message
        for setting in ("unfurl_links", "unfurl_media"):
            assert not message.get(setting)
    assert not [one for one in posted if one.get("unfurl_links") or one.get("unfurl_media") or one.get("link_names")]


def test_nothing_becomes_active_on_telegram(product: Deskhand, telegram: FakeTelegram) -> None:
    person = telegram.world.user(4242, "<b>Eve</b>", "@everyone")
    for number, batch in enumerate(BATCHES):
        before = len(telegram.world.said(person))
        telegram.write(person, f"How does the widget{number:02d} work? {batch}"[:3_900])
        telegram.wait(lambda before=before: len(telegram.world.said(person)) > before, 60)
    for message in telegram.world.said(person):
        for entity in message.get("entities") or ():
            assert entity["type"] in {
                "bold",
                "italic",
                "code",
                "pre",
                "text_link",
                "blockquote",
                "url",
                "mention",
                "hashtag",
                "email",
                "bot_command",
            }
            assert entity.get("url", HOME).startswith(HOME), entity
    assert not telegram.world.noted("refused"), "nothing was too odd to be said"


def on_its_way(product: Deskhand, channel: str) -> int:
    """How much is still to be said on a channel: long answers are several messages."""
    with contextlib.closing(sqlite3.connect(product.data / "deskhand.sqlite3")) as file:
        waiting = "SELECT count(*) FROM delivery WHERE channel = ? AND state IN ('pending', 'sending', 'uncertain')"
        return int(file.execute(waiting, (channel,)).fetchone()[0])


def test_nothing_becomes_active_on_discord(product: Deskhand, discord: FakeDiscord) -> None:
    # Several at a time: each conversation has a pace of its own.
    eves = [discord.world.add_user("@everyone <@1>") for _ in range(5)]
    dms = [discord.world.dm_of(eve) for eve in eves]
    for first in range(0, len(BATCHES), len(eves)):
        before = [len(discord.world.texts(dm)) for dm in dms]
        asked = BATCHES[first : first + len(eves)]
        for number, (eve, batch) in enumerate(zip(eves, asked, strict=False), first):
            discord.dm(eve, f"How does the widget{number:02d} work? {batch}"[:1_900])
        for dm, count in list(zip(dms, before, strict=True))[: len(asked)]:
            discord.wait(lambda dm=dm, count=count: len(discord.world.texts(dm)) > count, 60)
    discord.wait(lambda: not on_its_way(product, "discord"), 60)
    assert not [one for one in discord.world.noted("pings") if one.get("who")], "nobody was pinged"
    for call in discord.world.noted("call"):
        body = call.get("body") or {}
        if "content" in body:
            assert body["allowed_mentions"] == {"parse": []}
            assert body["flags"] & 4, "no previews"
            assert f"]({'https://' + BEACON}" not in body["content"]


def test_nothing_becomes_active_in_mails_tables_and_logs(product: Deskhand, mail: FakeMail, watched: Widget) -> None:
    chat = watched.open()
    chat.ask(f"How does the widget02 work? {BATCHES[2]}"[:3_900])
    chat.page.locator(".under").get_by_role("button", name="Talk to a person").click()
    chat.page.get_by_role("button", name="Leave a message instead").click(timeout=patient(30_000))
    chat.page.get_by_label("Name").fill("=cmd|' /C calc'!A0 <!channel> Eve")
    chat.page.get_by_label("E-mail").fill("eve@example.com")
    chat.page.get_by_role("button", name="Send request").click()
    wait_for(lambda: len(mail.mails) >= 2, 45)
    for one in mail.mails:
        assert one.message["Bcc"] is None and one.message["X-Injected"] is None
        assert all(BEACON not in str(value) for value in one.message.values())
        lowered = one.html.lower()
        assert not re.findall(r"<(?:script|img|iframe|object|svg|style src|form|video|audio|base|meta http)", lowered)
        assert not [link for link in re.findall(r'(?:href|src)="([^"]*)"', one.html) if BEACON in link.lower()]
    table = product.data.parent / "answers.csv"
    for arguments in (
        ["answers", "list"],
        ["knowledge", "list"],
        ["tickets", "list"],
        ["answers", "export", "--out", str(table)],
    ):
        told = product.run(*arguments)
        assert told.returncode == 0, told.stderr
        assert not re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", told.stdout), arguments
    if table.exists():
        cells = [cell for line in table.read_text("utf-8").splitlines() for cell in line.split(",")]
        assert not [cell for cell in cells if cell.strip('"').startswith(("=", "@", "\t", "\r", "+"))]
    for line in product.log().splitlines():
        entry = json.loads(line) if line.startswith("{") else {}
        assert "alert(document.domain)" not in line or entry.get("level") in {"debug", "warning"}, line[:300]
