"""Our small Markdown as Discord's. The two are nearly the same, so a text stays as it was written, and only what Discord would
read and we did not mean is taken out of its force: links with another text, mentions, spoilers, small print.

Nobody is ever pinged whatever a text says: every request says ``allowed_mentions: none``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot import Source

LONGEST = 2_000
"""Characters of one message (resources/message)."""
_CODE = re.compile(r"((?<![\\`])(?P<ticks>`{1,3})(?!`).+?(?<!`)(?P=ticks)(?!`))", re.DOTALL)
_HIDDEN = re.compile(r"\](?=\(\s*<?[a-zA-Z][a-zA-Z0-9+.-]*:)")
_LINK = re.compile(r"(!?)\[([^\[\]\n]*)\]\(\s*<?([^\s<>()]*(?:\([^\s<>()]*\)[^\s<>()]*)*)>?(?:\s+\"[^\"\n]*\")?\s*\)")
_COMMAND = re.compile(r"(?<!\\)<(?=@|#|:|/[\w -]+:\d|a:|t:|id:)")
_SMALL = re.compile(r"(?m)^(\s*)(-#|>>>)")
_BOLD = re.compile(r"__(?=\S)(.+?)(?<=\S)__")
_SPECIAL = re.compile(r"([\\`*_~|<>\[\]()#:@-])")


def prose(text: str) -> str:
    """``text`` for Discord. Code stays as it is, but for links: what is code is not always told in the same way by everybody."""
    parts, at = [], 0
    for code in _CODE.finditer(text):
        parts += [_outside(text[at : code.start()]), code[0]]
        at = code.end()
    return _HIDDEN.sub("] ", "".join([*parts, _outside(text[at:])]))


def _outside(text: str) -> str:
    text = _LINK.sub(_plain_link, text).replace("](", "]\\(")
    text = _COMMAND.sub(r"\\<", text)
    text = text.replace("||", r"\|\|").replace("~~", r"\~\~")
    text = _SMALL.sub(r"\1\\\2", text)
    return _BOLD.sub(r"**\1**", text)


def _plain_link(found: re.Match[str]) -> str:
    """A link shows where it leads; only sources may hide it behind their title."""
    label, address = found[2].strip(), found[3]
    if not address.startswith(("https://", "http://", "mailto:")):
        return f"{label} ({address})" if address else label
    shown = f"<{address}>" if address.startswith("http") else address
    return shown if label in {"", address} else f"{label} ({shown})"


def escape(text: str) -> str:
    """Foreign words on one line, shown as they are."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def bounded(head: str, text: str, tail: str = "") -> str:
    """The three within the limit. ``text`` is never cut: if taking the force out of it makes it too long, it goes as it is, only
    with its hidden links broken, which needs no room."""
    shown = prose(text)
    if len(head) + len(shown) + len(tail) > LONGEST:
        tail = ""
    if len(head) + len(shown) > LONGEST:
        shown = text.replace("](", "]\uff08")
    if len(head) + len(shown) > LONGEST:
        head = ""
    return f"{head}{shown}{tail}"


def sources_line(sources: Sequence[Source], room: int) -> str:
    """The sources as small print below an answer, as many as there is room for."""
    line = "\n-# Sources: "
    parts: list[str] = []
    for source in sources:
        title = escape(source.label(80))
        part = f"\\[{source.n}\\] [{title}](<{source.url}>)" if _is_link(source.url) else f"\\[{source.n}\\] {title}"
        if len(line) + sum(len(one) + 3 for one in parts) + len(part) > room:
            break
        parts.append(part)
    return line + " · ".join(parts) if parts else ""


def _is_link(url: str) -> bool:
    return url.startswith(("https://", "http://")) and len(url) < 500 and not set(url) & set("<>() \n|")
