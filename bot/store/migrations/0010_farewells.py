"""A delivery may outlive its conversation: what is left of it in a desk's thread is taken away."""

from peewee import *


def up(migrator, db):
    migrator.migrate(migrator.drop_not_null("delivery", "conversation_id"))
