"""Reading a funnel: what is understood comes back the same, what is not is refused with what to change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pipeline.errors import QuestionError
from pipeline.questions.funnel import Funnel

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Berlin")
STEPS = [{"event": "Page Viewed"}, {"event": "Registered"}]
WHOLE = {
    "steps": [
        {"event": "Page Viewed", "filters": ["path starts_with /news"]},
        {"event": None},
        {"event": "Subscribed"},
    ],
    "window": "36h",
    "order": "strict",
    "first_entry_only": True,
    "exclusions": [{"event": "Refunded", "after_step": 1, "before_step": 3}],
    "breakdown": "properties.plan",
    "from": "2026-10-01",
    "to": "2026-10-31",
    "filters": ["device is_not Bot"],
}


def parsed(**changes: Any) -> Funnel:
    return Funnel.parse({"steps": STEPS, **changes}, now=NOW, zone=ZONE)


def test_everything_that_can_be_said_comes_back() -> None:
    funnel = Funnel.parse(WHOLE, now=NOW, zone=ZONE)
    assert funnel.spec() == WHOLE
    assert Funnel.parse(funnel.spec(), now=NOW, zone=ZONE) == funnel
    assert funnel.steps[0].label == "Page Viewed · path starts_with /news"
    assert funnel.steps[1].label == "Any event"


def test_what_is_left_out_has_its_default() -> None:
    assert parsed().spec() == {"steps": STEPS, "window": "7d", "range": "14D"}


@pytest.mark.parametrize(
    ("window", "seconds", "spelt"),
    [("90s", 90, "90s"), ("30m", 1800, "30m"), ("24h", 86_400, "1d"), (3600, 3600, "1h"), ("60", 60, "1m")],
)
def test_windows(window: str | int, seconds: int, spelt: str) -> None:
    funnel = parsed(window=window)
    assert funnel.window == timedelta(seconds=seconds)
    assert funnel.spec()["window"] == spelt


@pytest.mark.parametrize(
    ("changes", "rule", "said"),
    [
        ({"steps": STEPS[:1]}, "funnel.too_few_steps", "one step; it needs at least two"),
        ({"steps": []}, "funnel.too_few_steps", "no steps"),
        ({"steps": STEPS * 6}, "funnel.too_many_steps", "12 steps; it takes at most 10"),
        ({"steps": ["Registered", "x"]}, "funnel.malformed", "JSON object"),
        ({"steps": [{}, {}]}, "funnel.event", "names no event"),
        ({"steps": [{"event": ""}, {"event": "x"}]}, "funnel.event", "empty event name"),
        ({"steps": [{"event": "a", "filter": []}, {"event": "x"}]}, "funnel.unknown_key", "'filters'"),
        ({"window": 0}, "funnel.window", "from one second"),
        ({"window": "0d"}, "funnel.window", "from one second"),
        ({"window": "367d"}, "funnel.window", "366 days"),
        ({"window": 10**30}, "funnel.window", "no window"),
        ({"window": "a week"}, "funnel.window", "Write it like 7d"),
        ({"window": True}, "funnel.window", "no window"),
        ({"order": "loose"}, "funnel.unknown_order", "ordered, strict, any"),
        ({"first_entry_only": 1}, "funnel.malformed", "true or false"),
        ({"colour": "red"}, "funnel.unknown_key", "There are: steps"),
        ({"windw": "7d"}, "funnel.unknown_key", "Did you mean 'window'"),
        ({"breakdown": "county"}, "question.unknown_field", "Did you mean 'country'"),
        ({"breakdown": "occurred_at"}, "funnel.breakdown", "Choose a field"),
        ({"filters": ["county is France"]}, "question.unknown_field", "country"),
        ({"filters": ["country like France"]}, "question.unknown_operator", "like"),
        ({"filters": "country is France"}, "funnel.malformed", "is a list"),
        ({"range": "8D"}, "view.unknown_range", "There is no range '8D'"),
        ({"range": "7D", "from": "2026-11-01"}, "view.two_ranges", "not both"),
        ({"exclusions": [{"event": "x", "after_step": 2, "before_step": 2}]}, "funnel.exclusion_steps", "steps 1 to 2"),
        ({"exclusions": [{"event": "x", "after_step": 0, "before_step": 2}]}, "funnel.exclusion_steps", "steps 1 to 2"),
        ({"exclusions": [{"event": "x", "after_step": 1, "before_step": 3}]}, "funnel.exclusion_steps", "steps 1 to 2"),
        ({"exclusions": [{"event": "x"}]}, "funnel.exclusion_steps", "'after_step'"),
        (
            {"order": "any", "exclusions": [{"event": "x", "after_step": 1, "before_step": 2}]},
            "funnel.exclusion_any_order",
            "Remove the exclusions",
        ),
    ],
)
def test_what_is_not_understood_is_refused(changes: dict[str, Any], rule: str, said: str) -> None:
    with pytest.raises(QuestionError) as refused:
        parsed(**changes)
    assert refused.value.code == rule
    assert said in str(refused.value)


@pytest.mark.parametrize("spec", [None, [], "steps", 7])
def test_what_is_no_object_is_refused(spec: Any) -> None:
    with pytest.raises(QuestionError, match="JSON object"):
        Funnel.parse(spec, now=NOW, zone=ZONE)
