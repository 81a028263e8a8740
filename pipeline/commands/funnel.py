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
from pipeline.errors import ActivityError, QuestionError, did_you_mean
from pipeline.lake import Lake
from pipeline.questions import export
from pipeline.questions.funnel import Answer, Funnel, Group, Of, measure, notes, people, people_csv, rest
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
and "to" may stand for "range"; filters are those of the query string, also on properties.NAME.

With a breakdown, --people gives everybody in the group, --of France those of one value alone,
--of '' those whose value is empty, and --of-other those of all values without a row of their
own: --of Other are those whose value is the word Other. Write --of=-x for a value with a dash."""

EXAMPLES = """\
examples:
  python -m pipeline funnel signup.json
  python -m pipeline funnel signup.json --json
  python -m pipeline funnel signup.json --people dropped:2 --to dropped.csv
  python -m pipeline funnel signup.json --people converted --of France
  python -m pipeline funnel signup.json --json --as-of 1200
"""

_PEOPLE = "funnel.people"
_LONGEST_VERSION = 13  # digits


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
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--of", metavar="VALUE", help="only those of one value of the breakdown; '' is empty")
    part.add_argument("--of-other", action="store_true", help="only those of the values that have no row of their own")
    parser.add_argument("--to", metavar="FILE", help="write the people to FILE.csv (replaced) instead of printing them")
    newest = 'snapshot of the lake to read instead of the newest ("as_of" in the JSON)'
    parser.add_argument("--as-of", type=_version, metavar="N", help=newest)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    funnel = Funnel.parse(_read(args.spec), now=datetime.now(UTC), zone=settings.zone)
    group = None if args.people is None else Group.parse(args.people, len(funnel.steps))
    _check(args, funnel)
    snapshot = Lake.open(settings, reading=True).snapshot(args.as_of)
    answer = measure(snapshot, funnel)
    if group is not None:
        found = people(snapshot, answer, group, _of(args, answer))
        _write(found, args.to)
        if not len(found):
            _say_unknown(args, answer)
        return 0
    told = notes(snapshot, answer)
    if args.json:
        print(json.dumps(_json(answer, told), ensure_ascii=False, indent=2))
    else:
        _print(answer, told)
    return 0


def _check(args: argparse.Namespace, funnel: Funnel) -> None:
    """Refuse what would else be ignored."""
    narrowed = args.of is not None or args.of_other
    if args.people is None and (narrowed or args.to is not None):
        name = "--to" if args.to is not None else "--of-other" if args.of_other else "--of"
        raise QuestionError(
            f"{name} is about a list of people.", hint="Add --people reached:2, dropped:2 or converted.", code=_PEOPLE
        )
    if narrowed and funnel.breakdown is None:
        raise QuestionError(
            "The funnel has no breakdown, so its people have no parts.",
            hint='Add one to SPEC.json, like "breakdown": "country".',
            code=_PEOPLE,
        )


def _version(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < _LONGEST_VERSION):
        raise argparse.ArgumentTypeError(f"{text!r} is not the number of a snapshot")
    return int(text)


def _of(args: argparse.Namespace, answer: Answer) -> Of | None:
    if args.of_other:
        return rest(answer)
    return None if args.of is None else Of(args.of or None)


def _say_unknown(args: argparse.Namespace, answer: Answer) -> None:
    """An empty list of a value that nobody has; a script may ask for one on a quiet day, so it is no error."""
    named = [part.value for part in answer.breakdown if part.value is not None]
    if args.of and args.of not in named:
        said = f"Nobody here has the {answer.funnel.breakdown} {printable(args.of)!r}."
        print(f"{said} {did_you_mean(args.of, named)}".rstrip(), file=sys.stderr)
    if args.of_other and not any(part.other for part in answer.breakdown):
        print("All values have a row of their own: nobody is left.", file=sys.stderr)


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
