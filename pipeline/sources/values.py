"""Single values of an event: ids, texts, addresses, names, as clients really send them."""

from __future__ import annotations

import json
import re
from ipaddress import IPv6Address, ip_address
from typing import Any

# What broken clients send for "no id" ("An event" in docs/semantics.md).
NO_ID = frozenset({"", "null", "undefined", "None", "[object Object]"})

_WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+", re.ASCII)


def identifier(event: dict[str, Any], key: str, raw: bytes) -> str | None:
    """The id under `key`, taken out, as text exactly as sent; None when it is no id.

    A number is an id too, by its very digits. What is neither text nor number (an object, true) stays in `event`.
    """
    value = event.pop(key, None)
    if type(value) is str:
        return None if value in NO_ID else value
    if value is None:
        return None
    if type(value) is int and value:
        return str(value)
    if type(value) is int or type(value) is float:
        # A float has lost digits (12345678901234567890123, 1.10), a zero its sign: read the line again, for its text.
        return str(json.loads(raw, parse_int=str, parse_float=str)[key])
    event[key] = value
    return None


def has_nul(*ids: Any) -> bool:
    """Whether any of them is a text with a NUL character."""
    return any(type(each) is str and "\0" in each for each in ids)


def first_text(holder: dict[str, Any], *keys: str) -> str | None:
    """The first of `keys` that holds a text which is not empty."""
    for key in keys:
        value = holder.get(key)
        if type(value) is str and value:
            return value
    return None


def address(text: str) -> str:
    """An IP address with a `:` in it, without what is not its own: an IPv4-mapped prefix, brackets, a port."""
    found = _WITH_PORT.fullmatch(text)
    bare = (found[1] or found[2] or "") if found else text
    try:
        ip = ip_address(bare)
    except ValueError:
        return text
    mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    return str(mapped) if mapped is not None else bare


def path_of(url: str) -> str:
    """The path in `url` as written there, `/` when there is none."""
    scheme = url.find("://")
    start = url.find("/", scheme + 3 if scheme >= 0 else 0)
    if start < 0:
        return "/"
    end = url.find("?", start)
    path = url[start:end] if end >= 0 else url[start:]
    return path.partition("#")[0] if "#" in path else path


def modal(properties: dict[str, Any]) -> str | None:
    """The modal's name as sent with Modal Displayed."""
    return first_text(properties, "name", "modal", "modalName")


def person_name(traits: dict[str, Any]) -> str | None:
    """A customer's name from their traits: `name`, else first and last name."""
    name = first_text(traits, "name")
    if name is None:
        parts = (first_text(traits, "firstName", "first_name"), first_text(traits, "lastName", "last_name"))
        name = " ".join(part for part in parts if part) or None
    return name
