from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from pipeline.demo.places import places, write_database
from pipeline.enrich.countries import COUNTRIES
from pipeline.enrich.geo import Geo, place
from pipeline.enrich.geodatabase import GeoDatabase
from tests.unit.enriching import batch, column

GEO = ("country", "country_code", "region", "city", "timezone")
NOWHERE = [None] * 5
BERLIN: dict[str, Any] = {
    "country": {"iso_code": "DE", "names": {"de": "Deutschland", "en": "Germany"}},
    "subdivisions": [{"names": {"en": "State of Berlin"}}, {"names": {"en": "Mitte"}}],
    "city": {"names": {"en": "Berlin"}},
    "location": {"latitude": 52.52, "longitude": 13.4, "time_zone": "Europe/Berlin"},
}
# DB-IP Lite's flat schema; its time zone is often empty.
LYON = {
    "country_code": "FR",
    "state1": "Auvergne-Rhône-Alpes",
    "state2": "",
    "city": "Lyon",
    "latitude": 45.75,
    "longitude": 4.85,
    "timezone": "",
}


def write(path: Path, version: int = 6, **networks: dict[str, Any]) -> Path:
    """A MaxMind DB of these records; `_` stands for `.` or `:` where Python needs it."""
    writer = MMDBWriter(version, "Test-City", ["en"], "test", ipv4_compatible=version == 6)
    for network, record in networks.items():
        writer.insert_network(IPSet([network]), record)
    temporary = path.with_suffix(".new")
    writer.to_db_file(str(temporary))
    os.replace(temporary, path)
    return path


@pytest.fixture
def database(tmp_path: Path) -> Path:
    records = {"192.0.2.0/25": BERLIN, "192.0.2.128/25": LYON, "2001:db8::/32": BERLIN}
    return write(tmp_path / "geo.mmdb", **records)


def located(geo: Geo, ip: str | None) -> list[Any]:
    return column(geo(batch({"ip": ip})), *GEO)


def test_a_nested_record_gives_english_names_and_the_largest_region(database: Path) -> None:
    assert located(Geo(database), "192.0.2.1") == ["Germany", "DE", "State of Berlin", "Berlin", "Europe/Berlin"]
    assert located(Geo(database), "2001:db8::7") == ["Germany", "DE", "State of Berlin", "Berlin", "Europe/Berlin"]


def test_a_flat_record_gives_the_country_by_its_code_and_the_zone_by_its_coordinates(database: Path) -> None:
    assert located(Geo(database), "192.0.2.200") == ["France", "FR", "Auvergne-Rhône-Alpes", "Lyon", "Europe/Paris"]


@pytest.mark.parametrize("ip", ["::ffff:192.0.2.1", "::FFFF:192.0.2.1", "::ffff:c000:201", " 192.0.2.1 "])
def test_a_mapped_address_counts_as_its_ipv4_one(database: Path, ip: str) -> None:
    assert located(Geo(database), ip)[3] == "Berlin"


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(
    "ip", ["127.0.0.1", "10.0.0.1", "::1", "fe80::1", "unknown", "", "192.0.2.1:80", "192.0.2.1, 10.0.0.1", "1" * 5000]
)
def test_what_is_not_in_the_database_has_no_place(tmp_path: Path, version: int, ip: str) -> None:
    path = write(tmp_path / "geo.mmdb", version, **{"192.0.2.0/24": BERLIN})
    geo = Geo(path)
    assert located(geo, ip) == NOWHERE
    assert geo.status().state == "ready"


def test_an_event_without_an_address_has_no_place(database: Path) -> None:
    assert located(Geo(database), None) == NOWHERE


@pytest.mark.parametrize(
    ("record", "answer"),
    [
        ({"country": {"iso_code": "JP"}}, ("Japan", "JP", None, None, None)),
        ({"country_code": "zz", "city": " "}, (None, None, None, None, None)),
        ({"location": {"latitude": 0, "longitude": 0}}, (None,) * 5),
        ({"location": {"latitude": 95, "longitude": 0}}, (None,) * 5),
        ({"location": {"latitude": float("nan"), "longitude": 0}}, (None,) * 5),
        (
            {"country_code": "GB", "latitude": "51.5", "longitude": "-0.12"},
            ("United Kingdom", "GB", None, None, "Europe/London"),
        ),
        ({"country": "DE", "city": 7, "subdivisions": "x", "location": None}, (None,) * 5),
        ({"subdivisions": [7], "city": {"names": []}}, (None,) * 5),
        ("text", (None,) * 5),
        (None, (None,) * 5),
    ],
)
def test_records_with_gaps_give_what_they_have(record: Any, answer: tuple[str | None, ...]) -> None:
    assert place(record) == answer


