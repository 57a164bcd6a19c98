"""Deliveries can be found by what the platform calls them, wherever they are: an emoji tells only which message it is on."""


def up(migrator, db):
    migrator.migrate(migrator.add_index("delivery", ("channel", "platform_id")))
