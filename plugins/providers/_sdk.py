"""What the providers behind an SDK share: a lazy client, and a request whose stream is read raw and can be ended."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from bot import AIProvider, Clocks, Delta, DeltaStream, Prompt, ProviderError, ProviderErrorKind

from ._errors import translate, translated
from ._lifeline import Lifeline

if TYPE_CHECKING:
    import httpx2

HEADERS = {"accept-encoding": "identity"}
"""A compressed stream would arrive in lumps."""


class SDKProvider(AIProvider):
    """Base of providers that use an SDK over httpx2. The SDK is imported by ``warm``, at the latest for the first question."""

    threaded: ClassVar[bool] = False

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._client: Any = None
        self._closed = False
        self._active = 0

    def connect(self) -> Any:
        """Import the SDK and make its client, without retries."""
        raise NotImplementedError

    def request(self, client: Any, prompt: Prompt, timeout: httpx2.Timeout) -> Any:
        """Return the SDK's context manager of a raw streaming response."""
        raise NotImplementedError

    def read(self, response: httpx2.Response) -> Iterator[Delta]:
        """Turn the answer's bytes into deltas. Raises :class:`ProviderError` when there is no end marker."""
        raise NotImplementedError

    @property
    def client(self) -> Any:
        with self._lock:
            if self._closed:
                raise ProviderError(ProviderErrorKind.TEMPORARY, "was closed: its settings have changed")
            if self._client is None:
                self._client = self.connect()
            return self._client

    @contextlib.contextmanager
    def _in_use(self) -> Iterator[Any]:
        """The client, kept open until the block ends, also when ``close`` is called meanwhile."""
        client = self.client
        with self._lock:
            self._active += 1
        try:
            yield client
        finally:
            with self._lock:
                self._active -= 1
                over = self._closed and not self._active
            if over:
                client.close()

    def warm(self) -> None:
        """Import the SDK and make the client."""
        _ = self.client

    def stream(self, prompt: Prompt) -> DeltaStream:
        """See the contract. The SDK is imported here, the request is sent when the first delta is asked for."""
        self.warm()
        lifeline = Lifeline()
        return DeltaStream(self._deltas(prompt, lifeline), lifeline.abort)

    def _deltas(self, prompt: Prompt, lifeline: Lifeline) -> Generator[Delta, None, None]:
        with self._in_use() as client:
            with translated(), lifeline.tied():
                manager = self.request(client, prompt, timeouts(prompt.clocks))
                response: httpx2.Response = manager.__enter__().http_response
            try:
                kind = response.headers.get("content-type", "")
                if not kind.startswith("text/event-stream"):
                    word = kind.partition(";")[0][:60] or "nothing"
                    raise ProviderError(ProviderErrorKind.TEMPORARY, f"answered with {word} where a stream was due")
                yield from self.read(response)
            finally:
                lifeline.detach()
                manager.__exit__(None, None, None)

    def close(self) -> None:
        """Take no more questions; the connections close when the answers that run now have ended."""
        with self._lock:
            self._closed = True
            client = None if self._active else self._client
        if client is not None:
            client.close()


CHECK = Clocks(connect=3.0, first_token=5.0, between_tokens=5.0)
"""A check is one small request, and the one who waits for it is an operator."""


def prove(provider: AIProvider) -> str:
    """What ``health_check`` says: that the provider answers, or a sentence with the next step."""
    try:
        provider.check()
    except ProviderError as error:
        wrong = error.kind is ProviderErrorKind.CONFIG
        then = "Check its key, address and model." if wrong else "Look again in a minute."
        raise RuntimeError(f"{provider.name} {error}. {then}") from error
    finally:
        provider.close()
    return f"{provider.model} is there and the key is good"


def timeouts(clocks: Clocks) -> httpx2.Timeout:
    """The clocks as socket timeouts: a safety net, since the fleet's own clocks are exact."""
    import httpx2

    read = max(clocks.first_token, clocks.between_tokens)
    return httpx2.Timeout(connect=clocks.connect, read=read, write=10.0, pool=3.0)


def raw(response: httpx2.Response, ended: list[str]) -> Iterator[bytes]:
    """The body as it arrives. A connection that breaks is an error only while ``ended`` is empty."""
    import httpx2

    from ._http import raw_body

    try:
        yield from raw_body(response)
    except (httpx2.HTTPError, OSError) as error:
        if not ended:
            raise translate(error, httpx2) from error
