"""Cut a text into parts that a platform takes: at paragraphs, then lines, then words; code fences are closed and reopened."""

from __future__ import annotations

from bot.channel import Limits

_FENCE = "```"


def measure(text: str, limits: Limits) -> int:
    """Length in the platform's own unit."""
    if limits.unit == "bytes":
        return len(text.encode())
    if limits.unit == "utf16":
        return len(text) + sum(1 for character in text if character > "\uffff")
    return len(text)


def split(text: str, limits: Limits) -> list[str]:
    """Parts of at most ``limits.max_text``, never empty unless the text is."""
    parts: list[str] = []
    rest = text
    reopen = ""
    while measure(reopen + rest, limits) > limits.max_text:
        # Room for a closing fence, should the cut fall inside one.
        room = limits.max_text - measure(reopen, limits) - len(_FENCE) - 1
        cut = _cut(rest, max(1, _prefix(rest, room, limits)))
        # Platforms take blank edges away. Those of lines stay: they are the shape of code.
        head, rest = rest[:cut].rstrip() or rest[:cut], rest[cut:].lstrip("\n")
        inside = (reopen + head).count(_FENCE) % 2 == 1
        opening = _opening(reopen + head) if inside else ""
        parts.append(reopen + head + (f"\n{_FENCE}" if inside else ""))
        reopen = f"{opening}\n" if inside else ""
    parts.append(reopen + rest)
    return parts


def shortened(text: str, limits: Limits) -> str:
    """``text`` within ``limits.max_text``; what does not fit is cut off at the end and marked by an ellipsis."""
    if measure(text, limits) <= limits.max_text:
        return text
    mark = " …"
    return text[: _prefix(text, max(0, limits.max_text - measure(mark, limits)), limits)].rstrip() + mark


def _prefix(text: str, room: int, limits: Limits) -> int:
    """How many characters of ``text`` fit into ``room`` units."""
    if limits.unit == "chars":
        return min(len(text), room)
    used = 0
    for index, character in enumerate(text):
        used += measure(character, limits)
        if used > room:
            return index
    return len(text)


def _cut(text: str, most: int) -> int:
    """The best place to cut within the first ``most`` characters: not in the first half unless nothing else is there."""
    for mark in ("\n\n", "\n", ". ", " "):
        found = text.rfind(mark, 0, most)
        if found > most // 2:
            return found + len(mark)
    return most


def _opening(text: str) -> str:
    """The last opening fence with its language, kept short."""
    line = text[text.rfind(_FENCE) :].split("\n", 1)[0].strip()
    return line if len(line) <= 20 else _FENCE
