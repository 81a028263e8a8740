"""`count`, `events`, `event`, `facets`, `export`: the page's questions, with the query string of the page's URL."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from pipeline.commands.printing import printable
from pipeline.errors import QuestionError
from pipeline.event import FIELD
from pipeline.lake import Lake, Snapshot
from pipeline.questions import activity, export, facets, workbook
from pipeline.questions.view import PARAMETERS, View, event_id
from pipeline.settings import Settings

_QUERY = "\n".join(
    [
        "QUERY is the query string of the page's URL; without it, the last 14 days. Its parameters:",
        *(f"  {name:6} {what}" for name, what in PARAMETERS.items()),
        "Percent-encode values (a space is %20 or +, & is %26). Fields: python -m pipeline fields.",
    ]
)
_LISTED = ("occurred_at", "event", "modal", "customer_id", "path", "country", "device", "event_id")
_WIDTHS = (26, 20, 12, 16, 32, 16, 8, 36)
_COMMANDS: Mapping[str, tuple[str, str]] = {
    "count": ("how many events a view holds, exactly", "count 'range=7D&f=event+is+Subscribed'"),
    "events": ("one page of a view's events, newest first", "events 'range=24H&f=country+is+France|Spain' --page 2"),
    "event": ("one event with all its fields", "event 0b6f0f2e-7f43-5d6e-9a42-1f0c5b9f7a11 --json"),
    "facets": ("how many events have each value of a field", "facets range=30D properties.plan"),
    "export": ("the whole view as a file", "export 'range=30D&f=device+is_not+Bot' --to events.csv"),
}


def add_parser(subparsers: Any) -> None:
    parsers = {name: _parser(subparsers, name) for name in _COMMANDS}
    for name in ("count", "events", "facets", "export"):
        parsers[name].add_argument("query", metavar="QUERY", nargs="?" if name != "facets" else None, default="")
    parsers["events"].add_argument("--page", type=int, metavar="N", help="page of 50 rows, from 1 (overrides page=)")
    parsers["event"].add_argument("id", metavar="ID", help="the event's id")
    parsers["facets"].add_argument("field", metavar="FIELD", help="a field's name, or properties.NAME")
    parsers["facets"].add_argument("--limit", type=int, default=20, metavar="N", help="values to show (default 20)")
    parsers["export"].add_argument(
        "--to", required=True, metavar="FILE", help="FILE.csv, FILE.parquet, FILE.xlsx (replaced), or - for CSV"
    )
    parsers["export"].add_argument("--bom", action="store_true", help="begin a CSV with a byte order mark, for Excel")
    for name in ("events", "event", "facets"):
        parsers[name].add_argument("--json", action="store_true", help="print JSON for programs")


def _parser(subparsers: Any, name: str) -> argparse.ArgumentParser:
    summary, example = _COMMANDS[name]
    about = "" if name == "event" else f"\n\n{_QUERY}"
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.{about}",
        epilog=f"example:\n  python -m pipeline {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=_RUN[name])
    return parser


def count(args: argparse.Namespace, settings: Settings) -> int:
    """Print the bare number."""
    snapshot, view = _asked(args.query, settings)
    print(activity.count(snapshot, view))
    return 0


def events(args: argparse.Namespace, settings: Settings) -> int:
    snapshot, view = _asked(args.query, settings)
    if args.page is not None:
        view = view.with_(page=args.page)
    page = activity.page(snapshot, view)
    if page.page != view.page:
        raise QuestionError(f"There is no page {view.page}.", hint=f"The view has pages 1 to {page.pages}.")
    if args.json:
        print(_json({"total": page.total, "page": page.page, "pages": page.pages, "rows": page.rows}))
        return 0
    print(f"Rows {page.first:,}–{page.last:,} of {page.total:,}, newest first, times in {view.zone.key}")
    _print_row([FIELD[name].label for name in _LISTED])
    for row in page.rows:
        _print_row([_shown(row[name], view.zone) for name in _LISTED])
    return 0


def event(args: argparse.Namespace, settings: Settings) -> int:
    found = activity.event(Lake.open(settings, reading=True).snapshot(), event_id(args.id))
    if found is None:
        raise QuestionError(f"There is no event {args.id}.", hint="It may have been removed by retention.")
    if args.json:
        print(_json(found))
        return 0
    for name, value in found.items():
        print(f"{FIELD[name].label:16} {_shown(value, settings.zone)}".rstrip())
    return 0


def facets_(args: argparse.Namespace, settings: Settings) -> int:
    if args.limit < 1:
        raise QuestionError("--limit is at least 1.")
    snapshot, view = _asked(args.query, settings)
    found = facets.facet(snapshot, view, args.field, args.limit)
    if args.json:
        values = [{"value": facet.value, "count": facet.count} for facet in found.top]
        totals = {"distinct": found.distinct, "total": found.total, "rest": found.rest}
        print(_json({"field": found.field, **totals, "values": values}))
        return 0
    for facet in found.top:
        print(f"{facet.count:>12,}  {'(empty)' if facet.value is None else printable(facet.value)}")
    if found.rest:
        print(f"{found.rest:>12,}  (the other {found.distinct - len(found.top):,} values)")
    return 0


def export_(args: argparse.Namespace, settings: Settings) -> int:
    """Write the file; progress goes to standard error, so that `--to -` can be piped."""
    kind = "csv" if args.to == "-" else Path(args.to).suffix.lower().removeprefix(".")
    if kind not in ("csv", "parquet", "xlsx"):
        raise QuestionError(f"No format is known for {args.to!r}.", hint="End the name in .csv, .parquet or .xlsx.")
    snapshot, view = _asked(args.query, settings)
    path = Path(args.to)
    with _progress(activity.count(snapshot, view)) as advance:
        if kind == "csv":
            _write_csv(snapshot, view, args, advance)
        elif kind == "parquet":
            export.parquet(snapshot, view, path, advance)
        else:
            _say_cut(workbook.xlsx(snapshot, view, path, advance))
    return 0


_RUN: Mapping[str, Callable[[argparse.Namespace, Settings], int]] = {
    "count": count,
    "events": events,
    "event": event,
    "facets": facets_,
    "export": export_,
}


def _asked(query: str, settings: Settings) -> tuple[Snapshot, View]:
    view = View.parse(query, now=datetime.now(UTC), zone=settings.zone)
    return Lake.open(settings, reading=True).snapshot(view.as_of), view


def _write_csv(snapshot: Snapshot, view: View, args: argparse.Namespace, advance: export.Progress) -> None:
    pieces = export.csv(snapshot, view, bom=args.bom, progress=advance)
    if args.to == "-":
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    with export.replacing(Path(args.to)) as part, part.open("wb") as file:
        file.writelines(pieces)


def _say_cut(written: workbook.Workbook) -> None:
    if written.cut:
        print(f"{written.cut:,} cells were too long for Excel and were cut; see the Summary sheet.", file=sys.stderr)


@contextmanager
def _progress(total: int) -> Iterator[export.Progress]:
    """A bar on standard error; yields what to call with (rows written, rows in all)."""
    columns = (TextColumn("Events"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("Events", total=total)
        yield lambda done, _total: bar.update(task, completed=done)


def _json(answer: Any) -> str:
    return json.dumps(answer, default=lambda value: value.isoformat(), ensure_ascii=False, indent=2)


def _print_row(cells: list[str]) -> None:
    print("  ".join(f"{cell[:width]:{width}}" for cell, width in zip(cells, _WIDTHS, strict=True)).rstrip())


def _shown(value: Any, zone: ZoneInfo) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(sep=" ", timespec="seconds")
    return printable(str(value))
