"""What answers are measured by and learned from: accepted results of answer tests, topics without an answer, lessons from people."""

from __future__ import annotations

from peewee import BooleanField, DoubleField, ForeignKeyField, IntegerField, JSONField, TextField

from bot.store.conversations import Conversation
from bot.store.database import Base


class AcceptedAnswer(Base):
    """The result of one answer test when something was last published. A change that makes it worse is stopped."""

    id = TextField(primary_key=True)
    """File and name of the case."""
    passed = BooleanField()
    why = TextField(default="")
    """What was wrong, in the words of the test; never an answer's text."""
    by = TextField(default="")
    at = DoubleField()


class Topic(Base):
    """Questions about one thing that had no good answer."""

    id = TextField(primary_key=True)
    site_id = TextField(default="", index=True)
    language = TextField(default="")
    label = TextField()
    """Its most typical words."""
    words = JSONField(default=list)
    """Stems with their weights, by which new questions find it."""
    state = TextField(default="open")
    """open, done or ignored"""
    count = IntegerField(default=0)
    """Questions ever counted; those of erased conversations stay in the number and nowhere else."""
    first_at = DoubleField()
    last_at = DoubleField()
    changed_by = TextField(default="")
    changed_at = DoubleField(null=True)


class TopicQuestion(Base):
    """One question of a topic. Gone with its conversation."""

    turn = TextField(primary_key=True)
    topic = ForeignKeyField(Topic, backref="questions", on_delete="CASCADE")
    conversation = ForeignKeyField(Conversation, backref="open_questions", on_delete="CASCADE")
    text = TextField()
    """Without personal data, sealed."""
    why = TextField()
    """unanswerable, unsure or passed_on"""
    at = DoubleField(index=True)


class Lesson(Base):
    """What was learned of a resolved conversation that people answered. Gone with it, and then only the approved article stays."""

    conversation = ForeignKeyField(Conversation, primary_key=True, on_delete="CASCADE")
    ticket = IntegerField()
    """The ticket's number."""
    resolved_at = DoubleField()
    """Which time it was resolved: opened and resolved again it is looked at again."""
    state = TextField()
    """nothing (with ``why``), draft, decided"""
    why = TextField(default="")
    """For people: why there is no draft."""
    draft = TextField(default="", index=True)
    """Id of the article's version."""
    article = TextField(default="")
    topic = TextField(default="")
    """The words it is about: one draft per topic."""
    by = TextField(default="")
    """ai or extract"""
    at = DoubleField()
