"""The fleet: providers that were added, what models cost, how they were lately, and when they were last looked at."""

from __future__ import annotations

from peewee import BooleanField, DoubleField, IntegerField, TextField

from bot.store.database import Base


class Provider(Base):
    """An AI provider that an admin added beside those of the plugins' own settings: the same plugin with another model or key."""

    name = TextField(primary_key=True)
    plugin = TextField()
    settings = TextField(default="{}")
    """JSON of the values that were set; secrets are sealed strings. What is not set is as in the plugin's own settings."""
    enabled = BooleanField(default=True)
    cheap = BooleanField(null=True)
    """Whether it may be asked when the budget is nearly used up; empty: its price decides."""
    changed_at = DoubleField(default=0)


class ModelPrice(Base):
    """What an admin says a model costs, in US dollars per million tokens."""

    id = TextField(primary_key=True)
    """``provider|model``; an empty provider means whoever has the model."""
    provider = TextField(default="")
    model = TextField()
    input = DoubleField()
    output = DoubleField()
    cached = DoubleField(null=True)
    """Input that the provider had in its cache; empty: as other input."""
    changed_at = DoubleField(default=0)


class ProviderMinute(Base):
    """How one provider and model was in one minute, as one process saw it."""

    id = TextField(primary_key=True)
    """``minute|name/model|process``"""
    minute = IntegerField(index=True)
    """Unix time divided by 60."""
    name = TextField()
    """``provider/model``"""
    data = TextField()
    """JSON: counts by outcome, and how often which time was taken."""


class ProviderProbe(Base):
    """When a provider was last looked at without a customer waiting, and what came of it."""

    name = TextField(primary_key=True)
    """``provider/model``"""
    at = DoubleField()
    ok = BooleanField()
    reason = TextField(default="")
