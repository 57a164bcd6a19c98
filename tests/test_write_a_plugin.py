"""The plugin guide is true: its snippets are loaded and used, and the reference page is the one the code makes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import bot
from bot.ai import End, Prompt, PromptMessage, Text
from bot.channel import TemporaryFailure
from bot.events import Answer
from bot.hook_reference import PAGE, page
from bot.knowledge import SourceOrder, Unchanged
from bot.messages import Inbound, Outbound
from bot.plugins import Registry
from tests.fakes.website import Website
from tests.registries import MESSAGE, TURN, House

GUIDE = Path(__file__).resolve().parent.parent / "docs" / "write-a-plugin.md"


@pytest.fixture
def house(store: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[House]:
    house = House(monkeypatch, tmp_path / "plugins")
    for name, source in re.findall(r"```python\n# (\w+)\.py\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL):
        house.write(name, source)
    yield house
    house.close()


def load(house: House, process: str = "turns") -> Registry:
    registry = house.load(process)
    assert registry.broken == ()
    assert sorted(registry.plugins) == ["glossary", "opening", "pager", "parrot", "refunds", "shout"]
    return registry


def test_every_python_block_of_the_guide_is_a_plugin_that_is_tried_here() -> None:
    text = GUIDE.read_text("utf-8")
    assert text.count("```python") == len(re.findall(r"```python\n# \w+\.py\n", text)) == 6


def test_the_smallest_plugin_does_what_it_says(house: House) -> None:
    snapshot = load(house).snapshot()
    loud, calm = replace(MESSAGE, text="WHERE IS IT"), replace(MESSAGE, text="Where is it")
    assert snapshot.pipe("filter_inbound", "message", loud, turn=TURN).text == "Where is it"
    assert snapshot.pipe("filter_inbound", "message", calm, turn=TURN) is calm


def test_the_plugin_with_settings_uses_them(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENING_FROM", "23")
    monkeypatch.setenv("OPENING_UNTIL", "1")
    snapshot = load(house).snapshot()
    answer = Answer(text="I pass this on.", handoff_reason="asked")
    assert (
        snapshot.pipe("after_ai", "answer", answer, turn=TURN).text
        == "I pass this on.\n\nWe are here again from 23:00 UTC."
    )
    assert snapshot.pipe("after_ai", "answer", replace(answer, handoff_reason=""), turn=TURN).text == "I pass this on."


def test_the_rule_brings_a_person_before_the_ai_is_asked(house: House) -> None:
    snapshot = load(house).snapshot()
    asked = replace(TURN, question="I want a REFUND")
    found = snapshot.first("escalate", turn=asked, answer=None)
    assert found is not None and found[0] == "refunds"
    assert (found[1].reason.value, found[1].detail, found[1].priority) == ("policy", "refund", "high")
    assert snapshot.first("escalate", turn=asked, answer=Answer(text="x")) is None
    assert snapshot.first("escalate", turn=TURN, answer=None) is None


def test_the_source_brings_articles_and_asks_again_only_for_what_changed(
    house: House, environment: Callable[..., None]
) -> None:
    environment(DESKHAND_ALLOWED_CIDRS="127.0.0.0/8")
    registry = load(house, "worker")
    ((_, glossary),) = registry.snapshot().each("knowledge_source")
    with Website() as site:
        site.page("/terms.json", '{"twill": "A weave with diagonal lines."}', type="application/json")
        order = glossary.check(SourceOrder(address=f"glossary:{site.url('/terms.json')}"))
        reader = glossary.open(order)
        (place,) = reader.places()
        article, marks = reader.read(place, {})
        assert (article.name, article.title, article.body) == (
            "twill",
            "What is twill?",
            "A weave with diagonal lines.",
        )
        assert list(reader.read(place, marks.note)) == [Unchanged()]
    (failed,) = reader.read(place, {})
    assert (failed.what, failed.reason) == ("", "it could not be reached")
    assert [glossary.accepts(address) for address in ("glossary:https://x.example", "https://x.example")] == [
        True,
        False,
    ]


def test_the_provider_is_off_until_somebody_switches_it_on_and_then_speaks(house: House) -> None:
    from bot import switches

    registry = load(house)
    assert registry.snapshot().objects("ai_provider") == ()
    switches.switch("parrot", True, actor="test")
    ((_, parrot),) = registry.fresh().objects("ai_provider")
    prompt = Prompt(system="", messages=(PromptMessage("user", "Polly?"),))
    assert list(parrot.stream(prompt)) == [Text("Polly?"), End()]


def test_the_channel_receives_acknowledges_after_the_commit_and_sends(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    log: list[str] = []

    async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        command = (await reader.readline()).decode().rstrip("\n")
        log.append(command)
        if command == "LISTEN":
            writer.write(b"17 ida Where is my parcel?\n")
            log.append((await reader.readline()).decode().rstrip("\n"))
        else:
            writer.write(b"OK 42\n")
        writer.close()

    class Inbox:
        async def receive(self, *events: Inbound) -> list[Any]:
            log.append(f"committed {events[0].key} {events[0].text}")
            return []

    async def main() -> None:
        server = await asyncio.start_server(exchange, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("PAGER_HOST", "127.0.0.1")
        monkeypatch.setenv("PAGER_PORT", str(port))
        ((_, pager),) = load(house, "channels").snapshot().objects("channel")
        await asyncio.wait_for(pager.listen(Inbox()), 5)
        out = Outbound(key="k", op="send", place="ida", text="On its way")
        assert (await pager.send(out)).platform_id == "42"
        server.close()
        await server.wait_closed()
        with pytest.raises(TemporaryFailure):
            await pager.send(out)

    asyncio.run(main())
    assert log == ["LISTEN", "committed pager:17 Where is my parcel?", "ACK 17", "PAGE ida On its way"]


def test_the_reference_page_is_the_one_that_the_code_makes() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: python -m bot.hook_reference"


def test_what_a_plugin_may_import_is_what_the_page_lists() -> None:
    documented = re.findall(r"^\| `(\w+)` \|", PAGE.read_text("utf-8").partition("## Names")[2], re.MULTILINE)
    assert documented == bot.__all__
    for name in bot.__all__:
        assert getattr(bot, name) is not None
    with pytest.raises(
        AttributeError, match=r"bot has no public name 'Message'; what plugins may import is listed in docs/hooks\.md"
    ):
        bot.Message  # noqa: B018
