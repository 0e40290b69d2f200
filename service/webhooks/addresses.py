"""Which network addresses a webhook may reach: public ones, and the networks an operator allows.

The table is our own: `ipaddress.is_global` of Python 3.11 calls the NAT64 form of 127.0.0.1
public, and 6to4, site-local and multicast addresses too. Of IPv6 only 2000::/3 is in use for the
public internet (RFC 4291 §2.4), so everything else is refused without a list. Sources: IANA
special-purpose address registries (RFC 6890 and its updates).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_REFUSED_V4: Sequence[tuple[IPv4Network, str]] = tuple(
    (IPv4Network(network), name)
    for network, name in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared address space of providers"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "platform address of a cloud"),
        ("169.254.0.0/16", "link-local; metadata of clouds"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "AS112"),
        ("192.52.193.0/24", "AMT"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "AS112"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved and broadcast"),
    )
)
_PUBLIC_V6 = IPv6Network("2000::/3")
_REFUSED_V6: Sequence[tuple[IPv6Network, str]] = tuple(
    (IPv6Network(network), name)
    for network, name in (
        ("2001::/23", "protocol assignments and Teredo"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("3fff::/20", "documentation"),
    )
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an address is not reached.

    Attributes:
        network: The range it is in.
        name: What that range is for.
    """

    address: Address
    network: Network
    name: str

    def __str__(self) -> str:
        return f"{self.address} is in {self.network} ({self.name})"


def parse_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Return the networks that *texts* write, such as `10.1.0.0/16` or `::1`.

    Raises:
        ValueError: One of them is not a network, or has bits set behind its prefix.
    """
    return tuple(ip_network(text) for text in texts)


def refusal_of(address: Address, allowed: Sequence[Network] = ()) -> Refusal | None:
    """Return why *address* must not be reached; None where it may.

    An IPv4 address in IPv6 clothes (`::ffff:a.b.c.d`) is judged as the IPv4 address that it is.
    """
    plain = address
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        plain = address.ipv4_mapped
    if any(plain.version == each.version and plain in each for each in allowed):
        return None
    if isinstance(plain, IPv4Address):
        return _first(plain, _REFUSED_V4)
    if plain not in _PUBLIC_V6 or plain.scope_id is not None:
        return Refusal(plain, IPv6Network("::/0"), "not in 2000::/3, the public internet")
    return _first(plain, _REFUSED_V6)


def _first(
    address: Address, refused: Sequence[tuple[IPv4Network, str]] | Sequence[tuple[IPv6Network, str]]
) -> Refusal | None:
    for network, name in refused:
        if address in network:
            return Refusal(address, network, name)
    return None


def address_of(text: str) -> Address:
    """Return the address that a resolver wrote as *text*, its zone (`%eth0`) included.

    Raises:
        ValueError: It is no address.
    """
    return ip_address(text)
