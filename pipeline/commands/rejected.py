"""`rejected`: what was rejected and why, with the lines as they came."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from pipeline.commands.printing import printable
from pipeline.errors import ActivityError, did_you_mean
from pipeline.lake import Lake, Snapshot
from pipeline.questions import ledger, rejects
from pipeline.recovery.replay import rejected_objects
from pipeline.settings import Settings

# Per reason, and of each line: enough to see what is wrong with it. --json has all of all.
LINES, CHARACTERS = 5, 300


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "rejected",
        help="rejected lines by reason, with the line as it came",
        description="Show what was rejected, grouped by reason, with some of the lines as they came, and the objects "
        "that were rejected whole. After the cause is fixed, load what is good now: python -m pipeline replay",
    )
    parser.add_argument("--reason", metavar="CODE", help="only what was rejected for this code, such as line.not_json")
    parser.add_argument(
        "--json",
        action="store_true",
        help="print all of it, a JSON object a line: `raw` is the rejected line as text, `raw_base64` where it is "
        "none; objects that were rejected whole come last, without a line",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print what was rejected. Raises `ActivityError` for a code that nothing was rejected for."""
    snapshot = Lake.open(settings, reading=True).snapshot()
    objects = rejected_objects(snapshot)
    reasons = ledger.rejected_by_code(snapshot)
    check_reason(args.reason, {row["code"] for row in reasons} | {row["code"] for row in objects})
    reasons = [row for row in reasons if args.reason in (None, row["code"])]
    objects = [row for row in objects if args.reason in (None, row["code"])]
    if args.json:
        for lines in rejects.jsonl(snapshot, args.reason):
            sys.stdout.buffer.write(lines)
        sys.stdout.buffer.flush()
        for row in objects:
            print(json.dumps(row, default=str))
    else:
        _print(snapshot, reasons, objects)
    return 0


def check_reason(reason: str | None, known: set[str]) -> None:
    """Refuse a code that nothing was rejected for, when something was for another."""
    if reason is not None and known and reason not in known:
        hint = did_you_mean(reason, known) or f"There are {', '.join(sorted(known))}."
        raise ActivityError(f"Nothing was rejected for {reason!r}.", hint=hint, code="rejected.unknown_reason")


def _print(snapshot: Snapshot, reasons: list[dict[str, Any]], objects: list[dict[str, Any]]) -> None:
    if not reasons and not objects:
        print("Nothing is rejected.")
    for row in reasons:
        print(f"{row['lines']:,} × {row['code']}: {printable(row['reason'])}")
        for line in ledger.rejected_lines(snapshot, LINES, row["code"]):
            raw = printable(bytes(line["raw"] or b"(not kept)").decode(errors="replace"))
            print(f"    {printable(line['key'])}:{line['line']}  {_short(raw)}")
        if row["lines"] > LINES:
            print(f"    … and {row['lines'] - LINES:,} more; --reason {row['code']} --json has all.")
    for row in objects[: 10 * LINES]:
        print(f"Rejected whole: {printable(row['key'])}: {printable(row['reason'])} ({row['code']})")
    if len(objects) > 10 * LINES:
        print(f"… and {len(objects) - 10 * LINES:,} objects more; --json has all.")


def _short(text: str) -> str:
    return text if len(text) <= CHARACTERS else f"{text[:CHARACTERS]}…"
