"""Describes itself with a dictionary."""

from bot import hookimpl

PLUGIN = {"title": "Wrong"}


@hookimpl
def filter_inbound(message):
    return message
