"""Needs a package that nobody has."""

import a_package_that_nobody_has  # noqa: F401  # type: ignore[import-not-found]

from bot import hookimpl


@hookimpl
def filter_inbound(message):
    return message
