"""Who is answered without sign-in: this machine only.

Three things are looked at, because each alone can be got around: the peer's address (someone else on the network),
the Host header (a web page that lets its own name resolve to 127.0.0.1, "DNS rebinding"), and forwarding headers
(a proxy on this machine that would make the dashboard public by accident).
"""

from __future__ import annotations

from ipaddress import ip_address

from starlette.datastructures import Headers

_FORWARDED = (
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
)
_FORWARDED_PREFIXES = ("x-forwarded-", "x-original-", "x-envoy-")
_WHY = "This dashboard has no sign-in set up, so it answers only the machine it runs on."


def refusal(headers: Headers, peer: str | None) -> str | None:
    """Why this request is not answered, in a sentence with what to do; None when it is."""
    named = [name for name in headers.keys() if name in _FORWARDED or name.startswith(_FORWARDED_PREFIXES)]  # noqa: SIM118
    if named:
        return f"{_WHY} The request came through a proxy (header {named[0]}). Open http://localhost directly."
    if peer is not None and not is_loopback(peer):
        return f"{_WHY} The request came from {peer}. Use an SSH tunnel: ssh -L 8501:localhost:8501 THIS-MACHINE."
    hosts = headers.getlist("host")
    if len(hosts) != 1 or not is_loopback(_hostname(hosts[0])):
        return f"{_WHY} The address asked for is not this machine's. Open http://localhost instead."
    return None


def _hostname(host: str) -> str:
    """The name in a Host header, without port and IPv6 brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.count(":") == 1 else host


def is_loopback(name: str) -> bool:
    if name.lower() == "localhost":
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