def test_every_row_gets_its_own_place(database: Path) -> None:
    table = Geo(database)(batch({"ip": "192.0.2.1"}, {}, {"ip": "192.0.2.200"}, {"ip": "192.0.2.1"}))
    assert column(table, "city") == ["Berlin", None, "Lyon", "Berlin"]


def test_a_database_swapped_by_rename_is_used_from_the_next_batch_on(database: Path) -> None:
    geo = Geo(database)
    assert located(geo, "192.0.2.1")[3] == "Berlin"
    write(database, **{"192.0.2.0/24": LYON})
    assert located(geo, "192.0.2.1")[3] == "Lyon"


def test_a_database_that_comes_goes_and_comes_back_never_stops_a_batch(database: Path, tmp_path: Path) -> None:
    aside = tmp_path / "aside"
    database.rename(aside)
    geo = Geo(database)
    assert located(geo, "192.0.2.1") == NOWHERE
    assert geo.status().state == "missing"
    assert str(database) in geo.status().problem
    aside.rename(database)
    assert located(geo, "192.0.2.1")[3] == "Berlin"
    database.unlink()
    assert located(geo, "192.0.2.1") == NOWHERE
    assert geo.status().state == "missing"


@pytest.mark.parametrize("damage", ["garbage", "cut", "empty", "folder"])
def test_a_corrupt_database_is_said_to_be_one(database: Path, damage: str) -> None:
    body = database.read_bytes()
    database.unlink()
    if damage == "folder":
        database.mkdir()
    else:
        database.write_bytes({"garbage": b"no database", "cut": body[: len(body) // 2], "empty": b""}[damage])
    geo = Geo(database)
    assert located(geo, "192.0.2.1") == NOWHERE
    assert geo.status().state == "corrupt"
    assert str(database) in geo.status().problem


def test_a_corrupt_database_is_mended_by_the_next_one(database: Path) -> None:
    database.write_bytes(b"no database")
    geo = Geo(database)
    write(database, **{"192.0.2.0/24": LYON})
    assert located(geo, "192.0.2.1")[3] == "Lyon"
    assert geo.status().state == "ready"


def test_damage_inside_is_found_on_the_way(database: Path) -> None:
    """The tree is whole and the metadata too, but the records are not: found only when one is looked up."""
    body = bytearray(database.read_bytes())
    start = body.index(b"country") - 2
    body[start : start + 60] = b"\xff" * 60
    database.write_bytes(bytes(body))
    geo = Geo(database)
    assert located(geo, "192.0.2.1") == NOWHERE
    assert geo.status().state == "corrupt"


def test_a_file_overwritten_in_place_does_not_pull_the_ground_away(database: Path) -> None:
    """Mapped itself, the file would now raise SIGBUS and end the process."""
    opened = GeoDatabase(database)
    os.truncate(database, 0)
    assert opened.get("192.0.2.1")["city"]["names"]["en"] == "Berlin"


def test_the_status_tells_type_and_age(tmp_path: Path) -> None:
    built = datetime(2026, 1, 31, 12, tzinfo=UTC)
    write_database(tmp_path / "geo" / "demo.mmdb", built)
    status = Geo(tmp_path / "geo" / "demo.mmdb").status()
    assert (status.state, status.type, status.built) == ("ready", "Customers-Activity-Demo-City", built)
    assert Geo(None).status().state == "none"


def test_country_names_agree_with_the_nested_schema() -> None:
    assert all(COUNTRIES[town.code] == town.country for town in places())
    assert len(COUNTRIES) == 250  # ISO 3166-1's 249 and Kosovo


def test_who_asks_for_the_state_first_keeps_no_answer_of_the_database_before(database: Path) -> None:
    geo = Geo(database)
    assert located(geo, "192.0.2.1")[1] == "DE"
    write(database, **{"192.0.2.0/25": LYON})
    assert geo.status().state == "ready"
    assert located(geo, "192.0.2.1")[1] == "FR"
    database.unlink()
    assert geo.status().state == "missing"
    assert located(geo, "192.0.2.1") == NOWHERE
