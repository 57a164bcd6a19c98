"""What is ready before an AI is asked: rules that answer by themselves, answers that were given a moment ago, and prompts."""

from __future__ import annotations

from peewee import BooleanField, DoubleField, ForeignKeyField, IntegerField, JSONField, TextField

from bot.store.conversations import Conversation
from bot.store.database import Base


class ReplyRule(Base):
    """A rule that answers, passes on or offers quick replies. The setting ``reply_rules.version`` moves with every change but ``uses``."""

    id = TextField(primary_key=True)
    name = TextField(unique=True)
    match = TextField()
    """exact, partial or keyword"""
    phrases = JSONField(default=list)
    action = TextField(default="answer")
    """answer, handoff or choices"""
    answer = TextField(default="")
    """A small Markdown."""
    choices = JSONField(default=list)
    sources = JSONField(default=list)
    """Objects with title and url."""
    language = TextField(default="")
    """Two or three letters; empty: every one."""
    site_id = TextField(default="")
    """Empty: every site."""
    priority = IntegerField(default=0)
    enabled = BooleanField(default=True)
    uses = IntegerField(default=0)
    used_at = DoubleField(null=True)
    created_at = DoubleField()
    changed_at = DoubleField()


class CachedAnswer(Base):
    """An answer of the AI that may be given again for a while. Erased with the conversation in which it was given."""

    id = TextField(primary_key=True)
    """Digest of everything that it depends on."""
    site_id = TextField(index=True)
    conversation = ForeignKeyField(Conversation, backref="cached_answers", on_delete="CASCADE")
    question = TextField()
    """Sealed when message texts are, as ``answer``."""
    answer = TextField()
    """JSON."""
    hits = IntegerField(default=0)
    hit_at = DoubleField(null=True)
    created_at = DoubleField()
    expires_at = DoubleField(index=True)


class PromptVersion(Base):
    """One set of prompts of the installation (``site_id`` empty) or of a site. At most one draft and one published per place.
    The setting ``prompts.version`` moves with every change of what is published."""

    id = TextField(primary_key=True)
    site_id = TextField(default="")
    number = IntegerField()
    state = TextField()
    """draft, published or retired"""
    content = JSONField(default=dict)
    """The values that are set, by name; texts that differ by language are objects of language and text."""
    author = TextField()
    note = TextField(default="")
    created_at = DoubleField()
    changed_at = DoubleField()
    published_at = DoubleField(null=True)

    class Meta:
        indexes = ((("site_id", "number"), True),)
