"""Asks for an argument that does not exist."""

from bot import hookimpl


@hookimpl
def filter_inbound(settings, mesage):
    return mesage
