"""Articles with their versions, the passages cut from them, and the sources they come from. The search index is derived from these rows."""

from __future__ import annotations

from peewee import AutoField, DoubleField, ForeignKeyField, IntegerField, JSONField, TextField

from bot.store.database import Base


class Article(Base):
    """One article of one source. ``site_id`` empty: every site may see it. ``version`` of the knowledge base it changed in."""

    id = TextField(primary_key=True)
    site_id = TextField(default="")
    source = TextField()
    path = TextField()
    place = TextField(default="", index=True)
    """The place of a source it was read from: a page, a file. Several articles may come from one."""
    slug = TextField()
    title = TextField()
    language = TextField(default="")
    body = TextField()
    url = TextField(default="")
    checksum = TextField()
    """Of what the source had when it was last read, also when a person has changed the article since."""
    version = IntegerField(index=True)
    updated = TextField(default="")
    state = TextField(default="live")
    """live, draft (never was live) or gone"""
    visibility = TextField(default="public")
    """public, or internal: for agents only, never retrieved for customers"""
    author = TextField(default="")
    """Who wrote what it says now: a source, or a person such as ``cli:ann``."""
    reviewed_by = TextField(default="")
    reviewed_at = DoubleField(null=True)
    """When a person approved or wrote what it says now; empty: nobody, so its source may replace it."""
    changed_at = DoubleField()

    class Meta:
        indexes = ((("source", "site_id", "path"), True),)


class ArticleVersion(Base):
    """What an article said or shall say. ``number`` counts per article from 1, in the order in which versions were put down."""

    id = TextField(primary_key=True)
    article = ForeignKeyField(Article, backref="versions", on_delete="CASCADE")
    number = IntegerField()
    state = TextField(index=True)
    """live, old (was live), draft (waits for a decision), rejected or replaced (by a newer draft of the same author)"""
    kind = TextField(default="text")
    """text, or removal: its source does not have it any more"""
    author = TextField(default="")
    note = TextField(default="")
    """Why there is this version, or why it was rejected. Without texts of customers."""
    title = TextField()
    language = TextField(default="")
    body = TextField()
    url = TextField(default="")
    updated = TextField(default="")
    checksum = TextField()
    """SHA-256 of title, language, address and text."""
    created_at = DoubleField()
    decided_by = TextField(default="")
    decided_at = DoubleField(null=True)

    class Meta:
        table_name = "article_history"  # an index of the table before this one is called article_version
        indexes = ((("article", "number"), True),)


class Passage(Base):
    """A piece of an article that can be cited."""

    id = TextField(primary_key=True)
    article = ForeignKeyField(Article, backref="passages", on_delete="CASCADE")
    ord = IntegerField()
    heading = TextField(default="")
    text = TextField()
    language = TextField(default="")


class KnowledgeSource(Base):
    """A place outside that articles come from, such as a website: what to read and how, and how the last look went."""

    id = TextField(primary_key=True)
    kind = TextField()
    address = TextField()
    site_id = TextField(default="")
    language = TextField(default="")
    visibility = TextField(default="public")
    options = JSONField(default=dict)
    every = DoubleField(default=0)
    """Seconds between two looks; 0: only when somebody asks."""
    state = TextField(default="new")
    """new, running, done, failed"""
    run = IntegerField(default=0)
    """Number of the look that runs or ran last."""
    done = IntegerField(default=0)
    total = IntegerField(default=0)
    """Places of this look that were read, and that are known so far."""
    report = JSONField(default=dict)
    """Counts of this look, and the first problems."""
    error = TextField(default="")
    """Why the whole look failed: a sentence."""
    next_at = DoubleField(null=True, index=True)
    started_at = DoubleField(null=True)
    ended_at = DoubleField(null=True)
    created_by = TextField(default="")
    created_at = DoubleField()

    class Meta:
        indexes = ((("kind", "address", "site_id"), True),)


class SourcePlace(Base):
    """One page or file of a source: what was remembered of it, and how the look at it went."""

    id = AutoField()
    source = ForeignKeyField(KnowledgeSource, backref="places", on_delete="CASCADE")
    path = TextField()
    note = JSONField(default=dict)
    """What the source wants to know again next time, such as an ETag."""
    hint = JSONField(default=dict)
    """What was told with the place in this look, such as its depth."""
    run = IntegerField(default=0)
    """The look in which it was last heard of."""
    state = TextField(default="waiting")
    """waiting, done or failed"""
    missing = IntegerField(default=0)
    """Looks in a row in which nothing was there."""
    error = TextField(default="")
    looked_at = DoubleField(null=True)

    class Meta:
        indexes = ((("source", "path"), True), (("source", "run", "state"), False))
