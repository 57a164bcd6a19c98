"""Writes the hook's name wrongly."""

from bot import hookimpl


@hookimpl
def filter_inbond(message):
    return message
