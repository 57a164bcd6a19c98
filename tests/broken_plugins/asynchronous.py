"""Thinks that hooks are coroutines."""

from bot import hookimpl


@hookimpl
async def filter_inbound(message):
    return message
