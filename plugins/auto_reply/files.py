"""Rules in files, for people: YAML as it is written by hand, CSV as it comes out of a spreadsheet. A bad row is named, the rest is read."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from bot import ReplyRule, RuleRefused, RuleSource, checked_rule

MAX_BYTES = 20_000_000
MAX_DEPTH = 8
FIELDS = ("name", "match", "phrases", "action", "answer", "choices", "sources", "language", "site", "priority", "on")
LISTS = ("phrases", "choices", "sources")
SEPARATOR = "|"
"""Between several phrases, choices or sources in one cell of a CSV file."""
_FORMULA = re.compile(r"^[=+\-@\t\r]")
_ON = {
    "": True,
    "on": True,
    "yes": True,
    "true": True,
    "1": True,
    "off": False,
    "no": False,
    "false": False,
    "0": False,
}


class UnusableFile(Exception):
    """A file of which nothing can be read. The text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Bad:
    """A row that is left out."""

    where: str
    why: str


@dataclass(frozen=True, slots=True)
class Read:
    """What a file holds."""

    rules: tuple[ReplyRule, ...]
    bad: tuple[Bad, ...]


def read_rules(raw: bytes, kind: str, sites: Iterable[str]) -> Read:
    """Read the bytes of a ``yaml`` or ``csv`` file. ``sites``: keys there are. Raises :class:`UnusableFile`."""
    if len(raw) > MAX_BYTES:
        raise UnusableFile(
            f"The file has {len(raw):,} bytes; at most {MAX_BYTES:,} are read. Split it. Nothing was changed."
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnusableFile(
            f"The file is not UTF-8 (byte {error.start}). Save it as UTF-8. Nothing was changed."
        ) from None
    rows = _csv_rows(text) if kind == "csv" else _yaml_rows(text)
    keys = set(sites)
    rules: dict[str, ReplyRule] = {}
    bad: list[Bad] = []
    for where, row in rows:
        try:
            rule = checked_rule(_rule(row), keys)
            if rule.name in rules:
                raise RuleRefused(f"There is a rule {rule.name!r} further up already. Give each its own name.")
            rules[rule.name] = rule
        except RuleRefused as refused:
            bad.append(Bad(where, str(refused)))
    return Read(tuple(rules.values()), tuple(bad))


def _yaml_rows(text: str) -> list[tuple[str, Any]]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        depth = 0
        for event in yaml.parse(text, Loader=loader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                line = _line(event)
                raise UnusableFile(
                    f"Line {line} has an anchor or an alias (& or *). They are not read, because a few of them can become"
                    " gigabytes: write it out, or put the text in quotes. Nothing was changed."
                )
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise UnusableFile(f"Line {_line(event)} is nested too deeply for rules. Nothing was changed.")
        found = yaml.load(text, Loader=loader)  # noqa: S506  a safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise UnusableFile(f"The file is no YAML{where}: {problem}. Nothing was changed.") from None
    except (ValueError, RecursionError):
        raise UnusableFile(
            "The file holds a value that cannot be read, such as a date that there is not. Nothing was changed."
        ) from None
    if isinstance(found, dict):
        found = found.get("rules")
    if not isinstance(found, list):
        raise UnusableFile(
            "The file has no list of rules. Begin it with rules: and one - name: … for each. Nothing was changed."
        )
    return [(f"rule {n}", row) for n, row in enumerate(found, 1)]


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark is not None else 0


def _csv_rows(text: str) -> list[tuple[str, Any]]:
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        head = [cell.strip().lower() for cell in next(reader, [])]
        if "name" not in head or "phrases" not in head:
            raise UnusableFile(
                f"The first line must name the columns, at least name and phrases. There are: {', '.join(FIELDS)}. Nothing was changed."
            )
        unknown = next((cell for cell in head if cell and cell not in FIELDS and cell not in {"uses", "used"}), None)
        if unknown is not None:
            raise UnusableFile(
                f"There is no column {unknown[:40]!r}. There are: {', '.join(FIELDS)}. Nothing was changed."
            )
        rows: list[tuple[str, Any]] = []
        for cells in reader:
            if any(cell.strip() for cell in cells):
                row = {name: _unquoted(cell) for name, cell in zip(head, cells, strict=False) if name in FIELDS}
                rows.append((f"line {reader.line_num}", row))
    except csv.Error as error:
        raise UnusableFile(f"The file is no CSV (line {reader.line_num}): {error}. Nothing was changed.") from None
    return rows


def _unquoted(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell[1:]) else cell


def _rule(row: Any) -> ReplyRule:
    if not isinstance(row, Mapping):
        raise RuleRefused("It is no rule: it must have a name, phrases and an answer.")
    row = {"on" if key is True else key: value for key, value in row.items()}  # YAML takes a bare on for true
    unknown = next((key for key in row if key not in FIELDS), None)
    if unknown is not None:
        raise RuleRefused(f"There is no field {str(unknown)[:40]!r}. There are: {', '.join(FIELDS)}.")
    return ReplyRule(
        name=_text(row, "name"),
        match=_text(row, "match") or "keyword",  # type: ignore[arg-type]
        phrases=tuple(_list(row, "phrases")),
        action=_text(row, "action") or "answer",  # type: ignore[arg-type]
        answer=_text(row, "answer"),
        choices=tuple(_list(row, "choices")),
        sources=tuple(_source(one) for one in _items(row, "sources")),
        language=_language(row),
        site=_text(row, "site"),
        priority=_priority(row),
        enabled=_on(row.get("on")),
    )


def _text(row: Mapping[Any, Any], name: str) -> str:
    value = row.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise RuleRefused(f"{name} is a text, not {_kind(value)}. Put it in quotes.")
    return str(value)


def _language(row: Mapping[Any, Any]) -> str:
    # YAML reads a bare no as false, and Norwegian is a language.
    return "no" if row.get("language") is False else _text(row, "language")


def _items(row: Mapping[Any, Any], name: str) -> list[Any]:
    value = row.get(name)
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return [part for part in (piece.strip() for piece in value.split(SEPARATOR)) if part]
    if isinstance(value, list):
        return value
    raise RuleRefused(f"{name} is a list, not {_kind(value)}.")


def _list(row: Mapping[Any, Any], name: str) -> list[str]:
    items = _items(row, name)
    wrong = next((one for one in items if isinstance(one, bool) or not isinstance(one, (str, int, float))), None)
    if wrong is not None:
        raise RuleRefused(f"{name} is a list of texts, and one is {_kind(wrong)}. Put it in quotes.")
    return [str(one) for one in items]


def _source(one: Any) -> RuleSource:
    if isinstance(one, str):
        title, _, url = one.rpartition(" ")
        return RuleSource(title=title, url=url) if "://" in url else RuleSource(title=one)
    if isinstance(one, Mapping) and set(one) <= {"title", "url"}:
        return RuleSource(title=_text(one, "title"), url=_text(one, "url"))
    raise RuleRefused("A source has a title and a url, and nothing else.")


def _priority(row: Mapping[Any, Any]) -> int:
    value = row.get("priority")
    try:
        return 0 if value is None or value == "" else int(str(value))
    except ValueError:
        raise RuleRefused(f"The priority is a whole number, not {str(value)[:40]!r}.") from None


def _on(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    known = _ON.get(str(value if value is not None else "").strip().lower())
    if known is None:
        raise RuleRefused(f"on is yes or no, not {str(value)[:40]!r}.")
    return known


def _kind(value: Any) -> str:
    return {"bool": "yes or no", "dict": "a group of fields", "list": "a list", "date": "a date"}.get(
        type(value).__name__, f"a {type(value).__name__}"
    )


def written(rules: Sequence[ReplyRule], kind: str) -> str:
    """The rules as a ``yaml`` or ``csv`` file that :func:`read_rules` reads again."""
    return _as_csv(rules) if kind == "csv" else _as_yaml(rules)


def _as_yaml(rules: Sequence[ReplyRule]) -> str:
    rows = []
    for rule in rules:
        row: dict[str, Any] = {"name": rule.name, "match": rule.match, "phrases": list(rule.phrases)}
        row |= {} if rule.action == "answer" else {"action": rule.action}
        row |= {name: value for name, value in (("answer", rule.answer), ("choices", list(rule.choices))) if value}
        if rule.sources:
            row["sources"] = [{"title": one.title, "url": one.url} for one in rule.sources]
        row |= {name: value for name in ("language", "site", "priority") if (value := getattr(rule, name))}
        row |= {} if rule.enabled else {"on": False}
        rows.append(row)
    text: str = yaml.dump({"rules": rows}, Dumper=_Plain, allow_unicode=True, sort_keys=False, width=120)
    return text


class _Plain(yaml.SafeDumper):
    """Writes long texts as blocks, and never an anchor."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Plain.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


def _as_csv(rules: Sequence[ReplyRule]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(FIELDS)
    for rule in rules:
        cells = (
            rule.name, rule.match, SEPARATOR.join(rule.phrases), rule.action, rule.answer, SEPARATOR.join(rule.choices),
            SEPARATOR.join(f"{one.title} {one.url}".strip() for one in rule.sources), rule.language, rule.site, str(rule.priority or ""),
            "yes" if rule.enabled else "no",
        )  # fmt: skip
        # A spreadsheet takes a cell that begins like a formula for one.
        writer.writerow(
            [f"'{cell}" if _FORMULA.match(cell) and not cell.lstrip("-").isdigit() else cell for cell in cells]
        )
    return out.getvalue()
