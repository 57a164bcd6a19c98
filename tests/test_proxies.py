"""Whose address counts: a stranger cannot choose his own."""

from __future__ import annotations

from typing import Any

import pytest

from bot.config import ConfigError
from bot.proxies import address_prefix, client_address, is_local, trusted_networks


def seen(peer: str, forwarded: str = "") -> str:
    return client_address({"REMOTE_ADDR": peer, **({"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {})})


def test_without_a_trusted_proxy_the_peer_counts(environment: Any) -> None:
    environment(DESKHAND_TRUSTED_PROXIES="")
    assert seen("203.0.113.9", "1.2.3.4") == "203.0.113.9"
    assert seen("127.0.0.1", "1.2.3.4") == "127.0.0.1"


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.0.0.5", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.5", "1.1.1.1, 198.51.100.7", "198.51.100.7"),  # what the stranger wrote himself is on the left
        ("10.0.0.5", "198.51.100.7, 10.0.0.6", "198.51.100.7"),  # two proxies of ours
        ("203.0.113.9", "198.51.100.7", "203.0.113.9"),  # not one of ours
        ("10.0.0.5", "", "10.0.0.5"),
        ("10.0.0.5", "rubbish", "10.0.0.5"),
        ("10.0.0.5", "198.51.100.7, rubbish", "10.0.0.5"),
        ("::ffff:10.0.0.5", "198.51.100.7", "198.51.100.7"),
        ("2001:db8::1", "[2001:db8:1::5]", "2001:db8:1::5"),
    ],
)
def test_trusted_proxies_are_believed_hop_by_hop(environment: Any, peer: str, forwarded: str, address: str) -> None:
    environment(DESKHAND_TRUSTED_PROXIES="10.0.0.0/8, 2001:db8::/64")
    assert seen(peer, forwarded) == address


def test_a_wrong_list_is_one_sentence(environment: Any) -> None:
    environment(DESKHAND_TRUSTED_PROXIES="everybody")
    with pytest.raises(ConfigError, match="DESKHAND_TRUSTED_PROXIES"):
        trusted_networks()


def test_limits_count_households_not_addresses() -> None:
    assert address_prefix("203.0.113.9") == "203.0.113.9"
    assert address_prefix("2001:db8:1:2:3:4:5:6") == address_prefix("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
    assert address_prefix("::ffff:203.0.113.9") == "203.0.113.9"
    assert address_prefix("") == "unknown"


@pytest.mark.parametrize(
    ("environ", "local"),
    [
        ({"REMOTE_ADDR": "127.0.0.1"}, True),
        ({"REMOTE_ADDR": "::1"}, True),
        ({"REMOTE_ADDR": "192.168.1.5"}, True),
        ({"REMOTE_ADDR": "203.0.114.9"}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "127.0.0.1"}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_FORWARDED": "for=x"}, False),
        ({"REMOTE_ADDR": ""}, False),
    ],
)
def test_local_is_only_who_comes_without_an_unknown_proxy(
    environment: Any, environ: dict[str, str], local: bool
) -> None:
    environment(DESKHAND_TRUSTED_PROXIES="")
    assert is_local(environ) is local
