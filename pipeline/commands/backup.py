"""`backup`: a copy of the lake's catalog, those there are, and one put back."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.errors import ActivityError, LakeError, did_you_mean
from pipeline.lake import backup
from pipeline.lake.engine import is_whole
from pipeline.settings import Settings
from pipeline.state import State

RESTORING = """\
to restore one:
  python -m pipeline backup --list
  python -m pipeline backup --restore catalog-20261124T021500Z-daily.sqlite
  python -m pipeline verify

The catalog says which Parquet files are the lake; a backup is a copy of it, without the files. It can be restored while
they are there, which --list tells: for a day or two at least. What landed since then is loaded again by the pipeline's
next full look. Where files are gone, python -m pipeline rebuild makes the lake again from the objects.

The scheduler takes a backup every day and before each migration, and keeps them for ACTIVITY_BACKUP_DAYS.
"""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "backup",
        help="copy the lake's catalog; --list, --restore NAME",
        description="Copy the lake's catalog into backups/ in the data folder, while the pipeline may run.",
        epilog=RESTORING,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="the backups, newest first, and whether each can be restored")
    what.add_argument("--restore", metavar="NAME", help="put this one in the catalog's place; the present one is kept")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Take, list or restore. Exit code 1 from `--list` when none can be restored."""
    if args.list:
        return _list(settings)
    if args.restore:
        chosen = _chosen(settings, args.restore)
        with State(settings.data).upkeep.running("restore", _now) as said:
            backup.restore(settings.lake, settings.backups, chosen, _now())
            said(f"{chosen.name} restored")
        print(f"{chosen.name} is the lake's catalog now. Look it over: python -m pipeline verify")
        return 0
    if not is_whole(settings.lake):
        raise ActivityError("There is no lake to back up yet.", hint="Start the pipeline: python -m pipeline run")
    with State(settings.data).upkeep.running("backup", _now) as said:
        taken = backup.back_up(settings.lake, settings.backups, _now(), "asked")
        said(f"{taken.path.name} taken")
    print(taken.path)
    return 0


def _list(settings: Settings) -> int:
    found = backup.list_backups(settings.backups)
    states = [_state(settings, each.path) for each in found]
    for each, state in zip(found, states, strict=True):
        print(f"{each.path.name}  {each.path.stat().st_size / 1e6:,.1f} MB  {state}")
    if not found:
        print("There is no backup yet.", file=sys.stderr)
    return 0 if "can be restored" in states else 1


def _state(settings: Settings, path: Path) -> str:
    try:
        gone = backup.missing_files(settings.lake, path)
    except LakeError as error:
        return str(error)
    return f"{gone:,} of its files are gone" if gone else "can be restored"


def _chosen(settings: Settings, name: str) -> Path:
    known = {each.path.name: each.path for each in backup.list_backups(settings.backups)}
    if name not in known:
        hint = did_you_mean(name, known) or "See python -m pipeline backup --list."
        raise ActivityError(f"There is no backup {name!r}.", hint=hint, code="backup.unknown")
    return known[name]


def _now() -> datetime:
    return datetime.now(UTC)
