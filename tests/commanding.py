"""Calling ``deskhand`` commands inside the test's process, on the database of the test."""

from __future__ import annotations

from typing import Any

from click.testing import CliRunner, Result

from bot.cli import deskhand
from bot.config import config


def command(store: Any, *arguments: str, text: str = "") -> Result:
    """Run one command. What it raised is raised, so that no test takes a crash for a refusal."""
    result = CliRunner().invoke(deskhand, list(arguments), input=text, prog_name="deskhand")
    store.open_database(config().database)  # the command closed it
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result
