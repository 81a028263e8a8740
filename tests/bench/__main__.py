"""`make bench`: prints rates and ratios beside what is asked for. Minutes long, and not part of `make test`."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import collect, funnels, load, pages
from tests.bench.data import write_objects


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument(
        "--only", choices=("load", "fresh", "pages", "collect", "funnels"), help="one part instead of all"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        if args.only in (None, "load"):
            _load(work, args.events)
        if args.only in (None, "fresh"):
            _fresh(work)
        if args.only in (None, "pages"):
            _pages(work, 2 * args.events)
        if args.only in (None, "collect"):
            _collect(work)
        if args.only in (None, "funnels"):
            _funnels(work, 20 * args.events)


def _load(work: Path, events: int) -> None:
    objects = work / "objects"
    size = write_objects(objects, events=events, objects=100, days=14, end=datetime.now(UTC), customers=50_000)
    print(f"{events:,} events of {size / events:,.0f} bytes in 100 gz objects")
    for _ in range(2):
        figures = load.compare(objects, work)
        print("  " + ", ".join(f"{name} {value:,.2f}" for name, value in figures.items()))
    print("  asked for: ratio ≥ 0.60, peak ≤ 1,500 MB")


def _fresh(work: Path) -> None:
    seconds = load.freshness(work)
    p95 = statistics.quantiles(seconds, n=20)[-1]
    print(
        f"visible after landing: median {statistics.median(seconds):.1f} s, p95 {p95:.1f} s of {len(seconds)} objects"
    )
    print("  asked for: p95 ≤ 20 s")


def _pages(work: Path, events: int) -> None:
    objects, data = work / "site-objects", work / "site"
    write_objects(objects, events=events, objects=200, days=28, end=datetime.now(UTC), customers=50_000)
    command = [sys.executable, "-m", "pipeline", "load", str(objects), "--format", "segment"]
    subprocess.run(command, env=load.environment(data), check=True, capture_output=True)
    print(f"pages over {events:,} events (medians in ms unless said):")
    for name, value in pages.measure(data).items():
        print(f"  {name}: {value:,.1f}")
    print("  asked for: click ≤ 250, page and filter ≤ 400, first byte ≤ 1 s, ≥ 80,000 rows/s, growth ≤ 300 MB")


def _collect(work: Path) -> None:
    print("the collector, on one core:")
    for line in collect.measure(work):
        print(f"  {line}")
    print("  asked for: 2,000 single requests/s, 20,000 events/s in batches, p99 ≤ 300 ms at half that, ≤ 300 MB")


def _funnels(work: Path, events: int) -> None:
    print("funnels Page Viewed → Registered → Subscribed, within 7 days:")
    for line in funnels.compare(work, events):
        print(f"  {line}", flush=True)
    print(
        "  asked for: 1.0 × windowFunnel, 14 days ≤ 600 ms, 60 days ≤ 2 s, by country ≤ 1.3 ×, people ≤ 500 ms, ≤ 2 GB"
    )


if __name__ == "__main__":
    main()
