"""Promises of providers: whole answers as they are written, an end that is one, and failures that are told apart."""

from __future__ import annotations

import base64
import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar

from bot.ai import (
    AICapability,
    DeltaStream,
    End,
    Image,
    PromptMessage,
    ProviderError,
    ProviderErrorKind,
    Text,
    ToolCall,
    Usage,
)
from bot.testing.promises import promise
from bot.testing.texts import HARD

if TYPE_CHECKING:
    from bot.testing.model_stage import ModelStage

KEY, LIMIT, BAD, BROKEN, OUTAGE, CUT, GARBAGE, SILENT = (
    "refused_key", "rate_limited", "bad_request", "broken", "outage", "cut", "garbage", "silent",
)  # fmt: skip
CARD = "4111 1111 1111 1111"
ABORTED = PATIENCE = 5.0


class Answering:
    """Mixed into :class:`bot.testing.ProviderConformance`."""

    capabilities: ClassVar[Any]

    @promise()
    def test_it_says_who_it_is(self, stage: ModelStage) -> None:
        """It has a name and a model, and has what it declares."""
        assert stage.provider.name, "name is empty: breakers and clocks are kept by it"
        assert stage.provider.model, "model is empty"
        assert stage.provider.capabilities == self.capabilities, (
            f"the provider has {sorted(stage.provider.capabilities)}, and the test says {sorted(self.capabilities)}"
        )

    @promise()
    def test_an_answer_arrives_whole_and_ends(self, stage: ModelStage) -> None:
        """The words of an answer arrive whole and in order, and End comes once, as the last."""
        text = "Refunds take five days [1]. " * 20
        stage.do("answer", text)
        heard = stage.read()
        assert heard.error is None, f"it raised {heard.error!r:.300}"
        assert heard.text.strip() == text.strip(), f"it arrived as {heard.text!r:.300}"
        ends = [one for one in heard.deltas if isinstance(one, End)]
        assert len(ends) == 1 and heard.deltas[-1] is ends[0], "End must come once, and nothing after it"

    @promise()
    def test_difficult_texts_arrive_whole(self, stage: ModelStage) -> None:
        """Emoji, right-to-left and wide characters and markup arrive exactly, also where the network cuts them in two."""
        text = "\n".join(one for one in HARD if "{" not in one)
        stage.do("answer", text)
        heard = stage.read()
        assert heard.text.strip() == text.strip(), f"it arrived as {heard.text!r:.600}"

    @promise()
    def test_words_arrive_while_they_are_written(self, stage: ModelStage) -> None:
        """Words are passed on as they come and not kept until the end."""
        stage.do("answer", "one two three four five six seven eight nine ten", (0, 0), 1.0)
        heard = stage.read()
        times = [at for at, one in zip(heard.times, heard.deltas, strict=True) if isinstance(one, Text) and one.text]
        assert len(times) > 2, f"ten words came in {len(times)} piece(s)"
        assert times[-1] - times[0] > 0.3, "the words came all at once, although the model took a second"

    @promise()
    def test_the_cost_is_told(self, stage: ModelStage) -> None:
        """The tokens that the model counted are told before the end."""
        stage.do("answer", "Five days.", (321, 45))
        found = [one for one in stage.read().deltas if isinstance(one, Usage)]
        assert found and found[-1] == Usage(321, 45), f"the model said 321 and 45, the provider says {found[-1:]}"

    @promise(AICapability.TOOLS)
    def test_the_conclusion_arrives_parsed(self, stage: ModelStage) -> None:
        """The tool call conclude arrives whole, with its arguments parsed, and is offered only when the prompt wants it."""
        conclusion = {"confidence": 0.7, "quick_replies": ["And 👍?"], "handoff": {"reason": "asked"}}
        stage.do("answer", "Five days.", (0, 0), 0.0, conclusion)
        found = [one for one in stage.read().deltas if isinstance(one, ToolCall)]
        assert found == [ToolCall("conclude", conclusion)], f"it arrived as {found!r:.300}"
        stage.do("answer", "Five days.")
        stage.read(stage.prompt(conclude=False))
        asked = stage.do("requests")
        assert '"conclude"' in asked[0] and '"conclude"' not in asked[1], "conclude=False must not offer the tool"

    @promise(AICapability.VISION)
    def test_pictures_reach_the_model(self, stage: ModelStage) -> None:
        """A customer's picture is in the request, byte for byte in base64, and a prompt without one has none."""
        data = bytes(range(256)) * 3
        message = PromptMessage("user", "What is this?", (Image(media="image/png", data=data),))
        for prompt in (stage.prompt(messages=(message,), pictures=1), stage.prompt()):
            stage.do("answer", "A picture.")
            stage.read(prompt)
        asked, packed = stage.do("requests"), base64.b64encode(data).decode()
        assert packed in asked[0], "the picture is not in the request (render(prompt).images has those of each message)"
        assert packed not in asked[1], "the picture of another prompt is in this request"

    @promise()
    def test_the_limit_of_tokens_is_an_end_of_its_own(self, stage: ModelStage) -> None:
        """An answer that max_tokens cut ends with End("length"), and the limit was passed on."""
        stage.do("cut_short", "And then")
        heard = stage.read(stage.prompt(max_tokens=77))
        assert heard.deltas[-1:] == [End("length")], f"it ended with {heard.deltas[-1:]!r} {heard.error!r}"
        assert "77" in stage.do("requests")[0], "max_tokens is not in the request"

    @promise(troubles=[KEY])
    def test_a_refused_key_is_for_an_admin(self, stage: ModelStage) -> None:
        """A key that is refused is CONFIG: it is not tried again before the settings change."""
        self._kind(stage, KEY, ProviderErrorKind.CONFIG)

    @promise(troubles=[LIMIT])
    def test_a_rate_limit_tells_how_long_to_wait(self, stage: ModelStage) -> None:
        """A rate limit is RATE_LIMITED with the model's own seconds in retry_after, at once."""
        began = time.monotonic()
        error = self._kind(stage, LIMIT, ProviderErrorKind.RATE_LIMITED, 7.0)
        assert error.retry_after is not None and 7.0 <= error.retry_after <= 14.0, f"retry_after is {error.retry_after}"
        assert time.monotonic() - began < 7.0, "it slept instead of raising: the fleet asks the next provider"

    @promise(troubles=[BAD])
    def test_a_bad_request_says_nothing_about_the_models_health(self, stage: ModelStage) -> None:
        """A request that is refused for what it says is REQUEST: the provider's breaker does not count it."""
        self._kind(stage, BAD, ProviderErrorKind.REQUEST)

    @promise(troubles=[BROKEN])
    def test_a_fault_is_temporary_and_tried_once(self, stage: ModelStage) -> None:
        """A fault of the server is TEMPORARY, and the provider asked once: retries are the fleet's."""
        self._kind(stage, BROKEN, ProviderErrorKind.TEMPORARY)
        assert len(stage.do("requests")) == 1, f"one question was asked {len(stage.do('requests'))} times"

    @promise(troubles=[OUTAGE])
    def test_an_outage_is_temporary(self, stage: ModelStage) -> None:
        """Nobody at the address is TEMPORARY."""
        self._kind(stage, OUTAGE, ProviderErrorKind.TEMPORARY)

    @promise(troubles=[CUT])
    def test_a_cut_stream_is_never_a_short_answer(self, stage: ModelStage) -> None:
        """A stream that ends without the model's end marker is TEMPORARY after its words, and has no End."""
        stage.do("trouble", CUT)
        heard = stage.read()
        error = heard.failure("the stream was cut")
        assert error.kind is ProviderErrorKind.TEMPORARY, f"it is {error.kind}"
        assert heard.text.strip() == "one two three" and not heard.ended

    @promise(troubles=[GARBAGE])
    def test_garbage_is_an_error(self, stage: ModelStage) -> None:
        """What is not the model's language is TEMPORARY, and never words of an answer."""
        stage.do("trouble", GARBAGE)
        heard = stage.read()
        error = heard.failure("garbage came")
        assert error.kind is ProviderErrorKind.TEMPORARY, f"it is {error.kind}"
        assert heard.text.strip() == "one two three" and not heard.ended

    @promise()
    def test_closing_ends_the_request(self, stage: ModelStage) -> None:
        """Closing the iterator closes the connection: nobody pays for words that nobody reads."""
        stage.do("answer", "word " * 400, (0, 0), 20.0)
        stream: Any = stage.provider.stream(stage.prompt())
        next(one for one in stream if isinstance(one, Text) and one.text)
        stream.close()
        stage.until(lambda: stage.do("open_streams") == 0, "the model noticed that nobody listens any more", PATIENCE)

    @promise("abort", troubles=[SILENT])
    def test_a_silent_stream_can_be_ended_from_outside(self, stage: ModelStage) -> None:
        """abort(), from another thread and more than once, ends a stream that is silent."""
        stage.do("trouble", SILENT)
        stream = stage.provider.stream(stage.prompt())
        assert isinstance(stream, DeltaStream), "threaded is False: stream() must return a DeltaStream"

        def end() -> None:
            stream.abort()
            stream.abort()

        timer = threading.Timer(0.3, end)
        timer.start()
        began = time.monotonic()
        try:
            list(stream)
        except ProviderError:
            pass
        timer.join()
        assert time.monotonic() - began < ABORTED, "abort() did not end it"

    @promise()
    def test_many_threads_share_it(self, stage: ModelStage) -> None:
        """Many threads use one provider at the same time, and each gets the answer to its own question."""
        for _ in range(8):
            stage.do("answer", "Answer to {question}, word after word after word.")
        found: dict[int, str] = {}

        def one(number: int) -> None:
            found[number] = stage.read(stage.prompt(f"question {number}")).text

        threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        mixed = [number for number in range(8) if f"question {number}," not in found.get(number, "")]
        assert not mixed, f"question {mixed[0]} got {found.get(mixed[0])!r:.200}"

    @promise()
    def test_it_keeps_nothing_between_questions(self, stage: ModelStage) -> None:
        """A second question carries nothing of the first."""
        for question in ("My name is Ada", "And you?"):
            stage.do("answer", "Hello.")
            stage.read(stage.prompt(question))
        first, second = stage.do("requests")
        assert "Ada" in first and "Ada" not in second

    @promise("secrets")
    def test_no_error_shows_a_key_or_the_customers_words(self, stage: ModelStage) -> None:
        """No error shows a key or what the customer wrote."""
        for kind in (KEY, LIMIT, BAD, BROKEN, CUT, GARBAGE, OUTAGE):
            stage.do("trouble", kind)
            heard = stage.read(stage.prompt(f"My card is {CARD}"))
            said = f"{heard.error} {heard.error!r}"
            assert CARD not in said, f"{kind}: the customer's words are in {said!r:.200}"
            shown = any(secret in said for secret in stage.secrets)  # not in the assert: pytest would print it
            assert not shown, f"{kind}: a key is in the error"

    def _kind(self, stage: ModelStage, trouble: str, wanted: ProviderErrorKind, seconds: float = 0.0) -> ProviderError:
        stage.do("trouble", trouble, seconds)
        heard = stage.read()
        error = heard.failure(f"the trouble was {trouble}")
        assert error.kind is wanted, (
            f"the trouble was {trouble}, and the error is {error.kind}, not {wanted}: {error!s:.200}"
        )
        assert str(error), "the error has no words"
        assert not heard.ended
        return error
