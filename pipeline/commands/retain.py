"""`retain`: let go of events that are older than the retention window."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Any

from pipeline.lake import Lake
from pipeline.lake.retain import MOST_DAYS, MOST_SHARE, Due, due, retain
from pipeline.settings import Settings
from pipeline.state import State
from pipeline.words import counted

DESCRIPTION = f"""\
Remove events older than ACTIVITY_RETENTION_DAYS from the lake, whole UTC days at a time, and
the texts of lines that were rejected before it; `run` does so daily. When that is more than
{MOST_DAYS} days or {MOST_SHARE:.0%} of all events, nothing is removed and somebody has to say so with --force:
a wrong clock must never delete a lake."""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "retain",
        help="remove what is older than the retention window",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    how.add_argument("--force", action="store_true", help="remove it, however much it is")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Remove, or with `--dry-run` tell. Exit code 2 when it is too much to remove unasked."""
    now = datetime.now(UTC)
    lake = Lake.open(settings)
    if args.dry_run:
        found = due(lake, now, settings.retention_days)
        _print(found, settings, "would be removed")
        if found.too_much:
            print(f"This needs --force: {found.too_much}.")
    else:
        with State(settings.data).upkeep.running("retain", lambda: datetime.now(UTC)) as said:
            found = retain(lake, now, settings.retention_days, force=args.force)
            said(f"{found.told} removed")
        _print(found, settings, "removed")
    return 0


def _print(found: Due, settings: Settings, done: str) -> None:
    if found.cutoff is None:
        print("ACTIVITY_RETENTION_DAYS=0: events are kept for ever.")
        return
    for day, events in found.days:
        print(f"  {day:%Y-%m-%d}  {events:>12,}")
    print(
        f"{found.events:,} of {found.total:,} events {done}: those before {found.cutoff:%Y-%m-%d} (UTC), "
        f"{settings.retention_days} days ago."
    )
    if found.lines:
        print(f"The texts of {counted(found.lines, 'rejected line')} {done}, too; their reasons stay.")
