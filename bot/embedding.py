"""Texts as vectors, by the providers that make them: in the fleet's order for the task ``embed``, under clocks and breakers.

Vectors of two models cannot be compared. Whoever stores some stores :func:`embedding_model` beside them and names it when it asks
again: only providers with this very model are asked then, and a failover stays within it.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from queue import Empty, SimpleQueue

import structlog

from bot import spending
from bot.ai import AIProvider, Clocks, ProviderError, ProviderErrorKind, Usage, Vectors
from bot.breaker import Breaker
from bot.fleet import SHORT_RETRY_AFTER, Fleet
from bot.fleet_building import current_fleet
from bot.prices import cost
from bot.shielding import mask_texts
from bot.snapshot import RequiredPluginFailed
from bot.store import submit

log = structlog.get_logger("fleet")

BATCH = 64
"""Texts in one request."""
BATCH_CHARACTERS = 60_000
LONGEST = 12_000
"""Characters of one text that are looked at: models refuse what is longer than some thousand tokens."""
SECONDS = 20.0
"""For one request, unless the caller has less time."""


def embedding_model() -> str:
    """The name of the model that :func:`embed_texts` would use now; empty when no provider that is on makes vectors."""
    found = _providers(current_fleet(), "")
    return found[0].embedding_model if found else ""


def embed_texts(texts: Sequence[str], *, model: str = "", seconds: float = SECONDS) -> list[list[float]]:
    """Return one vector for each text, in their order, all of one length.

    ``model``: only by this model (see :func:`embedding_model`); empty: by the first provider's. ``seconds``: how long one request of up to
    64 texts may take, with all providers that are tried. Blocks. Raises :class:`bot.ProviderError`: nobody can, or nobody could in time.
    Characters beyond 12,000 of a text are not looked at. Personal data is masked before.
    """
    try:
        texts = mask_texts(texts)
    except RequiredPluginFailed as error:
        raise ProviderError(ProviderErrorKind.CONFIG, str(error)) from error
    fleet = current_fleet()
    providers = _providers(fleet, model)
    if not providers:
        what = f"has the embedding model {model}" if model else "makes embeddings"
        raise ProviderError(ProviderErrorKind.CONFIG, f"no provider that is on {what}")
    vectors: list[list[float]] = []
    for batch in _batches(texts):
        vectors += _one_batch(batch, providers, fleet, seconds)
        if len(vectors[-1]) != len(vectors[0]):
            raise ProviderError(
                ProviderErrorKind.TEMPORARY, f"{providers[0].embedding_model} made vectors of two lengths"
            )
    return vectors


def _providers(fleet: Fleet, model: str) -> list[AIProvider]:
    """Those that make vectors by one model: the given one, or that of the first of them."""
    able = fleet.embedders
    model = model or (able[0].embedding_model if able else "")
    return [one for one in able if one.embedding_model == model]


def _batches(texts: Sequence[str]) -> list[list[str]]:
    batches: list[list[str]] = []
    room = 0
    for text in texts:
        words = text[:LONGEST].strip() or "-"  # an empty one is refused by all servers
        if not batches or len(batches[-1]) >= BATCH or len(words) > room:
            batches.append([])
            room = BATCH_CHARACTERS
        batches[-1].append(words)
        room -= len(words)
    return batches


def _one_batch(batch: list[str], providers: Sequence[AIProvider], fleet: Fleet, seconds: float) -> list[list[float]]:
    until = time.monotonic() + seconds
    queue, again = list(providers), set[int]()
    last = ProviderError(ProviderErrorKind.TEMPORARY, "all providers of embeddings are left out for a while")
    while queue and (left := until - time.monotonic()) > 0:
        provider = queue.pop(0)
        breaker = fleet.breaker(provider.name, provider.embedding_model)
        if not fleet.still_on(provider) or not breaker.allow():
            continue
        try:
            # With another one behind it a provider that hangs may not use up all of the time.
            return _attempt(provider, breaker, batch, left / 2 if queue else left)
        except ProviderError as error:
            last = error
            pause = _pause(error)
            if pause is not None and id(provider) not in again:
                again.add(id(provider))
                queue.append(provider)
                time.sleep(max(0.0, min(pause, until - time.monotonic())))
    raise last


def _pause(error: ProviderError) -> float | None:
    """Seconds before the same provider is asked once more, as the fleet has it; ``None``: it is not."""
    if error.retry_after is not None:
        return error.retry_after if error.retry_after <= SHORT_RETRY_AFTER else None
    return 0.3 if error.kind is ProviderErrorKind.TEMPORARY else None


def _attempt(provider: AIProvider, breaker: Breaker, batch: list[str], seconds: float) -> list[list[float]]:
    """One attempt. It runs in a thread of its own, so that a provider that hangs is left behind."""
    answer: SimpleQueue[list[list[float]] | BaseException] = SimpleQueue()
    clocks = Clocks(connect=min(3.0, seconds), first_token=seconds, between_tokens=seconds, total=seconds)

    def ask() -> None:
        try:
            answer.put(provider.embed(batch, clocks))
        except BaseException as error:  # also SystemExit of a plugin belongs to its caller
            answer.put(error)

    threading.Thread(target=ask, name=f"embed-{provider.name}", daemon=True).start()
    try:
        found = answer.get(timeout=seconds)
    except Empty:
        found = ProviderError(ProviderErrorKind.TEMPORARY, f"no embeddings within {seconds:.3g} s")
    if isinstance(found, BaseException):
        raise _failed(provider, breaker, found) from found
    if problem := _problem(found, len(batch)):
        raise _failed(provider, breaker, ProviderError(ProviderErrorKind.TEMPORARY, problem))
    breaker.success()
    _book(provider, batch, found)
    return found


def _book(provider: AIProvider, batch: list[str], found: list[list[float]]) -> None:
    """Count what the vectors have cost. A question waits a third of a second for its vector: not for this, and not for the disk."""
    told = found.tokens if isinstance(found, Vectors) else 0
    tokens = told or sum(len(text) for text in batch) // spending.CHARACTERS + 1
    paid = cost(provider.name, provider.embedding_model, Usage(input_tokens=tokens)) or 0
    submit(lambda: spending.book_embeddings(tokens, paid), _booked, durable=False)


def _booked(_: None, error: BaseException | None) -> None:
    if error is not None:
        log.warning("embeddings_not_booked", reason=str(error))


def _problem(vectors: object, count: int) -> str:
    """Why an answer cannot be used; empty when it can."""
    if not isinstance(vectors, list) or len(vectors) != count:
        return f"sent {len(vectors) if isinstance(vectors, list) else 'no list of'} vectors for {count} texts"
    length = len(vectors[0]) if isinstance(vectors[0], list) else 0
    for vector in vectors:
        if not isinstance(vector, list) or len(vector) != length or not length:
            return "sent vectors of several lengths, or empty ones"
        if not all(isinstance(number, (int, float)) and math.isfinite(number) for number in vector):
            return "sent a vector that is not made of numbers"
    return ""


def _failed(provider: AIProvider, breaker: Breaker, error: BaseException) -> ProviderError:
    """Tell the breaker, and make one kind of error of all."""
    if not isinstance(error, ProviderError):
        log.error("provider_broken", provider=provider.name, exc_info=error)
        error = ProviderError(ProviderErrorKind.TEMPORARY, f"the plugin raised {type(error).__name__}")
    log.warning(
        "embedding_failed",
        provider=provider.name,
        model=provider.embedding_model,
        kind=error.kind.value,
        reason=str(error),
    )
    if error.kind is ProviderErrorKind.TEMPORARY:
        breaker.failure(str(error))
    elif error.kind is ProviderErrorKind.RATE_LIMITED:
        breaker.limited(error.retry_after, str(error))
    elif error.kind is ProviderErrorKind.CONFIG:
        breaker.config(str(error))
    else:
        breaker.neutral()
    return error
