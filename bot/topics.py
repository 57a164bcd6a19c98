"""Questions that had no good answer, grouped into topics: what the knowledge base lacks, the most asked first.

A job reads the answers given since it last ran (:func:`gather`). A question joins the topic that it is most like, or begins one;
topics that have grown alike become one. What is kept of a question has no personal data in it, and goes with its conversation.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import structlog

from bot import audit, clock
from bot.crypto import CryptoError, keep, reveal
from bot.file_words import with_files
from bot.personal_data import USUAL, Detector
from bot.shielding import mask_texts
from bot.store import Topic, TopicQuestion, is_sqlite, read, sql, write
from bot.store.statements import last_messages
from bot.subjects import alike, rarity, stems

log = structlog.get_logger("learning")

State = Literal["open", "done", "ignored"]
CURSOR = "learning.topics"
OVERLAP = 120.0
"""Seconds that are read again: of two answers the earlier may be committed later."""
BATCH = 1_000
JOIN, MERGE = 0.42, 0.6
"""How alike a question and a topic, or two topics, must be to be one."""
WORDS, LABEL = 40, 4
"""Stems that a topic keeps, and forms in its name."""
EXAMPLES = 5
LONGEST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicView:
    """A topic as people see it."""

    id: str
    site: str
    label: str
    state: State
    count: int
    first_at: float
    last_at: float
    language: str = ""
    examples: tuple[str, ...] = ()
    """The newest questions, without personal data."""
    changed_by: str = ""

    @property
    def ref(self) -> str:
        """What people call it by."""
        return self.id[-6:]


class NoSuchTopic(Exception):
    """No topic, or several, are called so. A sentence for people."""


@dataclass(slots=True)
class _Group:
    """A topic while it is worked on. ``words``: stem to how often it was asked with, and the form people read."""

    id: str
    site: str
    language: str
    state: str
    count: int
    first_at: float
    last_at: float
    words: dict[str, tuple[float, str]] = field(default_factory=dict)
    new: bool = False
    changed: bool = False
    gone: bool = False

    @property
    def counts(self) -> dict[str, float]:
        return {stem: count for stem, (count, _) in self.words.items()}

    def take(self, found: Mapping[str, str], at: float, times: int = 1) -> None:
        for stem, form in found.items():
            count, before = self.words.get(stem, (0.0, form))
            self.words[stem] = (count + times, before)
        self.count += times
        self.first_at, self.last_at = min(self.first_at, at), max(self.last_at, at)
        self.changed = True


@dataclass(frozen=True, slots=True)
class _Asked:
    turn: str
    conversation: str
    site: str
    language: str
    text: str
    why: str
    at: float


def gather(threshold: float = 0.5) -> int:
    """Take up the questions of the answers that were given since the last call: those that nothing was found for, that the AI was less sure
    of than ``threshold``, or that it passed on. Returns how many. May run twice; a job."""
    from bot.cursors import load_cursor, save_cursor

    taken = 0
    while True:
        since = float(load_cursor(CURSOR) or 0.0)
        rows = read(lambda since=since: _unanswered(since, threshold))  # type: ignore[misc]
        asked = [one for one in (_asked(row) for row in rows) if one is not None]
        if asked:
            taken += write(lambda asked=asked: _put(asked))  # type: ignore[misc]
        newest = max((row[-1] for row in rows), default=since)
        if newest > since:
            save_cursor(CURSOR, f"{newest:.6f}")
        if len(rows) < BATCH or newest <= since:
            return taken


_UNANSWERED = (
    "SELECT a.turn, a.conversation_id, a.site, c.language, t.upto_seq, a.answerable, a.handoff, k.name, a.at FROM answer_log a"
    " JOIN conversation c ON c.id = a.conversation_id JOIN contact k ON k.id = c.contact_id JOIN turn t ON t.id = a.turn"
    " WHERE a.at > ? AND a.type IN ('ai', 'auto', 'offline', 'fallback')"
    " AND (NOT a.answerable OR a.confidence < ? OR a.handoff IN ('nothing_found', 'low_confidence', 'ai'))"
    " AND a.handoff NOT IN ('asked', 'keyword')"
    " AND NOT EXISTS (SELECT 1 FROM topic_question q WHERE q.turn = a.turn) ORDER BY a.at LIMIT ?"
)


def _unanswered(since: float, threshold: float) -> list[tuple[Any, ...]]:
    return list(sql(_UNANSWERED, (since - OVERLAP, threshold, BATCH)).fetchall())


def _asked(row: Sequence[Any]) -> _Asked | None:
    """What was asked in a turn, shielded; ``None`` when it was deleted meanwhile or says nothing."""
    turn, conversation, site, language, upto, answerable, handoff, name, at = row
    try:
        text = read(lambda: question_of(conversation, upto))
    except CryptoError as error:  # one that cannot be opened must not hold up all that come after it
        log.warning("question_left_out", conversation=conversation, reason=str(error))
        return None
    text = shielded(text, [name])
    if not stems(text, language):
        return None  # a greeting, a smile
    why = "passed_on" if handoff else "unsure" if answerable else "unanswerable"
    return _Asked(turn, conversation, site, language, text[:LONGEST], why, at)


def question_of(conversation: str, upto: int) -> str:
    """What the customer wrote since the answer before, up to ``upto``. Inside a read."""
    before = sql(
        "SELECT max(upto_seq) FROM turn WHERE conversation_id = ? AND upto_seq < ? AND state <> 'superseded'",
        (conversation, upto),
    ).fetchone()[0]
    said = [
        message.text
        for message in map(with_files, last_messages(conversation, upto, 10))
        if message.author == "customer" and not message.deleted and message.seq > (before or 0)
    ]
    return "\n".join(text for text in said if text)


_finder = Detector(USUAL)


def shielded(text: str, names: Sequence[str] = ()) -> str:
    """``text`` without personal data: plain words stand in its place, also while the shield is off. ``names`` are those of people who
    take part. Raises :class:`bot.RequiredPluginFailed` when the shield should work and cannot."""
    masked = str(_finder.mask(mask_texts([text])[0]))
    parts = {part for name in names for part in (name, *name.split()) if len(part) > 2}
    for part in sorted(parts, key=len, reverse=True):
        masked = re.sub(rf"(?<!\w){re.escape(part)}(?!\w)", "(name)", masked, flags=re.IGNORECASE)
    return masked


# Grouping ------------------------------------------------------------------------------------------------------------


def _put(asked: Sequence[_Asked]) -> int:
    """Inside a write: find or make the topic of each question."""
    if not is_sqlite():
        sql("SELECT pg_advisory_xact_lock(716219)")  # of two workers one groups at a time
    groups = _load()
    rare = rarity([group.counts for group in groups.values()] + [stems(one.text, one.language) for one in asked])
    taken = 0
    for one in asked:
        here = sql(
            "SELECT 1 FROM conversation WHERE id = ? AND NOT EXISTS (SELECT 1 FROM topic_question WHERE turn = ?)",
            (one.conversation, one.turn),
        ).fetchone()
        if here is None:  # erased meanwhile, or another worker was faster
            continue
        found = stems(one.text, one.language)
        group = _nearest(found, one, groups.values(), rare)
        if group is None:
            group = _Group(clock.new_id(), one.site, one.language, "open", 0, one.at, one.at, new=True)
            groups[group.id] = group
        group.take(found, one.at)
        if group.state == "done":
            group.state = "open"  # whoever closed it thought that it is answered now
        _save(group, rare)
        TopicQuestion.insert(
            turn=one.turn, topic=group.id, conversation=one.conversation, why=one.why, at=one.at,
            text=keep("topic_question", "text", one.turn, one.text),
        ).execute()  # fmt: skip
        taken += 1
    _merge(list(groups.values()), rare)
    for group in groups.values():
        if group.changed and not group.gone:
            _save(group, rare)
    return taken


def _load() -> dict[str, _Group]:
    return {row.id: _group(row) for row in Topic.select()}


def _group(row: Any) -> _Group:
    words = {str(stem): (float(count), str(form)) for stem, count, form in row.words}
    return _Group(row.id, row.site_id, row.language, row.state, row.count, row.first_at, row.last_at, words)


def _nearest(found: Mapping[str, str], one: _Asked, groups: Any, rare: Mapping[str, float]) -> _Group | None:
    asked = dict.fromkeys(found, 1.0)
    near = [(alike(asked, group.counts, rare), group) for group in groups if group.site == one.site and not group.gone]
    best = max(near, key=lambda pair: pair[0], default=None)
    return best[1] if best is not None and best[0] >= JOIN else None


def _merge(groups: list[_Group], rare: Mapping[str, float]) -> None:
    """Topics that have grown alike become one: the smaller goes into the larger. Only of those that something was added to."""
    for group in sorted(groups, key=lambda one: one.count):
        if not group.changed or group.gone or group.state != "open":
            continue
        others = [
            one
            for one in groups
            if one is not group and not one.gone and one.site == group.site and one.state != "done"
        ]
        near = max(
            ((alike(group.counts, one.counts, rare), one) for one in others), key=lambda pair: pair[0], default=None
        )
        if near is None or near[0] < MERGE:
            continue
        into = near[1]
        for stem, (count, form) in group.words.items():
            before, kept = into.words.get(stem, (0.0, form))
            into.words[stem] = (before + count, kept)
        into.count += group.count
        into.first_at, into.last_at = min(into.first_at, group.first_at), max(into.last_at, group.last_at)
        into.changed, group.gone = True, True
        TopicQuestion.update(topic=into.id).where(TopicQuestion.topic == group.id).execute()
        Topic.delete().where(Topic.id == group.id).execute()


def _save(group: _Group, rare: Mapping[str, float]) -> None:
    default = max(rare.values(), default=1.0)
    ranked = sorted(group.words.items(), key=lambda item: -item[1][0] * rare.get(item[0], default))[:WORDS]
    group.words = dict(ranked)
    typical = {stem for stem, _ in ranked[:LABEL]}
    label = " ".join(form for stem, (_, form) in group.words.items() if stem in typical)
    values = {
        "label": label, "words": [[stem, count, form] for stem, (count, form) in group.words.items()], "state": group.state,
        "count": group.count, "first_at": group.first_at, "last_at": group.last_at,
    }  # fmt: skip
    if group.new:
        Topic.insert(id=group.id, site_id=group.site, language=group.language, **values).execute()
        group.new = False
    else:
        Topic.update(values).where(Topic.id == group.id).execute()


# For people ----------------------------------------------------------------------------------------------------------


def list_topics(*, site: str = "", state: State | None = "open", limit: int = 500) -> list[TopicView]:
    """Topics, the most asked first; ``site`` is an id, empty: all sites. ``state`` ``None``: all."""

    def load() -> list[TopicView]:
        query = Topic.select().order_by(Topic.count.desc(), Topic.last_at.desc()).limit(limit)
        if site:
            query = query.where(Topic.site_id == site)
        if state:
            query = query.where(Topic.state == state)
        return [_view(row) for row in query]

    return read(load)


def _view(row: Any) -> TopicView:
    newest = (
        TopicQuestion.select(TopicQuestion.turn, TopicQuestion.text)
        .where(TopicQuestion.topic == row.id).order_by(TopicQuestion.at.desc()).limit(EXAMPLES * 3)
    )  # fmt: skip
    texts = [" ".join(_opened(one).split()) for one in newest]
    return TopicView(
        id=row.id, site=row.site_id, label=row.label, state=row.state, count=row.count, first_at=row.first_at, last_at=row.last_at,
        language=row.language, examples=tuple(list(dict.fromkeys(filter(None, texts)))[:EXAMPLES]), changed_by=row.changed_by,
    )  # fmt: skip


def _opened(question: Any) -> str:
    """The words of a :class:`TopicQuestion`; empty when their key is lost. Others of its topic can be read and erased all the same."""
    try:
        return reveal("topic_question", "text", question.turn, question.text)
    except CryptoError:
        return ""


def find_topic(ref: str) -> TopicView:
    """The topic that people call by these last characters of its id. Raises :class:`NoSuchTopic`."""
    found = [one for one in list_topics(state=None, limit=100_000) if len(ref) >= 4 and one.id.endswith(ref.lower())]
    if len(found) != 1:
        why = "No topic is" if not found else "Several topics are"
        raise NoSuchTopic(f"{why} called {ref[:40]}. See: deskhand knowledge gaps")
    return found[0]


def mark_topic(ref: str, state: State, *, by: str) -> TopicView:
    """Say that a topic is done, to be ignored, or open again. Raises :class:`NoSuchTopic`."""
    topic = find_topic(ref)

    def work() -> None:
        Topic.update(state=state, changed_by=by, changed_at=clock.now()).where(Topic.id == topic.id).execute()
        audit.record(by, f"topic.{state}", f"topic:{topic.id}")

    write(work)
    return find_topic(ref)


def forget(conversation: str) -> None:
    """Inside the write that erases a conversation: take its questions and their words away."""
    touched = [
        row[0]
        for row in sql(
            "SELECT DISTINCT topic_id FROM topic_question WHERE conversation_id = ?", (conversation,)
        ).fetchall()
    ]
    sql("DELETE FROM topic_question WHERE conversation_id = ?", (conversation,))
    for topic_id in touched:
        row = Topic.get_or_none(Topic.id == topic_id)
        if row is None:
            continue
        group, counted = _group(row), Counter[str]()
        group.words = {}
        questions = list(TopicQuestion.select().where(TopicQuestion.topic == topic_id).order_by(TopicQuestion.at))
        for one in questions:
            for stem, form in stems(_opened(one), group.language).items():
                counted[stem] += 1
                group.words[stem] = (float(counted[stem]), group.words.get(stem, (0.0, form))[1])
        if questions or group.state == "ignored":
            group.count = max(len(questions), 0)
            _save(group, {})
        else:
            Topic.delete().where(Topic.id == topic_id).execute()
