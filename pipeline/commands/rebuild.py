"""`rebuild`: a lost or damaged lake, made again from the landed objects."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Any

from pipeline.commands.printing import counting_bar
from pipeline.recovery.rebuild import Rebuilt, rebuild
from pipeline.settings import Settings
from pipeline.state import State
from pipeline.words import counted

ABOUT = """\
Every source is read again whole: those configured, and those that `load` was given. The new lake is made beside the
present one and takes its place at the end; what is erased stays erased, and the pipeline waits meanwhile. The rows are
the same but for their ingested_at. Where the present lake can be read, each of its events is looked for in the new one,
and if one is in no object any more nothing is changed without --force.

Where only the catalog is lost or damaged, a backup is quicker: python -m pipeline backup --list
"""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "rebuild",
        help="make a lost or damaged lake again from the objects",
        description="Make the lake again from the objects that its events came from.",
        epilog=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--force", action="store_true", help="go on although events of the present lake would be lost")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Rebuild. Exit code 1 when some objects could not be read, which the pipeline goes on trying."""
    settings.make_data_folder()
    with counting_bar() as bar, State(settings.data).upkeep.running("rebuild", _now) as said:
        task = bar.add_task("Listing", total=None)
        done = rebuild(
            *(settings, _now),
            force=args.force,
            progress=lambda what, count, of: bar.update(task, description=what, completed=count, total=of),
        )
        said(f"{counted(done.totals.events, 'event')} from {counted(done.totals.objects_loaded, 'object')}")
    _print(done)
    return 1 if done.totals.objects_retrying else 0


def _print(done: Rebuilt) -> None:
    totals = done.totals
    print(
        f"{counted(totals.objects_loaded, 'object')}, {counted(totals.lines, 'line')} = {totals.loaded:,} loaded + "
        f"{totals.duplicate:,} duplicate + {totals.rejected:,} rejected + {totals.expired:,} expired"
    )
    if done.before is None:
        print("There was no lake that could be read, so it cannot be said whether it had more.")
    else:
        print(f"The lake before had {counted(done.before, 'event')}; {done.lost:,} of them are in no object any more.")
    for count, what in ((totals.objects_retrying, "to be tried again"), (totals.objects_rejected, "rejected whole")):
        if count:
            print(f"{counted(count, 'object')} that could not be read, {what}: python -m pipeline status")


def _now() -> datetime:
    return datetime.now(UTC)
