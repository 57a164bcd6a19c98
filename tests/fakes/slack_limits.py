"""Slack's limits on blocks, written from its documentation and not from our builders."""

from __future__ import annotations

import json
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


def wrong_blocks(blocks: Any) -> str:
    """Empty, or what Slack would not take."""
    if not isinstance(blocks, list) or len(blocks) > BLOCKS:
        return f"more than {BLOCKS} blocks"
    if (
        len(json.dumps(blocks, ensure_ascii=False)) > IN_ALL * 2
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
        element = block.get("element") or {}
        return _object(block.get("label"), 2000, {"plain_text"}) or _element(element)
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
    if kind == "static_select" and not 1 <= len(element.get("options") or []) <= 100:
        return "select options"
    if kind in {"users_select", "static_select", "external_select"}:
        return _object(element["placeholder"], 150, {"plain_text"}) if "placeholder" in element else ""
    return f"unknown element {kind}"


def _rich(element: dict[str, Any]) -> str:
    kind = element.get("type")
    if kind not in _RICH or not element.get("elements"):
        return f"rich text element {kind}"
    if kind == "rich_text_list":
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


def wrong_view(view: Any) -> str:
    """Empty, or why Slack would not open this modal."""
    if not isinstance(view, dict) or view.get("type") != "modal":
        return "not a modal"
    if len(view.get("private_metadata", "")) > 3000 or len(view.get("callback_id", "")) > 255:
        return "private_metadata"
    for name in ("title", "submit", "close"):
        if (name == "title" or name in view) and (problem := _object(view.get(name), 24, {"plain_text"})):
            return f"{name}: {problem}"
    blocks = view.get("blocks")
    if not blocks or not isinstance(blocks, list) or len(blocks) > 100:
        return "blocks"
    if any(one.get("type") == "input" for one in blocks) and "submit" not in view:
        return "a view with inputs needs submit"
    return wrong_blocks(blocks)
