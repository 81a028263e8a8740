"""Ordered funnels against ClickHouse's own: `windowFunnel(window, 'strict_once')`, in which one event fills one step.

It keeps every sequence of distinct events from every entry and takes the longest, which is our rule. It sorts events of
the same instant by the step they fill, so with ties, too, it finds what either order of them allows.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pipeline.questions.funnel import Funnel, Group, behind, measure, named
from tests import funnels
from tests.funnels import BERLIN, World
from tests.oracle_funnel import FunnelOracle
from tests.support import make_lake

chdb = pytest.importorskip("chdb", reason="chdb has no wheel for this platform")

FUNNELS = 6
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNSAID = ("order", "exclusions", "breakdown")  # what windowFunnel cannot say, or need not
RUNS = settings(max_examples=4, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
Asked = tuple[World, list[dict[str, Any]]]


def asked() -> st.SearchStrategy[Asked]:
    """Longer than the brute force has time for. Any longer, and ClickHouse has no room for all the sequences."""
    return funnels.worlds(250, longest=12).flatmap(
        lambda world: st.tuples(st.just(world), st.lists(funnels.specs(world, 6), min_size=FUNNELS, max_size=FUNNELS))
    )


@RUNS
@given(asked())
def test_an_ordered_funnel_is_what_clickhouse_says(case: Asked) -> None:
    world, specs = case
    with TemporaryDirectory() as folder:
        lake = make_lake(Path(folder) / "lake", world.events())
        for asked in specs:
            spec = {name: value for name, value in asked.items() if name not in UNSAID}
            rules = FunnelOracle(world.events(), spec, now=world.now, zone=BERLIN)
            theirs = window_funnel(rules, Path(folder) / "events.parquet")
            answer = measure(lake.snapshot(), Funnel.parse(spec, now=world.now, zone=BERLIN))
            places = behind(answer, Group("reached", 1))
            entered = named(lake.snapshot(), answer, places)["person"].to_pylist()
            ours = dict(zip(entered, answer.came.depth[places].tolist(), strict=True))
            for person in theirs.keys() | ours.keys():
                told = f"\n{json.dumps(spec)}\n{person}: {funnels.told(rules.histories[person])}"
                assert theirs.get(person) == ours.get(person), told
        lake.close()


def window_funnel(rules: FunnelOracle, path: Path) -> dict[str, int]:
    """How far ClickHouse says each person got who entered; which events may fill which step is the oracle's word."""
    names = [f"step_{step}" for step in range(1, rules.length + 1)]
    rows = []
    for person, history in rules.histories.items():
        filling = [rules.entries(history), *(rules.filling(step, history) for step in range(1, rules.length))]
        fills = {name: [event["event_id"] for event in events] for name, events in zip(names, filling, strict=True)}
        for event in history:
            steps = {name: int(event["event_id"] in ids) for name, ids in fills.items()}
            rows.append({"person": person, "at": microseconds(event["occurred_at"]), **steps})
    fields = [("person", pa.string()), ("at", pa.uint64()), *((name, pa.uint8()) for name in names)]
    pq.write_table(pa.Table.from_pylist(rows, pa.schema(fields)), path)
    window = rules.window // timedelta(microseconds=1)
    funnel = f"windowFunnel({window}, 'strict_once')(at, {', '.join(names)})"
    # Numbers, fixed names and a folder of our own: nothing of a user's is in this text.
    query = f"SELECT person, {funnel} AS depth FROM file('{path}', Parquet) GROUP BY person HAVING depth > 0"  # noqa: S608
    answer = json.loads(chdb.query(query, "JSON").data())
    return {row["person"]: int(row["depth"]) for row in answer["data"]}


def microseconds(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)
