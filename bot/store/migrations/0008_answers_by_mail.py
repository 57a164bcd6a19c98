"""The page a customer writes from and their picture, for agents; and what an answer by mail must know."""

from peewee import *


def up(migrator, db):
    migrator.migrate(
        migrator.add_column("conversation", "page_url", TextField(default="", constraints=[SQL("DEFAULT ''")])),
        migrator.add_column("contact", "picture", TextField(default="", constraints=[SQL("DEFAULT ''")])),
        migrator.add_column("ticket", "seen_at", DoubleField(null=True)),
        migrator.add_column("ticket", "mailed_seq", IntegerField(default=0, constraints=[SQL("DEFAULT 0")])),
    )
