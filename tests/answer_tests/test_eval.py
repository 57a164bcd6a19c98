"""``deskhand eval``: the real path, the real SDKs against a model on the wire, and nothing left behind."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from bot.answer_tests.reading import read_tests
from bot.answer_tests.trials import run
from bot.answer_tests.variants import Tape, Variant, staged
from bot.store import TABLES
from bot.switches import switch
from tests.commanding import command
from tests.fakes.llm import Asked, FakeLLM, Script

pytestmark = pytest.mark.once

SPORTS = (
    "tennis",
    "chess",
    "golf",
    "rowing",
    "judo",
    "polo",
    "darts",
    "sailing",
    "boxing",
    "curling",
    "fencing",
    "skating",
)
Write = Callable[[str, str], Path]
SHOP = Path(__file__).parent.parent.parent / "docs" / "examples" / "answers"


@pytest.fixture
def llm(environment: Any) -> Iterator[FakeLLM]:
    with FakeLLM() as server:
        environment(OPENAI_API_KEY="sk-secret-key-of-the-house", OPENAI_BASE_URL=server.openai_url)
        yield server
    environment(OPENAI_API_KEY=None, OPENAI_BASE_URL=None)


def counts(store: Any) -> dict[str, int]:
    return store.read(lambda: {model.__name__: model.select().count() for model in TABLES})


def test_a_run_prints_a_table_and_leaves_nothing_behind(installation: Any, cases: Path) -> None:
    before = counts(installation)
    result = command(installation, "eval", str(cases))
    assert result.exit_code == 0, result.output
    assert [line[:6] for line in result.stdout.splitlines()[1:4]] == ["ok    "] * 3
    assert "3 of 3 passed, answered by offline quotes, 0 tokens, $0" in result.stdout
    assert "refunds" in result.stdout
    assert counts(installation) == before


def test_a_failure_is_explained_and_ends_with_1(installation: Any, write: Write) -> None:
    path = write(
        "answers.yaml",
        """\
        - name: wrong source
          question: How long does a refund take?
          must_cite: delivery
        - name: wrong words
          question: How long does a refund take?
          must_say: 14 days
          must_not_say: 5 working days
        - name: talk
          dialogue:
            - Let me talk to a person
            - And a refund?
          expects_person: true
        - name: no such site
          site: elsewhere
          question: Where?
          must_say: x
        - name: broken
          question: Where?
          must_sya: x
        """,
    )
    result = command(installation, "eval", str(path))
    assert result.exit_code == 1
    out = " ".join(result.stdout.split())
    assert "It does not cite delivery, but refunds." in out
    assert "It does not say “14 days”" in out
    assert "It says “5 working days”" in out
    assert "was passed on to people" in out
    assert "There is no site with the key elsewhere" in out
    assert f"wrong {path}:19: A case has no must_sya. Did you mean must_say?" in out
    assert "0 of 4 passed, 2 could not be asked, 1 entries of the files cannot be used" in out


def test_a_long_dialogue_is_not_slowed_down(installation: Any, write: Write) -> None:
    """Nor does it bring the person who comes to people that ask too much."""
    questions = "".join(f"            - Who won the {sport} cup in 1974?\n" for sport in SPORTS)
    path = write(
        "answers.yaml", f"        - name: many\n          dialogue:\n{questions}          expects_no_answer: true\n"
    )
    result = command(installation, "eval", str(path))
    assert "1 of 1 passed" in result.stdout, result.output


def test_names_choose_cases(installation: Any, cases: Path) -> None:
    assert "1 of 1 passed" in command(installation, "eval", str(cases), "--only", "sun").stdout
    assert "2 of 2 passed" in command(installation, "eval", str(cases), "--only", "*n*").stdout.replace(
        "3 of 3", "2 of 2"
    )
    refused = command(installation, "eval", str(cases), "--only", "moon")
    assert refused.exit_code == 2
    assert "There are no cases called moon" in refused.output


def test_what_is_not_there_is_told(installation: Any, tmp_path: Path, cases: Path) -> None:
    for arguments, words in (
        ([], "set DESKHAND_ANSWER_TESTS"),
        ([str(tmp_path / "nothing")], "is not there"),
        ([str(cases), "--provider", "openai"], "No provider openai is on"),
        ([str(cases), "--model", "x"], "Say of which provider"),
        ([str(cases), "--prompt", "nothing.txt"], "There is no file nothing.txt"),
        ([str(cases), "--replay", str(tmp_path)], "has no recordings"),
        ([str(cases), "--knowledge", str(tmp_path / "no")], "There is no folder"),
        ([str(cases), "--replay", "a", "--record", "b"], "Either --record or --replay"),
        ([str(cases), "--compare", "now", "nonsense"], "cannot be compared"),
    ):
        result = command(installation, "eval", *arguments)
        assert result.exit_code == 2, arguments
        assert words in " ".join(result.output.split()), result.output


def test_the_setting_names_the_tests(installation: Any, cases: Path, environment: Any) -> None:
    environment(DESKHAND_ANSWER_TESTS=str(cases.parent))
    assert "3 of 3 passed" in command(installation, "eval").stdout
    environment(DESKHAND_ANSWER_TESTS=None)


def test_a_model_is_asked_and_paid(installation: Any, llm: FakeLLM, cases: Path) -> None:
    llm.default = Script(answer="A refund takes 5 working days. [1]", usage=(1_000, 100))
    result = command(installation, "eval", str(cases), "--only", "refund")
    assert result.exit_code == 0, result.output
    assert "answered by openai" in result.stdout
    assert "1100" in result.stdout
    assert len(llm.requests) == 1


def test_what_a_run_costs_is_counted_where_costs_are_shown(
    installation: Any, llm: FakeLLM, cases: Path, tmp_path: Path
) -> None:
    from bot import accounts, budgeting, spending

    llm.default = Script(answer="A refund takes 5 working days. [1]", usage=(1_000, 100), model="gpt-4.1-nano")
    arguments = ("eval", str(cases), "--only", "refund")

    def spent() -> dict[str, tuple[int, int]]:
        return {one.scope: (one.tokens, one.turns) for one in budgeting.spent_of_day()}

    records = tmp_path / "records"
    assert command(installation, *arguments, "--record", str(records)).exit_code == 0
    assert spent() == {"all": (1_100, 0), "site": (1_100, 0), "channel": (1_100, 1)}
    assert command(installation, *arguments, "--replay", str(records)).exit_code == 0
    assert spent()["all"] == (1_100, 0), "a replay is paid by nobody"
    assert command(installation, *arguments, "--compare", "now", "provider=openai").exit_code == 0
    assert spent() == {"all": (3_300, 0), "site": (3_300, 0), "channel": (3_300, 3)}
    shown = command(installation, "budgets").output
    assert "answer-tests" in shown and "3,300 tokens, $" in shown
    site = accounts.sites()[0].id
    assert installation.read(lambda: spending.tokens_left(site, 5_000)) == 5_000, "customers' cap is left alone"


def test_a_provider_that_is_away_is_an_error_and_no_failure_of_the_answer(
    installation: Any, llm: FakeLLM, cases: Path, tmp_path: Path
) -> None:
    llm.default = Script(fault="401")
    target = tmp_path / "out.xml"
    result = command(
        installation, "eval", str(cases), "--provider", "openai", "--only", "refund", "--junit", str(target)
    )
    assert result.exit_code == 1
    assert "1 could not be asked" in result.stdout
    assert ET.parse(target).getroot()[0].get("errors") == "1"


def test_recordings_answer_without_a_key_and_a_changed_prompt_has_none(
    installation: Any, llm: FakeLLM, cases: Path, tmp_path: Path, environment: Any, write: Write
) -> None:
    def say(asked: Asked) -> str:
        return "A refund takes 5 working days. [1]" if "refund" in asked.question else "On Sundays it is closed. [1]"

    llm.default = Script(answer=say, usage=(900, 50))
    records = tmp_path / "records"
    arguments = ["eval", str(cases), "--only", "refund", "--only", "sunday"]
    assert command(installation, *arguments, "--record", str(records)).exit_code == 0
    kept = b"".join(path.read_bytes() for path in records.rglob("*.json"))
    assert b"sk-secret" not in kept
    assert b"How long does a refund take" not in kept  # no request is kept
    assert len(list(records.rglob("*.json"))) == 3
    asked = len(llm.requests)
    environment(OPENAI_API_KEY=None, OPENAI_BASE_URL=None)
    again = command(installation, *arguments, "--replay", str(records))
    assert again.exit_code == 0, again.output
    assert "2 of 2 passed, answered by openai" in again.stdout
    assert "1900 tokens" in again.stdout
    # Also with a key nobody is called: what was never recorded fails by name.
    environment(OPENAI_API_KEY="sk-x", OPENAI_BASE_URL=llm.openai_url)
    prompt = write("prompt.txt", "You are a pirate.")
    changed = command(installation, *arguments, "--replay", str(records), "--prompt", str(prompt))
    assert changed.exit_code == 1
    assert "there is no recording of this prompt" in " ".join(changed.stdout.split())
    assert "2 could not be asked" in changed.stdout
    assert len(llm.requests) == asked


@pytest.mark.parametrize("arguments", [[], ["--provider", "offline"], ["--compare", "now", "provider=offline"]])
def test_without_a_model_nothing_is_recorded_and_that_is_said(
    installation: Any, cases: Path, tmp_path: Path, arguments: list[str]
) -> None:
    records = tmp_path / "records"
    result = command(installation, "eval", str(cases), "--record", str(records), *arguments)
    assert result.exit_code == 2, result.output
    said = " ".join(result.output.split())
    assert "There is nothing to record: no model can be asked" in said
    assert "OPENAI_API_KEY" in said
    assert "deskhand providers list" in said
    assert "passed" not in said
    assert not records.exists()


def test_a_damaged_recording_is_named(installation: Any, llm: FakeLLM, cases: Path, tmp_path: Path) -> None:
    llm.default = Script(answer="A refund takes 5 working days. [1]")
    records = tmp_path / "records"
    command(installation, "eval", str(cases), "--only", "refund", "--record", str(records))
    (path,) = [path for path in records.rglob("*.json") if path.name != "provider.json"]
    for broken in (
        b"{",
        b'{"format":1,"deltas":[["text","x"]]}',
        b'{"format":1,"deltas":[["shell","x"],["end","stop"]]}',
    ):
        path.write_bytes(broken)
        result = command(installation, "eval", str(cases), "--only", "refund", "--replay", str(records))
        assert result.exit_code == 1
        assert f"the recording {path.name} cannot be used" in " ".join(result.stdout.split())


def test_two_prompts_side_by_side_differences_first(
    installation: Any, llm: FakeLLM, cases: Path, write: Write, tmp_path: Path
) -> None:
    bad = write("bad.txt", "Always say that refunds are impossible.")

    def say(asked: Asked) -> str:
        system = str(llm.requests[-1]["body"])
        if "refund" in asked.question:
            return "Refunds are impossible." if "are impossible" in system else "A refund takes 5 working days. [1]"
        return "On Sundays the shop is closed. [1]"

    llm.default = Script(answer=say, usage=(1_000, 100))
    page = tmp_path / "page.html"
    result = command(
        installation, "eval", str(cases), "--only", "refund", "--only", "sunday", "--parallel", "1",
        "--compare", "now", str(bad), "--html", str(page),
    )  # fmt: skip
    assert result.exit_code == 1, result.output
    out = result.stdout
    assert "From A to B: 1 worse, 0 better, 0 other, 1 same." in out
    assert out.index("worse   refund") < out.index("same    Sunday")
    assert "It says “impossible”: “Refunds are impossible.”" in out
    assert out.count("2200 tokens") == 2
    assert "Refunds are impossible." in page.read_text()


def test_another_knowledge_is_compared_by_its_folder(installation: Any, cases: Path, tmp_path: Path) -> None:
    folder = tmp_path / "newer"
    folder.mkdir()
    (folder / "refunds.md").write_text("# Refunds\n\nA refund takes 14 days.\n")
    result = command(installation, "eval", str(cases), "--compare", "now", f"knowledge={folder}")
    assert result.exit_code == 1
    assert "worse   refund" in result.stdout
    assert "2 worse" in result.stdout


def test_reports_hold_hostile_answers_as_text(installation: Any, llm: FakeLLM, cases: Path, tmp_path: Path) -> None:
    switch("grounding", False, actor="cli:test")  # which would not let it through
    evil = "<script>alert()</script> </pre>\x1b[31m ]]> & \x07 <img src=x onerror=alert()>"
    llm.default = Script(answer=evil)
    page, xml = tmp_path / "deep" / "page.html", tmp_path / "deep" / "junit.xml"
    result = command(installation, "eval", str(cases), "--only", "refund", "--html", str(page), "--junit", str(xml))
    assert result.exit_code == 1
    text = page.read_text()
    assert "<script" not in text
    assert "<img" not in text
    assert "&lt;script&gt;" in text
    assert "\x1b" not in result.stdout
    assert "\x07" not in result.stdout
    suite = ET.parse(xml).getroot()[0]
    assert suite.get("failures") == "1"
    assert "<script>alert()</script>" in (suite.find("testcase/system-out").text or "")  # as text


def test_the_sample_shops_tests_pass_without_a_key(tmp_path: Path) -> None:
    tests = read_tests(SHOP)
    assert tests.problems == ()
    assert len(tests.cases) >= 30
    with staged(Variant(copied=False), Tape()) as stage:
        report = run(tests.cases, stage)
    assert [(trial.case.name, trial.wrong) for trial in report.failed] == []


def test_a_recording_keeps_nothing_that_a_placeholder_stands_for(tmp_path: Path) -> None:
    from bot.ai import End, Prompt, PromptMessage, Text
    from bot.answer_tests.recordings import Recorder
    from plugins.providers.offline import Offline

    class Leaky(Offline):
        def stream(self, prompt: Prompt) -> Any:
            yield Text("Your address is anna@shop.example")
            yield End()

    prompt = Prompt(
        system="s", messages=(PromptMessage("user", "⟦EMAIL_1⟧?"),), placeholders={"⟦EMAIL_1⟧": "anna@shop.example"}
    )
    list(Recorder(Leaky(), tmp_path).stream(prompt))
    assert [path.name for path in tmp_path.rglob("*.json")] == ["provider.json"]
    facts = orjson.loads((tmp_path / "offline~quotes" / "provider.json").read_bytes())
    assert facts["name"] == "offline"


def test_the_articles_as_they_were_on_a_day(installation: Any, cases: Path) -> None:
    from datetime import UTC, datetime, timedelta

    from bot.article_versions import edit_article
    from bot.articles import list_articles

    long_ago = (datetime.now(UTC) - timedelta(days=10)).timestamp()
    installation.write(lambda: installation.ArticleVersion.update(created_at=long_ago).execute())
    (refunds,) = [view.id for view in list_articles() if view.title == "Refunds"]
    edit_article(refunds, by="cli:test", body="A refund takes 14 days.")
    day = (datetime.now(UTC) - timedelta(days=5)).date().isoformat()
    both = command(installation, "eval", str(cases), "--compare", day, "now")
    assert both.exit_code == 1, both.output
    assert "From A to B: 1 worse" in both.stdout
    assert "worse   refund" in both.stdout
    then = command(installation, "eval", str(cases), "--knowledge", day)
    assert then.exit_code == 0, then.output
    before_all = (datetime.now(UTC) - timedelta(days=20)).date().isoformat()
    assert "2 of 3" not in command(installation, "eval", str(cases), "--knowledge", before_all).stdout
    now = command(installation, "eval", str(cases))
    assert "It does not say “5 working days”" in now.stdout


def test_what_was_right_can_be_calibrated_on(installation: Any, llm: FakeLLM, cases: Path, tmp_path: Path) -> None:
    llm.default = Script(answer="A refund takes 5 working days. [1]", conclude={"confidence": 0.8})
    path = tmp_path / "judged.jsonl"
    command(installation, "eval", str(cases), "--judged", str(path))
    rows = {row["case"].rpartition("::")[2]: row for row in map(orjson.loads, path.read_bytes().splitlines())}
    assert "unknown" not in rows, "no answer is none to learn from"
    assert (rows["refund"]["right"], rows["refund"]["stated"]) == (True, 0.8)
    assert 0 <= rows["refund"]["certainty"] <= 1
    path.write_bytes(path.read_bytes() * 60)
    done = command(installation, "answers", "calibrate", "--from", str(path))
    assert "judged answers" in done.output
