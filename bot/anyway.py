"""The option ``--anyway`` of commands that publish something, and the gate behind them (``bot.publishing``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def anyway_option(fn: F) -> F:
    """Give a command the option."""
    option = click.option("--anyway", is_flag=True, help="Also when answer tests get worse. The audit trail says so.")
    return option(fn)


def published(what: str, apply: Callable[[], T], *, actor: str, anyway: bool) -> T:
    """Publish, telling on the error output what the answer tests say. Raises click's error when they get worse."""
    from bot.publishing import PublishingStopped, publish

    try:
        return publish(what, apply, actor=actor, anyway=anyway, tell=lambda line: click.echo(line, err=True))
    except PublishingStopped as stopped:
        raise click.ClickException(str(stopped)) from None
