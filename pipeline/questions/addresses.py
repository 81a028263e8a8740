"""IP addresses: which ones a filter means, without any engine's own IP type.

An IPv4 address has one spelling, so a network of them is a pattern over its text. IPv6 addresses have many: the
distinct ones of the view are few, so they are fetched and the standard library decides about each. An IPv4-mapped
IPv6 address counts as its IPv4 one ("A view" in docs/semantics.md), whatever the operator.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import ibis
import ibis.expr.types as ir

from pipeline.questions.functions import among

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_MAPPED = "::ffff:"  # how an IPv4-mapped address is written in practice
_MAPPED_NETWORK = IPv6Network("::ffff:0:0/96")


def in_networks(address: ir.StringValue, networks: Sequence[str], others: Iterable[str]) -> ir.BooleanValue:
    """Whether `address` lies in any of `networks` (CIDR); `others` are the distinct addresses that hold a colon."""
    wanted = [_unmapped_network(network) for network in networks]
    inside = [text for text in others if (parsed := _unmapped(text)) and any(parsed in network for network in wanted)]
    patterns = [_ipv4_pattern(network) for network in wanted if isinstance(network, IPv4Network)]
    by_text = address.re_search(f"^(?:{'|'.join(patterns)})$") if patterns else ibis.literal(False)
    return by_text | among(address, inside)


def mapped(others: Iterable[str]) -> dict[str, str]:
    """Of the addresses that hold a colon, the IPv4-mapped ones, each with its IPv4 spelling."""
    read = ((text, _unmapped(text)) for text in others)
    return {text: str(parsed) for text, parsed in read if isinstance(parsed, IPv4Address)}


def unmapped(address: ir.StringValue) -> ir.StringValue:
    """The address to show and group by: an IPv4-mapped one, written as it is in practice, becomes its IPv4 one."""
    is_mapped = address.lower().startswith(_MAPPED) & address.contains(".")
    return ibis.cases((is_mapped, address.substr(len(_MAPPED))), else_=address)


def unmapped_text(address: str) -> str:
    """The same for a text that a reader gave, however it is written."""
    parsed = _unmapped(address)
    return str(parsed) if isinstance(parsed, IPv4Address) else address


def _unmapped(text: str) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(text)
    except ValueError:
        return None
    return parsed.ipv4_mapped or parsed if isinstance(parsed, IPv6Address) else parsed


def _unmapped_network(text: str) -> IPv4Network | IPv6Network:
    network = ip_network(text)
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED_NETWORK):
        return IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
    return network


def _ipv4_pattern(network: IPv4Network) -> str:
    """A pattern for the addresses of a network: whole octets as they are, then some of one, then any."""
    whole, bits = divmod(network.prefixlen, 8)
    first = network.network_address.packed
    octets = [str(octet) for octet in first[:whole]]
    if bits:
        octets.append(f"(?:{'|'.join(str(first[whole] + more) for more in range(2 ** (8 - bits)))})")
    return r"\.".join([*octets, *[_OCTET] * (4 - len(octets))])
