"""The turns that run are found without looking at all that ever ran: those of a dead process are ended when nobody wants them any more."""


def up(migrator, db):
    db.execute_sql("CREATE INDEX turn_running ON turn (conversation_id) WHERE state = 'running'")
