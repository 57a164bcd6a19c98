"""Answers to words and presses: a page for desks that show pages, and the same in plain words for all others."""

from __future__ import annotations

from collections.abc import Iterable

from bot.claims import Done
from bot.pages import Heading, Page, Part, Press, Presses, Row, Words


def aside(name: str, title: str, *parts: Part, conversation_id: str = "", code: str = "done") -> Done:
    """Say it to whoever asked, and to nobody else."""
    page = Page(name=name, kind="aside", title=title, parts=parts, conversation_id=conversation_id)
    return Done(code, in_words(page), page=page)


def in_words(page: Page) -> str:
    """What stands on a page, for who sees no pages: a line for a row. Of buttons only those that are links."""
    return "\n".join(line for line in (page.title, *(_said(one) for one in page.parts)) if line)


def _said(part: Part) -> str:
    if isinstance(part, Heading | Words):
        return part.text
    if isinstance(part, Row):
        lines = [
            " · ".join(filter(None, (part.title, part.text))),
            part.quiet and f"    {part.quiet}",
            *_links(part.presses),
        ]
        return "\n".join(line for line in lines if line)
    return "\n".join(_links(part.presses)) if isinstance(part, Presses) else ""


def _links(presses: Iterable[Press]) -> list[str]:
    return [f"    {one.label}: {one.url}" for one in presses if one.url]


def since(seconds: float) -> str:
    """How long something has lasted, for people: ``40 s``, ``5 min``, ``3 h``, ``2 d``."""
    seconds = max(0.0, seconds)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def counted(count: int, one: str, many: str = "") -> str:
    """``1 ticket``, ``3 tickets``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
