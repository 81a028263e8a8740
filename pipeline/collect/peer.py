"""Who sent a request: the other end of the connection, or whom a trusted proxy says it stands for."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address


def client_address(peer: str | None, forwarded: Sequence[str], trusted: Sequence[Network]) -> str | None:
    """The client's address. `forwarded` are the `X-Forwarded-For` headers, oldest first.

    Each proxy adds the address it was asked from at the end, so the list is read from its end, as long as the one who
    added is trusted; what stands before that is only what somebody claims.
    """
    found = _address(peer or "")
    if found is None:
        return peer
    claims = [claim.strip() for header in forwarded for claim in header.split(",")]
    while claims and _within(found, trusted):
        before = _address(claims.pop())
        if before is None:
            break
        found = before
    return str(found)


def is_trusted(peer: str | None, trusted: Sequence[Network]) -> bool:
    """Whether the other end of the connection is a trusted proxy."""
    found = _address(peer or "")
    return found is not None and _within(found, trusted)


def _within(address: Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)


def _address(text: str) -> Address | None:
    """The address in `text`, which some proxies write with brackets or a port."""
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
