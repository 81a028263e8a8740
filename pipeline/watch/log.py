"""What the scheduler says: a line a batch, for people or as JSON for programs; problems on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

from pipeline.lake import Batch
from pipeline.words import counted

Style = Literal["auto", "text", "json"]


class Log:
    """Says things in one style; `auto` is text to a terminal and JSON elsewhere. A line is written whole.

    Standard output and error are told apart: `make run` shows the errors alone, and to a person.
    """

    def __init__(self, style: Style, clock: Callable[[], datetime]) -> None:
        self._style, self._clock = style, clock

    def _json(self, stream: TextIO) -> bool:
        return self._style == "json" or (self._style == "auto" and not stream.isatty())

    def batch(self, batch: Batch, waiting: int) -> None:
        """A batch was committed, and so many known objects still wait."""
        if self._json(sys.stdout):
            self._line(batch.committed_at, "batch", **_facts(batch), waiting=waiting)
        else:
            _say(_sentence(batch, waiting), sys.stdout)

    def note(self, event: str, text: str) -> None:
        """Something else was done, told in a sentence."""
        at = self._clock()
        if self._json(sys.stdout):
            self._line(at, event, message=text)
        else:
            _say(f"{at:%H:%M:%S} {text}", sys.stdout)

    def problem(self, where: str, text: str) -> None:
        """Something went wrong `where`: a source, `upkeep`, `alerts`, …; it is tried again."""
        if self._json(sys.stderr):
            self._line(self._clock(), "problem", error=True, where=where, message=text)
        else:
            _say(f"{where}: {text}", sys.stderr)

    def _line(self, at: datetime, event: str, *, error: bool = False, **facts: Any) -> None:
        record = {"time": _iso(at), "level": "error" if error else "info", "event": event, **facts}
        _say(json.dumps(record), sys.stderr if error else sys.stdout)


def _say(text: str, stream: TextIO) -> None:
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:  # nobody listens any more
        raise
    except OSError:  # the disk that keeps the log is full: there is nobody to tell, and work to do
        pass


def _facts(batch: Batch) -> dict[str, Any]:
    names = ("objects", "lines", "loaded", "duplicate", "rejected", "expired", "bytes")
    landed = batch.oldest_landed_at
    return {
        "batch_id": str(batch.batch_id),
        "started_at": _iso(batch.started_at),
        "seconds": round((batch.committed_at - batch.started_at).total_seconds(), 3),
        **{name: getattr(batch, name) for name in names},
        "oldest_landed_at": None if landed is None else _iso(landed),
    }


def _sentence(batch: Batch, waiting: int) -> str:
    seconds = (batch.committed_at - batch.started_at).total_seconds()
    return (
        f"{batch.committed_at:%H:%M:%S} {counted(batch.objects, 'object')}, {counted(batch.lines, 'line')}: "
        f"{batch.loaded:,} loaded, {batch.duplicate:,} duplicate, {batch.rejected:,} rejected, "
        f"{batch.expired:,} expired in {seconds:.1f} s"
    ) + (f"; {counted(waiting, 'object waits', 'objects wait')}" if waiting else "")


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
