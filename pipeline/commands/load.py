"""`load`: a one-off load of folders, files or S3 prefixes, with a progress bar."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.commands.printing import counting_bar
from pipeline.errors import ActivityError
from pipeline.lake import Batch, Lake
from pipeline.questions import ledger
from pipeline.run import Look, Pipeline
from pipeline.settings import FORMATS, Settings, SourceSpec
from pipeline.sources import Sweep
from pipeline.state import State
from pipeline.words import counted

COUNTED = ("lines", "loaded", "duplicate", "rejected", "expired")

EXAMPLES = """\
examples:
  python -m pipeline load data/samples
  python -m pipeline load s3://my-bucket/segment-logs --format segment --name shop
  python -m pipeline load ./2025 ./2026/events.json.gz

Objects that were loaded before are passed over; events that were, count as duplicates.
"""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "load",
        help="load a folder, a file or s3://bucket/prefix once",
        description="Load everything in a folder, a file or s3://bucket/prefix once, and say what became of each line.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("uri", nargs="+", metavar="URI", help="a folder, a file or s3://bucket/prefix")
    parser.add_argument("--format", choices=FORMATS, default="auto", help="the objects' format (default: recognised)")
    parser.add_argument("--name", default="", help="the source's name, for events that do not carry one")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Load it all. Exit code 1 when a source or an object could not be read."""
    specs = [_spec(uri, args) for uri in args.uri]
    lake = Lake.open(settings, threads=settings.loading_threads)
    loads = State(settings.data).loads
    for spec in specs:
        loads.remember(spec, datetime.now(UTC))
    problems: list[str] = []
    batches: list[Batch] = []
    bar = counting_bar()
    task = bar.add_task("Looking", total=None)

    def show(reading: int, waiting: int) -> None:
        done = sum(batch.objects for batch in batches) + reading
        bar.update(task, description="Objects", completed=done, total=done + waiting)

    def progress(batch: Batch, waiting: int) -> None:
        batches.append(batch)
        show(0, waiting)

    def heard(look: Look) -> None:
        if look.reading:
            show(look.reading, look.waiting)
        if look.error is not None:
            problems.append(f"{look.uri}: {look.error}")
        elif look.listed == 0:
            problems.append(f"{look.uri} holds no objects. Is that the right folder or prefix?")

    pipeline = Pipeline(settings, lake, lambda: datetime.now(UTC), specs=specs, heard=heard)
    try:
        with bar:
            pipeline.poll(Sweep.ALL, progress)
    finally:
        pipeline.close()
    if batches or not problems:
        _report(settings, batches)
    problems += _unread(lake, batches)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def _spec(uri: str, args: argparse.Namespace) -> SourceSpec:
    try:
        spec = SourceSpec.parse({"uri": uri, "format": args.format, "name": args.name})
    except ValueError as error:
        raise ActivityError(f"{error}.", hint="See python -m pipeline load --help.") from None
    # Whole, since it is remembered, and another command may run in another folder.
    return spec if "://" in uri else replace(spec, uri=str(Path(uri).expanduser().absolute()))


def _unread(lake: Lake, batches: Sequence[Batch]) -> list[str]:
    """What these batches could not read, with the reason."""
    ours = {str(batch.batch_id) for batch in batches}
    rows = ledger.unread_objects(lake.snapshot(), limit=1_000)
    return [f"{row['key']}: {row['last_error']}" for row in rows if str(row["batch_id"]) in ours]


def _report(settings: Settings, batches: Sequence[Batch]) -> None:
    total = {name: sum(getattr(batch, name) for batch in batches) for name in ("objects", *COUNTED)}
    if not total["objects"]:
        print("Nothing new: every object here has been read before.")
        return
    print(
        f"{counted(total['objects'], 'object')}, {counted(total['lines'], 'line')} = {total['loaded']:,} loaded + "
        f"{total['duplicate']:,} duplicate + {total['rejected']:,} rejected + {total['expired']:,} expired"
    )
    if total["expired"]:
        events = "event is" if total["expired"] == 1 else "events are"
        print(
            f"{total['expired']:,} {events} older than {settings.retention_days} days, so not loaded; "
            "ACTIVITY_RETENTION_DAYS=0 loads them all."
        )
    if total["rejected"]:
        print("Why lines were rejected: python -m pipeline status")
