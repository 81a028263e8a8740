"""The dashboard's files, fetched over HTTP and compared with the count."""

from __future__ import annotations

import http.client
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pipeline.lake import Lake
from pipeline.questions import activity
from pipeline.questions.view import View
from tests.faults.reader import exported
from tests.support_collect import HOST, PATIENCE

FRESH = timedelta(minutes=5)  # what readers and the dashboard's files ask for: as much at the end as at the beginning


@dataclass
class Downloads:
    """The dashboard's CSV of the last minutes, fetched over HTTP now and then and compared with the count."""

    port: int
    lake: Lake
    seconds: list[tuple[float, float]] = field(default_factory=list)  # (when, how long)
    problems: list[str] = field(default_factory=list)

    def fetch(self, at: float) -> None:
        snapshot = self.lake.snapshot()
        view = View.parse(fresh(), now=datetime.now(UTC), zone=ZoneInfo("UTC")).pinned(snapshot.version)
        began = time.monotonic()
        connection = http.client.HTTPConnection(HOST, self.port, timeout=PATIENCE)
        try:
            connection.request("GET", f"/export/events.csv?{view.query()}")
            response = connection.getresponse()
            text = response.read()
            rows, expected = len(exported(text)) if response.status == 200 else 0, activity.count(snapshot, view)
            if (response.status, rows) != (200, expected):
                self.problems.append(f"status {response.status}, {rows} rows instead of {expected}")
        except Exception as error:  # whatever a reader would be shown is what is looked for
            self.problems.append(f"{type(error).__name__}: {error}")
        finally:
            connection.close()
        self.seconds.append((at, time.monotonic() - began))


def fresh() -> str:
    """The query of the last minutes."""
    now = datetime.now(UTC)
    return f"from={now - FRESH:%Y-%m-%dT%H:%M:%SZ}&to={now + FRESH:%Y-%m-%dT%H:%M:%SZ}"
