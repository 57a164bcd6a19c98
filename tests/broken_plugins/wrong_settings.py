"""Its settings are no settings."""

from bot import hookimpl


@hookimpl
def settings_schema():
    return {"key": "value"}
