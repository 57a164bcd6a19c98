"""Why a search found what it found, in lines for ``deskhand knowledge test``."""

from __future__ import annotations

from collections.abc import Iterator

from plugins.knowledge.search import Result

_SHOWN = 300  # characters of a passage


def reasons(result: Result) -> Iterator[str]:
    """Yield what was asked, what speaks for an answer and the decision, then each passage with its scores by part."""
    asked, evidence, found = result.asked, result.evidence, result.found
    yield f"language   {asked.language or '-'}"
    if asked.follow_up:
        yield f"a follow-up, understood as: {' '.join(asked.text.split())}"
    terms = ", ".join(f"{term.word} ({term.passages} passages, {term.weight:.1f})" for term in asked.terms)
    yield f"words      {terms or 'none that say what it is about'}"
    yield (
        f"evidence   covered {evidence.covered:.2f}, words {evidence.words:.2f}, letters {evidence.letters:.2f},"
        f" nearest {evidence.nearest:.2f}, whole {evidence.whole:.2f}, agreement {evidence.agreement:.2f}"
        + (f", meaning {evidence.meaning:.2f}" if evidence.meaning else "")
        + (" (a list of questions)" if evidence.listed else "")
    )
    decision = "it would be answered" if found.answerable else "it would not be answered"
    yield f"certainty  {found.certainty:.2f} of at least {result.least:.2f}: {decision}"
    parts = {one.passage.id: one for one in result.scored}
    for number, passage in enumerate(found.passages, 1):
        one = parts[passage.id]
        heading = f" › {passage.heading}" if passage.heading else ""
        yield ""
        yield f"[{number}] {passage.score:.2f}  {passage.title}{heading}  ({passage.id})"
        likeness = f"; like the question by words {one.like.words:.2f}, letters {one.like.grams:.2f}, pairs {one.like.pairs:.2f}"
        meaning = f"; near in meaning {one.meaning:.2f}" if one.meaning else ""
        yield f"    words {one.words:.1f}{likeness if one.like.sum else ''}{meaning}"
        text = passage.text if len(passage.text) <= _SHOWN else f"{passage.text[:_SHOWN].rstrip()} …"
        for line in text.splitlines():
            yield f"    {line}"
