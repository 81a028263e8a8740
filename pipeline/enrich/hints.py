"""User-Agent Client Hints: what `navigator.userAgentData` says of the browser, as the SDKs send it along.

Preferred to the User-Agent where present: Chromium has frozen that header to a few fixed texts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import orjson

Device = Literal["Desktop", "Mobile", "Tablet", "Bot", "Other"]

# The engine's own brand stands beside every Chromium browser's; the browser's own says more.
_ENGINE = ("Google Chrome", "Chromium")
_BROWSERS = {"Google Chrome": "Chrome", "Microsoft Edge": "Edge", "Android WebView": "Chrome WebView"}
_SYSTEMS = {"Chromium OS": "Chrome OS"}
_DESKTOP = frozenset({"Windows", "macOS", "Linux", "Chrome OS", "Chromium OS"})
_FORM_FACTORS: dict[str, Device] = {"Desktop": "Desktop", "Mobile": "Mobile", "Tablet": "Tablet"}
_NOT_LETTERS = re.compile(r"[^a-z]+")


@dataclass(frozen=True, slots=True)
class Hints:
    """What the hints tell; None where they do not. `brands` are all of them, for telling crawlers."""

    device: Device | None = None
    browser: str | None = None
    os: str | None = None
    brands: tuple[str, ...] = ()


def read(text: str) -> Hints:
    """The hints in `context.userAgentData`; nothing in what is not such an object."""
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError:
        return Hints()
    if not isinstance(data, dict):
        return Hints()
    brands = tuple(_brands(data.get("brands"))) or tuple(_brands(data.get("fullVersionList")))
    platform = data.get("platform")
    platform = platform.strip() if isinstance(platform, str) else ""
    known = platform not in {"", "Unknown"}
    return Hints(_device(data, platform), _browser(brands), _SYSTEMS.get(platform, platform) if known else None, brands)


def _brands(entries: Any) -> list[str]:
    """The brands' names but the "greased" one (`Not=A?Brand`, `Not;A Brand`, …), which stands for nothing."""
    names = [entry.get("brand") for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return [name for name in names if isinstance(name, str) and _NOT_LETTERS.sub("", name.lower()) != "notabrand"]


def _browser(brands: tuple[str, ...]) -> str | None:
    own = [name for name in brands if name not in _ENGINE]
    name = next(iter([*own, *(engine for engine in _ENGINE if engine in brands)]), None)
    return _BROWSERS.get(name, name) if name else None


def _device(data: dict[str, Any], platform: str) -> Device | None:
    factors = data.get("formFactors")
    for factor in factors if isinstance(factors, list) else ():
        if isinstance(factor, str) and factor in _FORM_FACTORS:
            return _FORM_FACTORS[factor]
    mobile = data.get("mobile")
    if mobile is True:
        return "Mobile"
    if mobile is False and platform in _DESKTOP:
        return "Desktop"
    return None
