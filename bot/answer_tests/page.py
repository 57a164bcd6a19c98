"""A run of answer tests, or two side by side, as one HTML file without scripts and without anything from elsewhere. No I/O."""

from __future__ import annotations

from html import escape

from bot.answer_tests.comparing import Comparison
from bot.answer_tests.junit import said
from bot.answer_tests.table import money, total
from bot.answer_tests.trials import Report, Trial

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="robots" content="noindex">
<title>Answer tests</title>
<style>
:root { color-scheme: light dark; --line: #8884; --bad: #b3261e; --good: #1b6e3c; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --good: #7bd69b; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .4rem .6rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
td.n { text-align: right; white-space: nowrap; }
.failed, .error, .worse { color: var(--bad); font-weight: 600; }
.ok, .better { color: var(--good); }
pre { white-space: pre-wrap; font: inherit; margin: .3rem 0; }
ul { margin: .2rem 0; padding-left: 1.2rem; }
</style>
</head>
<body>
"""


def page(report: Report) -> str:
    """One run, what failed first."""
    rows = sorted(report.trials, key=lambda trial: trial.passed)
    body = [
        "<h1>Answer tests</h1>",
        f"<p>{escape(report.label)}: {escape(total(report))}</p>",
        _problems(report),
        "<table><thead><tr><th>Case<th>Result<th>Cites<th>Sure<th>Tokens<th>Cost<th>ms</tr></thead><tbody>",
        *(_row(trial) for trial in rows),
        "</tbody></table>",
    ]
    return f"{_HEAD}{''.join(body)}\n</body>\n</html>\n"


def comparison_page(both: Comparison) -> str:
    """Two runs side by side, differences first."""
    body = [
        "<h1>Answer tests, side by side</h1>",
        f"<p>A, {escape(both.before.label)}: {escape(total(both.before))}</p>",
        f"<p>B, {escape(both.after.label)}: {escape(total(both.after))}</p>",
        _problems(both.after),
        "<table><thead><tr><th>Case<th>From A to B<th>A<th>B</tr></thead><tbody>",
    ]
    for pair in both.pairs:
        case = pair.after.case
        body.append(
            f"<tr><td>{escape(case.name)}<br><small>{escape(case.set)}:{case.line}</small>"
            f'<td class="{pair.kind}">{pair.kind}<td>{_side(pair.before)}<td>{_side(pair.after)}</tr>\n'
        )
    return f"{_HEAD}{''.join(body)}</tbody></table>\n</body>\n</html>\n"


def _row(trial: Trial) -> str:
    sure = trial.last.confidence if trial.last is not None else None
    return (
        f"<tr><td>{escape(trial.case.name)}<br><small>{escape(trial.case.set)}:{trial.case.line}</small>"
        f"<td>{_result(trial)}<td>{escape(', '.join(trial.cited) or '-')}"
        f'<td class="n">{"-" if sure is None else f"{sure:.2f}"}<td class="n">{trial.tokens}'
        f'<td class="n">{escape(money(trial.cost))}<td class="n">{trial.ms}</tr>\n'
    )


def _side(trial: Trial) -> str:
    numbers = f"{trial.tokens} tokens, {money(trial.cost)}, {trial.ms} ms"
    return f"{_result(trial)}<small>cites {escape(', '.join(trial.cited) or '-')}; {escape(numbers)}</small>"


def _result(trial: Trial) -> str:
    word = "ok" if trial.passed else "error" if trial.error else "failed"
    reasons = "".join(f"<li>{escape(sentence)}" for sentence in trial.wrong)
    answers = (
        f"<details><summary>What was said</summary><pre>{escape(said(trial))}</pre></details>" if trial.outcomes else ""
    )
    return f'<span class="{word}">{word}</span>{f"<ul>{reasons}</ul>" if reasons else ""}{answers}'


def _problems(report: Report) -> str:
    if not report.problems:
        return ""
    rows = "".join(f"<li>{escape(str(problem))}" for problem in report.problems)
    return f'<p class="failed">These entries of the files cannot be used:</p><ul>{rows}</ul>'
