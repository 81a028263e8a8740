"""The funnel's brute force against other ways to say the same: matching for any order, and what must always hold."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests import funnels
from tests.funnels import BERLIN, World
from tests.oracle import Event
from tests.oracle_funnel import FunnelOracle, moment

RUNS = settings(max_examples=15, deadline=None)
Asked = tuple[World, dict[str, Any]]


def asked() -> st.SearchStrategy[Asked]:
    return funnels.worlds(40).flatmap(lambda world: st.tuples(st.just(world), funnels.specs(world)))


def answer(world: World, spec: dict[str, Any]) -> FunnelOracle:
    return FunnelOracle(world.events(), spec, now=world.now, zone=BERLIN)


@RUNS
@given(asked())
def test_any_order_is_the_largest_matching_of_events_and_steps_in_a_window(case: Asked) -> None:
    world, spec = case
    spec.pop("exclusions", None)
    funnel = answer(world, {**spec, "order": "any"})
    for person, history in funnel.histories.items():
        depths = [matched(funnel, entry, history) for entry in funnel.entries(history)]
        found = funnel.journeys.get(person)
        assert (found.depth if found else 0) == max(depths, default=0), funnels.told(history)


def matched(funnel: FunnelOracle, entry: Event, history: list[Event]) -> int:
    """How many steps the events of the entry's window fill, by augmenting paths. The entry can always be one of them:
    a step it matches is either free or held by another event, whose place it may take."""
    end = entry["occurred_at"] + funnel.window
    near = [event for event in history if moment(event) >= moment(entry) and event["occurred_at"] <= end]
    steps = [funnel.filling(step, near) for step in range(funnel.length)]
    holders: dict[str, int] = {}

    def place(step: int, tried: set[str]) -> bool:
        for event in steps[step]:
            held = event["event_id"]
            if held not in tried:
                tried.add(held)
                if held not in holders or place(holders[held], tried):
                    holders[held] = step
                    return True
        return False

    return sum(place(step, set()) for step in range(funnel.length))


@RUNS
@given(asked())
def test_what_always_holds_of_a_funnel(case: Asked) -> None:
    world, spec = case
    spec.pop("order", None)
    exclusions = spec.pop("exclusions", [])
    depths = {
        name: {person: journey.depth for person, journey in answer(world, {**spec, **change}).journeys.items()}
        for name, change in {
            "ordered": {},
            "strict": {"order": "strict"},
            "clean": {"exclusions": exclusions},
            "first": {"first_entry_only": True},
            "wider": {"window": (answer(world, spec).window + timedelta(days=1)) // timedelta(seconds=1)},
        }.items()
    }
    for name, less in {"strict": "ordered", "clean": "ordered", "first": "ordered", "ordered": "wider"}.items():
        assert depths[name].keys() == depths[less].keys()  # everyone with an entry is in
        assert all(depth <= depths[less][person] for person, depth in depths[name].items()), (name, less)
    unordered = answer(world, {**spec, "order": "any"}).journeys
    if not spec.get("first_entry_only"):
        assert all(depth <= unordered[person].depth for person, depth in depths["ordered"].items())
