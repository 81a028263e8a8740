"""Taking the demo away: all of it, and nothing of anybody else's."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.__main__ import main
from pipeline.demo import history, keys, objects
from pipeline.demo.plan import Plan
from pipeline.demo.remove import remove
from pipeline.state import State
from tests.support_collect import load, read_lake, track
from tests.unit.test_demo import lines_in, objects_in

NOW = datetime.now(UTC)
PLAN = Plan(int(NOW.timestamp() * 1000), days=1, events=300, customers=20)
HOUR = f"v1/dt={NOW:%Y-%m-%d}/hh={NOW:%H}"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    history.write(PLAN, tmp_path)
    return tmp_path


def event(message_id: str, source: str = "shop", **more: Any) -> bytes:
    stamps = {"receivedAt": NOW.isoformat(), "source": source}
    return json.dumps({**track(message_id), **more, **stamps}).encode()


def land(data: Path, *lines: bytes, name: str = "1795000000000-x") -> Path:
    return objects.put(data / "landing", f"{HOUR}/{name}.jsonl.gz", lines)


def test_the_demo_alone_leaves_nothing(data: Path) -> None:
    state = State(data)
    keys.browser_key(state)
    keys.server_keys(state, data)
    keys.announce(state)
    load(data)
    removed = remove(data)
    assert removed is not None
    assert removed.objects > 20
    assert (removed.rewritten, removed.kept_lines) == (0, 0)
    assert list((data / "landing").rglob("*")) == []
    assert not (data / "lake").exists()
    assert not (data / keys.FILE).exists()
    assert state.keys.all() == ()
    assert not state.told(keys.NOTE)
    assert state.polls() == ()
    assert remove(data) is None


def test_everybody_elses_events_and_keys_stay_also_out_of_shared_objects(data: Path) -> None:
    state = State(data)
    own = state.keys.make("shop", at=NOW)
    keys.server_keys(state, data)
    alone = land(data, event("1"), event("2"), name="1795000000000-own")
    broken = b'{"type":"track","event":'
    land(data, event("3"), event("d1", "harbour-courier"), broken, event("d2", "billing"), event("4"))
    load(data)
    removed = remove(data)
    assert removed is not None
    assert (removed.rewritten, removed.kept_lines) == (1, 5)
    assert alone.exists()
    assert sorted(lines_in(data)) == sorted([event("1"), event("2"), event("3"), broken, event("4")])
    assert [key.id for key in state.keys.all()] == [own.key.id]
    load(data)
    loaded = read_lake(data)
    assert sorted(row["message_id"] for row in loaded.rows) == ["1", "2", "3", "4"]
    assert [row["raw"] for row in loaded.rejected] == [broken]


def test_a_rewritten_object_keeps_its_hour_and_its_form(data: Path) -> None:
    path = land(data, event("1"), event("d1", "billing"))
    remove(data)
    (new,) = objects_in(data)
    assert new != path
    assert new.parent == data / "landing" / "v1" / "dt=2026-11-18" / "hh=11"
    assert new.name.startswith("1795000000000-")
    assert gzip.decompress(new.read_bytes()) == event("1") + b"\n"


def test_an_event_that_only_claims_to_be_the_demos_stays(data: Path) -> None:
    """The collector's stamp is the last word, as it is for the pipeline."""
    line = b'{"source": "billing", ' + event("1")[1:]
    land(data, line, event("d1", "billing"))
    remove(data)
    assert lines_in(data) == [line]


@pytest.mark.parametrize(
    "body",
    [b"not gzip", gzip.compress(b'{"a":1}\n')[:-3], gzip.compress(b"[]\n<html>\n")],
    ids=["not gzip", "cut off", "not JSON objects"],
)
def test_an_object_that_is_not_known_to_be_the_demos_stays(data: Path, body: bytes) -> None:
    path = data / "landing" / HOUR / "theirs.jsonl.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    remove(data)
    assert [each.read_bytes() for each in objects_in(data)] == [body]


@pytest.mark.parametrize("when", ["before the rest is written", "before the old one is deleted"])
def test_an_interrupted_removal_is_done_again_loses_nothing_and_counts_nothing_twice(
    data: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    path = land(data, event("1"), event("d1", "billing"))
    unlink, put = Path.unlink, objects.put

    def unlinked(self: Path, missing_ok: bool = False) -> None:
        if when == "before the old one is deleted" and self == path:
            raise KeyboardInterrupt
        unlink(self, missing_ok)

    def written(landing: Path, key: str, lines: Iterable[bytes]) -> Path:
        if when == "before the rest is written":
            raise KeyboardInterrupt
        return put(landing, key, lines)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", unlinked)
        patch.setattr(objects, "put", written)
        with pytest.raises(KeyboardInterrupt):
            remove(data)
    assert Plan.read(data) is not None
    assert remove(data) is not None
    assert set(lines_in(data)) == {event("1")}
    if when == "before the old one is deleted":
        load(data)
        assert [row["message_id"] for row in read_lake(data).rows] == ["1"]


def test_the_command_says_what_stays(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACTIVITY_DATA", str(data))
    land(data, event("1"))
    assert main(["demo", "--remove"]) == 0
    assert "Of your own, 1 event stay" in capsys.readouterr().err.replace("\n", " ")
    assert main(["demo", "--remove"]) == 0
    assert "There is no demo" in capsys.readouterr().err
