"""`python -m pipeline funnel`: a funnel's numbers, and the people behind them."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.commands.printing import printable
from pipeline.errors import ActivityError
from pipeline.lake import Lake
from pipeline.questions import export
from pipeline.questions.funnel import Answer, Funnel, Group, measure, notes, people, people_csv
from pipeline.settings import Settings

DESCRIPTION = """\
How many people came how far through 2 to 10 steps, by the rules in docs/semantics.md, and who
they are. SPEC.json (- for standard input) is what the Funnels page saves and shows:

  {"steps": [{"event": "Page Viewed", "filters": ["path starts_with /news"]},
             {"event": "Registered"}, {"event": "Subscribed"}],
   "window": "7d", "order": "ordered", "first_entry_only": false,
   "exclusions": [{"event": "Refunded", "after_step": 1, "before_step": 2}],
   "breakdown": "country", "range": "14D", "filters": ["device is_not Bot"]}

Only steps is needed. order is ordered, strict or any; an event of null is any event; "from"
and "to" may stand for "range"; filters are those of the query string, also on properties.NAME."""

EXAMPLES = """\
examples:
  python -m pipeline funnel signup.json
  python -m pipeline funnel signup.json --json
  python -m pipeline funnel signup.json --people dropped:2 --to dropped.csv
  python -m pipeline funnel signup.json --people converted
"""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "funnel",
        help="how many people came how far, and who they are",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("spec", metavar="SPEC.json", help="the funnel, or - for standard input")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.add_argument("--people", metavar="WHO", help="reached:2, dropped:2 or converted: list them as CSV")
    parser.add_argument("--to", metavar="FILE", help="write the people to FILE.csv (replaced) instead of printing them")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    funnel = Funnel.parse(_read(args.spec), now=datetime.now(UTC), zone=settings.zone)
    group = None if args.people is None else Group.parse(args.people, len(funnel.steps))
    snapshot = Lake.open(settings).snapshot()
    answer = measure(snapshot, funnel)
    if group is not None:
        _write(people(snapshot, answer, group), args.to)
        return 0
    told = notes(snapshot, answer)
    if args.json:
        print(json.dumps(_json(answer, told), ensure_ascii=False, indent=2))
    else:
        _print(answer, told)
    return 0


def _read(name: str) -> Any:
    try:
        return json.loads(sys.stdin.read() if name == "-" else Path(name).read_text())
    except OSError as error:
        raise ActivityError(f"{name} cannot be read: {error.strerror}.", code="funnel.file") from None
    except ValueError as error:
        raise ActivityError(f"{name} is not JSON: {error}.", hint="See funnel --help.", code="funnel.file") from None


def _json(answer: Answer, told: tuple[str, ...]) -> dict[str, Any]:
    """The answer as the contract names it; rates are shares, times seconds."""
    names = ("event", "people", "dropped", "from_first", "from_previous", "median_seconds", "p90_seconds", "open")
    return {
        "steps": [{name: getattr(step, name) for name in (*names, "excluded")} for step in answer.steps],
        "breakdown": [
            {"value": "Other" if part.other else part.value, "people": list(part.people), "other": part.other}
            for part in answer.breakdown
        ],
        "median_seconds": answer.median_seconds,
        "p90_seconds": answer.p90_seconds,
        "histogram": [{"start": each.start, "stop": each.stop, "people": each.people} for each in answer.histogram],
        "trend": [
            {"day": each.day.isoformat(), "entered": each.entered, "converted": each.converted}
            for each in answer.trend()
        ],
        "notes": list(told),
        "funnel": answer.funnel.spec(),
        "as_of": answer.version,
    }


def _print(answer: Answer, told: tuple[str, ...]) -> None:
    start, stop = (at.astimezone(answer.funnel.view.zone) for at in answer.funnel.view.bounds())
    print(f"Entered {start:%Y-%m-%d %H:%M} to {stop:%Y-%m-%d %H:%M}, {answer.funnel.view.zone.key}")
    print(f"{'':3}{'Step':36}{'People':>12}{'of first':>10}{'of previous':>13}{'Dropped':>12}{'Median':>10}")
    for number, step in enumerate(answer.steps, start=1):
        rates = f"{_percent(step.from_first):>10}{_percent(step.from_previous):>13}"
        lasting = _lasting(step.median_seconds)
        print(f"{number:<3}{printable(step.label)[:35]:36}{step.people:>12,}{rates}{step.dropped:>12,}{lasting:>10}")
    for part in answer.breakdown:
        value = "Other" if part.other else "(empty)" if part.value is None else printable(part.value)
        print(f"   {value[:35]:36}" + "".join(f"{count:>12,}" for count in part.people))
    for sentence in told:
        print(printable(sentence))


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _lasting(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    size, unit = next(
        (size, unit) for size, unit in ((86_400, "d"), (3600, "h"), (60, "min"), (0, "s")) if seconds >= size
    )
    return f"{seconds / (size or 1):.1f} {unit}"


def _write(found: pa.Table, to: str | None) -> None:
    if to is None:
        for piece in people_csv(found):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    with export.replacing(Path(to)) as part, part.open("wb") as file:
        file.writelines(people_csv(found))
