"""Where calls to addresses that people type may lead: the public internet, and networks that the operator names.

A name is resolved once, every address it has is looked at, and the connection goes to one of those very addresses.
So neither a name that points inside nor one that changes its mind (DNS rebinding) gets anybody in.
"""

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

Network = IPv4Network | IPv6Network
Place = tuple[socket.AddressFamily, tuple[Any, ...]]
# Of IPv6 only what is given out to the public; 2002::/16 (6to4) carries any IPv4 address, private ones too.
PUBLIC6, SIX_TO_FOUR = IPv6Network("2000::/3"), IPv6Network("2002::/16")
NAT64 = IPv6Network("64:ff9b::/96")
# Which older editions of Python take for public.
SPECIAL = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"), IPv4Network("100.64.0.0/10"))


class Forbidden(Exception):
    """The name leads to an address that must not be called; `address` says which."""

    def __init__(self, host: str, address: str):
        super().__init__(f"“{host}” leads to {address}, in a network that webhooks may not reach.")
        self.host, self.address = host, address


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address belongs to the public internet: nothing private, local, shared, reserved or multicast."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return is_public(address.ipv4_mapped)
        if address in NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        if address not in PUBLIC6 or address in SIX_TO_FOUR:
            return False
    elif any(address in network for network in SPECIAL):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def may_reach(address: IPv4Address | IPv6Address, own: Iterable[Network]) -> bool:
    """Public, or inside one of the networks that the operator has named."""
    real = (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
    return is_public(real) or any(real in network for network in own)


def places(host: str, port: int, own: Iterable[Network]) -> list[Place]:
    """Where a host can be reached, as (family, socket address); raises Forbidden, or OSError where it has no address.

    One address that must not be called forbids them all: no honest name has one of each.
    """
    own = list(own)
    found: list[Place] = []
    for family, _, _, _, where in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        address = ip_address(str(where[0]).partition("%")[0])
        if not may_reach(address, own):
            raise Forbidden(host, str(address))
        found.append((family, where))
    return found
