"""The two lines of HTML that put `activity.js` on a site."""

from __future__ import annotations

from html import escape

# Takes calls until the script is there, so that a page may call `activity.track` anywhere below.
_STUB = (
    "<script>(function(a){Array.isArray(a)||(a=window.activity=[]);"
    '"track identify page reset optOut optIn".split(" ").forEach(function(m){'
    "a[m]=a[m]||function(){a.push([m].concat([].slice.call(arguments)))}})})(window.activity)</script>"
)


def snippet(base_url: str, key: str) -> str:
    """Two lines for a page's head: a stub that queues calls, and the script from `base_url` with the write key."""
    address = escape(f"{base_url.rstrip('/')}/activity.js")
    return f'{_STUB}\n<script async src="{address}" data-key="{escape(key)}"></script>'
