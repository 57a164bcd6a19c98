"""Read files of answer tests, strictly: what is wrong is named with its file and line, and everything else is used.

YAML is only a way to write data here. Anchors, aliases and tags are refused before anything is built from them, so that no small
file becomes a large one; depth, size and number have limits.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import yaml

from bot.answer_tests.cases import Case, Expected, Person, Problem, Step, Tests, Wanted
from bot.answer_tests.wording import BadExpression, wanted
from bot.discovery import did_you_mean

T = TypeVar("T")
LARGEST = 1_000_000
"""Bytes of one file."""
MOST = 2_000
"""Cases in one file."""
DEEPEST = 8
LONGEST_QUESTION = 4_000
LONGEST_NAME = 200
MOST_STEPS = 20
SUFFIXES = (".yaml", ".yml")
FILE = "answers"
PUBLIC = "public"
"""The audience of every question: articles for agents only are never used for an answer."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_EXPECTED = (
    "must_cite",
    "must_say",
    "must_not_say",
    "expects_person",
    "expects_no_answer",
    "min_confidence",
    "max_cost",
)
_CASE = ("name", "question", "dialogue", "site", "language", "audience", *_EXPECTED)
_STEP = ("question", *_EXPECTED)
_FILE = ("cases", "site", "language", "audience", "knowledge")
_PERSON: dict[str, Person] = {"true": "yes", "yes": "yes", "false": "no", "no": "no", "handoff": "handoff"}


class NoTests(Exception):
    """The place that was named cannot be read. A sentence for people."""


@dataclass
class _Wrong(Exception):
    """A value that cannot be used, with its line."""

    line: int
    text: str


def is_test_file(path: Path) -> bool:
    """``answers.yaml``, ``shipping.answers.yaml`` and the same with ``.yml``."""
    stem, suffix = os.path.splitext(path.name.lower())
    return suffix in SUFFIXES and (stem == FILE or stem.endswith(f".{FILE}"))


def read_tests(place: Path) -> Tests:
    """Read a file, or every file of answer tests below a folder. Raises :class:`NoTests`."""
    if place.is_dir():
        root = place
        files = sorted(path for path in _below(place) if is_test_file(path))
        if not files:
            raise NoTests(f"{place} has no answer tests. They are in files called answers.yaml or NAME.answers.yaml.")
    elif place.exists():
        root, files = place.parent, [place]
    else:
        raise NoTests(f"{place} is not there. Name a file of answer tests, or a folder that has some.")
    read = [read_file(path, path.relative_to(root).as_posix()) for path in files]
    folders = {tests.knowledge for tests in read if tests.knowledge is not None}
    problems = [problem for tests in read for problem in tests.problems]
    if len(folders) > 1:
        problems.append(
            Problem(file=place, line=1, text="The files name several folders of articles. Run each of them by itself.")
        )
    return Tests(
        cases=tuple(case for tests in read for case in tests.cases),
        problems=tuple(problems),
        knowledge=min(folders, default=None),
    )


def _below(folder: Path) -> Iterator[Path]:
    for current, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        yield from (Path(current) / name for name in names if not name.startswith("."))


def read_file(path: Path, called: str = "") -> Tests:
    """Read one file. Never raises for what is in it."""
    try:
        root = _parse(path)
        return _file(path, called or path.name, root)
    except _Wrong as wrong:
        return Tests(problems=(Problem(file=path, line=wrong.line, text=wrong.text),))
    except OSError as error:
        return Tests(problems=(Problem(file=path, line=1, text=f"It cannot be read: {error.strerror or error}."),))


def _parse(path: Path) -> yaml.Node:
    if path.stat().st_size > LARGEST:
        raise _Wrong(1, f"It is larger than {LARGEST // 1_000_000} MB. Cut it into several files.")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _Wrong(1, f"It is not UTF-8 (byte {error.start}). Save it as UTF-8.") from None
    try:
        _look(text)
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise _Wrong(line, f"This is not valid YAML: {error.problem or error.context}.") from None
    except yaml.YAMLError as error:
        raise _Wrong(1, f"This is not valid YAML: {str(error).splitlines()[0]}.") from None
    if root is None:
        raise _Wrong(1, "It is empty. Write a list of cases.")
    return root


