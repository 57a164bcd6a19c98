"""A hook wrapper could swallow everybody else's result."""

from bot import hookimpl


@hookimpl(wrapper=True)
def filter_inbound(message):
    return (yield)
