"""The page: path, domain, referrer's domain and campaign, from the addresses the event carried.

Addresses are taken apart by the expression of RFC 3986, appendix B, which any text matches: a malformed address
gives what can be read of it, never an error. What a path is: docs/semantics.md, "An event".
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

import pyarrow as pa

from pipeline.enrich.distinct import Answer, distinct, first_of, replace, spread

CAMPAIGN = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
NO_REFERRER = frozenset({"", "$direct"})  # the latter is RudderStack's

_ADDRESS = re.compile(r"(?:([^:/?#]+):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.DOTALL)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*", re.IGNORECASE)


def page(table: pa.Table) -> pa.Table:
    """Set path, domain and referrer_domain; fill utm_* where parsing found none; drop `$direct`.

    Where there is no url, the path and domain that parsing found stay; an event without any page has neither.
    """
    urls, url_rows = distinct(table["url"])
    path, domain, *campaign = spread([_page(url) for url in urls], url_rows, 2 + len(CAMPAIGN))
    paths, path_rows = distinct(table["path"])
    domains, domain_rows = distinct(table["domain"])
    referrers, referrer_rows = distinct(table["referrer"])
    referrer, referrer_domain = spread([_referrer(text) for text in referrers], referrer_rows, 2)
    hosts, host_rows = distinct(table["referrer_domain"])
    return replace(
        table,
        {
            "path": first_of(path, *spread([(_path(text),) for text in paths], path_rows, 1)),
            "domain": first_of(domain, *spread([(host_of(text),) for text in domains], domain_rows, 1)),
            "referrer": referrer,
            "referrer_domain": first_of(referrer_domain, *spread([(_site(text),) for text in hosts], host_rows, 1)),
            **{name: first_of(_given(table[name]), column) for name, column in zip(CAMPAIGN, campaign, strict=True)},
        },
    )


def split(url: str) -> tuple[str | None, str, str]:
    """(host, path, query) of an address; the host lower-case and bare, the path never empty."""
    match = _ADDRESS.fullmatch(url.strip())
    scheme, authority, path, query = match.groups() if match else (None, None, url, None)
    if scheme and not _SCHEME.fullmatch(scheme):
        path = f"{scheme}:{path}" if authority is None else path
        scheme = None
    if scheme and authority is None and not path.startswith("/"):
        path = "/"  # about:blank, mailto:, data: have no path of a page
    return (host_of(authority) if authority else None), _path(path), query or ""


def host_of(authority: str) -> str | None:
    """The host of `user@Host.:443` or `[::1]:80`: lower-case, without port, brackets and trailing dots."""
    host = authority.strip().rpartition("@")[2].lower()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    return host.rstrip(".") or None


def _page(url: str) -> Answer:
    if not url.strip():
        return (None,) * (2 + len(CAMPAIGN))
    host, path, query = split(url)
    return path, host, *_campaign(query)


def _campaign(query: str) -> Answer:
    if "utm_" not in query.lower():
        return (None,) * len(CAMPAIGN)
    fields: dict[str, str] = {}
    for name, value in parse_qsl(query, errors="replace"):
        fields.setdefault(name.lower(), value)
    return tuple(fields.get(name, "").strip() or None for name in CAMPAIGN)


def _referrer(text: str) -> Answer:
    """(the referrer, its domain), both null for what says that there is none."""
    return (None, None) if text.strip() in NO_REFERRER else (text, split(text)[0])


def _site(text: str) -> str | None:
    return None if text.strip() in NO_REFERRER else host_of(text)


def _path(text: str) -> str:
    path = text.strip()
    return path if path.startswith("/") else f"/{path}"


def _given(column: pa.ChunkedArray) -> pa.Array:
    """The column with blank text as null: an empty parameter says nothing, the address may say more."""
    values, rows = distinct(column)
    (given,) = spread([(value if value.strip() else None,) for value in values], rows, 1)
    return given
