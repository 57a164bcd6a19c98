"""``deskhand answers``: filters, pages, exports that no spreadsheet takes for formulas, sums, verdicts, calibration on request only."""

from __future__ import annotations

import csv
import io
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import clock, confidence, lease, turns
from bot.answer_log import Basis
from bot.events import Answer
from bot.messages import Inbound, Receipt, Source
from bot.receive import receive
from bot.turns import Account
from tests.commanding import command


@pytest.fixture
def site(store: Any) -> Iterator[None]:
    store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now()))
    lease.start("test")
    confidence.forget()
    yield
    confidence.forget()


def answered(
    store: Any, text: str = "x", *, who: str = "anna", account: dict[str, Any] | None = None, **answer: Any
) -> str:
    """Give an answer and return the id of its row."""
    got = receive([Inbound(channel="test", key=clock.new_id(), external_id=who, place=who, text="What?")])[0]
    assert isinstance(got, Receipt)
    begun = store.write(lambda: turns.begin(got.conversation_id))
    said = Answer(text=text, **{"provider": "openai", "model": "gpt-4.1", **answer})
    store.write(lambda: turns.end(begun, said, Account(**(account or {}))))
    return str(store.read(lambda: store.AnswerLog.get(store.AnswerLog.turn == begun.turn_id).id))


def ids(output: str) -> list[str]:
    return [
        line.split()[0]
        for line in output.splitlines()
        if line[:8].replace("-", "").isalnum() and "  " in line and line[8] == "-"
    ]


def test_a_list_has_filters_and_pages(store: Any, site: None) -> None:
    rows = [
        answered(store, confidence=0.2, account={"cost": 1_500, "total_ms": 1_200}),
        answered(store, confidence=0.9, provider="anthropic", model="claude"),
        answered(store, type="auto", provider="", model=""),
        answered(store, type="offline", provider="offline", model="quotes", steps=("quotes",)),
    ]
    out = command(store, "answers", "list").output
    assert ids(out) == rows[::-1] and "$0.0015" in out and "1.2 s" in out and "0.20" in out
    assert ids(command(store, "answers", "list", "--below", "0.5").output) == [rows[0]]
    assert ids(command(store, "answers", "list", "--above", "0.5").output) == [rows[1]]
    assert ids(command(store, "answers", "list", "--type", "auto").output) == [rows[2]]
    assert ids(command(store, "answers", "list", "--provider", "anthropic").output) == [rows[1]]
    assert ids(command(store, "answers", "list", "--step", "quotes").output) == [rows[3]]
    assert ids(command(store, "answers", "list", "--site", "demo").output) == rows[::-1]
    assert command(store, "answers", "list", "--site", "other").output == "There are none.\n"
    first = command(store, "answers", "list", "--rows", "3").output
    assert ids(first) == rows[:0:-1] and "1 to 3 of 4. Go on with: --page 2" in first
    assert ids(command(store, "answers", "list", "--rows", "3", "--page", "2").output) == [rows[0]]
    assert "no page 9" in command(store, "answers", "list", "--page", "9").output
    day = "2026-01-01"
    assert command(store, "answers", "list", "--until", "2020-01-01").output == "There are none.\n"
    assert len(ids(command(store, "answers", "list", "--since", "2020-01-01").output)) == 4
    bad = command(store, "answers", "list", "--since", "soon")
    assert bad.exit_code == 1 and f"Write it like {day[:4]}" in bad.output


def test_one_answer_is_explained_and_its_mark_has_a_history(store: Any, site: None) -> None:
    basis = Basis(certainty=0.6, articles={"p1": "a-gone"}, knowledge=3)
    which = answered(
        store, stated=0.9, grounded=0.5, confidence=0.7, sources=(Source(n=1, passage_id="p1", title="T"),),
        account={"basis": basis, "input_tokens": 10, "output_tokens": 2},
    )  # fmt: skip
    assert (
        "Marked: needs work."
        in command(store, "answers", "mark", which, "needs-work", "--note", "say\x1b[31m the date").output
    )
    assert "already" in command(store, "answers", "mark", which, "needs-work").output
    out = command(store, "answers", "show", which).output
    assert (
        "0.70, from: the model's own word 0.90 (+2.20), the search 0.60 (+0.08), claims found in the passages 0.50 (-1.20)"
        in out
    )
    assert "an article that is gone (passage p1)" in out and "needs_work" in out and "\x1b" not in out
    assert "The mark is taken back." in command(store, "answers", "mark", which, "none").output
    assert "verdict taken back" in command(store, "answers", "show", which).output
    message = store.read(lambda: store.AnswerLog.get_by_id(which).message)
    assert which in command(store, "answers", "show", message).output, "a message's id finds it, too"
    assert which in command(store, "answers", "show", which[-12:]).output, "and a piece of its own"
    assert re.search(r"^asked +What\?$", out, re.M) and re.search(r"^answered +\w", out, re.M)
    answered(store, who="bert")
    assert "More than one answer" in command(store, "answers", "show", which[:6]).output
    missing = command(store, "answers", "show", "no-such")
    assert missing.exit_code == 1 and "There is no answer no-such" in missing.output


