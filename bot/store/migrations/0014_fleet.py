"""Providers that admins add, what models cost, and how providers are."""

from peewee import *


def up(migrator, db):
    class Provider(Model):
        name = TextField(primary_key=True)
        plugin = TextField()
        settings = TextField(default="{}", constraints=[SQL("DEFAULT '{}'")])
        enabled = BooleanField(default=True)
        cheap = BooleanField(null=True)
        changed_at = DoubleField(default=0, constraints=[SQL("DEFAULT 0")])

        class Meta:
            database = db
            table_name = "provider"

    class ModelPrice(Model):
        id = TextField(primary_key=True)
        provider = TextField(default="", constraints=[SQL("DEFAULT ''")])
        model = TextField()
        input = DoubleField()
        output = DoubleField()
        cached = DoubleField(null=True)
        changed_at = DoubleField(default=0, constraints=[SQL("DEFAULT 0")])

        class Meta:
            database = db
            table_name = "model_price"

    class ProviderMinute(Model):
        id = TextField(primary_key=True)
        minute = IntegerField(index=True)
        name = TextField()
        data = TextField()

        class Meta:
            database = db
            table_name = "provider_minute"

    class ProviderProbe(Model):
        name = TextField(primary_key=True)
        at = DoubleField()
        ok = BooleanField()
        reason = TextField(default="", constraints=[SQL("DEFAULT ''")])

        class Meta:
            database = db
            table_name = "provider_probe"

    db.create_tables([Provider, ModelPrice, ProviderMinute, ProviderProbe])
