from __future__ import annotations

from pathlib import Path

from pipeline.enrich import ENRICHMENTS, Enricher
from pipeline.enrich.distinct import Remembered
from pipeline.event import PARSED_SCHEMA
from tests.unit.enriching import batch, column

ROW = {
    "event_id": "one",
    "url": "https://www.example.com/a?utm_source=x",
    "modal_name": "register modal",
    "ip": "192.0.2.1",
    "user_agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "properties": "{}",
}


def test_every_enrichment_is_applied_and_nothing_else_is_touched() -> None:
    enriched = Enricher(None).apply(batch(ROW, {"event_id": "two"}))
    assert enriched.schema == PARSED_SCHEMA
    assert column(enriched, "event_id") == ["one", "two"]
    assert column(enriched.slice(0, 1), "path", "utm_source", "modal", "device") == ["/a", "x", "register", "Bot"]
    changed = {name for name in PARSED_SCHEMA.names if not enriched[name].equals(batch(ROW, {"event_id": "two"})[name])}
    assert changed == {"path", "domain", "utm_source", "modal", "device", "browser"}


def test_an_empty_batch_stays_empty() -> None:
    assert Enricher(None).apply(batch()).equals(batch())


def test_a_batch_in_chunks_is_enriched_as_one() -> None:
    enricher = Enricher(None)
    whole = batch(ROW, {"event_id": "two"}, ROW)
    chunked = type(whole).from_batches([part for row in range(3) for part in whole.slice(row, 1).to_batches()])
    assert enricher.apply(chunked).to_pylist() == enricher.apply(whole).to_pylist()


def test_enriching_again_changes_nothing() -> None:
    once = Enricher(None).apply(batch(ROW))
    assert Enricher(None).apply(once).equals(once)


def test_the_enrichments_are_listed_in_one_place() -> None:
    assert list(ENRICHMENTS) == ["page", "modal", "geo", "device"]


def test_the_geo_status_names_a_missing_file(tmp_path: Path) -> None:
    status = Enricher(tmp_path / "none.mmdb").geo_status()
    assert (status.state, status.path) == ("missing", tmp_path / "none.mmdb")


def test_answers_are_asked_for_once_and_the_least_used_forgotten() -> None:
    asked: list[list[str]] = []

    def answer(keys: list[str]) -> list[str]:
        asked.append(keys)
        return [key.upper() for key in keys]

    remembered = Remembered(answer, most=3)
    assert remembered(["a", "b", "a", "c"]) == ["A", "B", "A", "C"]
    assert remembered(["a"]) == ["A"]
    assert asked == [["a", "b", "c"]]
    # b and c are older than a, which was used since.
    assert remembered(["d", "e"]) == ["D", "E"]
    assert remembered(["a", "b"]) == ["A", "B"]
    assert asked[1:] == [["d", "e"], ["b"]]
    assert len(remembered) == 3


def test_more_keys_than_are_kept_are_answered_all_the_same() -> None:
    remembered = Remembered(lambda keys: [key * 2 for key in keys], most=2)
    assert remembered(list(range(5))) == [0, 2, 4, 6, 8]
    assert len(remembered) == 2
