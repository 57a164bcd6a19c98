"""Who really called: ``X-Forwarded-For`` is believed from configured proxies only."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from bot.config import ConfigError, config

Network = IPv4Network | IPv6Network


@lru_cache(maxsize=8)
def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise ConfigError(
            f"The setting DESKHAND_TRUSTED_PROXIES is wrong: {error}. Write addresses or networks such as 10.0.0.0/8."
        ) from None


def trusted_networks() -> tuple[Network, ...]:
    """The proxies that are believed. Raises :class:`ConfigError`."""
    return _networks(config().trusted_proxies)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text.strip().strip("[]"))
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def client_address(environ: Mapping[str, Any]) -> str:
    """The caller's address: the last hop that no trusted proxy vouches beyond. Never a value a stranger could choose."""
    peer = str(environ.get("REMOTE_ADDR") or "")
    networks = trusted_networks()
    if not networks:
        return peer
    hops = [hop for hop in str(environ.get("HTTP_X_FORWARDED_FOR") or "").split(",") if hop.strip()]
    current = peer
    while hops:
        address = _address(current)
        if address is None or not any(address in network for network in networks):
            break
        named = _address(hops.pop())
        if named is None:
            break
        current = str(named)
    return current


def address_prefix(address: str) -> str:
    """What limits count by: an IPv4 address, or the /64 of an IPv6 one (a household has 2^64 of those)."""
    found = _address(address)
    if isinstance(found, IPv6Address):
        return str(ip_network(f"{found}/64", strict=False))
    return str(found) if found else address or "unknown"


def is_local(environ: Mapping[str, Any]) -> bool:
    """Whether the caller is on this machine or a private network, and no unknown proxy stands in between."""
    forwarded = any(f"HTTP_{name}" in environ for name in ("X_FORWARDED_FOR", "FORWARDED", "X_REAL_IP"))
    if forwarded and not trusted_networks():
        return False
    address = _address(client_address(environ))
    return address is not None and (address.is_loopback or address.is_private)
