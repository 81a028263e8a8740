"""`python -m pipeline demo`: write the demo's history, or keep sending live events; or take it all away."""

from __future__ import annotations

import argparse
import signal
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from pipeline.demo import history, keys, live, remove
from pipeline.demo.plan import Plan
from pipeline.demo.post import Post
from pipeline.errors import ActivityError
from pipeline.settings import Settings
from pipeline.state import State
from pipeline.words import counted

DESCRIPTION = """\
Write a believable history of a news site that never was, as gzipped JSON-lines objects in
the landing folder, from where the pipeline loads it like anything else: readers on their
phones over breakfast, a meter, registrations, subscriptions, crawlers, a few broken lines.
A small geo database for its addresses goes to geo/demo.mmdb.

The same seed and --end give the same bytes. Where the demo is already there, nothing is
written; a landing folder with other events in it is left alone."""

EXAMPLES = """\
examples:
  python -m pipeline demo                          30 days, about 300,000 events, until now
  python -m pipeline demo --data /tmp/try --days 7 --events 20000 --customers 600
  python -m pipeline demo --end 2026-01-31T12:00Z --seed 1    the same bytes, every time
  python -m pipeline demo --live                   then events to the collector, every few seconds
  python -m pipeline demo --remove                 take the demo away; your own events and keys stay
"""


def add_parser(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "demo",
        help="write a demo site's history to the landing folder, or add live events",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="data folder (default: the setting ACTIVITY_DATA)")
    parser.add_argument("--days", type=int, default=30, help="days of history (default: %(default)s)")
    parser.add_argument("--events", type=int, default=300_000, help="about how many events (default: %(default)s)")
    parser.add_argument("--customers", type=int, default=8_000, help="registered by the end (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="another seed, another history (default: %(default)s)")
    parser.add_argument("--end", type=_instant, metavar="ISO", help="when the history ends (default: now)")
    parser.add_argument(
        "--live",
        action="store_true",
        help="send events of now to the collector every few seconds until stopped (writes a history first)",
    )
    parser.add_argument(
        "--to", metavar="URL", help="the collector to send live events to (default: the port of make run, here)"
    )
    parser.add_argument(
        "--remove",
        action="store_true",
        help="remove the demo and the lake, which is loaded again from what is left, and end (stop all first)",
    )
    parser.add_argument("--quiet", action="store_true", help="say nothing unless something is wrong")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    data = (args.data or settings.data).expanduser().absolute()
    settings.model_copy(update={"data": data}).make_data_folder()
    console = Console(stderr=True, quiet=args.quiet, soft_wrap=True, markup=False, highlight=False)
    if args.remove:
        console.print(_removed(data))
        return 0
    plan = _history(args, data, console)
    state = State(data)
    keys.announce(state)
    if args.live:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        to = args.to or f"http://127.0.0.1:{settings.port}"
        console.print(f"Sending live events to {to}; Ctrl-C stops.")
        aloud = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)  # trouble is said, quiet or not
        live.run(plan, state, Post(to, lambda: keys.server_keys(state, data), stop, aloud.print), stop)
    return 0


def _removed(data: Path) -> str:
    removed = remove.remove(data)
    if removed is None:
        return f"There is no demo in {data}."
    said = f"The demo has been removed from {data}."
    if not removed.kept_lines:
        return said
    events = counted(removed.kept_lines, "event")
    return f"{said} Of your own, {events} stay; the pipeline loads them into a new lake."


def _history(args: argparse.Namespace, data: Path, console: Console) -> Plan:
    """The demo's plan, its history written unless it is there."""
    found = Plan.read(data)
    if found is not None and found.complete:
        console.print(f"The demo is already in {data} ({found.events:,} events until {found.end:%Y-%m-%d %H:%M} UTC).")
        return found
    landing = data / "landing"
    if found is None and any(landing.rglob("*")):
        raise ActivityError(
            f"{landing} already holds objects that are not the demo's.",
            hint="Give another folder with --data.",
            code="demo.landing_in_use",
        )
    # An interrupted demo is made again as it was planned: its objects get the same names and bytes.
    plan = found or _plan(args)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[lines]:,} events"),
        TimeElapsedColumn(),
        console=console,
    ) as bar:
        task = bar.add_task(f"Demo, {plan.days} days", total=plan.days * 86_400_000, lines=0)
        lines = 0

        def progress(at_ms: int, count: int) -> None:
            nonlocal lines
            lines += count
            bar.update(task, completed=at_ms - plan.start_ms, lines=lines)

        written = history.write(plan, data, progress)
    console.print(f"{written.lines:,} lines in {written.objects:,} objects in {landing}")
    return plan.finished()


def _plan(args: argparse.Namespace) -> Plan:
    end = args.end or datetime.now(UTC)
    return Plan(int(end.timestamp() * 1000), args.days, args.events, args.customers, args.seed)


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 2026-01-31T12:00Z") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
