"""Pages as Slack shows them: an inbox (App Home), a form (modal), or blocks that one person sees. Always within Slack's limits.

Foreign text is never read as Slack's syntax: it goes into ``rich_text`` and ``plain_text``. What does not fit is cut, and says so.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from bot import Choice, Field, Heading, Page, Part, Presses, Row, Rule, Words

from .carried import CALLBACK, OnPage
from .controls import Numbers, choice, elements, field
from .prose import prose
from .rich import PIECE, Block, cut, header, plain, quote, rich, section, words

View = Block
IN_VIEW, IN_MESSAGE = 100, 50
"""Blocks."""
VIEW_SIZE, MESSAGE_SIZE = 200_000, 9_000
"""Bytes of a view, characters of a message; Slack takes 250,000 and about 13,000."""
TITLE = 24
IN_ROW = 25
"""Controls of one block."""
LONGEST = 12_000
"""Characters of one text."""
ROOM = 500
"""Characters for which it is worth to begin a text that does not fit whole."""
ROW_TITLE, ROW_TEXT, ROW_QUIET = 200, 600, 300
NAME = "Deskhand"
CUT = "… cut: {count} more parts of this page do not fit in here."


def home_view(page: Page, said: str = "") -> View:
    """Somebody's inbox. ``said`` stands above it: what they are to know of what they just did."""
    on = OnPage.of(page)
    blocks = _blocks(page, on, IN_VIEW - 2, VIEW_SIZE, alone=False, sent=False)
    if page.title.strip():
        blocks.insert(0, header(_line(page.title)))
    if said.strip():
        blocks.insert(0, rich(section(words(cut(said, PIECE)))))
    blocks = blocks or [rich(section(words("There is nothing here.")))]
    return {"type": "home", "callback_id": CALLBACK, "private_metadata": on.metadata(), "blocks": blocks}


def modal_view(page: Page, place: str = "", thread: str = "") -> View:
    """A form, or words in a window of their own. ``place`` and ``thread``: where its person was."""
    on = OnPage.of(page, place, thread)
    blocks = _blocks(page, on, IN_VIEW - 1, VIEW_SIZE, alone=False, sent=bool(page.submit))
    title = _line(page.title) or NAME
    if len(title) > TITLE:  # the whole of it stands in the form
        blocks.insert(0, header(title))
    view: View = {
        "type": "modal", "callback_id": CALLBACK, "private_metadata": on.metadata(), "title": plain(_short(title)),
        "close": plain("Cancel" if page.submit else "Close"),
        "blocks": blocks or [rich(section(words("There is nothing here.")))],
    }  # fmt: skip
    if page.submit:
        view["submit"] = plain(_short(_line(page.submit)) or "Send")
    return view


def message_blocks(page: Page) -> list[Block]:
    """Blocks of a message. Its controls carry the page's name themselves."""
    blocks = _blocks(page, OnPage.of(page), IN_MESSAGE - 1, MESSAGE_SIZE, alone=True, sent=False)
    if page.title.strip():
        blocks.insert(0, rich(section(words(cut(_line(page.title), 300), bold=True))))
    return blocks or [rich(section(words("There is nothing here.")))]


def page_text(page: Page) -> str:
    """The words of a page without its controls, for notifications and screen readers. Foreign text: to be escaped."""
    lines = [page.title]
    for part in page.parts:
        if isinstance(part, (Heading, Words)):
            lines.append(part.text)
        elif isinstance(part, Row):
            lines.append(" · ".join(one for one in (part.title, part.text) if one.strip()))
    return cut("\n".join(line.strip() for line in lines if line.strip()), 3_000) or NAME


