"""The daily cap of a site is counted in the table of the budgets, in a scope of its own. All numbers stay."""

from datetime import UTC, datetime

from peewee import *


def up(migrator, db):
    # What running turns have set aside was a part of one number with what was spent.
    held = {}
    running = db.execute_sql(
        "SELECT c.site_id, t.started_at, t.reserved FROM turn t JOIN conversation c ON c.id = t.conversation_id"
        " WHERE t.state = 'running' AND t.reserved > 0"
    ).fetchall()
    for site, started, reserved in running:
        key = (site, datetime.fromtimestamp(started, UTC).date().isoformat())
        held[key] = held.get(key, 0) + reserved
    mark = db.param
    for site, day, tokens, turns in db.execute_sql("SELECT site, day, tokens, turns FROM token_spend").fetchall():
        reserved = held.get((site, day), 0)
        db.execute_sql(
            "INSERT INTO spend (id, day, scope, key, tokens, cost, turns, held_tokens, held_cost, told)"
            f" VALUES ({mark}, {mark}, 'cap', {mark}, {mark}, 0, {mark}, {mark}, 0, '')",
            (f"{day}/cap/{site}", day, site, tokens - reserved, turns, reserved),
        )
    # The old table stays, for processes of the version before that still run: without it they would give every question to people.
    # Nobody reads it any more, and a later version drops it.
