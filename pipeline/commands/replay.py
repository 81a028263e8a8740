"""`replay`: what was rejected is tried again, after its cause was fixed."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Any

from pipeline.commands.printing import counting_bar
from pipeline.commands.rejected import check_reason
from pipeline.lake import Lake
from pipeline.questions import ledger
from pipeline.recovery.replay import rejected_objects, replay
from pipeline.settings import Settings
from pipeline.state import State, operator


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "replay",
        help="try what was rejected again, after a fix",
        description="Parse rejected lines again, from the bytes that were kept, and try objects again that were "
        "rejected whole. What is good now is loaded, once, and the ledger's numbers move with it; the rest stays "
        "rejected. The scheduler may run meanwhile, and a replay may be repeated. See: python -m pipeline rejected",
    )
    parser.add_argument("--reason", metavar="CODE", help="only what was rejected for this code, such as line.too_long")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Replay. Raises `ActivityError` for a code that nothing was rejected for."""
    lake = Lake.open(settings, threads=settings.loading_threads)
    snapshot = lake.snapshot()
    objects = [row["code"] for row in rejected_objects(snapshot)]
    waiting = {row["code"]: row["lines"] for row in ledger.rejected_by_code(snapshot)}
    check_reason(args.reason, waiting.keys() | set(objects))
    total = sum(count for code, count in waiting.items() if args.reason in (None, code))
    with counting_bar() as bar, State(settings.data).upkeep.running("replay", _now) as said:
        task = bar.add_task("Lines", total=total)
        done = replay(settings, lake, _now, args.reason, lambda lines: bar.update(task, completed=lines))
        said(" ".join(done.told()))
    State(settings.data).audit.note(operator(), "replay", args.reason or "all that was rejected", _now())
    for sentence in done.told():
        print(sentence)
    return 0


def _now() -> datetime:
    return datetime.now(UTC)
