"""Write keys: made, found, counted, ended; a server key's secret is nowhere on disk."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.errors import ActivityError
from pipeline.state import State, hash_of

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path)


def test_a_browser_key_is_shown_again(state: State) -> None:
    made = state.keys.make("courier", name=" Our site ", origins=["https://News.example:443/a/b"], at=NOW)
    (listed,) = state.keys.all()
    assert listed == made.key
    assert (listed.kind, listed.source, listed.name) == ("browser", "courier", "Our site")
    assert listed.text == made.text
    assert made.text.startswith("wk_")
    assert listed.origins == ("https://news.example",)
    assert listed.hash == hash_of(made.text)


def test_a_server_key_is_told_once_and_kept_nowhere(state: State, tmp_path: Path) -> None:
    made = state.keys.make("billing", kind="server", at=NOW)
    assert made.text.startswith("sk_")
    (listed,) = state.keys.all()
    assert listed.text is None
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert made.key.id.encode() in kept
    assert made.text.encode() not in kept


def test_a_revoked_key_stays_on_the_record(state: State) -> None:
    made = state.keys.make("courier", at=NOW)
    state.keys.revoke(made.key.id, NOW + timedelta(hours=1))
    state.keys.revoke(made.key.id, NOW + timedelta(hours=2))
    assert state.keys.all() == ()
    (kept,) = state.keys.all(revoked=True)
    assert kept.revoked_at == NOW + timedelta(hours=1)


def test_an_unknown_key_is_refused_with_the_nearest(state: State) -> None:
    made = state.keys.make("courier", at=NOW)
    with pytest.raises(ActivityError, match=made.key.id):
        state.keys.revoke(made.key.id[:-1] + "x", NOW)


def test_collectors_count_together(state: State, tmp_path: Path) -> None:
    id = state.keys.make("courier", at=NOW).key.id
    others = [State(tmp_path) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda other: [other.keys.count({id: 1}, NOW) for _ in range(25)], others))
    state.keys.count({id: 5}, NOW + timedelta(minutes=1))
    (key,) = state.keys.all()
    assert (key.events, key.first_event_at, key.last_event_at) == (105, NOW, NOW + timedelta(minutes=1))


@pytest.mark.parametrize(
    "origin", ["news.example", "ftp://news.example", "https://", "https://*.example", "https://u@h"]
)
def test_what_is_no_origin_is_refused(state: State, origin: str) -> None:
    with pytest.raises(ActivityError, match="no origin"):
        state.keys.make("courier", origins=[origin], at=NOW)


@pytest.mark.parametrize("source", ["", "  ", "a\nb", "x" * 101])
def test_what_is_no_source_is_refused(state: State, source: str) -> None:
    with pytest.raises(ActivityError, match="no source"):
        state.keys.make(source, at=NOW)


def test_a_server_key_has_no_origins(state: State) -> None:
    with pytest.raises(ActivityError, match="no origins"):
        state.keys.make("billing", kind="server", origins=["https://news.example"], at=NOW)
