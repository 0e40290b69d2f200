"""Addresses and the networks that they belong to."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def network_in(text: str) -> Network:
    """Return the network that *text* names in CIDR notation.

    Raises:
        ValueError: It names none, or has bits set behind its prefix.
    """
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        message = f"expected a network such as 10.0.0.0/8 or 2001:db8::/32, found {text[:60]!r}"
        raise ValueError(message) from None


def address_in(text: str) -> Address | None:
    """Return the address that *text* is; an IPv4 one that came over IPv6 as what it is."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


def is_within(address: str, networks: tuple[str, ...]) -> bool:
    """Whether *address* is in one of *networks*; what is no address is in none."""
    found = address_in(address)
    if found is None:
        return False
    return any(found.version == one.version and found in one for one in _networks(networks))


@lru_cache(maxsize=1_024)
def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(network_in(text) for text in texts)
