"""A demo's plan: what was asked for. The same plan gives the same bytes; it is kept beside what it made."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from pipeline.errors import ActivityError

FILE = "demo.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """`events` is about how many; `end_ms` is when the history stops, to the millisecond (Unix, UTC)."""

    end_ms: int
    days: int = 30
    events: int = 300_000
    customers: int = 8_000
    seed: int = 7
    complete: bool = False

    def __post_init__(self) -> None:
        for name, least, most in (("days", 1, 3650), ("events", 100, 50_000_000), ("customers", 10, 2_000_000)):
            if not least <= getattr(self, name) <= most:
                raise ActivityError(f"A demo has from {least:,} to {most:,} {name}.", code="demo.plan")

    @property
    def start_ms(self) -> int:
        return self.end_ms - self.days * 86_400_000

    @property
    def end(self) -> datetime:
        return datetime.fromtimestamp(self.end_ms / 1000, UTC)

    def finished(self) -> Self:
        return replace(self, complete=True)

    def write(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        temporary = data / f".{FILE}.tmp"
        temporary.write_text(json.dumps(asdict(self), indent=2) + "\n")
        os.replace(temporary, data / FILE)

    @classmethod
    def read(cls, data: Path) -> Self | None:
        """The plan of the demo in this data folder, or None. Raises `ActivityError` when it cannot be read."""
        path = data / FILE
        try:
            return cls(**json.loads(path.read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            hint = "Remove it, and the landing folder if that holds nothing but the demo."
            raise ActivityError(f"{path} is not a demo's plan: {error}.", hint=hint, code="demo.plan") from None
