"""`make bench`: measures the product beside what is asked for, and keeps the figures in tests/bench/RESULTS.md.

Takes an hour or two with twenty million events, which are made at the first run and kept; not part of `make test`. The
part `flat` needs ten times the data set's disk: 4 GB for two million events, 40 GB for twenty.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench import browser, collect, dataset, exports, fresh, funnels, idle, lists, load, peers, results
from tests.bench.dataset import DataSet
from tests.bench.figure import Figure

LOADED = 1_000_000  # events that the loading part reads: about 1 GB of JSON
TIMES = 10  # as many days for the part `flat`


@dataclass(frozen=True, slots=True)
class Bench:
    """What is measured on: a data set, made when first asked for, and a folder for what is thrown away after."""

    events: int
    days: int
    cache: Path
    work: Path

    @property
    def data_set(self) -> DataSet:
        return dataset.made(self.events, self.days, self.cache)


@dataclass(frozen=True, slots=True)
class Part:
    """`of_data_set`: whether the figures are of the data set, whose size then belongs into their title."""

    title: str
    measure: Callable[[Bench], Iterator[Figure]]
    of_data_set: bool = True
    by_default: bool = True


def _flat(bench: Bench) -> Iterator[Figure]:
    return lists.flat(bench.data_set, dataset.lengthened(bench.data_set, TIMES))


PARTS: dict[str, Part] = {
    "load": Part(f"Loading {LOADED:,} events", lambda bench: load.measure(bench.work, LOADED), of_data_set=False),
    "fresh": Part("From landing to visible", lambda bench: fresh.measure(bench.work, bench.data_set)),
    "collect": Part("The collector, on one core", lambda bench: collect.measure(bench.work), of_data_set=False),
    "lists": Part("Lists", lambda bench: lists.measure(bench.data_set)),
    "funnels": Part("Funnels", lambda bench: funnels.measure_funnels(bench.work, bench.data_set)),
    "exports": Part("Exports", lambda bench: exports.measure(bench.data_set)),
    "browser": Part("In a browser", lambda bench: browser.measure(bench.data_set)),
    "idle": Part("Starting and idling", lambda bench: idle.measure(bench.work, bench.data_set)),
    "flat": Part(f"Flat over {TIMES} times the days", _flat, by_default=False),
    "peers": Part(
        "Beside ClickHouse and a native DuckDB file", lambda bench: peers.measure(bench.data_set), by_default=False
    ),
}


def main() -> None:
    args = _arguments()
    chosen = args.only or [name for name, part in PARTS.items() if part.by_default]
    with tempfile.TemporaryDirectory() as work:
        for name in chosen:
            _run(PARTS[name], Bench(args.events, args.days, args.data, Path(work)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", choices=PARTS, action="append", help="this part instead of all; may be repeated")
    parser.add_argument("--events", type=int, default=20_000_000, help="how many the data set has")
    parser.add_argument("--days", type=int, default=60, help="over how many days")
    cache = Path(os.environ.get("BENCH_DATA", dataset.ROOT))
    parser.add_argument("--data", type=Path, default=cache, help="where data sets are kept (BENCH_DATA, or data/bench)")
    return parser.parse_args()


def _run(part: Part, bench: Bench) -> None:
    """Measure and print a part as its figures come, then keep them."""
    title = f"{part.title}: {bench.data_set}" if part.of_data_set else part.title
    print(f"\n{title}", flush=True)
    figures: list[Figure] = []
    for figure in part.measure(bench):
        what, median, p95, cold, asked_for, verdict = figure.cells()
        beside = "".join(f", {name} {value}" for name, value in (("p95", p95), ("cold", cold)) if value)
        asked = f"   asked for {asked_for}: {verdict}" if asked_for else ""
        print(f"  {what}: {median}{beside}{asked}", flush=True)
        figures.append(figure)
    results.keep(title, figures)


if __name__ == "__main__":
    main()
