"""Slack's limits on blocks, written from its documentation and not from our builders."""

from __future__ import annotations

import json
import re
import time
from collections import defaultdict, deque
from typing import Any

BLOCKS = 50
TEXT = 40_000
IN_ALL = 13_200
_TYPES = {
    "header",
    "section",
    "context",
    "actions",
    "rich_text",
    "divider",
    "markdown",
    "context_actions",
    "image",
    "input",
}
_RICH = {"rich_text_section", "rich_text_list", "rich_text_quote", "rich_text_preformatted"}
_PARTS = {"text", "link", "date", "emoji", "user", "channel", "usergroup", "broadcast", "color"}


def wrong_blocks(blocks: Any, most: int = BLOCKS) -> str:
    """Empty, or what Slack would not take."""
    if not isinstance(blocks, list) or len(blocks) > most:
        return f"more than {most} blocks"
    if (
        most == BLOCKS and len(json.dumps(blocks, ensure_ascii=False)) > IN_ALL * 2
    ):  # the limit counts characters people see; JSON around them is not counted
        return "msg_blocks_too_long"
    seen: set[str] = set()
    for block in blocks:
        problem = _block(block)
        if problem:
            return problem
        name = block.get("block_id")
        if name is not None and (len(name) > 255 or name in seen):
            return "block_id"
        seen.add(name)
    return ""


def _block(block: Any) -> str:
    if not isinstance(block, dict) or block.get("type") not in _TYPES:
        return f"unknown block {block!r:.60}"
    kind = block["type"]
    if kind == "header":
        return _object(block.get("text"), 150, {"plain_text"})
    if kind == "section":
        fields = block.get("fields")
        if fields is not None and not (1 <= len(fields) <= 10):
            return "section fields"
        problems = [_object(one, 2000) for one in fields or []]
        if "text" in block:
            problems.append(_object(block["text"], 3000))
        return next((one for one in problems if one), "" if fields or "text" in block else "empty section")
    if kind == "context":
        elements = block.get("elements") or []
        if not 1 <= len(elements) <= 10:
            return "context elements"
        return next((one for e in elements if e.get("type") != "image" and (one := _object(e, 3000))), "")
    if kind == "actions":
        elements = block.get("elements") or []
        if not 1 <= len(elements) <= 25:
            return "actions elements"
        ids = [one.get("action_id") for one in elements]
        if len(set(ids)) != len(ids):
            return "action_id twice in a block"
        return next((one for e in elements if (one := _element(e))), "")
    if kind == "input":
        hint = _object(block["hint"], 2000, {"plain_text"}) if "hint" in block else ""
        return hint or _object(block.get("label"), 2000, {"plain_text"}) or _element(block.get("element") or {})
    if kind == "rich_text":
        if not block.get("elements"):
            return "empty rich_text"
        return next((one for e in block["elements"] if (one := _rich(e))), "")
    if kind == "markdown":
        return "" if 0 < len(block.get("text", "")) <= 12_000 else "markdown text"
    return ""


def _object(value: Any, longest: int, kinds: set[str] | None = None) -> str:
    if not isinstance(value, dict) or value.get("type") not in (kinds or {"plain_text", "mrkdwn"}):
        return "text object"
    if not 1 <= len(value.get("text", "")) <= longest:
        return f"text of {len(value.get('text', ''))} characters, at most {longest}"
    return ""


def _element(element: dict[str, Any]) -> str:
    kind = element.get("type")
    if len(element.get("action_id", "")) > 255 or not element.get("action_id"):
        return "action_id"
    if kind == "button":
        confirm = element.get("confirm")
        if len(element.get("url", "")) > 3000 or not element.get("url", "https://").startswith(("https://", "http://")):
            return "url"
        if element.get("style") not in {None, "primary", "danger"} or len(element.get("value", "")) > 2000:
            return "button"
        if len(element.get("accessibility_label", "")) > 75:
            return "accessibility_label"
        problems = [_object(element.get("text"), 75, {"plain_text"})]
        if confirm:
            problems += [
                _object(confirm.get("title"), 100, {"plain_text"}),
                _object(confirm.get("text"), 300),
                _object(confirm.get("confirm"), 30, {"plain_text"}),
                _object(confirm.get("deny"), 30, {"plain_text"}),
            ]
        return next((one for one in problems if one), "")
    if kind == "overflow":
        options = element.get("options") or []
        if not 1 <= len(options) <= 5:
            return "overflow options"
        return next(
            (
                "option"
                for one in options
                if _object(one.get("text"), 75, {"plain_text"}) or not 1 <= len(one.get("value", "")) <= 150
            ),
            "",
        )
    if kind == "plain_text_input":
        longest = element.get("max_length", 3000)
        return "" if 1 <= longest <= 3000 and len(element.get("initial_value", "")) <= longest else "plain_text_input"
    if kind == "datepicker":
        return "" if _DAY.fullmatch(element.get("initial_date", "2026-01-01")) else "initial_date"
    if kind in _LISTS:
        return _list(kind, element)
    if kind == "users_select":
        return _object(element["placeholder"], 150, {"plain_text"}) if "placeholder" in element else ""
    return f"unknown element {kind}"