def _blocks(page: Page, on: OnPage, most: int, size: int, *, alone: bool, sent: bool) -> list[Block]:
    """As many parts as fit whole, and a line that says how many do not."""
    numbers = Numbers()
    found: list[Block] = []
    spent = 0
    for done, part in enumerate(page.parts):
        if isinstance(part, (Field, Choice)) and not sent and not (isinstance(part, Choice) and part.what):
            raise ValueError(f"{part.name} of the page {page.name} is to be filled in, and nothing sends it")
        fresh = _part(part, on, numbers, alone=alone, sent=sent)
        if isinstance(part, Words) and alone and spent + ROOM < size:
            fresh = _as_much(part, fresh, size - spent)
        cost = sum(_cost(one) if alone else len(orjson.dumps(one)) for one in fresh)
        if len(found) + len(fresh) > most - 1 or spent + cost > size:
            left = len(page.parts) - done
            found.append({"type": "context", "elements": [plain(CUT.format(count=left))]})
            break
        spent += cost
        found += fresh
    return found


def _as_much(part: Words, blocks: list[Block], room: int) -> list[Block]:
    """As much of a text as fits into a message."""
    for longest in (room * 9 // 10, room // 2):
        if sum(map(_cost, blocks)) > room:
            blocks = _words(replace(part, text=cut(part.text, longest)))
    return blocks


def _cost(block: Block) -> int:
    """What a block takes of a message: what people see of it, or a part of what is around that, whichever is more."""
    return max(_seen(block), len(orjson.dumps(block).decode()) * 2 // 5)


def _seen(value: Any) -> int:
    """Characters that people see: those are what the limit of messages counts."""
    if isinstance(value, list):
        return sum(map(_seen, value))
    if not isinstance(value, dict):
        return 0
    own = value.get("text")
    return (len(own) if isinstance(own, str) else _seen(own)) + sum(
        _seen(value.get(name)) for name in ("elements", "element", "options", "label", "hint")
    )


def _part(part: Part, on: OnPage, numbers: Numbers, *, alone: bool, sent: bool) -> list[Block]:
    if isinstance(part, Heading):
        return [header(_line(part.text) or "–")]
    if isinstance(part, Words):
        return _words(part)
    if isinstance(part, Rule):
        return [{"type": "divider"}]
    if isinstance(part, Row):
        return _row(part, on, numbers, alone=alone)
    if isinstance(part, Presses):
        return _actions(elements(part.presses, (), on, numbers, alone=alone), numbers)
    if isinstance(part, Choice):
        return [choice(part, on, numbers, alone=alone, sent=sent)]
    return [field(part, numbers)]


def _words(part: Words) -> list[Block]:
    if not part.text.strip():
        return []
    text = cut(part.text, LONGEST)
    if part.style == "markdown":
        return prose(text)
    if part.style == "quiet":
        return [{"type": "context", "elements": [plain(cut(text, 2_000))]}]
    form = quote if part.style == "quote" else section
    return [rich(form(words(text[i : i + PIECE]))) for i in range(0, len(text), PIECE)]


def _row(row: Row, on: OnPage, numbers: Numbers, *, alone: bool) -> list[Block]:
    """An entry of a list: two blocks at most, so that thirty fit."""
    parts = [words(cut(_line(row.title), ROW_TITLE), bold=True)]
    text, quiet = cut(row.text, ROW_TEXT), cut(_line(row.quiet), ROW_QUIET)
    parts += [words(f"\n{text}")] if text else []
    parts += [words(f"\n{quiet}", italic=True)] if quiet else []
    return [rich(section(*parts)), *_actions(elements(row.presses, row.menu, on, numbers, alone=alone), numbers)]


def _actions(controls: list[Block], numbers: Numbers) -> list[Block]:
    return [
        {"type": "actions", "block_id": numbers.block(f"presses:{start}"), "elements": controls[start : start + IN_ROW]}
        for start in range(0, len(controls), IN_ROW)
    ]


def _line(text: str) -> str:
    return " ".join(text.split())


def _short(text: str) -> str:
    return text if len(text) <= TITLE else f"{text[: TITLE - 1].rstrip()}…"
