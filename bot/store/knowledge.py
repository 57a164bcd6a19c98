"""Articles and the passages cut from them. The search index is derived from these rows."""

from __future__ import annotations

from peewee import DoubleField, ForeignKeyField, IntegerField, TextField

from bot.store.database import Base


class Article(Base):
    """One article of one source. ``site_id`` empty: every site may see it. ``version`` of the knowledge base it changed in."""

    id = TextField(primary_key=True)
    site_id = TextField(default="")
    source = TextField()
    path = TextField()
    slug = TextField()
    title = TextField()
    language = TextField(default="")
    body = TextField()
    url = TextField(default="")
    checksum = TextField()
    version = IntegerField(index=True)
    updated = TextField(default="")
    state = TextField(default="live")
    """live or gone"""
    changed_at = DoubleField()

    class Meta:
        indexes = ((("source", "site_id", "path"), True),)


class Passage(Base):
    """A piece of an article that can be cited."""

    id = TextField(primary_key=True)
    article = ForeignKeyField(Article, backref="passages", on_delete="CASCADE")
    ord = IntegerField()
    heading = TextField(default="")
    text = TextField()
    language = TextField(default="")
