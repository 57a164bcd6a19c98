"""What each provider says in its own way, and its settings."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from bot import AICapability, End, ProviderError, ProviderErrorKind, Text
from plugins.providers import anthropic, compatible, openai
from tests.fakes.llm import FakeLLM, Script
from tests.providers.conftest import MAKERS, ask, make_anthropic, make_compatible, make_openai


def sent(llm: FakeLLM) -> dict[str, Any]:
    return dict(llm.requests[-1]["body"])


def test_openai_switches_thinking_off_because_tools_are_refused_with_it(llm: FakeLLM) -> None:
    list(make_openai(llm).stream(ask()))
    body = sent(llm)
    assert (body["model"], body["reasoning_effort"]) == ("gpt-5.5", "none")
    assert body["max_completion_tokens"] == 700
    assert [t["function"]["name"] for t in body["tools"]] == ["conclude"]
    assert "temperature" not in body


def test_an_older_openai_model_is_not_told_of_thinking(llm: FakeLLM) -> None:
    list(make_openai(llm, model="gpt-4.1").stream(ask()))
    assert "reasoning_effort" not in sent(llm)


def test_openai_with_effort_gives_the_tools_up(llm: FakeLLM) -> None:
    provider = make_openai(llm, effort="low")
    list(provider.stream(ask()))
    assert sent(llm)["reasoning_effort"] == "low"
    assert "tools" not in sent(llm)
    assert AICapability.TOOLS not in provider.capabilities


def test_anthropic_leaves_room_for_thinking_and_asks_for_little_of_it(llm: FakeLLM) -> None:
    list(make_anthropic(llm).stream(ask(temperature=0.2)))
    body = sent(llm)
    assert (body["model"], body["max_tokens"]) == ("claude-opus-5-5", 700 + anthropic.THINKING_TOKENS)
    assert body["output_config"] == {"effort": "low"}
    assert "temperature" not in body
    assert [part["text"][:9] for part in body["messages"][-1]["content"]] == ["<articles", "How long "]


def test_an_older_anthropic_model_is_not_told_of_effort(llm: FakeLLM) -> None:
    list(make_anthropic(llm, model="claude-haiku-4-5").stream(ask()))
    assert sent(llm)["max_tokens"] == 700
    assert "output_config" not in sent(llm)


@pytest.mark.parametrize(
    ("dialect", "usage", "limit"),
    [
        ("gemini", True, "max_tokens"),
        ("mistral", False, "max_tokens"),
        ("ollama", True, "max_tokens"),
        ("other", True, "max_tokens"),
    ],
)
def test_a_compatible_server_is_spoken_to_in_its_dialect(llm: FakeLLM, dialect: str, usage: bool, limit: str) -> None:
    list(make_compatible(llm, dialect=dialect).stream(ask(temperature=0.2)))
    body = sent(llm)
    assert ("stream_options" in body) is usage
    assert body[limit] == 700
    assert body["temperature"] == 0.2


def test_every_flag_of_a_dialect_can_be_set(llm: FakeLLM) -> None:
    flags = {
        "include_usage": False,
        "max_tokens_field": "max_completion_tokens",
        "tools": False,
        "temperature": False,
        "vision": True,
    }
    provider = make_compatible(llm, **flags)
    list(provider.stream(ask(temperature=0.2)))
    body = sent(llm)
    assert body["max_completion_tokens"] == 700
    assert not {"stream_options", "max_tokens", "tools", "temperature"} & set(body)
    assert "conclude" not in body["messages"][0]["content"]
    assert provider.capabilities == {AICapability.VISION}


def test_known_servers_need_only_their_name() -> None:
    for name, (address, _) in compatible.KNOWN.items():
        settings = compatible.CompatibleSettings(base_url=name.upper(), model="m")
        provider: Any = compatible.ai_provider(settings)
        assert provider._base_url == address


@pytest.mark.parametrize("address", ["llama", "ftp://x", ""])
def test_an_address_that_is_none_is_refused_with_the_choices(address: str) -> None:
    with pytest.raises(ValidationError, match="http:// or https://, or one of gemini, mistral, ollama, vllm"):
        compatible.CompatibleSettings(base_url=address, model="m")


def test_a_server_without_a_list_of_models_is_asked_for_one_token(llm: FakeLLM) -> None:
    llm.models = None
    make_compatible(llm).check()
    assert sent(llm)["max_tokens"] == 1
    llm.script(Script(fault="404"))
    with pytest.raises(ProviderError) as caught:
        make_compatible(llm).check()
    assert caught.value.kind is ProviderErrorKind.CONFIG


def test_a_server_that_only_lists_its_models_is_believed(llm: FakeLLM) -> None:
    llm.models = ("models/missing-model",)
    make_compatible(llm, model="missing-model").check()


def test_thinking_aloud_is_a_sign_of_life_and_not_an_answer(llm: FakeLLM) -> None:
    from plugins.providers._chat_completions import ALIVE, _Answer

    answer = _Answer(response=None)  # type: ignore[arg-type]
    thought = {"choices": [{"delta": {"reasoning_content": "The customer wants"}, "finish_reason": None}]}
    assert answer.chunk(thought) == ALIVE


def test_keys_never_show_in_settings() -> None:
    for settings in (openai.OpenAISettings(key="sk-1234"), anthropic.AnthropicSettings(key="sk-1234")):
        assert "sk-1234" not in repr(settings)


def test_plugins_are_cheap_to_import() -> None:
    """SDKs are imported by the first question: no process pays for a provider that it does not ask."""
    import subprocess
    import sys

    code = (
        "import sys, plugins.providers.openai, plugins.providers.anthropic, plugins.providers.compatible, plugins.providers.offline;"
        "print([m for m in ('openai', 'anthropic', 'httpx2', 'httpcore2', 'snowballstemmer') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fake")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "fake.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + built.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_over_tls_all_is_the_same(name: str, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with FakeLLM(tls=context) as llm:
        provider = MAKERS[name](llm)
        for _ in range(2):
            assert list(provider.stream(ask()))[-1] == End("tool")
        assert llm.connections == 1
        llm.script(Script(answer="one two", fault="cut", after=2), Script(fault="stall_mid"))
        with pytest.raises(ProviderError):
            list(provider.stream(ask()))
        time.sleep(
            0.2
        )  # the server hangs up after a cut answer; a request in that very moment would meet the closing door
        stream: Any = provider.stream(ask())
        assert next(d for d in stream if isinstance(d, Text) and d.text)
        timer = threading.Timer(0.2, stream.abort)
        timer.start()
        with pytest.raises(ProviderError):
            list(stream)
        timer.join()
        provider.close()


def test_a_certificate_that_is_not_trusted_is_an_error(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with FakeLLM(tls=context) as llm, pytest.raises(ProviderError) as caught:
        list(make_openai(llm).stream(ask()))
    assert caught.value.kind is ProviderErrorKind.TEMPORARY
