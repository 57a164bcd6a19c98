"""The world of one promise about a provider: the model's double in its own thread, and answers read with a clock."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

from bot.ai import AIProvider, Clocks, Delta, End, Prompt, PromptMessage, ProviderError, Text
from bot.knowledge import Passage

PATIENCE = 30.0
CLOCKS = Clocks(connect=5.0, first_token=20.0, between_tokens=20.0)


class Heard:
    """One answer: its deltas, when they came, and how it ended."""

    def __init__(self) -> None:
        self.deltas: list[Delta] = []
        self.times: list[float] = []
        self.error: BaseException | None = None

    @property
    def text(self) -> str:
        return "".join(one.text for one in self.deltas if isinstance(one, Text))

    @property
    def ended(self) -> bool:
        return any(isinstance(one, End) for one in self.deltas)

    def failure(self, what: str) -> ProviderError:
        """The provider's error; anything else is a broken promise."""
        assert self.error is not None, f"{what}, and the stream ended as if all were well: {self.deltas[-3:]!r:.200}"
        assert isinstance(self.error, ProviderError), (
            f"{what}, and it raised {self.error!r:.300} instead of ProviderError"
        )
        return self.error


class ModelStage:
    """``provider`` is the real one; ``do`` tells the model's double what to do."""

    def __init__(self, model: Any, provider: AIProvider, secrets: tuple[str, ...]) -> None:
        self._model = model
        self.provider = provider
        self.secrets = secrets

    def do(self, what: str, *arguments: Any) -> Any:
        """Call a method of the double."""
        return asyncio.run(getattr(self._model, what)(*arguments))

    def prompt(self, question: str = "How long do refunds take?", **more: Any) -> Prompt:
        passage = Passage(id="p1", article_id="a1", title="Refunds", text="Refunds take 5 days.")
        messages = (PromptMessage("user", question),)
        fields = {
            "system": "You help a shop's customers.",
            "messages": messages,
            "passages": (passage,),
            "clocks": CLOCKS,
        }
        return Prompt(**{**fields, **more})

    def read(self, prompt: Prompt | None = None) -> Heard:
        """Read a whole answer, in a thread that is left behind if it never ends."""
        heard = Heard()

        def work() -> None:
            try:
                for delta in self.provider.stream(prompt or self.prompt()):
                    heard.deltas.append(delta)
                    heard.times.append(time.monotonic())
            except BaseException as error:
                heard.error = error

        thread = threading.Thread(target=work, name="kit: answer", daemon=True)
        thread.start()
        thread.join(PATIENCE)
        assert not thread.is_alive(), f"stream() did not end within {PATIENCE:.0f} s"
        return heard

    def until(self, condition: Callable[[], Any], what: str, seconds: float = 10.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"within {seconds:.0f} s it did not happen that {what}"
            time.sleep(0.02)
