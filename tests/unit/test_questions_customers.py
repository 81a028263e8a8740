"""People: found by what is known of them, and told whole, before and after they registered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from pipeline.lake import Lake
from pipeline.questions import activity, customers
from pipeline.questions.people import CUSTOMER, VISITOR
from pipeline.questions.view import View
from tests import nasty
from tests.oracle import Event, Oracle
from tests.support import NOW, make_lake

PARIS = ZoneInfo("Europe/Paris")
EVENTS = nasty.events(21, 300)
ORACLE = Oracle(EVENTS)
PEOPLE = sorted({person for event in EVENTS if (person := ORACLE.person(event))})


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    lake = make_lake(tmp_path_factory.mktemp("lake"), EVENTS)
    yield lake
    lake.close()


def theirs(person: str) -> list[Event]:
    return sorted(
        (event for event in EVENTS if ORACLE.person(event) == person),
        key=lambda event: (event["occurred_at"], event["event_id"]),
    )


def sessions(events: list[Event]) -> list[list[Event]]:
    """Runs without a gap of more than 30 minutes."""
    runs: list[list[Event]] = []
    for event in events:
        if runs and event["occurred_at"] - runs[-1][-1]["occurred_at"] <= timedelta(minutes=30):
            runs[-1].append(event)
        else:
            runs.append([event])
    return runs


@pytest.mark.parametrize("person", PEOPLE)
def test_a_profile_is_the_persons_events(lake: Lake, person: str) -> None:
    events = theirs(person)
    told = customers.profile(lake.snapshot(), person)
    assert told is not None
    assert (told.person, told.events) == (person, len(events))
    assert (told.first_seen, told.last_seen) == (events[0]["occurred_at"], events[-1]["occurred_at"])
    assert (told.name, told.email) == (ORACLE.trait(events[0], "name"), ORACLE.trait(events[0], "email"))
    assert dict(told.by_event) == Counter(event["event"] for event in events)
    assert sum(count for _, count in told.places) == sum(count for _, count in told.devices) == len(events)
    runs = sessions(events)
    assert told.sessions == len(runs)
    newest = [(run[0]["occurred_at"], run[-1]["occurred_at"], len(run)) for run in reversed(runs)]
    assert [(each.start, each.end, each.events) for each in told.latest_sessions] == newest[:20]
    moments = [event["event_id"] for event in reversed(events) if event["event"] in customers.MOMENTS]
    assert [moment.event_id for moment in told.moments] == moments[:50]
    assert activity.count(lake.snapshot(), told.view(NOW, PARIS)) == len(events)


def test_the_anonymous_ids_of_a_person_are_those_first_linked_to_them(lake: Lake) -> None:
    visitors = {event["anonymous_id"] for event in EVENTS if event["anonymous_id"]}
    belongs = {visitor: ORACLE.person({"customer_id": None, "anonymous_id": visitor}) for visitor in visitors}
    for person in PEOPLE:
        told = customers.profile(lake.snapshot(), person)
        assert told is not None
        assert list(told.anonymous_ids) == sorted(visitor for visitor, owner in belongs.items() if owner == person)


def test_a_visitor_who_became_a_customer_is_answered_by_the_customer(lake: Lake) -> None:
    linked = next(event for event in EVENTS if event["anonymous_id"] and ORACLE.customer(event))
    owner = ORACLE.person({"customer_id": None, "anonymous_id": linked["anonymous_id"]})
    told = customers.profile(lake.snapshot(), VISITOR + linked["anonymous_id"])
    assert told is not None
    assert told.person == owner


def test_nobody_has_no_profile(lake: Lake) -> None:
    assert customers.profile(lake.snapshot(), "c:nobody") is None
    assert customers.profile(lake.snapshot(), "a:nobody") is None


@pytest.mark.parametrize("text", ["007", "C1", "ÜN", "ann@example.com", "o'neil", "émile", "v", "%", " 7 "])
def test_a_search_finds_whoever_fits(lake: Lake, text: str) -> None:
    found = customers.search(lake.snapshot(), text, limit=50)
    needle = text.strip().lower()

    def fits(event: Event) -> bool:
        ids = (event["customer_id"], event["anonymous_id"])
        name, email = (
            ORACLE.trait({"customer_id": event["customer_id"], "anonymous_id": None}, trait)
            for trait in ("name", "email")
        )
        return any(needle in value.lower() for value in (*ids, name, email) if value)

    expected = {ORACLE.person(event) for event in EVENTS if fits(event)}
    assert {each.person for each in found} == expected
    for each in found:
        events = theirs(each.person)
        assert (each.events, each.last_seen) == (len(events), events[-1]["occurred_at"])
        assert (each.name, each.email) == (ORACLE.trait(events[0], "name"), ORACLE.trait(events[0], "email"))


def test_whose_id_it_is_comes_first(lake: Lake) -> None:
    assert customers.search(lake.snapshot(), "7")[0].person == "c:7"
    assert customers.search(lake.snapshot(), "c1", limit=1)[0].person == "c:c1"
    assert customers.search(lake.snapshot(), "  ") == []


@pytest.mark.parametrize("query", ["range=90D", "range=90D&f=device+is_not+Bot", "range=24H&f=country+is+France"])
def test_the_most_active_customers_have_the_most_events_of_the_view(lake: Lake, query: str) -> None:
    view = View.parse(query, now=NOW, zone=PARIS)
    theirs_now: dict[str, list[Event]] = {}
    for event in ORACLE.view(view):
        if (person := ORACLE.person(event)) and person.startswith(CUSTOMER):
            theirs_now.setdefault(person, []).append(event)
    told = customers.most_active(lake.snapshot(), view, limit=len(PEOPLE))
    assert {each.person: each.events for each in told} == {who: len(events) for who, events in theirs_now.items()}
    keys = [(-each.events, -each.last_seen.timestamp(), each.person) for each in told]
    assert keys == sorted(keys)
    for each in told:
        events = sorted(theirs_now[each.person], key=lambda event: event["occurred_at"])
        assert each.last_seen == events[-1]["occurred_at"]
        assert (each.name, each.email) == (ORACLE.trait(events[0], "name"), ORACLE.trait(events[0], "email"))
        placed = [event for event in events if event["country"]]
        newest = {event["country"] for event in placed if event["occurred_at"] == placed[-1]["occurred_at"]}
        assert each.country in (newest or {None})
    assert customers.most_active(lake.snapshot(), view, limit=2) == told[:2]
