"""Exports through the app's own addresses, as a browser fetches them: rate, first byte, and the app's memory."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import psutil
import pyarrow.parquet as pq

from tests.bench.dataset import DataSet
from tests.bench.figure import Figure
from tests.bench.load import peak_memory, resident
from tests.browser.conftest import Server, serving

CSV_RATE, FIRST_BYTE, GROWTH_MB = 150_000, 0.5, 200
IN_A_WORKBOOK = 100_000  # events, about: Excel files are written row by row, and are for less
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Exported:
    """Rows, seconds to the first byte and to the last, and how much more memory the app held, in MB."""

    rows: int
    first: float
    seconds: float
    growth: float


def measure(data_set: DataSet) -> Iterator[Figure]:
    """CSV of all days, Parquet of 14, and a workbook of some hours."""
    with data_set.copied() as data, serving(data) as server:
        _streamed(server, _hours(data_set, 100))  # once, to bring up what a running app has up
        csv = _watched(server, lambda: _streamed(server, data_set.view(data_set.days)))
        yield Figure(f"CSV, {csv.rows:,} rows", csv.rows / csv.seconds, "rows/s", at_least=CSV_RATE)
        yield Figure("CSV, first byte", csv.first, "s", at_most=FIRST_BYTE)
        yield Figure("CSV, memory growth", csv.growth, "MB", at_most=GROWTH_MB)
        for suffix, view in (
            ("parquet", data_set.view(min(14, data_set.days))),
            ("xlsx", _hours(data_set, IN_A_WORKBOOK)),
        ):
            made = _watched(server, lambda suffix=suffix, view=view: _prepared(server, suffix, view))  # type: ignore[misc]
            yield Figure(f"{suffix}, {made.rows:,} rows", made.rows / made.seconds, "rows/s")
            yield Figure(f"{suffix}, memory growth", made.growth, "MB", at_most=GROWTH_MB)


def _hours(data_set: DataSet, events: int) -> str:
    """The query of the last hours, with about so many events."""
    hours = max(1, min(24 * data_set.days, 24 * data_set.days * events // data_set.events))
    return f"from={data_set.end - timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}&to={data_set.end:%Y-%m-%dT%H:%M:%SZ}"


def _watched(server: Server, export: Callable[[], tuple[int, float]]) -> Exported:
    process = psutil.Process(server.pid)
    before, started = resident(process), time.perf_counter()
    with peak_memory(process) as peak:
        rows, first = export()
    return Exported(rows, first, time.perf_counter() - started, (max(peak[0], before) - before) / 1e6)


def _streamed(server: Server, view: str) -> tuple[int, float]:
    """Rows of the CSV, read as quickly as it comes, and seconds to its first byte."""
    started = time.perf_counter()
    with urllib.request.urlopen(f"{server.url}/export/events.csv?{view}") as response:
        response.read(1)
        first = time.perf_counter() - started
        lines = sum(block.count(b"\n") for block in iter(lambda: response.read(_BLOCK), b""))
    return lines - 1, first


def _prepared(server: Server, suffix: str, view: str) -> tuple[int, float]:
    """Rows of a file that is made whole, fetched when it is ready; seconds until it was."""
    started = time.perf_counter()
    asked = urllib.request.Request(f"{server.url}/export/prepare/{suffix}?{view}", method="POST")
    with urllib.request.urlopen(asked) as response:
        place = f"{server.url}/export/prepared/{json.load(response)['id']}"
    while not (told := _looked(place))["ready"]:
        assert not told["problem"], told
        time.sleep(0.2)
    ready = time.perf_counter() - started
    target = server.data / f"fetched.{suffix}"
    urllib.request.urlretrieve(f"{place}/file", target)
    if suffix == "parquet":
        assert pq.read_metadata(target).num_rows == told["total"]
    target.unlink()
    return int(told["total"]), ready


def _looked(place: str) -> dict[str, int | bool | str | None]:
    with urllib.request.urlopen(place) as response:
        told: dict[str, int | bool | str | None] = json.load(response)
    return told
