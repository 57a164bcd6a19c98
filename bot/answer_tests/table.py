"""Runs of answer tests as text for a terminal. No I/O."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from bot.answer_tests.comparing import Comparison
from bot.answer_tests.trials import Report, Trial
from bot.hidden import strip_hidden

NAME, CITED = 44, 34
"""Widest columns."""
SIGNS = {"worse": "worse ", "better": "better", "other": "other ", "same": "same  "}


def lines_of(report: Report) -> Iterator[str]:
    """The table of one run, with the reasons of what failed below their rows."""
    names = [_shown(trial.case.name) for trial in report.trials]
    wide = min(NAME, max((_width(name) for name in names), default=4))
    yield f"      {_cell('case', wide)}  {_cell('cites', CITED)}  sure  tokens       cost      ms"
    for trial, name in zip(report.trials, names, strict=True):
        yield (
            f"{_mark(trial)}  {_cell(name, wide)}  {_cell(', '.join(trial.cited) or '-', CITED)}  {_sure(trial)}"
            f"  {trial.tokens:>6}  {money(trial.cost):>9}  {trial.ms:>6}"
        )
        yield from (f"        {_shown(sentence, 600)}" for sentence in trial.wrong)
    for problem in report.problems:
        yield f"wrong   {_shown(str(problem), 600)}"
    yield total(report)


def total(report: Report) -> str:
    """One line: how many passed, by whom, at what price."""
    passed = len(report.trials) - len(report.failed)
    broken = sum(trial.error for trial in report.failed)
    parts = [f"{passed} of {len(report.trials)} passed"]
    if broken:
        parts.append(f"{broken} could not be asked")
    if report.problems:
        parts.append(f"{len(report.problems)} entries of the files cannot be used")
    parts += [f"answered by {report.by}", f"{report.tokens} tokens", money(report.cost), f"{report.seconds:.1f} s"]
    return ", ".join(parts) + "."


def lines_of_comparison(both: Comparison) -> Iterator[str]:
    """Two runs side by side, differences first."""
    before, after = _shown(both.before.label, 40), _shown(both.after.label, 40)
    yield f"A  {before}: {total(both.before)}"
    yield f"B  {after}: {total(both.after)}"
    counts = ", ".join(f"{both.count(kind)} {kind}" for kind in ("worse", "better", "other", "same"))
    yield f"From A to B: {counts}."
    for pair in both.pairs:
        if pair.kind == "same":
            continue
        yield ""
        yield f"{SIGNS[pair.kind]}  {_shown(pair.after.case.name)}"
        for sign, trial in (("A", pair.before), ("B", pair.after)):
            numbers = f"sure {_sure(trial).strip()}  {trial.tokens} tokens  {money(trial.cost)}  {trial.ms} ms"
            yield f"  {sign} {_mark(trial)}  cites {', '.join(trial.cited) or '-'}  {numbers}"
            yield from (f"      {_shown(sentence, 600)}" for sentence in trial.wrong)
            if not trial.wrong and trial.last is not None:
                yield f"      {_shown(trial.last.text, 300)}"
    same = [_shown(pair.after.case.name) for pair in both.pairs if pair.kind == "same"]
    if same:
        yield ""
        yield from _wrapped("same    ", same)


def _wrapped(head: str, names: Sequence[str]) -> Iterator[str]:
    line = head
    for name in names:
        if len(line) + len(name) > 110:
            yield line.rstrip(", ")
            line = " " * len(head)
        line += f"{name}, "
    yield line.rstrip(", ")


def money(cost: float | None) -> str:
    """US dollars, or that nobody knows."""
    if cost is None:
        return "?"
    return "$0" if cost == 0 else f"${cost:.6f}" if cost < 0.01 else f"${cost:.4f}"


def _mark(trial: Trial) -> str:
    return "ok    " if trial.passed else "error " if trial.error else "FAILED"


def _sure(trial: Trial) -> str:
    sure = trial.last.confidence if trial.last is not None else None
    return "   -" if sure is None else f"{sure:4.2f}"


def _shown(text: str, most: int = 200) -> str:
    """One line without what moves the cursor or hides: a model's words are a stranger's."""
    flat = " ".join(strip_hidden(text).split())
    clean = "".join(sign if sign.isprintable() else "�" for sign in flat)
    return clean if len(clean) <= most else clean[: most - 1] + "…"


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text
    )


def _cell(text: str, wide: int) -> str:
    """``text`` in exactly so many columns."""
    while _width(text) > wide:
        text = text.removesuffix("…")[:-1] + "…"
    return text + " " * (wide - _width(text))
