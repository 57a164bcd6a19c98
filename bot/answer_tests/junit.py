"""A run of answer tests as JUnit XML, which build servers read. No I/O."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from bot.answer_tests.trials import Report, Trial

_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: Report) -> bytes:
    """The file. Whatever an answer holds is text in it."""
    errors = [trial for trial in report.failed if trial.error]
    suite = ET.Element(
        "testsuite",
        name=_clean(f"answer tests: {report.label}"),
        tests=str(len(report.trials) + len(report.problems)),
        failures=str(len(report.failed) - len(errors)),
        errors=str(len(errors) + len(report.problems)),
        time=f"{report.seconds:.3f}",
    )
    for trial in report.trials:
        _case(suite, trial)
    for problem in report.problems:
        row = ET.SubElement(
            suite, "testcase", classname=_clean(str(problem.file)), name=f"line {problem.line}", time="0"
        )
        ET.SubElement(row, "error", message=_clean(problem.text), type="file")
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _case(suite: ET.Element, trial: Trial) -> None:
    row = ET.SubElement(
        suite,
        "testcase",
        classname=_clean(trial.case.set or "answers"),
        name=_clean(trial.case.name),
        file=_clean(str(trial.case.file)),
        line=str(trial.case.line),
        time=f"{trial.ms / 1000:.3f}",
    )
    if not trial.passed:
        found = ET.SubElement(
            row,
            "error" if trial.error else "failure",
            message=_clean(trial.wrong[0]),
            type="not asked" if trial.error else "answer",
        )
        found.text = _clean("\n".join(trial.wrong))
    if trial.outcomes:
        ET.SubElement(row, "system-out").text = _clean(said(trial))


def said(trial: Trial) -> str:
    """What was asked and answered, as plain text."""
    parts = []
    for outcome in trial.outcomes:
        cites = ", ".join(cited.name for cited in outcome.cited)
        end = f"\n[passed on: {outcome.reason}]" if outcome.passed_on else ""
        parts.append(f"> {outcome.question}\n{outcome.text}{f' [cites: {cites}]' if cites else ''}{end}")
    return "\n\n".join(parts)


def _clean(text: str) -> str:
    """Without what XML cannot hold at all."""
    return _NOT_XML.sub("�", text)