def _look(text: str) -> None:
    """Refuse what is more than data, before anything is built."""
    depth = 0
    event: Any
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _Wrong(line, "Anchors (&) and aliases (*) are not taken here: write it out, or put it into quotes.")
        if getattr(event, "tag", None) and not event.tag.startswith("tag:yaml.org,2002:str"):
            raise _Wrong(line, f"Tags such as {str(event.tag)[:40]} are not taken here.")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise _Wrong(line, f"It is nested more than {DEEPEST} levels deep.")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _file(path: Path, called: str, root: yaml.Node) -> Tests:
    problems: list[Problem] = []

    def attempt(read: Callable[[], T]) -> T | None:
        try:
            return read()
        except _Wrong as wrong:
            problems.append(Problem(file=path, line=wrong.line, text=wrong.text))
            return None

    shared = Case(name="", steps=(), file=path, set=called)
    knowledge: Path | None = None
    nodes: yaml.Node | None = root
    if isinstance(root, yaml.MappingNode):
        values = _mapping(root, _FILE, "the file")
        nodes = values.get("cases")
        if nodes is None:
            raise _Wrong(_line(root), "It has no cases. Write them as a list below cases:")
        shared = attempt(lambda: _replaced(shared, values)) or shared
        if "knowledge" in values:
            knowledge = attempt(lambda: _folder(path, values["knowledge"]))
    if not isinstance(nodes, yaml.SequenceNode):
        raise _Wrong(_line(nodes), "The cases are a list: begin each with a dash.")
    if len(nodes.value) > MOST:
        raise _Wrong(_line(nodes.value[MOST]), f"There are more than {MOST} cases. Cut it into several files.")
    cases: dict[str, Case] = {}
    for node in nodes.value:
        case = attempt(partial(_case, node, shared))
        if case is None:
            continue
        if case.name in cases:
            first = cases[case.name].line
            text = f"The name “{case.name}” was given in line {first} already. Each case needs a name of its own."
            problems.append(Problem(file=path, line=case.line, text=text))
            continue
        cases[case.name] = case
    return Tests(cases=tuple(cases.values()), problems=tuple(problems), knowledge=knowledge)


def _folder(path: Path, node: yaml.Node) -> Path:
    folder = path.parent / _text(node, "knowledge", 1_000)
    if not folder.is_dir():
        raise _Wrong(_line(node), f"There is no folder {node.value} beside this file.")
    return folder.resolve()


def _case(node: yaml.Node, shared: Case) -> Case:
    values = _mapping(node, _CASE, "a case")
    line = _line(node)
    if "name" not in values:
        raise _Wrong(line, "This case has no name.")
    name = " ".join(_text(values["name"], "name", LONGEST_NAME).split())
    if ("question" in values) == ("dialogue" in values):
        raise _Wrong(line, f"“{name}” needs either a question or a dialogue.")
    expected = _expected(values)
    if "question" in values:
        steps = [Step(question=_text(values["question"], "question", LONGEST_QUESTION), expected=expected)]
    else:
        steps = _dialogue(values["dialogue"], expected)
    if not any(step.expected.anything for step in steps):
        raise _Wrong(line, f"“{name}” expects nothing, so it could not fail. Add one of: {', '.join(_EXPECTED)}.")
    return replace(_replaced(shared, values), name=name, steps=tuple(steps), line=line)


def _replaced(case: Case, values: dict[str, yaml.Node]) -> Case:
    """``case`` with the site and the language that are named here."""
    site = _text(values["site"], "site", 100) if "site" in values else case.site
    language = _text(values["language"], "language", 35) if "language" in values else case.language
    audience = _text(values["audience"], "audience", 100) if "audience" in values else PUBLIC
    if audience != PUBLIC:
        raise _Wrong(
            _line(values["audience"]),
            f"There is no audience {audience}: the assistant answers customers, who see what is public. Write public, or leave it out.",
        )
    return replace(case, site=site, language=language)


def _dialogue(node: yaml.Node, last: Expected) -> list[Step]:
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        raise _Wrong(_line(node), "A dialogue is a list of what the customer writes, one after the other.")
    if len(node.value) > MOST_STEPS:
        raise _Wrong(_line(node), f"A dialogue has {MOST_STEPS} messages at most.")
    steps = []
    for part in node.value:
        if isinstance(part, yaml.MappingNode):
            values = _mapping(part, _STEP, "a message")
            if "question" not in values:
                raise _Wrong(_line(part), "This message has no question.")
            question = _text(values["question"], "question", LONGEST_QUESTION)
            steps.append(Step(question=question, expected=_expected(values)))
        else:
            steps.append(Step(question=_text(part, "question", LONGEST_QUESTION)))
    if last.anything:
        if steps[-1].expected.anything:
            raise _Wrong(_line(node), "The last message and the case both say what is expected: write it in one place.")
        steps[-1] = replace(steps[-1], expected=last)
    return steps


