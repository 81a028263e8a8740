"""The live demo against a real collector: every event is stored once, whatever happens on the way."""

from __future__ import annotations

import stat
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from pipeline.demo import keys, live
from pipeline.demo.live import Live
from pipeline.demo.plan import Plan
from pipeline.demo.post import Post
from pipeline.errors import ActivityError
from pipeline.state import State
from tests.contract.clients.proxy import Fault, Proxy
from tests.support_collect import HOST, Running, collecting, free_port, load, read_lake, stored, until

END = datetime.now(UTC) - timedelta(hours=5)
PLAN = Plan(int(END.timestamp() * 1000), days=1, events=2_000, customers=100, seed=5)


def post(data: Path, base: str, stop: threading.Event | None = None, said: list[str] | None = None) -> Post:
    state = State(data)
    say = (lambda text: None) if said is None else said.append
    return Post(base, lambda: keys.server_keys(state, data), stop or threading.Event(), say)


def lines(count: int, seed: int = 5) -> list[bytes]:
    """What the collector would have written, the billing server's among them."""
    site = Live(Plan(PLAN.end_ms, days=1, events=2_000, customers=100, seed=seed), PLAN.end_ms)
    made = [line for _, line in site.until(PLAN.end_ms + 86_400_000, 30_000)]  # all of a day
    servers = [line for line in made if orjson.loads(line)["source"] == "billing"][: count // 3]
    return servers + [line for line in made if line not in servers][: count - len(servers)]


def ids(some: list[bytes]) -> list[str]:
    return sorted(orjson.loads(line)["messageId"] for line in some)


def test_only_the_way_changes(tmp_path: Path) -> None:
    """What is in the lake after the detour is what the line itself would have given."""
    made = lines(200)
    assert {orjson.loads(line)["source"] for line in made} == set(keys.SOURCES)
    straight, detour = tmp_path / "straight", tmp_path / "detour"
    for folder in (straight, detour):
        folder.mkdir()
    with collecting(detour) as collector:
        assert post(detour, f"http://{HOST}:{collector.port}").send(made)
    object = straight / "landing" / "v1" / "straight.jsonl"
    object.parent.mkdir(parents=True)
    object.write_bytes(b"\n".join(made))
    rows = []
    for folder in (straight, detour):
        load(folder)
        loaded = read_lake(folder)
        assert not loaded.rejected
        rows.append({row["message_id"]: row for row in loaded.rows})
    assert rows[0].keys() == rows[1].keys()
    delivered = {"received_at", "ingested_at", "object_key", "line", "occurred_at", "properties"}
    for message_id, row in rows[0].items():
        assert without(row, delivered) == without(rows[1][message_id], delivered)
        # The request's `sentAt` is cut to the millisecond, and it takes a moment to arrive.
        assert abs(rows[1][message_id]["occurred_at"] - row["occurred_at"]) < timedelta(seconds=3) or skewed(row)


def without(row: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def skewed(row: dict[str, Any]) -> bool:
    """A reader's clock that is days wrong, which the pipeline notes."""
    return "sent_timestamp" in str(row["properties"])


@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.LIMIT, Fault.DROPPED, Fault.UNHEARD])
def test_what_fails_on_the_way_is_sent_again_and_counts_once(tmp_path: Path, fault: Fault) -> None:
    made = lines(40)
    with collecting(tmp_path) as collector, closing(Proxy(f"{HOST}:{collector.port}", "198.18.0.1")) as proxy:
        proxy.arm(fault)
        assert post(tmp_path, proxy.url).send(made)
        assert any(not attempt.delivered for attempt in proxy.attempts)
    load(tmp_path)
    assert sorted(row["message_id"] for row in read_lake(tmp_path).rows) == ids(made)


def test_while_the_collector_is_down_one_waits_and_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, said, made = free_port(), list[str](), lines(6)
    sender = post(tmp_path, f"http://{HOST}:{port}", said=said)
    done: list[bool] = []
    thread = threading.Thread(target=lambda: done.append(sender.send(made)))
    thread.start()
    until(lambda: bool(said), "the trouble is said")
    monkeypatch.setattr("tests.support_collect.free_port", lambda: port)
    with collecting(tmp_path):
        thread.join(60)
    assert done == [True]
    assert len(said) == 1
    assert "does not answer" in said[0]
    assert ids(stored(tmp_path)) == ids(made)


