"""Geo: country, region, city and time zone of an event's address, from a MaxMind DB.

The database decides what an address's place is; what is not in it has none (docs/wire.md, "Geo databases").
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import pyarrow as pa
import tzfpy

from pipeline.enrich.countries import COUNTRIES
from pipeline.enrich.distinct import Answer, Remembered, distinct, replace, spread
from pipeline.enrich.geodatabase import GeoDatabase, GeoStatus

FIELDS = ("country", "country_code", "region", "city", "timezone")
NOWHERE: Answer = (None,) * len(FIELDS)
LONGEST_ADDRESS = 64  # longer is no address; bounds what the memory of answers holds


class Geo:
    """Sets the geo fields from `ip`; without a readable database they stay empty and `status()` says why."""

    def __init__(self, path: Path | None) -> None:
        self._database = GeoDatabase(path)
        self._places = Remembered(self._look_up, most=100_000)

    def __call__(self, table: pa.Table) -> pa.Table:
        self._refresh()
        addresses, rows = distinct(table["ip"])
        answers = self._places([normal(address) for address in addresses])
        return replace(table, dict(zip(FIELDS, spread(answers, rows, len(FIELDS)), strict=True)))

    def status(self) -> GeoStatus:
        self._refresh()
        return self._database.status

    def _refresh(self) -> None:
        """Whoever sees first that another file is there forgets what the one before said."""
        if self._database.refresh():
            self._places.forget()

    def _look_up(self, addresses: list[str]) -> list[Answer]:
        return [place(self._database.get(address)) for address in addresses]


def normal(address: str) -> str:
    """The address to look up: `::ffff:192.0.2.1` counts as `192.0.2.1`; "" for what is no address."""
    text = address.strip()
    if len(text) > LONGEST_ADDRESS:
        return ""
    if ":ffff:" not in text.lower():
        return text
    try:
        mapped = ipaddress.IPv6Address(text).ipv4_mapped
    except ValueError:
        return ""
    return str(mapped) if mapped else text


def place(record: Any) -> Answer:
    """(country, code, region, city, time zone) of a record, nested (GeoLite2 City) or flat (DB-IP Lite)."""
    if not isinstance(record, dict):
        return NOWHERE
    return _flat(record) if "country_code" in record else _nested(record)


def _nested(record: dict[str, Any]) -> Answer:
    country, location = _map(record, "country"), _map(record, "location")
    regions = record.get("subdivisions")
    # The first subdivision is the largest: the state, not the county.
    region = regions[0] if isinstance(regions, list) and regions and isinstance(regions[0], dict) else {}
    code = _code(country.get("iso_code"))
    zone = _text(location.get("time_zone")) or _zone(location.get("latitude"), location.get("longitude"))
    return (
        _english(country) or COUNTRIES.get(code or ""),
        code,
        _english(region),
        _english(_map(record, "city")),
        zone,
    )


def _flat(record: dict[str, Any]) -> Answer:
    code = _code(record.get("country_code"))
    zone = _text(record.get("timezone")) or _zone(record.get("latitude"), record.get("longitude"))
    return COUNTRIES.get(code or ""), code, _text(record.get("state1")), _text(record.get("city")), zone


def _zone(latitude: Any, longitude: Any) -> str | None:
    """The IANA zone at these coordinates; 0, 0 is what databases write for "unknown", not a place in the Atlantic."""
    try:
        north, east = float(latitude), float(longitude)
    except (TypeError, ValueError):
        return None
    if (north == 0 and east == 0) or not (-90 <= north <= 90 and -180 <= east <= 180):
        return None
    return tzfpy.get_tz(east, north) or None


def _map(record: dict[str, Any], name: str) -> dict[str, Any]:
    value = record.get(name)
    return value if isinstance(value, dict) else {}


def _english(item: dict[str, Any]) -> str | None:
    return _text(_map(item, "names").get("en"))


def _code(value: Any) -> str | None:
    """A country's code; `ZZ` is DB-IP's "unknown"."""
    code = (_text(value) or "").upper()
    return code if len(code) == 2 and code != "ZZ" else None


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None
