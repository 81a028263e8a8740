"""Where events go: the collector's address as a site owner has to write it, and whether the demo is here, too."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import streamlit as st

from pages.parts.access.loopback import is_loopback
from pages.parts.serving import product


@dataclass(frozen=True, slots=True)
class Collector:
    """`base` is what SDKs call the host. `elsewhere`: it runs as a process of its own, which someone must start.

    `local`: the address means this machine only, so a site on the internet cannot send there.
    """

    base: str
    elsewhere: bool
    local: bool


def collector() -> Collector:
    """The collector of this installation: where it was said to be, else on this page's own address, else alone."""
    settings = product().settings
    if settings.collector_url:
        base, elsewhere = settings.collector_url, False
    elif settings.mount_collector:
        base, elsewhere = _own_origin() or f"http://localhost:{settings.port}", False
    else:
        base, elsewhere = f"http://localhost:{settings.collect_port}", True
    return Collector(base, elsewhere, is_loopback(urlsplit(base).hostname or ""))


def _own_origin() -> str:
    """The address this page was asked for at, without its path; empty where nobody asked (a test)."""
    parts = urlsplit(st.context.url or "")
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in {"http", "https"} and parts.netloc else ""


def demo_sources() -> frozenset[str]:
    """The sources whose events are the demo's; none without a demo."""
    told = product().state.told("demo") or {}
    return frozenset(told.get("sources", "").split())