def _expected(values: dict[str, yaml.Node]) -> Expected:
    return Expected(
        must_cite=_groups(values, "must_cite", lambda node: _text(node, "must_cite", 500)),
        must_say=_groups(values, "must_say", _wanted),
        must_not_say=tuple(one for group in _groups(values, "must_not_say", _wanted) for one in group),
        expects_person=_person(values),
        expects_no_answer=_switch(values, "expects_no_answer"),
        min_confidence=_number(values, "min_confidence", 1.0),
        max_cost=_number(values, "max_cost", 1_000.0),
    )


def _groups(values: dict[str, yaml.Node], key: str, read: Callable[[yaml.Node], Any]) -> tuple[tuple[Any, ...], ...]:
    """One text, or a list; a list in the list names what may stand for each other."""
    if key not in values:
        return ()
    node = values[key]
    rows = node.value if isinstance(node, yaml.SequenceNode) else [node]
    if not rows:
        raise _Wrong(_line(node), f"{key} is an empty list.")
    if key == "must_not_say" and any(isinstance(row, yaml.SequenceNode) for row in rows):
        raise _Wrong(_line(node), "must_not_say is a plain list: none of it may be said.")
    return tuple(
        tuple(read(one) for one in (row.value if isinstance(row, yaml.SequenceNode) else [row])) or _empty(row, key)
        for row in rows
    )


def _empty(node: yaml.Node, key: str) -> tuple[Any, ...]:
    raise _Wrong(_line(node), f"{key} has an empty list in it.")


def _wanted(node: yaml.Node) -> Wanted:
    text = _text(node, "must_say and must_not_say", 1_000)
    try:
        return wanted(text)
    except BadExpression as bad:
        raise _Wrong(_line(node), f"This cannot be looked for: {bad}.") from None


def _person(values: dict[str, yaml.Node]) -> Person | None:
    if "expects_person" not in values:
        return None
    node = values["expects_person"]
    found = _PERSON.get(str(node.value).lower()) if isinstance(node, yaml.ScalarNode) else None
    if found is None:
        raise _Wrong(_line(node), "expects_person is true (passed on or offered), handoff (passed on) or false.")
    return found


def _switch(values: dict[str, yaml.Node], key: str) -> bool | None:
    if key not in values:
        return None
    node = values[key]
    if node.tag != "tag:yaml.org,2002:bool":
        raise _Wrong(_line(node), f"{key} is true or false.")
    return str(node.value).lower() in {"true", "yes", "on"}


def _number(values: dict[str, yaml.Node], key: str, most: float) -> float | None:
    if key not in values:
        return None
    node = values[key]
    try:
        number = float(node.value) if node.tag in {"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"} else -1.0
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number <= most:
        raise _Wrong(_line(node), f"{key} is a number from 0 to {most:g}.")
    return number


def _mapping(node: yaml.Node, known: tuple[str, ...], what: str) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        raise _Wrong(_line(node), f"Here {what} is expected, written as names and values such as name: …")
    found: dict[str, yaml.Node] = {}
    for key, value in node.value:
        name = str(key.value) if isinstance(key, yaml.ScalarNode) else "(a list)"
        if name not in known:
            hint = did_you_mean(name, list(known))
            raise _Wrong(
                _line(key), f"{what[:1].upper()}{what[1:]} has no {name[:60]}.{hint} There are: {', '.join(known)}."
            )
        if name in found:
            raise _Wrong(_line(key), f"{name} stands here twice.")
        found[name] = value
    return found


def _text(node: yaml.Node, what: str, most: int) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise _Wrong(_line(node), f"{what} is text, and this is a list or a block of names.")
    text = str(node.value).strip()
    if not text:
        raise _Wrong(_line(node), f"{what} is empty.")
    if len(text) > most:
        raise _Wrong(_line(node), f"{what} has {len(text)} characters, and {most} are the most.")
    return text


def _line(node: yaml.Node | None) -> int:
    return int(node.start_mark.line) + 1 if node is not None else 1