def test_an_export_is_whole_and_no_cell_is_a_formula(store: Any, site: None, tmp_path: Path) -> None:
    for n in range(5):
        answered(store, provider="=cmd|' /C calc'!A0" if n == 1 else "openai", model="+1", account={"cost": n})
    out = command(store, "answers", "export").stdout
    table = list(csv.DictReader(io.StringIO(out)))
    assert len(table) == 5 and [row["cost"] for row in table] == ["0", "1", "2", "3", "4"]
    assert table[1]["provider"] == "'=cmd|' /C calc'!A0" and table[0]["model"] == "'+1"
    assert not any(cell[:1] in "=+@\t" for row in table for cell in row.values() if cell)
    target = tmp_path / "answers.jsonl"
    done = command(store, "answers", "export", "--format", "jsonl", "--out", str(target))
    assert "5 answers." in done.output
    lines = [json.loads(line) for line in target.read_text("utf-8").splitlines()]
    assert lines[1]["provider"].startswith("=cmd") and lines[4]["cost"] == 4 and "question" not in lines[0]
    assert len(command(store, "answers", "export", "--model", "none").stdout.splitlines()) == 1


def test_an_export_is_read_in_batches(store: Any, site: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from bot import answer_views

    monkeypatch.setattr(answer_views, "BATCH", 2)
    rows = [answered(store) for _ in range(5)]
    store.write(lambda: store.AnswerLog.update(at=1_000.0).where(store.AnswerLog.id.in_(rows[:4])).execute())
    assert [row["id"] for row in answer_views.every(answer_views.Wanted())] == rows, "four of the same moment"


def test_sums_tell_cost_time_marks_and_accuracy_of_each_model(store: Any, site: None) -> None:
    for n in range(20):
        which = answered(
            store, confidence=0.8, account={"cost": 100, "total_ms": 100 * n, "first_delta_ms": n, "input_tokens": 3}
        )
        if n < 4:
            command(store, "answers", "mark", which, "right" if n else "wrong")
    answered(store, provider="local", model="llama", handoff_reason="x", account={"input_tokens": 1, "cost": None})
    out = command(store, "answers", "summary").output
    openai = next(line for line in out.splitlines() if line.startswith("openai/gpt-4.1"))
    assert (
        "20" in openai
        and "$0.0020" in openai
        and "1.0/1.9 s" in openai
        and "3/1/0" in openai
        and "75%" in openai
        and "0.80" in openai
    )
    local = next(line for line in out.splitlines() if line.startswith("local/llama"))
    assert "(+1 without a price)" in local and "100%" in local
    answered(store, who="ben", type="cache", account={"cost": 0, "total_ms": 5})
    again = command(store, "answers", "summary").output
    assert next(one for one in again.splitlines() if one.startswith("openai/")).split()[1] == "20", (
        "given again: the model did nothing"
    )
    assert next(one for one in again.splitlines() if one.startswith("cache")).split()[1] == "1"
    assert "Together: 21 answers, $0.0020." in out
    assert command(store, "answers", "summary", "--type", "person").output == "There are none.\n"


def lines(count: int, seed: int = 3) -> str:
    """Judged answers of a model that overrates itself, where the search knows better."""
    random_ = random.Random(seed)
    made = []
    for _ in range(count):
        certainty = random_.random()
        right = random_.random() < certainty
        made.append(json.dumps({"stated": 0.9, "certainty": certainty, "grounded": 1.0, "right": right}))
    return "\n".join(made)


def test_calibration_says_what_it_would_change_and_counts_only_on_request(
    store: Any, site: None, tmp_path: Path
) -> None:
    path = tmp_path / "judged.jsonl"
    path.write_text(lines(400), "utf-8")
    out = command(store, "answers", "calibrate", "--from", str(path)).output
    assert "400 judged answers" in out and "Nothing was changed" in out
    assert confidence.weights() == confidence.PRIOR
    assert "They count from now on" in command(store, "answers", "calibrate", "--from", str(path), "--use").output
    used = confidence.weights()
    assert used.certainty > 0.6 and used != confidence.PRIOR
    assert confidence.combine(0.9, 0.1, 1.0, used) < 0.35 < 0.65 < confidence.combine(0.9, 0.9, 1.0, used)  # type: ignore[operator]
    from bot import audit

    (entry,) = audit.entries(action="confidence.weights")
    assert entry.detail["after"]["certainty"] == used.certainty
    command(store, "answers", "calibrate", "--reset")
    assert confidence.weights() == confidence.PRIOR


def test_calibration_learns_from_verdicts_and_thumbs(store: Any, site: None) -> None:
    for n in range(48):
        basis = Basis(certainty=0.9 if n % 3 else 0.2)
        which = answered(store, stated=0.8, confidence=0.8, account={"basis": basis})
        if n % 2:
            command(store, "answers", "mark", which, "right" if n % 3 else "wrong")
        else:
            message = store.read(lambda which=which: store.AnswerLog.get_by_id(which).message)
            reason = "too_long" if n == 0 else "wrong"
            event = Inbound(channel="test", key=clock.new_id(), external_id="anna", place="anna", kind="mark", subject=message,
                            mark="up" if n % 3 else "down", reason="" if n % 3 else reason)  # fmt: skip
            assert isinstance(receive([event])[0], Receipt)
    out = command(store, "answers", "calibrate").output
    assert "47 judged answers, 32 of them right" in out, "what was only too long is no mistake"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "line 1: this is no JSON"),
        ('{"stated": 0.5}', '"right" must be true or false'),
        ('{"right": true, "stated": 7}', '"stated" must be a number from 0 to 1'),
        ('{"right": true, "stated": 0.5}', "1 judged answers are too few"),
        ("[1]", '"right" must be'),
    ],
)
def test_calibration_refuses_what_it_cannot_learn_from(
    store: Any, site: None, tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "judged.jsonl"
    path.write_text(text, "utf-8")
    done = command(store, "answers", "calibrate", "--from", str(path), "--use")
    assert done.exit_code == 1 and words in done.output and confidence.weights() == confidence.PRIOR