def test_stopping_ends_the_waiting(tmp_path: Path) -> None:
    stop = threading.Event()
    sender = post(tmp_path, f"http://{HOST}:{free_port()}", stop)
    threading.Timer(0.3, stop.set).start()
    assert not sender.send(lines(3))


def test_a_revoked_key_is_replaced(tmp_path: Path) -> None:
    state = State(tmp_path)
    with collecting(tmp_path) as collector:
        stop = threading.Event()
        giving_up = threading.Timer(20, stop.set)
        giving_up.start()
        sender = post(tmp_path, f"http://{HOST}:{collector.port}", stop)
        assert sender.send(lines(3))
        first = {key.id for key in state.keys.all()}
        for id in first:
            state.keys.revoke(id, datetime.now(UTC))
        until(lambda: refused(collector, tmp_path), "the collector has heard of it")
        assert sender.send(lines(4, seed=6)), "it goes on with a key that counts no more"
        giving_up.cancel()
    assert first.isdisjoint(key.id for key in state.keys.all())
    assert ids(stored(tmp_path)) == sorted(ids(lines(3)) + ids(lines(4, seed=6)))


def refused(collector: Running, data: Path) -> bool:
    kept = orjson.loads((data / keys.FILE).read_bytes())
    return collector.send("/v1/batch", {"batch": []}, kept["billing"]["text"]).status == 401


def test_what_the_collector_will_never_take_is_an_error(tmp_path: Path) -> None:
    with collecting(tmp_path, ACTIVITY_MAX_BODY_BYTES="1000") as collector:
        sender = post(tmp_path, f"http://{HOST}:{collector.port}")
        with pytest.raises(ActivityError, match="413"):
            sender.send(lines(20))


def test_keys_are_made_once_and_are_nobody_elses_to_read(tmp_path: Path) -> None:
    state = State(tmp_path)
    made = keys.server_keys(state, tmp_path)
    assert keys.server_keys(state, tmp_path) == made
    assert stat.S_IMODE((tmp_path / keys.FILE).stat().st_mode) == 0o600
    assert {key.source for key in state.keys.all()} == set(made) == set(keys.SOURCES)
    (tmp_path / keys.FILE).unlink()
    again = keys.server_keys(state, tmp_path)
    assert set(again.values()).isdisjoint(made.values())
    assert len(state.keys.all()) == len(keys.SOURCES), "the lost ones are revoked"


def test_a_run_makes_up_for_the_meantime_and_the_next_one_goes_on_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "SECONDS_BETWEEN_BATCHES", (0.0, 0.001))
    state = State(tmp_path)
    with collecting(tmp_path, ACTIVITY_LINGER_MS="0") as collector:
        base = f"http://{HOST}:{collector.port}"
        counts = [run(state, tmp_path, base, END + timedelta(hours=hours)) for hours in (2, 4)]
    told = [orjson.loads(line) for line in stored(tmp_path)]
    assert len(told) == len({event["messageId"] for event in told}) == sum(counts)
    times = [sorted(map(happened, part)) for part in (told[: counts[0]], told[counts[0] :])]
    assert END - timedelta(seconds=1) < times[0][0] < END + timedelta(hours=1)
    assert times[0][-1] > END + timedelta(hours=2)
    assert times[1][0] > END + timedelta(hours=2), "nothing is made up twice"
    assert min(counts) > 100


def run(state: State, data: Path, base: str, start: datetime) -> int:
    """The demo from `start` on, for ten minutes of a clock that goes quickly."""
    stop, now = threading.Event(), start.timestamp()

    def clock() -> float:
        nonlocal now
        now += 60
        if now > start.timestamp() + 600:
            stop.set()
        return now

    return live.run(PLAN, state, post(data, base, stop), stop, clock)


def happened(event: dict[str, Any]) -> datetime:
    received, sent, at = (datetime.fromisoformat(event[name]) for name in ("receivedAt", "sentAt", "originalTimestamp"))
    return received - (sent - at)
