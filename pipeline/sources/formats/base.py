"""What distinguishes one format from another."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    `layout` is searched in an object's full path; its group `source`, if it has one, is the id of the source there.
    `looks_like` tells the format from an event. `concatenated`: records follow one another with no delimiter.
    `stamped`: an event's top-level `source`, `ip` and `userAgent` are our collector's word, not the client's.
    """

    name: str
    layout: re.Pattern[str]
    looks_like: Callable[[Event], bool]
    concatenated: bool = False
    stamped: bool = False

    def source_in(self, path: str) -> str | None:
        """The source's id in an object's full path, if this format's layout holds one."""
        found = self.layout.search(path)
        return found.groupdict().get("source") if found else None