_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_LISTS = {
    "static_select": 100,
    "multi_static_select": 100,
    "checkboxes": 10,
    "radio_buttons": 10,
    "external_select": 0,
    "multi_external_select": 0,
}


def _list(kind: str, element: dict[str, Any]) -> str:
    """Choices: how many entries, how long, and only such are chosen as are offered."""
    options, most = element.get("options") or [], _LISTS[kind]
    if most and not 1 <= len(options) <= most:
        return f"{kind} has {len(options)} options"
    if "placeholder" in element and (
        kind in {"checkboxes", "radio_buttons"} or _object(element["placeholder"], 150, {"plain_text"})
    ):
        return "placeholder"
    initial = element.get("initial_options", [element["initial_option"]] if "initial_option" in element else [])
    if "initial_options" in element and not initial:
        return "initial_options is empty"
    if most and any(one not in options for one in initial):
        return "an initial option that is not offered"
    return next((one for entry in [*options, *initial] if (one := _option(entry))), "")


def _option(entry: dict[str, Any]) -> str:
    if not 1 <= len(entry.get("value", "")) <= 150:
        return "option value"
    if "description" in entry and _object(entry["description"], 75, {"plain_text"}):
        return "option description"
    return _object(entry.get("text"), 75, {"plain_text"})


def _rich(element: dict[str, Any]) -> str:
    kind = element.get("type")
    if kind not in _RICH or not element.get("elements"):
        return f"rich text element {kind}"
    if kind == "rich_text_list":
        if len(element.get("url", "")) > 3000 or not element.get("url", "https://").startswith(("https://", "http://")):
            return "url"
        if element.get("style") not in {"bullet", "ordered"} or not 0 <= element.get("indent", 0) <= 8:
            return "list"
        return next((one for e in element["elements"] if (one := _rich(e))), "")
    for part in element["elements"]:
        if part.get("type") not in _PARTS:
            return f"part {part.get('type')}"
        if part["type"] == "text" and not 1 <= len(part.get("text", "")) <= 3000:
            return "text part"
        if part["type"] == "link" and (
            not part.get("url", "").startswith(("https://", "http://", "mailto:")) or len(part["url"]) > 3000
        ):
            return "link part"
        if part["type"] == "date" and not (isinstance(part.get("timestamp"), int) and part.get("format")):
            return "date part"
    return ""


VIEW = 250_000
"""Bytes."""


def wrong_view(view: Any, kind: str = "modal") -> str:
    """Empty, or why Slack would not show this modal, or this Home tab (``kind``)."""
    if not isinstance(view, dict) or view.get("type") != kind:
        return f"not a {kind}"
    if len(view.get("private_metadata", "")) > 3000 or len(view.get("callback_id", "")) > 255:
        return "private_metadata"
    if len(json.dumps(view, ensure_ascii=False).encode()) > VIEW:
        return "view_too_large"
    for name in ("title", "submit", "close") if kind == "modal" else ():
        if (name == "title" or name in view) and (problem := _object(view.get(name), 24, {"plain_text"})):
            return f"{name}: {problem}"
    blocks = view.get("blocks")
    if not blocks or not isinstance(blocks, list) or len(blocks) > 100:
        return "blocks"
    if kind == "modal" and any(one.get("type") == "input" for one in blocks) and "submit" not in view:
        return "a view with inputs needs submit"
    return wrong_blocks(blocks, 100)


A_MINUTE = {
    "views.publish": 100, "views.open": 100, "views.update": 100, "views.push": 100, "chat.postEphemeral": 100, "chat.update": 50,
    "users.info": 100, "users.getPresence": 50, "dnd.teamInfo": 20, "dnd.info": 50, "conversations.open": 50,
    "conversations.replies": 50, "conversations.history": 50, "conversations.info": 50, "reactions.add": 50, "reactions.remove": 20,
    "files.getUploadURLExternal": 50, "files.completeUploadExternal": 50,
}  # fmt: skip
"""Calls that Slack allows in a minute, by its tiers: 20, 50 or 100 and a few more."""
POSTS = 70
"""Messages in a minute and channel: one a second, and short bursts."""


class Paces:
    """Counts calls as Slack does. It refuses nothing by itself: what was too much stands in the log (``too_fast``)."""

    def __init__(self) -> None:
        self._calls: defaultdict[tuple[str, str], deque[float]] = defaultdict(deque)

    def over(self, method: str, channel: str) -> int:
        """How many calls of the last minute were allowed, if this one is more than that; else 0."""
        posts = method == "chat.postMessage"
        allowed = POSTS if posts else A_MINUTE.get(method, 0)
        if not allowed:
            return 0
        now, calls = time.monotonic(), self._calls[(method, channel if posts else "")]
        calls.append(now)
        while calls[0] < now - 60:
            calls.popleft()
        return allowed if len(calls) > allowed else 0
