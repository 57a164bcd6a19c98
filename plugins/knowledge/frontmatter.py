"""Reading one Markdown file: its front matter, its text, and a plain sentence when it cannot be used."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

import yaml

from bot import strip_hidden

MAX_BYTES = 1_000_000
MAX_TITLE = 300
MAX_FRONT = 20_000
_FRONT = re.compile(r"\A---[ \t]*\n(.*?)^---[ \t]*$\n?", re.DOTALL | re.MULTILINE)
_MARKS = re.compile(r"\[([^\]]*)\]\([^)]*\)|[*`]")
_H1 = re.compile(r"^#[ \t]+(\S.*)$|^([^\n]+)\n=+[ \t]*$", re.MULTILINE)


class UnusableFile(Exception):
    """A file that is left out. The text says what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A Markdown file that can be imported."""

    title: str
    body: str
    language: str = ""
    url: str = ""
    updated: str = ""
    sites: tuple[str, ...] = ()
    """Site keys; empty means every site."""
    draft: bool = False
    internal: bool = False
    """For agents only."""


def parse(raw: bytes, name: str) -> Document:
    """Read a file's bytes. ``name`` is the title when neither front matter nor text has one. Raises :class:`UnusableFile`."""
    if len(raw) > MAX_BYTES:
        raise UnusableFile(f"it has {len(raw):,} bytes; at most {MAX_BYTES:,} are read. Split it")
    try:
        text = strip_hidden(raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n"))
    except UnicodeDecodeError as error:
        raise UnusableFile(f"it is not UTF-8 (byte {error.start}). Save it as UTF-8") from None
    front, body = _split(text)
    if not body.strip():
        raise UnusableFile("it has no text")
    h1 = _H1.search(body)
    title = _text(front, "title") or (_heading(h1.group(1) or h1.group(2)) if h1 else name)
    return Document(
        title=" ".join(title.split())[:MAX_TITLE],
        body=body,
        language=_language(front),
        url=_url(front),
        updated=_date(front),
        sites=_sites(front),
        draft=front.get("draft") is True,
        internal=_internal(front),
    )


def _heading(line: str) -> str:
    """What a heading says. Cut off before it is looked at: a line may be a megabyte long."""
    line = line[: 4 * MAX_TITLE]
    return _MARKS.sub(r"\1", line.rstrip(" \t#") or line)


def _split(text: str) -> tuple[dict[str, Any], str]:
    if not text.startswith("---"):
        return {}, text
    found = _FRONT.match(text)
    if not found:
        if re.match(r"---[ \t]*\n", text):
            raise UnusableFile("its front matter is not closed: a line with --- is missing")
        return {}, text
    if len(found.group(1)) > MAX_FRONT:
        raise UnusableFile(f"its front matter has more than {MAX_FRONT:,} characters")
    try:
        # A few lines of aliases and merges stand for billions of values: none of ours needs one.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(found.group(1), Loader=yaml.SafeLoader)):
            raise UnusableFile("its front matter has an alias such as *name. Write the value out")
        front = yaml.safe_load(found.group(1))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 2}" if mark else ""
        raise UnusableFile(f"its front matter is not valid YAML{where}") from None
    if front is None:
        front = {}
    if not isinstance(front, dict):
        raise UnusableFile("its front matter must be lines of the form name: value")
    return front, text[found.end() :]


def _text(front: dict[str, Any], key: str) -> str:
    value = front.get(key)
    if value is None:
        return ""
    if isinstance(value, bool | list | dict):
        raise UnusableFile(f"{key} in its front matter must be a text")
    return str(value).strip()


def _language(front: dict[str, Any]) -> str:
    if front.get("language") is False:  # YAML 1.1 reads a bare no as false
        return "no"
    value = _text(front, "language")
    if value and not re.fullmatch(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*", value):
        raise UnusableFile("language in its front matter must be a tag such as en or pt-BR")
    return value.replace("_", "-")


def _url(front: dict[str, Any]) -> str:
    value = _text(front, "url")
    if value and not re.fullmatch(r"https?://[^\s<>\"]+", value, re.IGNORECASE):
        raise UnusableFile("url in its front matter must begin with https:// or http://")
    return value


def _date(front: dict[str, Any]) -> str:
    value = front.get("updated")
    if isinstance(value, dt.datetime):
        return value.date().isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    text = _text(front, "updated")
    try:
        return dt.date.fromisoformat(text[:10]).isoformat() if text else ""
    except ValueError:
        raise UnusableFile("updated in its front matter must be a date such as 2026-03-31") from None


def _internal(front: dict[str, Any]) -> bool:
    value = _text(front, "visibility") or "public"
    if value not in {"public", "internal"}:
        raise UnusableFile("visibility in its front matter must be public or internal")
    return value == "internal"


def _sites(front: dict[str, Any]) -> tuple[str, ...]:
    value = front.get("sites")
    if value is None:
        return ()
    keys = value if isinstance(value, list) else str(value).split(",")
    if not all(isinstance(key, str | int) for key in keys) or isinstance(value, bool | dict):
        raise UnusableFile("sites in its front matter must be a list of site keys")
    return tuple(dict.fromkeys(str(key).strip() for key in keys if str(key).strip()))
