"""Device: Desktop, Mobile, Tablet, Bot or Other, with the families of browser and operating system.

Client hints first, then ua-parser; crawlers by crawlerdetect whatever the hints say. Families are named alike from
both: `device` tells the phone, so "Mobile Safari" is Safari and "Chrome Mobile" is Chrome.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import version

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from ua_parser import BestAvailableResolver, Domain, Resolver, Result, load_lazy_builtins

from pipeline.enrich import hints
from pipeline.enrich.crawlers import Crawlers
from pipeline.enrich.distinct import Answer, Remembered, distinct, replace, spread
from pipeline.enrich.hints import Device, Hints

FIELDS = ("device", "browser", "os")
# Real ones have some hundred letters; what is longer is cut, so that the memory of answers stays small.
LONGEST = 2_000

_BROWSERS = {
    "Chrome Mobile": "Chrome",
    "Chrome Mobile iOS": "Chrome",
    "Chrome Mobile WebView": "Chrome WebView",
    "Mobile Safari": "Safari",
    "Mobile Safari UI/WKWebView": "Safari WebView",
    "Firefox Mobile": "Firefox",
    "Firefox iOS": "Firefox",
    "Edge Mobile": "Edge",
    "Opera Mobile": "Opera",
    "IE Mobile": "IE",
    "DuckDuckGo Mobile": "DuckDuckGo",
}
_SYSTEMS = {"Mac OS X": "macOS"}
# Matched against the agent in lower case.
_TELEVISION = re.compile(
    r"smart-?tv|\btv\b|appletv|googletv|hbbtv|web0s|webos|roku|crkey|bravia|\baft[a-z]+\b|viera|playstation|xbox|nintendo"
)
_TABLET = re.compile(r"ipad|tablet|kindle|playbook|silk/(?!.*mobile)|android(?!.*mobile)")
_MOBILE = re.compile(r"iphone|ipod|android|mobile|windows phone|blackberry|\bbb10\b|opera mini|kaios|symbian")
_DESKTOP = re.compile(r"windows|macintosh|mac ?os|linux|x11|\bcros\b|freebsd|openbsd|netbsd|sunos")
_KINDS: tuple[tuple[re.Pattern[str], Device], ...] = (
    (_TELEVISION, "Other"),
    (_TABLET, "Tablet"),
    (_MOBILE, "Mobile"),
    (_DESKTOP, "Desktop"),
)


def versions() -> dict[str, str]:
    """Which knowledge of User-Agents and crawlers this is; the first names its month, as `202610`."""
    return {"agents": version("ua-parser-builtins"), "crawlers": version("crawlerdetect")}


@cache
def _resolver() -> Resolver:
    """One for the process: to make it takes a third of a second, and it holds 24 MB."""
    return BestAvailableResolver(load_lazy_builtins())


class DeviceOf:
    """Sets device, browser and os from `user_agent` and `client_hints`; an event with neither has none of them."""

    def __init__(self) -> None:
        self._resolve = _resolver()
        self._crawlers = Crawlers()
        self._answers = Remembered(self._tell, most=20_000)

    def __call__(self, table: pa.Table) -> pa.Table:
        agents, agent_rows = distinct(table["user_agent"])
        data, data_rows = distinct(table["client_hints"])
        # A pair of codes is one number; the distinct numbers are the distinct pairs.
        width = len(data) + 1
        codes = _codes(agent_rows, len(agents)) * width + _codes(data_rows, len(data))
        pairs, rows = np.unique(codes, return_inverse=True)
        agents_or_none, data_or_none = ([*(text[:LONGEST] for text in texts), ""] for texts in (agents, data))
        keys = [(agents_or_none[pair // width], data_or_none[pair % width]) for pair in pairs.tolist()]
        columns = spread(self._answers(keys), pa.array(rows.reshape(-1)), len(FIELDS))
        return replace(table, dict(zip(FIELDS, columns, strict=True)))

    def _tell(self, keys: list[tuple[str, str]]) -> list[Answer]:
        told = [hints.read(data) if data else Hints() for _, data in keys]
        names = [" ".join((agent, *hint.brands)) for (agent, _), hint in zip(keys, told, strict=True)]
        crawlers = self._crawlers.among(names)
        return [
            self._answer(agent.strip(), hint, crawler)
            for (agent, _), hint, crawler in zip(keys, told, crawlers, strict=True)
        ]

    def _answer(self, agent: str, hint: Hints, crawler: bool) -> Answer:
        if not agent and hint == Hints():
            return None, None, None
        parsed = self._resolve(agent, Domain.ALL).complete()
        kind = "Bot" if crawler or _is_spider(parsed) else hint.device or _kind(agent)
        browser = parsed.user_agent.family if parsed.user_agent else None
        system = parsed.os.family if parsed.os else None
        return (
            kind,
            hint.browser or _BROWSERS.get(browser or "", browser),
            hint.os or _SYSTEMS.get(system or "", system),
        )


def _kind(agent: str) -> Device:
    text = agent.lower()
    return next((kind for pattern, kind in _KINDS if pattern.search(text)), "Other")


def _is_spider(parsed: Result) -> bool:
    return parsed.device is not None and parsed.device.family == "Spider"


def _codes(rows: pa.Array, none: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Each row's value as a number, `none` where it has none."""
    codes: np.ndarray[tuple[int], np.dtype[np.int64]] = pc.fill_null(rows, none).cast(pa.int64()).to_numpy()
    return codes
