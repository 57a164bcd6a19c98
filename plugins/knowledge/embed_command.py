"""Making vectors of the passages: ``deskhand knowledge embed``, and the same in the background."""

from __future__ import annotations

import click
import structlog

from bot import ProviderError, RequiredPluginFailed, StoreUnavailable
from plugins.knowledge.sync import host_index
from plugins.knowledge.vectors import Standing, Vectors, vectors_beside

log = structlog.get_logger("knowledge")
_STEP = 2.0  # seconds between two lines of progress


def embed_command() -> click.Command:
    """Make the command."""

    @click.command("embed", help="Make the vectors of this host that are missing now, for searching by meaning.")
    def embed() -> None:
        vectors = vectors_beside(host_index())
        while True:
            try:
                done = vectors.catch_up(_STEP)
            except (ProviderError, RequiredPluginFailed) as error:
                raise click.ClickException(
                    f"The vectors could not be made: {error}. Those made before are kept; searches go on by words. Run it again later."
                ) from None
            if done is None:
                raise click.ClickException(
                    "Another process of this host is making them. Look again with: deskhand doctor"
                )
            click.echo(_said(done))
            if done.done >= done.total:
                return

    return embed


def embed_quietly(_ref: str = "") -> None:
    """As the command, for a worker: what it cannot do now it does the next time."""
    try:
        vectors_beside(host_index()).catch_up()
    except (ProviderError, RequiredPluginFailed) as error:
        log.warning("embeddings.not_made", reason=str(error), next="searches go on by words; tried again soon")


def standing() -> str:
    """For ``deskhand doctor``: how far they are."""
    try:
        return _said(vectors_beside(host_index()).standing())
    except StoreUnavailable as error:
        return str(error)


def ready_vectors() -> Vectors:
    """The vectors of this host, read now: a command has no background."""
    vectors = vectors_beside(host_index())
    vectors.load()
    return vectors


def _said(standing: Standing) -> str:
    if not standing.model:
        return "No provider that is on makes embeddings; searches go by words."
    return f"{standing.done:,} of {standing.total:,} passages have their vector by {standing.model}."
