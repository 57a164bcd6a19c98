"""Letting an answer out piece by piece: nothing leaves while a filter could still change it. No I/O.

Citations are checked and renumbered (``bot.markers``), links are kept only if the knowledge has them (``bot.links``), images
and reference links never become active. The text that is shown in the end does not depend on how the model cut it.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.hidden import strip_hidden
from bot.knowledge import Passage
from bot.links import URL, URL_BODY, Links, trim_url
from bot.markers import Numbering, marker_numbers
from bot.messages import Source
from bot.standins import CLOSING, LONGEST, MARK, OPENING, restore, shown

REMOVED_LINK = "(link removed)"
MAX_LABEL = 300
"""Longest ``[label]`` and code span that is held back, in characters. A longer one is plain text."""
MAX_TARGET = 2_500
"""Longest ``(target)`` of a link that is held back, in characters."""
_MAX_DEPTH = 4

_PLAIN = re.compile(r"[^\[\]!`hHwW【⟦ \t\n]+")
_LINE_PREFIX = re.compile(r"(?:[ \t>*+\-]|\d{1,9}[.)])*\d{0,9}")
_CLOSING = frozenset(".,;:!?)]…。、，；：！？）")
_URL_STARTS = ("https://", "http://", "www.")


@dataclass(frozen=True, slots=True)
class _Wait:
    """More text is needed before this place can be decided."""


_WAIT = _Wait()


class Release:
    """Filters one answer of one attempt. Feed what the model says; show what comes back."""

    def __init__(
        self,
        passages: Sequence[Passage],
        *,
        allow: Iterable[str] = (),
        hosts: Iterable[str] = (),
        removed_link: str = REMOVED_LINK,
        placeholders: Mapping[str, str] | None = None,
    ) -> None:
        """``allow`` are further texts or addresses whose links may be shown, such as the site's own pages. ``hosts``: where else pages
        that were read may link to (``bot.links``). ``placeholders``: what was taken out of the prompt, and is put back here, for the
        same customer (:attr:`bot.ai.Prompt.placeholders`)."""
        self._placeholders = placeholders or {}
        self._numbering = Numbering(passages)
        self._links = Links(passages, allow, hosts)
        self._removed_link = removed_link
        self._reset()

    def _reset(self) -> None:
        self._buffer = ""
        self._space = ""  # blanks that wait for what follows: they go when a marker behind them goes
        self._gap = False  # a marker was just removed
        self._line: str | None = ""  # the line so far while it could still be only a list or quote prefix
        self._bracket_line = False  # the line's first word is a bracket: "[x]: address" would define a link
        self._last = ""
        self._fence = False
        self._out: list[str] = []

    def feed(self, text: str) -> str:
        """Take the next piece and return what may be shown now (often the same, sometimes nothing)."""
        self._buffer += strip_hidden(text)
        return self._drain(final=False)

    def flush(self) -> str:
        """Return what was still held back: the answer is complete."""
        text = self._drain(final=True)
        rest = "" if self._gap else self._space
        self._space = ""
        return text + rest

    @property
    def sources(self) -> tuple[Source, ...]:
        """The passages cited so far, numbered as shown."""
        return self._numbering.sources

    def _drain(self, *, final: bool) -> str:
        at = 0
        while at < len(self._buffer):
            step = self._step(at, final)
            if step is None:
                break
            at = step
        self._buffer = self._buffer[at:]
        text = "".join(self._out)
        self._out.clear()
        return text

    # Every step looks at the buffer from ``at``, writes what is decided and returns where to go on; None waits for more.

    def _step(self, at: int, final: bool) -> int | None:
        char = self._buffer[at]
        if char in "![【" and self._fence:
            return self._plain(at)
        handler = _HANDLERS.get(char)
        return handler(self, at, final) if handler else self._plain(at)

    def _plain(self, at: int) -> int:
        run = _PLAIN.match(self._buffer, at + 1)
        end = run.end() if run else at + 1
        self._emit(self._buffer[at:end])
        return end

    def _blank(self, at: int, final: bool) -> int:
        char = self._buffer[at]
        self._space = char if self._gap else self._space + char
        self._gap = self._gap and self._line == ""
        return at + 1

    def _emit(self, text: str) -> None:
        if not text:
            return
        if self._gap and (text[0] in _CLOSING or self._line == ""):
            self._space = ""
        self._gap = False
        if (
            not self._space
            and self._last == "]"
            and (text[0] == "(" or (text[0] == ":" and self._bracket_line and not self._fence))
        ):
            self._space = " "  # what was taken out between them must not leave a link or a definition behind
        text = self._space + text
        self._space = ""
        self._last = text[-1]
        if self._line is not None:
            self._line += text
            prefix = _LINE_PREFIX.match(self._line)
            rest = self._line[prefix.end() :] if prefix else self._line
            if rest or len(self._line) > 40:
                self._line, self._bracket_line = None, not rest or rest[0] == "["
        self._out.append(text)

    def _newline(self, at: int, final: bool) -> int:
        self._out.append("\n" if self._gap else self._space + "\n")
        self._space, self._gap, self._line, self._last, self._bracket_line = "", False, "", "", False
        return at + 1

    def _inner(self, label: str) -> str:
        """Filter the inside of a bracket with the same numbers and links."""
        inside = copy.copy(self)
        inside._reset()
        inside._line = None
        return inside.feed(label) + inside.flush()

    def _backticks(self, at: int, final: bool) -> int | None:
        end = at
        while end < len(self._buffer) and self._buffer[end] == "`":
            end += 1
        if end == len(self._buffer) and not final:
            return None
        run = self._buffer[at:end]
        if len(run) >= 3 and self._line is not None:
            self._fence = not self._fence
            self._emit(run)
            self._line = None
            return end
        if self._fence:
            self._emit(run)
            return end
        close = self._code_close(run, end, final)
        if isinstance(close, _Wait):
            return None
        if close is None:
            self._emit(run)
            return end
        self._emit(run + self._code(self._buffer[end:close]) + run)
        return close + len(run)

    def _code_close(self, run: str, start: int, final: bool) -> int | _Wait | None:
        for found in re.finditer(r"`+|\n", self._buffer[start : start + MAX_LABEL]):
            if found.group() == "\n":
                return None
            whole = start + found.end() < len(self._buffer) or final
            if not whole:
                return _WAIT
            if len(found.group()) == len(run) and self._buffer[start + found.end() : start + found.end() + 1] != "`":
                return start + found.start()
        return None if final or len(self._buffer) - start >= MAX_LABEL else _WAIT

    def _code(self, code: str) -> str:
        """Code keeps its brackets; its addresses are judged like all others, and no ``](`` can make a link of it."""

        def judge(found: re.Match[str]) -> str:
            url = trim_url(found.group())
            return found.group() if self._links.allowed(url) else self._removed_link

        return URL.sub(judge, restore(code, self._placeholders)).replace("](", "] (")

    def _placeholder(self, at: int, final: bool) -> int | None:
        """A name that stands for personal data. What the customer wrote is judged like everything else: it may hold an address."""
        end = self._buffer.find(CLOSING, at, at + LONGEST)
        if end < 0 and not final and len(self._buffer) - at < LONGEST:
            return None
        mark = MARK.fullmatch(self._buffer, at, end + 1) if end > 0 else None
        if mark is None:
            self._emit(OPENING)
            return at + 1
        self._emit(self._inner(shown(self._placeholders, mark[1], mark[2])))
        return end + 1

    def _address(self, at: int, final: bool) -> int | None:
        tail = self._buffer[at : at + 8].lower()
        if not tail.startswith(_URL_STARTS):
            if not final and any(start.startswith(tail) for start in _URL_STARTS):
                return None
            return self._plain(at)
        match = URL_BODY.match(self._buffer, at)
        end = match.end() if match else at
        if end == len(self._buffer) and not final:
            return None
        url = trim_url(self._buffer[at:end])
        self._emit(url if self._links.allowed(url) else self._removed_link)
        following = self._buffer[at + len(url) : at + len(url) + 1]
        if following and not following.isascii():
            self._space = " "
        return at + len(url)

    def _stray_close(self, at: int, final: bool) -> int | None:
        """A ``]`` that closes nothing we know must not become half of a link, an image or a definition elsewhere."""
        following = self._buffer[at + 1 : at + 2]
        if not following and not final:
            return None
        self._emit("]")
        if following == ":" and not self._fence:
            self._space = " "
        return at + 1

    def _exclamation(self, at: int, final: bool) -> int | None:
        following = self._buffer[at + 1 : at + 2]
        if not following and not final:
            return None
        if following == "[":
            label = self._label(at + 1, final)
            if isinstance(label, _Wait):
                return None
            if label is not None and marker_numbers(label) is None:
                target = self._target(at + len(label) + 3, final)
                if isinstance(target, _Wait):
                    return None
                if target is not None:  # an image: only its words stay
                    self._emit(self._inner(label))
                    return at + len(label) + len(target) + 5
        self._emit("!")
        return at + 1

    def _bracket(self, at: int, final: bool) -> int | None:
        label = self._label(at, final)
        if label is None:
            self._emit("[")
            return at + 1
        if isinstance(label, _Wait):
            return None
        end = at + len(label) + 2
        target = self._target(end, final)
        if isinstance(target, _Wait):
            return None
        numbers = marker_numbers(label)
        behind = end if target is None else end + len(target) + 2
        if numbers is None and target is None:
            return self._plain_bracket(label, end, final)
        if numbers is not None:
            self._marker(numbers)
        elif target is not None:
            self._link(self._inner(label), target)
        return behind

    def _marker(self, numbers: list[int]) -> None:
        shown = self._numbering.rewrite(numbers)
        self._emit(shown)
        self._gap = self._gap or not shown

    def _plain_bracket(self, label: str, end: int, final: bool) -> int | None:
        known = self._placeholders.get(f"{OPENING}{label.strip('[]')}{CLOSING}") if self._placeholders else None
        if known is not None:  # some models write other brackets
            self._emit(self._inner(known))
            return end
        if self._buffer[end : end + 1] == "[":
            second = self._label(end, final)
            if isinstance(second, _Wait):
                return None
            if second is not None and marker_numbers(second) is None:  # [words][reference]
                self._emit(self._inner(label))
                return end + len(second) + 2
        self._emit(f"[{self._inner(label)}]")
        return end

    def _link(self, words: str, target: str) -> None:
        url = target.strip().split(maxsplit=1)[0].strip("<>") if target.strip() else ""
        words = words.strip()
        if not self._links.allowed(url):
            self._emit(words)
        elif not words or "[" in words or "]" in words:
            self._emit(f"{words} {url}".strip())
        else:
            if self._last == "!" and not self._space:
                self._space = " "  # or it would be an image
            self._emit(f"[{words}]({url})")

    def _lenticular(self, at: int, final: bool) -> int | None:
        """Some models write 【1】, with or without words after a dagger."""
        end = self._buffer.find("】", at, at + 60)
        if end < 0:
            if not final and len(self._buffer) - at < 60:
                return None
            self._emit("【")
            return at + 1
        if end + 1 == len(self._buffer) and not final:
            return None
        numbers = marker_numbers(self._buffer[at + 1 : end])
        if numbers is None:
            self._emit("【")
            return at + 1
        self._marker(numbers)
        return end + 1

    def _label(self, at: int, final: bool) -> str | _Wait | None:
        """Return what stands in the bracket that opens at ``at``; None when it does not close on this line."""
        return self._enclosed(at, "[", "]", MAX_LABEL, final)

    def _target(self, at: int, final: bool) -> str | _Wait | None:
        if self._buffer[at : at + 1] != "(":
            return None if final or at < len(self._buffer) else _WAIT
        return self._enclosed(at, "(", ")", MAX_TARGET, final)

    def _enclosed(self, at: int, opening: str, closing: str, limit: int, final: bool) -> str | _Wait | None:
        depth = 0
        for found in re.finditer(rf"[\{opening}\{closing}\n]", self._buffer[at : at + limit + 2]):
            char = found.group()
            if char == "\n" or depth > _MAX_DEPTH:
                return None
            depth += 1 if char == opening else -1
            if depth == 0:
                return self._buffer[at + 1 : at + found.start()]
        return None if final or len(self._buffer) - at >= limit + 2 else _WAIT


_HANDLERS: dict[str, Callable[[Release, int, bool], int | None]] = {
    " ": Release._blank,
    "\t": Release._blank,
    "\n": Release._newline,
    "`": Release._backticks,
    "!": Release._exclamation,
    "[": Release._bracket,
    "]": Release._stray_close,
    "【": Release._lenticular,
    OPENING: Release._placeholder,
    **dict.fromkeys("hHwW", Release._address),
}
