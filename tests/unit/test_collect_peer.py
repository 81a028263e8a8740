"""Whose address counts: what a proxy says only when it is trusted, and only what it says itself."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.collect.peer import client_address, is_trusted

PROXIES = (ip_network("10.0.0.0/8"), ip_network("2001:db8:f::/48"))
ADDRESSES = st.ip_addresses().map(str)


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("198.51.100.1", [], "198.51.100.1"),
        ("198.51.100.1", ["203.0.113.5"], "198.51.100.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", ["192.0.2.1, 203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", ["192.0.2.1", "203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", ["192.0.2.1, 203.0.113.5, 10.9.9.9"], "203.0.113.5"),
        ("10.0.0.1", ["10.0.0.2, 10.0.0.3"], "10.0.0.2"),
        ("10.0.0.1", [" 203.0.113.5 ,10.0.0.2"], "203.0.113.5"),
        ("10.0.0.1", ["203.0.113.5:4711"], "203.0.113.5"),
        ("10.0.0.1", ["2001:db8::7"], "2001:db8::7"),
        ("10.0.0.1", ["[2001:db8::7]"], "2001:db8::7"),
        ("10.0.0.1", ["[2001:db8::7]:4711"], "2001:db8::7"),
        ("10.0.0.1", ["::ffff:203.0.113.5"], "203.0.113.5"),
        ("::ffff:10.0.0.1", ["203.0.113.5"], "203.0.113.5"),
        ("2001:db8:f::1", ["203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", ["203.0.113.5, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.5, "], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["[", "1.2.3", "::::"], "10.0.0.1"),
        (None, ["203.0.113.5"], None),
        ("/run/socket", ["203.0.113.5"], "/run/socket"),
    ],
)
def test_the_address_that_counts(peer: str | None, forwarded: list[str], expected: str | None) -> None:
    assert client_address(peer, forwarded, PROXIES) == expected


@settings(deadline=None)
@given(ADDRESSES, st.lists(st.text() | ADDRESSES))
def test_who_is_not_trusted_says_nothing(peer: str, forwarded: list[str]) -> None:
    assert client_address(peer, forwarded, ()) == client_address(peer, [], ())


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters=",")) | ADDRESSES), ADDRESSES)
def test_what_a_client_claims_before_a_trusted_proxy_saw_it_counts_for_nothing(claims: list[str], seen: str) -> None:
    if not is_trusted(seen, PROXIES):
        found = client_address("10.0.0.1", [", ".join([*claims, seen])], PROXIES)
        assert found == client_address(seen, [], ())


@settings(deadline=None)
@given(st.none() | st.text(), st.lists(st.text()))
def test_nothing_fails_whatever_is_claimed(peer: str | None, forwarded: list[str]) -> None:
    found = client_address(peer, forwarded, [ip_network("0.0.0.0/0"), ip_network("::/0")])
    if found != peer:
        assert ip_address(str(found))
