"""The model fake is believed only because the vendors' own SDKs understand it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from tests.fakes.llm import FakeLLM, FaultPlan, Script
from tests.patience import patient

TOOL = {"type": "object", "properties": {"confidence": {"type": "number"}}}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+M8AAAMBAQDJ/pLvAAAAAElFTkSuQmCC"


@pytest.fixture
def open_ai(llm: FakeLLM) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="k", base_url=llm.openai_url, max_retries=0) as client:
        yield client


@pytest.fixture
def claude(llm: FakeLLM) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key="k", base_url=llm.url, max_retries=0) as client:
        yield client


def test_openais_own_sdk_reads_a_stream(llm: FakeLLM, open_ai: openai.OpenAI) -> None:
    llm.script(Script(answer="In five days. [1]", usage=(10, 4)))
    tools: Any = [{"type": "function", "function": {"name": "conclude", "parameters": TOOL}}]
    stream = open_ai.chat.completions.create(
        model="m",
        messages=[{"role": "user", "content": "When?"}],
        stream=True,
        tools=tools,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    deltas = [c.choices[0].delta for c in chunks if c.choices]
    assert "".join(d.content or "" for d in deltas) == "In five days. [1]"
    arguments = "".join(t.function.arguments or "" for d in deltas for t in d.tool_calls or [] if t.function)
    assert json.loads(arguments) == {"confidence": 0.9}
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["tool_calls"]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 14


def test_anthropics_own_sdk_reads_a_stream(llm: FakeLLM, claude: anthropic.Anthropic) -> None:
    llm.script(Script(answer="In five days. [1]", usage=(10, 4), pings=True))
    tools: Any = [{"name": "conclude", "input_schema": TOOL}]
    with claude.messages.stream(
        model="m", max_tokens=9, messages=[{"role": "user", "content": "When?"}], tools=tools
    ) as stream:
        message = stream.get_final_message()
    text, call = message.content
    assert (text.type, call.type) == ("text", "tool_use")
    assert getattr(text, "text", "") == "In five days. [1]"
    assert getattr(call, "input", {}) == {"confidence": 0.9}
    assert (message.stop_reason, message.usage.output_tokens) == ("tool_use", 4)


def test_both_sdks_read_a_whole_answer_with_a_picture_in_the_question(
    llm: FakeLLM, open_ai: openai.OpenAI, claude: anthropic.Anthropic
) -> None:
    llm.default = Script(answer="A pixel. You asked: {question}")
    parts: Any = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
    ]
    chat = open_ai.chat.completions.create(model="m", messages=[{"role": "user", "content": parts}])
    assert chat.choices[0].message.content == "A pixel. You asked: What is it?"
    blocks: Any = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}, {"type": "text", "text": "What is it?"},
    ]  # fmt: skip
    message = claude.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": blocks}])
    assert getattr(message.content[0], "text", "") == "A pixel. You asked: What is it?"
    assert [row["images"] for row in llm.requests] == [1, 1]


def test_errors_are_the_sdks_own_classes(llm: FakeLLM, open_ai: openai.OpenAI, claude: anthropic.Anthropic) -> None:
    ask: Any = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    llm.script(Script(fault="529"), Script(fault="spend_limit"), Script(fault="overload_mid"))
    for expected in (anthropic.APIStatusError, anthropic.RateLimitError):
        with pytest.raises(expected):
            claude.messages.create(max_tokens=9, **ask)
    with pytest.raises(anthropic.APIStatusError) as overloaded:
        list(claude.messages.create(max_tokens=9, stream=True, **ask))
    assert overloaded.value.status_code == 200
    llm.script(Script(fault="401"), Script(fault="429", retry_after=7), Script(fault="overload_mid"))
    with pytest.raises(openai.AuthenticationError):
        open_ai.chat.completions.create(**ask)
    with pytest.raises(openai.RateLimitError) as limited:
        open_ai.chat.completions.create(**ask)
    assert limited.value.response.headers["retry-after"] == "7"
    with pytest.raises(openai.APIError):
        list(open_ai.chat.completions.create(stream=True, **ask))


def test_scripts_are_chosen_by_question_and_model_and_used_up(llm: FakeLLM, open_ai: openai.OpenAI) -> None:
    llm.script(
        Script(answer="parcel", contains="parcel", times=2), Script(answer="other model", model="m2"), Script(answer="any {number}"),
    )  # fmt: skip
    llm.default = Script(answer="default")

    def asked(question: str, model: str = "m") -> str | None:
        chat = open_ai.chat.completions.create(model=model, messages=[{"role": "user", "content": question}])
        return chat.choices[0].message.content

    assert [asked("x"), asked("my parcel"), asked("x", "m2"), asked("a parcel"), asked("parcel")] == [
        "any 1", "parcel", "other model", "parcel", "default",
    ]  # fmt: skip


def test_the_same_seed_makes_the_same_trouble() -> None:
    def drawn(seed: int) -> list[str]:
        plan = FaultPlan(seed=seed, rate=0.3)
        return [plan.apply(Script()).fault for _ in range(200)]

    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)
    assert 30 < sum(bool(fault) for fault in drawn(3)) < 90


def test_a_fault_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown fault"):
        Script(fault="hiccup")


def call(url: str, data: Any = None) -> Any:
    body = None if data is None else json.dumps(data).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=patient(5)) as response:
        return json.loads(response.read())


def test_as_a_process_it_is_steered_over_http() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.llm", "--port", "0", "--key", "k"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        assert call(f"{url}/script", {"default": {"answer": "from the default"}, "scripts": [{"fault": "500"}]}) == {
            "ok": True
        }
        with openai.OpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0) as client:
            ask: Any = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
            with pytest.raises(openai.InternalServerError):
                client.chat.completions.create(**ask)
            assert client.chat.completions.create(**ask).choices[0].message.content == "from the default"
        assert [row["outcome"] for row in call(f"{url}/requests")] == ["status 500", "done"]
        assert [row["event"] for row in call(f"{url}/log")] == ["request", "end", "request", "end"]
        with pytest.raises(urllib.error.HTTPError) as refused:
            call(f"{url}/script", [{"anwser": "typo"}])
        assert "anwser" in refused.value.read().decode()
        refused.value.close()
        assert call(f"{url}/script", {"plan": {"seed": 1, "rate": 1.0, "faults": ["529"]}, "clear": True}) == {
            "ok": True
        }
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(patient(5))
        if process.stdout is not None:
            process.stdout.close()


def test_a_hundred_streams_keep_their_rate(llm: FakeLLM) -> None:
    """50 tokens a second on each of 100 streams, or no measurement made with the fake means anything."""
    import asyncio

    llm.default = Script(answer="word " * 50, tokens_per_second=50)

    async def one() -> tuple[int, float]:
        reader, writer = await asyncio.open_connection(llm.host, llm.port)
        body = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": "x"}]}).encode()
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        started = time.monotonic()
        raw = await reader.readuntil(b"0\r\n\r\n")
        writer.close()
        return raw.count(b"word"), time.monotonic() - started

    async def crowd() -> list[tuple[int, float]]:
        return await asyncio.gather(*(one() for _ in range(100)))

    found = asyncio.run(crowd())
    assert {tokens for tokens, _ in found} == {50}
    took = sorted(seconds for _, seconds in found)
    assert took[0] > 0.9
    assert took[50] < patient(2.5), "a busy machine is late, but not by this much"
