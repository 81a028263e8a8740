"""`erase`: remove every trace of a customer, and say what was removed where."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import Any

from pipeline.commands.printing import printable
from pipeline.erasure import Erasure, erase
from pipeline.lake import Lake
from pipeline.run import Look, Pipeline
from pipeline.settings import Settings
from pipeline.sources import Sweep
from pipeline.state import State, operator
from pipeline.words import counted

DESCRIPTION = """\
Remove every trace of a customer, of the visitors linked to them included: from the lake, its
history and its catalog, the rejected lines, the objects in all sources that may be written,
saved funnels and backups of the catalog. Only a keyed hash of the id is kept, so that what is
delivered again is rejected (customer.erased). This cannot be undone.

What has landed is loaded first, to know all their visitors. Then every object of every source
is read, and the pipeline waits meanwhile. Links to older data
end: their readers see the current one. Interrupted, or told that something is left: repeat it."""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "erase",
        help="remove every trace of a customer",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("customer", metavar="CUSTOMER", help="the customer's id, exactly as sent")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Erase, or with `--dry-run` tell. Exit code 1 when something of theirs may be left, such as in an archive."""
    lake = Lake.open(settings)
    state = State(settings.data)
    if args.dry_run:
        done = erase(settings, lake, state, args.customer, _now(), dry_run=True)
    else:
        _load_what_landed(settings, lake)
        with state.upkeep.running("erase", _now) as said:
            done = erase(settings, lake, state, args.customer, _now())
            said(done.told)
        state.audit.note(operator(), "erase", f"the customer {done.hash}", _now(), rows=done.rows["events"])
    _print(done, args.dry_run)
    for place, why in done.objects.left:
        print(f"Left as it is: {printable(place)}: {printable(why)}", file=sys.stderr)
    return 1 if done.objects.left else 0


def _load_what_landed(settings: Settings, lake: Lake) -> None:
    """Which visitors became them may stand in a line that waits: once it is erased, nothing would tell any more."""

    def heard(look: Look) -> None:
        if look.error is not None:
            print(f"Not all that has landed there is loaded: {printable(look.uri)}: {look.error}", file=sys.stderr)

    pipeline = Pipeline(settings, lake, _now, heard=heard)
    try:
        pipeline.poll(Sweep.ALL)
    finally:
        pipeline.close()


def _print(done: Erasure, dry_run: bool) -> None:
    print("Would be removed:" if dry_run else "Removed:")
    rows = {
        "events": "events, in the lake",
        "rejected": "rejected lines, in the lake",
        "links": "links to visitors, in the lake",
        "traits": "names and emails told, in the lake",
        "people": "numbered people, in the lake",
    }
    for table, words in rows.items():
        print(f"  {done.rows[table]:>10,}  {words}")
    read = f"{len(done.objects.rewritten):,} of {done.objects.read:,} objects"
    print(f"  {done.objects.lines:>10,}  lines, in {read}")
    print(f"  {done.funnels:>10,}  saved funnels that name them")
    print(f"  {done.backups:>10,}  backups of the catalog")
    if not done.rows["events"] + done.rows["rejected"] + done.objects.lines:
        print("Nothing names them. Is the id exactly as it was sent?")
    if not dry_run:
        print(f"  {done.files:>10,}  files that only older snapshots needed; these are gone, too")
        print(f"Remembered as {done.hash}, {counted(done.visitors, 'visitor')} linked to them likewise.")


def _now() -> datetime:
    return datetime.now(UTC)
