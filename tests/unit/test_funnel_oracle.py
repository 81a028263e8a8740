"""The funnel's brute force on the worked examples of docs/semantics.md, and on what they leave out."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from pipeline.event import STORED
from tests.oracle import Event
from tests.oracle_funnel import FunnelOracle, Journey, quantile

BERLIN = ZoneInfo("Europe/Berlin")
ZERO = datetime(2026, 10, 25, 12, tzinfo=UTC)
LATER = ZERO + timedelta(days=1)
X_BETWEEN_B_AND_C = {"event": "X", "after_step": 2, "before_step": 3}
CALLS = {"I": "identify", "G": "group", "L": "alias"}


def history(text: str, person: str = "p", first_id: int = 1) -> list[Event]:
    """`A0 B10`: event A at 0 s, then B at 10 s, with rising ids; I, G and L are identify, group and alias calls."""
    events = []
    for number, (name, seconds) in enumerate(re.findall(r"([A-Z])(-?[0-9.]+)", text), start=first_id):
        event: Event = {field.name: None for field in STORED}
        event |= {"event_id": str(UUID(int=number)), "event": name, "type": CALLS.get(name, "track")}
        event |= {"occurred_at": ZERO + timedelta(seconds=float(seconds)), "customer_id": person}
        event["received_at"] = event["occurred_at"]
        events.append(event)
    return events


def ask(events: list[Event], steps: str, **spec: Any) -> FunnelOracle:
    """The funnel of `steps` (`A,B`; `*` is any event) over 100,000 s from zero, in a window of an hour."""
    named = [{"event": None if name == "*" else name} for name in steps.split(",")]
    whole = {"from": instant(0), "to": instant(100_000), "window": 3600}
    return FunnelOracle(events, {"steps": named, **whole, **spec}, now=LATER, zone=BERLIN)


def instant(seconds: int) -> str:
    return (ZERO + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def journey(text: str, steps: str, **spec: Any) -> Journey:
    funnel = ask(history(text), steps, **spec)
    return funnel.journeys.get("c:p", Journey("c:p", (), 0, False))


def depth(text: str, steps: str, **spec: Any) -> int:
    return journey(text, steps, **spec).depth


def seconds(journey: Journey) -> list[float]:
    return [(at - ZERO).total_seconds() for at in journey.times]


@pytest.mark.parametrize(
    ("events", "steps", "ordered", "strict"),
    [
        ("A0 A1800 B2700 C4500", "A,B,C", 3, 3),
        ("A0 B1000 A3000 C4000", "A,B,C", 2, 2),
        ("A0 B3600", "A,B", 2, 2),
        ("A0 B3601", "A,B", 1, 1),
        ("A0 B10", "A,A,B", 1, 1),
        ("A0 A5 B10", "A,A,B", 3, 3),
        ("B0 A0", "A,B", 2, 2),
        ("B0 A1", "A,B", 1, 1),
        ("A0 X5 B10", "A,B", 2, 1),
        ("A0 X5 A10 B15", "A,B", 2, 2),
        ("A0 A5000 B5100", "A,B", 2, 2),
        ("A0 B3000 C6000", "A,B,C", 2, 2),
    ],
)
def test_the_worked_examples(events: str, steps: str, ordered: int, strict: int) -> None:
    assert depth(events, steps) == ordered
    assert depth(events, steps, order="strict") == strict


def test_the_worked_examples_of_exclusions() -> None:
    assert depth("A0 B10 X15 B20 C30", "A,B,C", exclusions=[X_BETWEEN_B_AND_C]) == 3
    short = history("A0 X1 X15", "short", 10)
    funnel = ask([*history("A0 B10 X15 C30"), *short], "A,B,C", exclusions=[X_BETWEEN_B_AND_C])
    assert [step.people for step in funnel.steps] == [2, 1, 0]
    assert [step.excluded for step in funnel.steps] == [0, 0, 1]


@pytest.mark.parametrize(
    ("events", "steps", "expected"),
    [
        ("B0 A10", "A,B", 2),
        ("C0 A10 B3600", "A,B,C", 3),
        ("C0 A10 B3601", "A,B,C", 2),
        ("A0 A10", "A,B", 1),  # one step, whatever number of its events
        ("A0", "A,A", 1),  # one event fills one step
        ("A0 A1", "A,A", 2),
        ("B5", "A,B,C", 1),  # any step may be the first
        ("X0 B1", "A,*", 1),  # neither is A; both are any event, which is one step
        ("A0", "A,*", 1),
        ("A0 A3", "A,*", 2),  # matched one to one: either may be the any event
        ("B-10 A5 C6", "A,B,C", 2),  # the earliest falls in the range
        ("A99999 B100001", "A,B", 2),
        ("B0 B3000 A6000 C6500", "A,B,C", 3),  # a later window is the better one
    ],
)
def test_any_order(events: str, steps: str, expected: int) -> None:
    assert depth(events, steps, order="any") == expected


def test_any_order_counts_the_earliest_of_equal_sets() -> None:
    found = journey("B0 A10 B20 A30", "A,B", order="any")
    assert (seconds(found), found.entry["event"]) == ([0, 10], "B")
    assert seconds(journey("B0 A0 A0", "A,A,B", order="any")) == [0, 0, 0]


def test_any_order_from_the_first_event_of_any_step_only() -> None:
    later = "X0 B5 A4000 B4001"
    assert depth(later, "A,B", order="any") == 2
    assert depth(later, "A,B", order="any", first_entry_only=True) == 1
    # A person whose set begins at the same instant, but with a higher id, still has the first event in the set.
    assert depth("B0 A0", "A,B", order="any", first_entry_only=True) == 2


@pytest.mark.parametrize("order", ["ordered", "strict"])
def test_events_of_the_same_instant_fill_steps_in_either_order(order: str) -> None:
    assert depth("C7 B7 A7", "A,B,C", order=order) == 3
    assert depth("B7 A7 A8", "A,B,A", order=order) == 3
    assert depth("A7 X7 B7", "A,B", order=order) == 2
    assert depth("A7 X9 B9", "A,B", order=order) == 2
    assert depth("X7 A7 B9", "A,B", order=order) == 2


def test_of_equal_times_the_lowest_ids_count() -> None:
    found = journey("B0 A0 A0 B0", "A,B")
    assert [event["event_id"] for event in found.path] == [str(UUID(int=2)), str(UUID(int=1))]
    # Times come before ids, and the entry before the next step.
    assert seconds(journey("A5 B20 A0 B10", "A,B")) == [0, 10]
    assert [event["event_id"] for event in journey("A0 A0", "A,*").path] == [str(UUID(int=1)), str(UUID(int=2))]
    # A number beyond nine is larger than one below.
    events = [*history("A0", first_id=10), *history("A0", first_id=9), *history("B1", first_id=11)]
    [counted] = ask(events, "A,B").journeys.values()
    assert counted.entry["event_id"] == str(UUID(int=9))


def test_the_longest_path_counts_before_the_earliest() -> None:
    assert seconds(journey("A0 B10 A5000 B5010 C5020", "A,B,C")) == [5000, 5010, 5020]
    assert seconds(journey("A0 B10 A20 B30", "A,B")) == [0, 10]
    assert seconds(journey("A0 B1 X2 B3 C4", "A,B,C", order="strict")) == [0, 1]
    assert depth("A0 B1 X2 A3 B4 C5", "A,B,C", order="strict") == 3


@pytest.mark.parametrize(
    ("events", "steps", "expected"),
    [
        ("A0 A1 A2", "A,A,A", 3),
        ("A0 A1", "A,A,A", 2),
        ("A0 B1 A2 B3", "A,B,A,B", 4),
        ("A0 B1 A2", "A,B,A,B", 3),
        ("A0 A0", "A,A", 2),
        ("A0 X1", "*,*", 2),
        ("A0 X1 B2", "*,*,B", 3),
        ("A0 B2", "*,*,B", 2),  # B is any event too, but it fills the second step or the third, not both
    ],
)
def test_one_event_fills_one_step(events: str, steps: str, expected: int) -> None:
    assert depth(events, steps) == expected
    assert depth(events, steps, order="any") == expected


def test_the_window_runs_from_the_entry_and_its_end_counts() -> None:
    assert depth("A0 B3600", "A,B", window="1h") == 2
    assert depth("A0 B3600.000001", "A,B", window="1h") == 1
    assert depth("A0 B1800 C3600.000001", "A,B,C") == 2  # not from the step before
    assert depth("A0 A1 B3601", "A,A,B") == 2
    assert depth("A0 A1 A2 B3601", "A,A,B") == 3
    assert depth("A0 B604800", "A,B", window="7d", to=instant(700_000)) == 2


def test_elapsed_time_counts_on_a_day_of_25_hours() -> None:
    midnight = (datetime(2026, 10, 25, tzinfo=BERLIN).astimezone(UTC) - ZERO).total_seconds()
    day = {"from": "2026-10-25", "to": "2026-10-25"}
    assert depth(f"A{midnight} B{midnight + 86_400}", "A,B", window="1d", **day) == 2
    assert depth(f"A{midnight} B{midnight + 86_401}", "A,B", window="1d", **day) == 1
    assert depth(f"A{midnight + 25 * 3600 - 1}", "A,B", **day) == 1
    assert depth(f"A{midnight + 25 * 3600}", "A,B", **day) == 0
    assert depth(f"A{midnight - 1}", "A,B", **day) == 0


@pytest.mark.parametrize("order", ["ordered", "strict", "any"])
def test_the_entry_falls_in_the_range_and_later_steps_may_not(order: str) -> None:
    assert depth("A99999 B100001", "A,B", order=order) == 2
    assert depth("A100000 B100001", "A,B", order=order) == 0
    assert depth("A0 B1", "A,B", order=order) == 2
    assert depth("A-1", "A,B", order=order) == 0
    assert depth("A-1 A0 B1", "A,B", order=order, first_entry_only=True) == 2


def test_strict_is_broken_by_events_after_the_range_but_not_by_those_a_filter_drops() -> None:
    assert depth("A99999 X100001 B100002", "A,B", order="strict") == 1
    assert depth("A99999 X100001 B100002", "A,B", order="strict", filters=["event is_not X"]) == 2


def test_identify_group_and_alias_calls_break_no_strict_attempt() -> None:
    assert depth("A0 I1 G2 L3 B4", "A,B", order="strict") == 2
    assert depth("A0 I1 X2 L3 B4", "A,B", order="strict") == 1
    assert depth("A0 I1 B2", "A,I,B", order="strict") == 3  # and they fill steps like others
    assert depth("A0 I1 I2 B3", "A,I,B", order="strict") == 3


def test_first_entry_only() -> None:
    assert depth("A0 A4000 B4001", "A,B") == 2
    assert depth("A0 A4000 B4001", "A,B", first_entry_only=True) == 1
    assert depth("A0 X1 A2 B3", "A,B", order="strict", first_entry_only=True) == 1
    assert depth("A0 A0 B5", "A,A,B", first_entry_only=True) == 3
    assert depth("A-5 A4000 B4001", "A,B", first_entry_only=True) == 2  # the first in the range


def test_an_exclusion_lies_strictly_between_its_steps() -> None:
    a_b = {"event": "X", "after_step": 1, "before_step": 2}
    assert depth("A0 X5 B10", "A,B", exclusions=[a_b]) == 1
    assert depth("A0 X0 B10", "A,B", exclusions=[a_b]) == 2
    assert depth("A0 X10 B10", "A,B", exclusions=[a_b]) == 2
    assert depth("X-1 A0 B10 X11", "A,B", exclusions=[a_b]) == 2
    assert depth("A0 X5 A6 B10", "A,B", exclusions=[a_b]) == 2  # a later entry is clean
    assert depth("A0 X5 A6 B10", "A,B", exclusions=[a_b], first_entry_only=True) == 1
    wide = {"event": "X", "after_step": 1, "before_step": 3}
    assert depth("A0 X5 B10", "A,B,C", exclusions=[wide]) == 2  # untouched: it has not both steps
    assert depth("A0 X5 B10 C15", "A,B,C", exclusions=[wide]) == 2
    assert depth("A0 B10 X15 B20 C30", "A,B,C", exclusions=[wide]) == 2


def test_an_excluded_event_may_be_one_of_the_steps() -> None:
    b = {"event": "B", "after_step": 1, "before_step": 3}
    assert depth("A0 B5 C10", "A,B,C", exclusions=[b]) == 2
    assert depth("A0 B0 C10", "A,B,C", exclusions=[b]) == 3
    a = {"event": "A", "after_step": 1, "before_step": 2}
    assert seconds(journey("A0 A5 B10", "A,B", exclusions=[a])) == [5, 10]


def test_exclusions_may_change_which_equal_path_counts() -> None:
    found = journey("A0 B10 X15 B20 C30", "A,B,C", exclusions=[X_BETWEEN_B_AND_C])
    assert (seconds(found), found.unexcluded) == ([0, 20, 30], 3)
    both = [X_BETWEEN_B_AND_C, {"event": "Y", "after_step": 1, "before_step": 2}]
    assert depth("A0 B10 X15 Y17 B20 C30", "A,B,C", exclusions=both) == 2


def test_open_is_who_may_still_convert() -> None:
    def open(text: str, last: int, **spec: Any) -> bool:
        funnel = ask([*history(text), *history(f"Z{last}", "other", 50)], "A,B,C", **spec)
        return funnel.journeys["c:p"].open

    assert open("A0 B10", 3599)
    assert not open("A0 B10", 3600)  # the window's end has been seen
    assert open("A0 B10 A20", 3610)  # the latest entry, not the counted one
    assert not open("A0 B10 C20", 30)  # converted
    assert not open("A0 B10", 200_000)
    assert not open("A99999 A100001", 103_600)  # entries fall in the range
    assert open("B0 A10 X20", 3609, order="any")
    assert not open("B0 A10 X20", 3610, order="any")
    assert open("B10", 20, order="any")
    # Only the first entry can still convert when only it counts.
    assert not open("A0 B10 A20", 3610, first_entry_only=True)
    funnel = ask([*history("A0 B10"), *history("A5", "q", 10), *history("A6", "r", 20)], "A,B,C")
    assert [step.open for step in funnel.steps] == [2, 1, 0]


def test_the_numbers_of_a_funnel() -> None:
    people = {"p": "A0 B10 C30", "q": "A0 B20", "r": "A0 B60", "s": "A0", "t": "B0"}
    events = [event for at, (who, text) in enumerate(people.items()) for event in history(text, who, 10 * at + 1)]
    for event in events:
        event["country"] = {"p": "France", "q": "France", "r": "", "s": "Spain"}.get(event["customer_id"])
    funnel = ask(events, "A,B,C", breakdown="country")
    first, second, third = funnel.steps
    assert [(step.people, step.dropped) for step in funnel.steps] == [(4, 1), (3, 2), (1, 0)]
    assert (first.from_first, second.from_first, third.from_previous) == (1, 0.75, 1 / 3)
    assert (first.median_seconds, second.median_seconds, third.median_seconds) == (None, 20, 20)
    assert second.p90_seconds == pytest.approx(52)
    assert funnel.to_convert == [30]
    assert funnel.parts == [("France", False, [2, 2, 1]), ("Spain", False, [1, 0, 0]), (None, False, [1, 1, 0])]
    assert funnel.trend("day") == {ZERO.date(): (4, 1)}
    assert funnel.trend("week") == {ZERO.date() - timedelta(days=6): (4, 1)}


def test_beyond_25_values_the_rest_is_other() -> None:
    events = [event for at in range(30) for event in history("A0 B1", f"p{at}", 10 * at + 1)]
    for event in events:
        event["city"] = f"city {min(int(event['customer_id'][1:]), 27):02}"
    funnel = ask(events, "A,B", breakdown="city")
    assert len(funnel.parts) == 26
    assert funnel.parts[:2] == [("city 27", False, [3, 3]), ("city 00", False, [1, 1])]
    assert funnel.parts[-1] == (None, True, [3, 3])  # cities 24 to 26


def test_visitors_are_one_person_with_the_customer_they_became_by_an_alias_too() -> None:
    events = history("A0 B1 L2 C3")
    events[0] |= {"customer_id": None, "anonymous_id": "v"}
    events[1] |= {"customer_id": None, "anonymous_id": "w"}
    events[2] |= {"linked_anonymous_id": "w"}
    events[3] |= {"anonymous_id": "v"}
    assert ask(events, "A,B,C").journeys["c:p"].depth == 3
    nobody = history("A0")
    nobody[0]["customer_id"] = None
    assert ask(nobody, "A,B").journeys == {}


@pytest.mark.parametrize(
    ("numbers", "share", "expected"),
    [([], 0.5, None), ([3], 0.9, 3), ([1, 2], 0.5, 1.5), ([4, 1, 3, 2], 0.5, 2.5), ([0, 10], 0.9, 9)],
)
def test_quantiles_interpolate(numbers: list[float], share: float, expected: float | None) -> None:
    assert quantile(numbers, share) == expected
