"""Articles have versions, authors, a review and a visibility; sources of articles are rows, with the places they consist of."""

import hashlib
import time
import uuid

from peewee import *

TEXT = [SQL("DEFAULT ''")]


def up(migrator, db):
    class Article(Model):
        id = TextField(primary_key=True)
        source = TextField()
        title = TextField()
        language = TextField()
        body = TextField()
        url = TextField()
        updated = TextField()
        state = TextField()
        changed_at = DoubleField()

        class Meta:
            database = db
            table_name = "article"

    class ArticleVersion(Model):
        id = TextField(primary_key=True)
        article = ForeignKeyField(Article, on_delete="CASCADE")
        number = IntegerField()
        state = TextField(index=True)
        kind = TextField(default="text")
        author = TextField(default="")
        note = TextField(default="")
        title = TextField()
        language = TextField(default="")
        body = TextField()
        url = TextField(default="")
        updated = TextField(default="")
        checksum = TextField()
        created_at = DoubleField()
        decided_by = TextField(default="")
        decided_at = DoubleField(null=True)

        class Meta:
            database = db
            table_name = "article_history"
            indexes = ((("article", "number"), True),)

    class KnowledgeSource(Model):
        id = TextField(primary_key=True)
        kind = TextField()
        address = TextField()
        site_id = TextField(default="")
        language = TextField(default="")
        visibility = TextField(default="public")
        options = JSONField(default=dict)
        every = DoubleField(default=0)
        state = TextField(default="new")
        run = IntegerField(default=0)
        done = IntegerField(default=0)
        total = IntegerField(default=0)
        report = JSONField(default=dict)
        error = TextField(default="")
        next_at = DoubleField(null=True, index=True)
        started_at = DoubleField(null=True)
        ended_at = DoubleField(null=True)
        created_by = TextField(default="")
        created_at = DoubleField()

        class Meta:
            database = db
            table_name = "knowledge_source"
            indexes = ((("kind", "address", "site_id"), True),)

    class SourcePlace(Model):
        id = AutoField()
        source = ForeignKeyField(KnowledgeSource, on_delete="CASCADE")
        path = TextField()
        note = JSONField(default=dict)
        hint = JSONField(default=dict)
        run = IntegerField(default=0)
        state = TextField(default="waiting")
        missing = IntegerField(default=0)
        error = TextField(default="")
        looked_at = DoubleField(null=True)

        class Meta:
            database = db
            table_name = "source_place"
            indexes = ((("source", "path"), True), (("source", "run", "state"), False))

    migrator.migrate(
        migrator.add_column("article", "place", TextField(default="", constraints=TEXT)),
        migrator.add_column(
            "article", "visibility", TextField(default="public", constraints=[SQL("DEFAULT 'public'")])
        ),
        migrator.add_column("article", "author", TextField(default="", constraints=TEXT)),
        migrator.add_column("article", "reviewed_by", TextField(default="", constraints=TEXT)),
        migrator.add_column("article", "reviewed_at", DoubleField(null=True)),
        migrator.add_index("article", ("place",), False),
    )
    db.create_tables([ArticleVersion, KnowledgeSource, SourcePlace])
    db.execute_sql("UPDATE article SET author = source")
    # What live articles say now is the first version of each.
    for row in Article.select().where(Article.state == "live").iterator():
        packed = "\x1f".join((row.title, row.language, row.url, row.body))
        ArticleVersion.insert(
            id=str(uuid.uuid4()), article=row.id, number=1, state="live", author=row.source, title=row.title, language=row.language,
            body=row.body, url=row.url, updated=row.updated, checksum=hashlib.sha256(packed.encode()).hexdigest(),
            created_at=row.changed_at or time.time(),
        ).execute()  # fmt: skip
