"""What the house has promised: targets for replies and solutions, and which agents are really at their desks."""

from __future__ import annotations

from peewee import DoubleField, TextField

from bot.store.database import Base


class AgentPresence(Base):
    """What a desk said last of one of its people."""

    id = TextField(primary_key=True)
    desk = TextField()
    external_id = TextField()
    state = TextField()
    """here, away, quiet (does not want to be disturbed)"""
    told_at = DoubleField()

    class Meta:
        indexes = ((("desk", "external_id"), True),)


class ServiceTarget(Base):
    """In how many open seconds something should have happened to a ticket. No row: as the environment says."""

    id = TextField(primary_key=True)
    site_id = TextField(default="")
    """Empty: for every site that has no row of its own."""
    priority = TextField()
    kind = TextField()
    """first_reply, resolve"""
    seconds = DoubleField()
    """0: never due."""
    changed_at = DoubleField()

    class Meta:
        indexes = ((("site_id", "priority", "kind"), True),)
