"""What becomes of an answer after its check: sentences go, citations come, and what is left is looked at."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot import Cited, Passage, Source, recite, source_of
from plugins.grounding.check import Checked, Verdict
from plugins.grounding.sentences import Sentence

_LINE_MARKS = re.compile(r"[ \t>]*(?:#{1,6}|[-*+•]|\d{1,3}[.)])?[ \t]*(?:\*\*|__)?[ \t]*")
_EMPTY = re.compile(r"^[ \t>]*(?:#{1,6}|[-*+•]|\d{1,3}[.)])?[ \t]*(?:\*\*|__)?[ \t]*$")
_CITED_END = re.compile(r"(?:[.!?…。！？]|\*\*|__)*\s*$")


def without(text: str, failed: Sequence[Sentence]) -> str:
    """``text`` without these sentences, their bullets, and lines that would announce nothing any more."""
    gone = {(one.start, one.end) for one in failed}
    kept: list[str] = []
    at = 0
    for line in text.split("\n"):
        end = at + len(line)
        cuts = [(start - at, stop - at) for start, stop in sorted(gone) if at <= start < end]
        kept.append(_cut(line, cuts) if cuts else line)
        at = end + 1
    return _tidy([line for line in kept if line != _GONE])


_GONE = "\x00"


def _cut(line: str, cuts: Sequence[tuple[int, int]]) -> str:
    rest, last = "", 0
    for start, stop in cuts:
        rest += line[last:start]
        last = stop
    rest = (
        (rest.rstrip() + (" " if rest.strip() and not _EMPTY.match(rest) else "") + line[last:].lstrip())
        if rest.strip()
        else line[last:].lstrip()
    )
    if _EMPTY.match(rest):
        return _GONE
    if rest.count("**") % 2:
        rest = rest.replace("**", "")
    return rest.rstrip()


def _tidy(lines: list[str]) -> str:
    """Without headings and announcements that nothing follows, and without rows of empty lines."""
    kept: list[str] = []
    for number, line in enumerate(lines):
        following = next((later for later in lines[number + 1 :] if later.strip()), "")
        bare = line.strip().strip("*_").strip()
        item = re.match(r"[ \t]*(?:[-*+•]|\d{1,3}[.)])\s", following)
        if (
            bare.endswith((":", "："))
            and not item
            and (not following or number + 1 == len(lines) or not lines[number + 1].strip())
        ):
            continue
        if re.match(r"#{1,6}\s", bare) and (not following or re.match(r"#{1,6}\s", following.strip())):
            continue
        kept.append(line)
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()
    return _numbered(text)


def _numbered(text: str) -> str:
    """Lists count without holes."""
    count = 0

    def count_up(found: re.Match[str]) -> str:
        nonlocal count
        count = 1 if found[2] == "1" or count == 0 else count + 1
        return f"{found[1]}{count}{found[3]}"

    lines = []
    for line in text.split("\n"):
        item = re.match(r"([ \t]*)(\d{1,3})([.)] )", line)
        if not item and line.strip() and not line.startswith((" ", "\t")):
            count = 0
        lines.append(re.sub(r"^([ \t]*)(\d{1,3})([.)] )", count_up, line) if item else line)
    return "\n".join(lines)


def still_answers(checked: Checked) -> bool:
    """Whether what holds says something: a proved claim, or a sentence that the knowledge speaks of."""
    return any(one.holds and one.passage and not one.sentence.leads for one in checked.verdicts)


def corrected(text: str, sources: Sequence[Source], checked: Checked) -> Cited:
    """The answer without what does not hold."""
    return recite(without(text, [one.sentence for one in checked.failed]), sources)


def cited(text: str, sources: Sequence[Source], checked: Checked, passages: Sequence[Passage]) -> Cited:
    """The answer with a citation behind each claim that has none: of the passage that proves it."""
    known = {one.passage_id: one.n for one in sources}
    by_id = {one.id: one for one in passages}
    all_sources = list(sources)
    last = len(text)
    for one in reversed(checked.verdicts):
        if not _wants(one, by_id):
            continue
        if one.passage not in known:
            known[one.passage] = max([0, *(source.n for source in all_sources)]) + 1
            all_sources.append(source_of(by_id[one.passage], known[one.passage]))
        said = text[one.sentence.start : min(one.sentence.end, last)]
        end = _CITED_END.search(said)
        at = one.sentence.start + (end.start() if end else len(said))
        text = f"{text[:at]} [{known[one.passage]}]{text[at:]}"
    return recite(text, all_sources)


def _wants(one: Verdict, by_id: dict[str, Passage]) -> bool:
    return one.claim and one.holds and not one.sentence.cited and one.passage in by_id
