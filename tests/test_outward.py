"""Requests to addresses of others go only where they may, end in time and are never larger than allowed."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.config import ConfigError, load_config
from bot.outward import Outward, OutwardFailed, OutwardRefused, allowed_networks, check_address, is_public
from tests.fakes.website import Website
from tests.patience import patient

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


@pytest.fixture
def site() -> Iterator[Website]:
    with Website() as running:
        running.article("/", "Home", "Welcome.")
        yield running


@pytest.fixture
def clients() -> Iterator[Callable[..., Outward]]:
    """Make clients that are closed at the end."""
    with ExitStack() as stack:
        yield lambda **more: stack.enter_context(Outward(**more))


@pytest.fixture
def client(clients: Callable[..., Outward]) -> Outward:
    return clients(allowed=LOOPBACK)


def fails(
    client: Outward, url: str, match: str, kind: type[OutwardFailed] = OutwardFailed, **more: object
) -> OutwardFailed:
    with pytest.raises(kind, match=match) as caught:
        client.fetch(url, **more)  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.8.9.1", "10.0.0.1", "172.16.5.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.127.255.255",
     "0.0.0.0", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.0.8", "192.88.99.1", "198.18.0.1", "::", "::1",
     "::127.0.0.1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
     "64:ff9b:1::1", "2002:7f00:1::1", "2001::1", "fc00::1", "fd12::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
     "2001:db8::1", "3fff::1", "5f00::1", "100::1", "nonsense", ""],
)  # fmt: skip
def test_an_address_that_is_not_public_is_known(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_a_public_address_is_known(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_no_private_address_gets_in_in_the_clothes_of_ipv6(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    mapped = ipaddress.IPv6Address((0xFFFF << 32) | number)
    assert is_public(str(mapped)) == is_public(str(address))
    for prefix in (0, 0x64FF9B << 96):
        assert not is_public(str(ipaddress.IPv6Address(prefix | number)))


@pytest.mark.parametrize(
    ("url", "match"),
    [("ftp://x.example/", "https://"), ("file:///etc/passwd", "https://"), ("gopher://x", "https://"), ("javascript:x", "https://"),
     ("http://", "no host"), ("https://user:pw@x.example/", "user name"), ("http://x.example:99999/", "not valid"),
     ("http://x.example\\@127.0.0.1/", "user name"), ("http://x.example/\\a", "not valid"), ("http://[::1", "not valid"), ("http://x.example/a b", "not valid")],
)  # fmt: skip
def test_an_address_of_another_kind_is_refused_before_anything_is_looked_up(url: str, match: str) -> None:
    with pytest.raises(OutwardRefused, match=match):
        check_address(url)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("file:///etc/passwd", "“file:///etc/passwd” must begin with https:// or http://"),
        ("http://x.example/a\nb?key=s3cret", "“http://x.example/a b” is not valid"),
        ("https://anna:s3cret@x.example/", "“…@x.example” has a user name in it"),
        ("https://anna:s3cret@[::1", "“…@…” is not valid"),
        ("ftp://x.example/" + "a" * 500, "aaa…” must begin"),
    ],
)
def test_the_refused_address_is_named_without_what_is_secret(url: str, told: str) -> None:
    with pytest.raises(OutwardRefused) as refused:
        check_address(url)
    assert told in str(refused.value)
    assert "s3cret" not in str(refused.value)
    assert len(str(refused.value)) < 250


@pytest.mark.parametrize(
    ("address", "network"),
    [("10.0.0.7", "10.0.0.7/32"), ("::ffff:10.0.0.7", "10.0.0.7/32"), ("fd00::7", "fd00::7/128")],
)
def test_a_refusal_says_what_would_allow_it_and_that_does(
    site: Website, clients: Callable[..., Outward], address: str, network: str
) -> None:
    refused = fails(clients(allowed=(), resolver=lambda *_: [address]), "http://x.example/", "not a public address")
    assert str(refused).startswith(f"x.example is at {address}, ")
    assert str(refused).endswith(f"DESKHAND_ALLOWED_CIDRS, such as {network}")
    opened = clients(allowed=allowed_networks(network), resolver=lambda *_: [address])
    opened.deadline = time.monotonic() + 5
    assert opened.addresses("x.example", 8080) == [address]


def test_private_addresses_are_refused_unless_they_are_allowed(site: Website, clients: Callable[..., Outward]) -> None:
    closed = clients(allowed=())
    refused = fails(
        closed, site.url(), r"127\.0\.0\.1, which is not a public address.*DESKHAND_ALLOWED_CIDRS", OutwardRefused
    )
    assert not refused.temporary
    for spelled in ("127.1", "0x7f.0.0.1", "2130706433", "017700000001", "localhost", "[::1]", "[::ffff:127.0.0.1]"):
        fails(closed, f"http://{spelled}:{site.port}/", "not a public address|no host|not valid|failed")
    assert site.visits.log == []
    assert clients(allowed=LOOPBACK).fetch(site.url()).status == 200


def test_the_setting_allows_networks_and_names_what_is_wrong(
    site: Website, monkeypatch: pytest.MonkeyPatch, clients: Callable[..., Outward]
) -> None:
    from bot.config import config

    monkeypatch.setenv("DESKHAND_ALLOWED_CIDRS", "10.0.0.0/8, 127.0.0.1/32")
    config.cache_clear()
    try:
        assert clients().fetch(site.url()).status == 200
    finally:
        monkeypatch.undo()
        config.cache_clear()
    monkeypatch.setenv("DESKHAND_ALLOWED_CIDRS", "10.0.0.0/8 everything")
    with pytest.raises(ConfigError, match="DESKHAND_ALLOWED_CIDRS is wrong: everything is no network"):
        load_config()


def test_only_the_ports_of_the_web_are_open(clients: Callable[..., Outward]) -> None:
    client = clients(allowed=(), resolver=lambda *_: ["93.184.216.34"])
    refused = fails(client, "http://x.example:22/", "ports 80 and 443", OutwardRefused)
    assert "x.example is asked for at port 22" in str(refused)
    assert str(refused).endswith("such as 93.184.216.34/32")


def test_a_name_that_answers_differently_the_second_time_changes_nothing(
    site: Website, clients: Callable[..., Outward]
) -> None:
    answers: list[list[str]] = []

    def rebinding(host: str, port: int) -> list[str]:
        answers.append(["93.184.216.34"] if not answers else ["127.0.0.1"])
        return answers[-1]

    client = clients(allowed=(), resolver=rebinding)
    assert client.addresses("x.example", 80) == ["93.184.216.34"]
    fails(client, f"http://x.example:{site.port}/", "not a public address", OutwardRefused)
    assert site.visits.log == []

    asked: list[str] = []

    def once(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.255.255.1"]

    answer = clients(allowed=LOOPBACK, resolver=once).fetch(f"http://shop.example:{site.port}/")
    assert (answer.status, asked) == (200, ["shop.example"])  # looked up once, and connected to what was judged
    assert site.visits.log[-1]["host"] == f"shop.example:{site.port}"


def test_one_private_address_among_public_ones_is_enough_to_refuse(clients: Callable[..., Outward]) -> None:
    client = clients(allowed=(), resolver=lambda *_: ["93.184.216.34", "10.0.0.7"])
    fails(client, "http://x.example/", r"10\.0\.0\.7", OutwardRefused)


def test_redirects_are_judged_like_the_first_address(site: Website, clients: Callable[..., Outward]) -> None:
    site.redirect("/in", "http://10.0.0.1/")
    site.redirect("/meta", "http://169.254.169.254/latest/meta-data/")
    site.redirect("/file", "file:///etc/passwd")
    site.redirect("/port", "http://93.184.216.34:22/")
    client = clients(allowed=LOOPBACK)
    fails(client, site.url("/in"), r"10\.0\.0\.1", OutwardRefused)
    fails(client, site.url("/meta"), "not a public", OutwardRefused)
    fails(client, site.url("/file"), "“file:///etc/passwd” must begin with https://", OutwardRefused)
    fails(client, site.url("/port"), "ports 80 and 443", OutwardRefused)


def test_redirects_end(site: Website, client: Outward) -> None:
    site.redirect("/loop", "/loop")
    for number in range(4):
        site.redirect(f"/{number}", f"/{number + 1}")
    site.article("/4", "There", "At last.")
    fails(client, site.url("/loop"), "redirects more than 3 times")
    assert site.asked()["/loop"] == 4
    fails(client, site.url("/0"), "redirects more than 3 times")
    answer = client.fetch(site.url("/1"))
    assert (answer.status, answer.url, len(answer.redirects)) == (200, site.url("/4"), 3)


def test_secrets_are_not_carried_to_another_host(site: Website, clients: Callable[..., Outward]) -> None:
    with Website() as other:
        other.article("/", "Other", "Text.")
        site.redirect("/same", "/")
        site.redirect("/away", other.url())
        client = clients(allowed=LOOPBACK)
        sent = {"Authorization": "Bearer secret", "Cookie": "a=b", "X-Harmless": "yes"}
        client.fetch(site.url("/same"), headers=sent)
        assert site.visits.log[-1]["headers"]["authorization"] == "Bearer secret"
        client.fetch(site.url("/away"), headers=sent)
        got = other.visits.log[-1]["headers"]
        assert (got.get("authorization"), got.get("cookie"), got["x-harmless"]) == (None, None, "yes")


def test_what_is_too_large_is_not_read_to_its_end(site: Website, client: Outward) -> None:
    site.page("/told", b"x" * 6_000_000)
    site.page("/endless", how="endless")
    site.page("/bomb", b"bomb", how="bomb")
    for path in ("/told", "/endless", "/bomb"):
        fails(client, site.url(path), "larger than 5 MB")
    site.page("/small", b"x" * 1_000)
    fails(client, site.url("/small"), "larger than 0.0005 MB", max_bytes=500)
    assert len(client.fetch(site.url("/small")).body) == 1_000


def test_what_is_too_slow_is_left(site: Website, client: Outward) -> None:
    site.page("/hang", how="hang")
    site.page("/drip", how="drip")
    for path in ("/hang", "/drip"):
        began = time.monotonic()
        assert fails(client, site.url(path), "too long|within 1 seconds", seconds=1.0).temporary
        assert time.monotonic() - began < patient(3)


def test_a_resolver_that_hangs_is_left(clients: Callable[..., Outward]) -> None:
    done = threading.Event()
    client = clients(allowed=(), resolver=lambda *_: ["8.8.8.8"] if done.wait(30) else [])
    began = time.monotonic()
    fails(client, "http://x.example/", "could not be looked up", seconds=0.5)
    assert time.monotonic() - began < patient(3)
    done.set()


def test_a_broken_answer_is_a_sentence(site: Website, client: Outward) -> None:
    site.page("/cut", b"half", how="cut")
    assert fails(client, site.url("/cut"), "connection failed").temporary
    site.page("/broken", b"not packed", headers={"content-encoding": "gzip"})
    fails(client, site.url("/broken"), "packed body is broken")
    site.page("/other", b"x", headers={"content-encoding": "br"})
    fails(client, site.url("/other"), "packed as br")
    site.down()
    assert fails(client, site.url("/"), "could not be reached").temporary


def test_a_body_of_another_type_is_not_fetched(site: Website, client: Outward) -> None:
    site.page("/film", how="endless", type="video/mp4")
    fails(client, site.url("/film"), "it is video/mp4", types=("text/html",))


def test_the_environments_proxy_is_not_used(
    site: Website, monkeypatch: pytest.MonkeyPatch, clients: Callable[..., Outward]
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert clients(allowed=LOOPBACK).fetch(site.url()).status == 200


def test_a_certificate_must_be_of_the_name_and_not_of_the_address(
    tmp_path: Path, clients: Callable[..., Outward]
) -> None:
    certificate, key = _certificate(tmp_path, "shop.example")
    door = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    door.load_cert_chain(certificate, key)
    asked: list[str | None] = []
    door.sni_callback = lambda _socket, name, _context: asked.append(name)
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def serve() -> None:
        for _ in range(2):
            raw, _peer = listener.accept()
            try:
                with door.wrap_socket(raw, server_side=True) as connection:
                    connection.recv(4096)
                    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
            except (ssl.SSLError, OSError):
                raw.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    trusting = ssl.create_default_context(cafile=str(certificate))
    client = clients(allowed=LOOPBACK, resolver=lambda *_: ["127.0.0.1"], tls=trusting)
    assert client.fetch(f"https://shop.example:{port}/").body == b"ok"
    fails(client, f"https://other.example:{port}/", "connection failed|could not be reached")
    assert asked == ["shop.example", "other.example"]
    listener.close()
    thread.join(patient(5))


def _certificate(folder: Path, name: str) -> tuple[Path, Path]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    secret = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(secret, hashes.SHA256())
    )
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        secret.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate, key
