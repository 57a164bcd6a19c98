"""Switches, settings, keys, breakers and the audit trail."""

from __future__ import annotations

from peewee import AutoField, BooleanField, DoubleField, IntegerField, JSONField, TextField

from bot.store.database import Base


class PluginState(Base):
    """What an admin wants of a plugin, and what the machine saw of it. ``enabled`` empty: the plugin's own default."""

    name = TextField(primary_key=True)
    enabled = BooleanField(null=True)
    settings = TextField(default="{}")
    """JSON of the values that were set; secrets are sealed strings."""
    strikes = IntegerField(default=0)
    """Failures in a row. At three the plugin is switched off by the machine."""
    off_reason = TextField(default="")
    """Why the machine switched it off; empty when it did not."""
    last_error = TextField(default="")
    last_error_at = DoubleField(null=True)
    changed_at = DoubleField(default=0)


class Setting(Base):
    """One installation-wide value. The row ``plugins.version`` moves with every change of a plugin's state."""

    key = TextField(primary_key=True)
    value = JSONField()
    changed_at = DoubleField(default=0)


class Breaker(Base):
    """Health of one provider and model, shared by all processes."""

    name = TextField(primary_key=True)
    state = TextField()
    updated_at = DoubleField()


class DataKey(Base):
    """A data key, wrapped by the master key. Rows sealed with it name its id."""

    id = TextField(primary_key=True)
    purpose = TextField(index=True)
    wrapped = TextField()
    master = TextField()
    """Fingerprint of the master key that wraps it."""
    created_at = DoubleField()
    retired_at = DoubleField(null=True)


class Audit(Base):
    """Who did what, chained by hash so that a change is noticed. Never a message text."""

    id = AutoField()
    at = DoubleField()
    actor = TextField()
    action = TextField()
    object = TextField()
    detail = TextField(default="{}")
    prev_hash = TextField()
    hash = TextField(unique=True)


class Slot(Base):
    """A running process: who holds leases, and since when."""

    owner = TextField(primary_key=True)
    process = TextField()
    host = TextField()
    pid = IntegerField()
    started_at = DoubleField()
    beat_at = DoubleField()


class Leader(Base):
    """One leader per platform credential, by lease."""

    name = TextField(primary_key=True)
    owner = TextField(default="")
    until = DoubleField(default=0)
    fence = IntegerField(default=0)
