"""`status`: how fresh the data is, and what became of every line."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pipeline.commands.printing import printable
from pipeline.lake import Lake
from pipeline.questions import ledger
from pipeline.settings import Settings
from pipeline.state import Freshness, State
from pipeline.words import counted


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "status",
        help="how fresh the data is, and what became of every line",
        description="Say how fresh the data is, what became of every line read, and what could not be read.",
    )
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the status. Exit code 0 when all is well, 1 when the data is behind or the pipeline is down."""
    snapshot = Lake.open(settings, reading=True).snapshot()
    totals = ledger.totals(snapshot)
    freshness = State(settings.data).freshness(datetime.now(UTC), settings.late_after)
    batches = ledger.recent_batches(snapshot, 5)
    rejected = ledger.rejected_by_code(snapshot)
    unread = ledger.unread_objects(snapshot, 20)
    if args.json:
        answer = {
            "freshness": asdict(freshness),
            "totals": {**asdict(totals), "balanced": totals.balanced},
            "batches": batches,
            "rejected": rejected,
            "unread": unread,
            "snapshot": snapshot.version,
        }
        print(json.dumps(answer, default=str, indent=2))
    else:
        _print(settings, freshness, totals, batches, rejected, unread)
    return 0 if freshness.health == "ok" else 1


def _print(
    settings: Settings,
    freshness: Freshness,
    totals: ledger.Totals,
    batches: list[dict[str, Any]],
    rejected: list[dict[str, Any]],
    unread: list[dict[str, Any]],
) -> None:
    print(_freshness_line(settings, freshness))
    for error in freshness.errors:
        print(f"  ! {error}")
    print(
        f"Events: {totals.events:,}, from {_time(settings, totals.oldest_event)} "
        f"to {_time(settings, totals.newest_event)}"
    )
    print(
        f"Ledger: {counted(totals.lines, 'line')} read = {totals.loaded:,} loaded + {totals.duplicate:,} duplicate + "
        f"{totals.rejected:,} rejected + {totals.expired:,} expired"
        + f"; {counted(totals.events, 'event')} here = {totals.loaded:,} loaded − {totals.removed:,} removed"
        + ("" if totals.balanced else "   DOES NOT BALANCE: please report it")
    )
    print(
        f"Objects: {totals.objects_loaded:,} loaded, {totals.objects_retrying:,} retrying, "
        f"{totals.objects_rejected:,} rejected whole"
    )
    for row in unread[:5]:
        print(printable(f"  {row['state']}: {row['key']} of {row['source']}: {row['last_error']}"))
    for row in rejected:
        print(f"  {row['lines']:>8,} × {row['code']}: {row['reason']}")
    for batch in batches:
        print(
            f"Batch {_time(settings, batch['committed_at'])}: {counted(batch['objects'], 'object')}, "
            f"{counted(batch['loaded'], 'event')} in {batch['seconds']:.0f} s"
        )


def _freshness_line(settings: Settings, freshness: Freshness) -> str:
    through = f"data through {_time(settings, freshness.data_through)}"
    return {
        "ok": f"Up to date: {through}.",
        "behind": f"Behind: {through}.",
        "down": f"The pipeline is not running: {through}. Start it: python -m pipeline run",
        "never": "The pipeline has not run yet. Start it: python -m pipeline run",
    }[freshness.health]


def _time(settings: Settings, time: datetime | None) -> str:
    return "–" if time is None else f"{time.astimezone(settings.zone):%Y-%m-%d %H:%M:%S} {settings.timezone}"
