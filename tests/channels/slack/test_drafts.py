"""AI drafts in Slack, through the whole product: from the card's button to the words that the customer gets, and to the inbox."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fakes.llm import FakeLLM, Script
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_visits import labels, text_of
from tests.running import Deskhand
from tests.scenarios.talking import Customer

from .conftest import CHANNEL
from .test_whole_product import env, of_agents

HOSTILE = "A refund is with you soon [1]. <!channel> *bold* <https://evil.example|click> [click](https://evil.example)"


def test_an_agent_has_a_draft_written_rewrites_edits_and_sends_it(
    deskhand: Callable[..., Deskhand], tmp_path: Path
) -> None:
    # The worker is killed when its first draft is written and not stored yet.
    kills = {
        "DESKHAND_FAILPOINTS": "desk.before_draft_commit=kill",
        "DESKHAND_FAILPOINTS_ONCE": str(tmp_path / "once"),
    }
    (tmp_path / "once").mkdir()
    with FakeSlack() as slack, FakeLLM() as llm:
        llm.default = Script(answer=HOSTILE, conclude=None)
        product = deskhand(**env(slack), **kills, OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=llm.openai_url)
        slack.wait(lambda: slack.sockets.open, 20)
        assert product.run("agents", "add", "ana", "--slack", "T0DESK:U1").returncode == 0

        def shown(has: str, count: int = 1) -> dict[str, Any]:
            found = slack.wait(
                lambda: [one for one in slack.asides("U1") if has in text_of(one) and "Send" in labels(one)][
                    count - 1 :
                ],
                30,
            )
            return dict(found[0])

        with Customer(product.base_url) as customer:
            customer.say("How long does a refund take?")
            customer.until(customer.answers)
            customer.tell({"t": "handoff", "cid": "h" * 32, "conv": customer.conv})
            thread = slack.wait_for_message(CHANNEL, seconds=10)["ts"]
            slack.wait(lambda: slack.space.messages(CHANNEL, thread), 10)
            slack.click("U1", CHANNEL, thread, "AI draft")
            draft = shown("A refund is with you soon")
            assert list((tmp_path / "once").iterdir()), "the worker was killed, and another one wrote it"
            assert "only you see this" in str(draft) and "evil.example" not in str(draft)
            assert "<!channel>" not in draft.get("text", "")
            assert labels(draft) == ["Send", "Edit…", "Shorter", "Friendlier", "Translate…", "Discard"]

            llm.default = Script(answer="Soon you have it back [1].", conclude=None)
            slack.press("U1", draft, "Shorter")
            short = shown("Soon you have it back")
            slack.home("U1")
            tab = next(one for one in labels(slack.home_of("U1")) if one.startswith("Drafts"))
            slack.press("U1", slack.home_of("U1"), tab)
            slack.wait(lambda: "Soon you have it back" in text_of(slack.home_of("U1")), 10)
            slack.press("U1", short, "Translate…")
            form = slack.wait(lambda: next((v for v in list(slack.space.opened.values()) if "Translate" in str(v["title"])), None), 10)  # fmt: skip
            slack.submit("U1", form, {"language": "German"})
            llm.default = Script(answer="Bald haben Sie es zurück [1].", conclude=None)
            slack.wait(lambda: "Translate it into German" in str(llm.requests), 20)
            slack.wait(lambda: len([one for one in slack.asides("U1") if "Send" in labels(one)]) >= 3, 20)
            last = [one for one in slack.asides("U1") if "Send" in labels(one)][-1]
            slack.press("U1", last, "Edit…")
            edit = slack.wait(lambda: next((v for v in list(slack.space.opened.values()) if "Edit" in str(v["title"])), None), 10)  # fmt: skip
            assert not of_agents(customer), "nothing is sent by itself"
            slack.submit("U1", edit, {"text": "Note: your refund takes *five* days & a bit."}, again=True)
            (said,) = customer.until(lambda: of_agents(customer), 20)
            assert said["text"] == "Note: your refund takes *five* days & a bit."
            slack.wait(lambda: [one for one in slack.space.messages(CHANNEL, thread) if "five" in one["text"]], 10)
            slack.press("U1", draft, "Send")
            slack.wait(lambda: any("newer draft" in str(one) for one in slack.asides("U1")), 10)
            assert len(of_agents(customer)) == 1
        numbers = product.run("drafts").stdout
        assert "3 made, 0 sent as it is, 1 edited" in numbers and "2 rewritten" in numbers
        assert not slack.space.noted("refused_blocks") and not slack.space.noted("too_fast")
        for trouble in ("answer_not_shown", "home_not_published", "event_not_committed", "page_not_read"):
            assert trouble not in product.log(), trouble
