"""`verify`: the lake counted again against its ledger, and against the objects where asked."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pipeline.commands.printing import counting_bar, printable
from pipeline.lake import Lake
from pipeline.recovery.verify import Report, verify
from pipeline.settings import Settings
from pipeline.words import counted

# A damaged lake may differ in every object: the screen gets the first, --json all of them.
SHOWN = 50


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "verify",
        help="recount the lake against its ledger",
        description="Count the lake again, object by object, and compare it with the ledger: rows, rejected lines, "
        "events stored twice, people's numbers. Nothing is changed. Exit code 1 on any difference.",
    )
    parser.add_argument(
        "--objects", action="store_true", help="read every object again, too, and look each of its events up"
    )
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Verify. Exit code 0 when all agrees, 1 on a difference, or where an object asked for could not be compared."""
    lake = Lake.open(settings)
    with counting_bar() as bar:
        task = bar.add_task("Objects", total=None, visible=args.objects)
        report = verify(
            *(settings, lake, datetime.now(UTC)),
            objects=args.objects,
            progress=lambda done, of: bar.update(task, completed=done, total=of),
        )
    if args.json:
        print(json.dumps(asdict(report), indent=2))
    else:
        _print(report, args.objects)
    return 1 if report.differences or report.unread else 0


def _print(report: Report, objects: bool) -> None:
    print(
        f"{counted(report.objects, 'object')}, {counted(report.lines, 'line')}, {counted(report.events, 'event')} "
        f"at snapshot {report.version}."
    )
    if objects:
        print(f"{report.objects_read:,} objects were read again; {len(report.unread):,} could not be.")
    for each in report.unread[:SHOWN]:
        print(f"  {printable(each.key)}: {printable(each.reason)}")
    _more(report.unread)
    if not report.differences:
        print("All of it agrees.")
        return
    print(f"{counted(len(report.differences), 'difference')}:", file=sys.stderr)
    print(f"  {'expected':>12} {'found':>12}  what, and in which object", file=sys.stderr)
    for difference in report.differences[:SHOWN]:
        where = printable(" ".join(filter(None, (difference.source, difference.key)))) or "the whole lake"
        print(f"  {difference.expected:>12,} {difference.found:>12,}  {difference.what}: {where}", file=sys.stderr)
    _more(report.differences)
    print("A lake that lost rows is made again from the objects: python -m pipeline rebuild", file=sys.stderr)


def _more(found: Sequence[object]) -> None:
    if len(found) > SHOWN:
        print(f"  … and {len(found) - SHOWN:,} more; --json has all.")
