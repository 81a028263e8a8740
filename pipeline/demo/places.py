"""Where the demo's visitors are: places with real coordinates, and the addresses the demo gives them.

The addresses are from ranges that belong to nobody: 198.18.0.0/15 (RFC 2544), the documentation ranges of RFC 5737,
and 2001:db8::/32 (RFC 3849). No public database knows them, so the demo brings a small MaxMind DB of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from mmdb_writer import MMDBWriter
from netaddr import IPSet

BENCHMARK = IPv4Network("198.18.0.0/15")
DOCUMENTATION = (IPv4Network("192.0.2.0/24"), IPv4Network("198.51.100.0/24"), IPv4Network("203.0.113.0/24"))
DOCUMENTATION_V6 = IPv6Network("2001:db8::/32")

IPV6_SHARE = 0.15
DATABASE_TYPE = "Customers-Activity-Demo-City"


@dataclass(frozen=True, slots=True)
class Place:
    """A city and the networks the demo hands out there; `weight` is its share of visitors, in blocks of 2,048."""

    code: str
    country: str
    region_code: str
    region: str
    city: str
    latitude: float
    longitude: float
    timezone: str
    weight: int
    networks: tuple[IPv4Network, ...] = ()
    network_v6: IPv6Network = DOCUMENTATION_V6

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def address(self, rng: Random) -> str:
        """An address of this place, IPv6 now and then."""
        if rng.random() < IPV6_SHARE:
            return str(self.network_v6[(rng.getrandbits(16) << 64) + rng.getrandbits(48)])
        network = rng.choice(self.networks)
        return str(network[rng.randrange(1, network.num_addresses - 1)])


_PLACES = (
    ("US", "United States", "NY", "New York", "New York", 40.7128, -74.006, "America/New_York", 6),
    ("US", "United States", "CA", "California", "Los Angeles", 34.0522, -118.2437, "America/Los_Angeles", 4),
    ("US", "United States", "IL", "Illinois", "Chicago", 41.8781, -87.6298, "America/Chicago", 3),
    ("US", "United States", "TX", "Texas", "Austin", 30.2672, -97.7431, "America/Chicago", 2),
    ("US", "United States", "WA", "Washington", "Seattle", 47.6062, -122.3321, "America/Los_Angeles", 2),
    ("GB", "United Kingdom", "ENG", "England", "London", 51.5074, -0.1278, "Europe/London", 5),
    ("GB", "United Kingdom", "SCT", "Scotland", "Edinburgh", 55.9533, -3.1883, "Europe/London", 1),
    ("CA", "Canada", "QC", "Quebec", "Montreal", 45.5017, -73.5673, "America/Toronto", 3),
    ("CA", "Canada", "ON", "Ontario", "Toronto", 43.6532, -79.3832, "America/Toronto", 2),
    ("DE", "Germany", "BE", "State of Berlin", "Berlin", 52.52, 13.405, "Europe/Berlin", 2),
    ("FR", "France", "IDF", "Île-de-France", "Paris", 48.8566, 2.3522, "Europe/Paris", 2),
    ("IE", "Ireland", "L", "Leinster", "Dublin", 53.3498, -6.2603, "Europe/Dublin", 1),
    ("NL", "The Netherlands", "NH", "North Holland", "Amsterdam", 52.3676, 4.9041, "Europe/Amsterdam", 1),
    ("BE", "Belgium", "BRU", "Brussels Capital", "Brussels", 50.8503, 4.3517, "Europe/Brussels", 1),
    ("ES", "Spain", "MD", "Madrid", "Madrid", 40.4168, -3.7038, "Europe/Madrid", 1),
    ("PT", "Portugal", "11", "Lisbon", "Lisbon", 38.7223, -9.1393, "Europe/Lisbon", 1),
    ("IT", "Italy", "25", "Lombardy", "Milan", 45.4642, 9.19, "Europe/Rome", 1),
    ("CH", "Switzerland", "ZH", "Zurich", "Zürich", 47.3769, 8.5417, "Europe/Zurich", 1),
    ("AT", "Austria", "9", "Vienna", "Vienna", 48.2082, 16.3738, "Europe/Vienna", 1),
    ("SE", "Sweden", "AB", "Stockholm County", "Stockholm", 59.3293, 18.0686, "Europe/Stockholm", 1),
    ("NO", "Norway", "03", "Oslo", "Oslo", 59.9139, 10.7522, "Europe/Oslo", 1),
    ("DK", "Denmark", "84", "Capital Region", "Copenhagen", 55.6761, 12.5683, "Europe/Copenhagen", 1),
    ("FI", "Finland", "18", "Uusimaa", "Helsinki", 60.1699, 24.9384, "Europe/Helsinki", 1),
    ("PL", "Poland", "14", "Mazovia", "Warsaw", 52.2297, 21.0122, "Europe/Warsaw", 1),
    ("CZ", "Czechia", "10", "Prague", "Prague", 50.0755, 14.4378, "Europe/Prague", 1),
    ("GR", "Greece", "I", "Attica", "Athens", 37.9838, 23.7275, "Europe/Athens", 1),
    ("IL", "Israel", "TA", "Tel Aviv", "Tel Aviv", 32.0853, 34.7818, "Asia/Jerusalem", 1),
    ("AE", "United Arab Emirates", "DU", "Dubai", "Dubai", 25.2048, 55.2708, "Asia/Dubai", 1),
    ("IN", "India", "MH", "Maharashtra", "Mumbai", 19.076, 72.8777, "Asia/Kolkata", 2),
    ("IN", "India", "KA", "Karnataka", "Bengaluru", 12.9716, 77.5946, "Asia/Kolkata", 1),
    ("NP", "Nepal", "P3", "Bagmati Province", "Kathmandu", 27.7172, 85.324, "Asia/Kathmandu", 1),
    ("JP", "Japan", "13", "Tokyo", "Tokyo", 35.6762, 139.6503, "Asia/Tokyo", 1),
    ("KR", "South Korea", "11", "Seoul", "Seoul", 37.5665, 126.978, "Asia/Seoul", 1),
    ("HK", "Hong Kong", "HCW", "Central and Western", "Hong Kong", 22.3193, 114.1694, "Asia/Hong_Kong", 1),
    ("AU", "Australia", "NSW", "New South Wales", "Sydney", -33.8688, 151.2093, "Australia/Sydney", 2),
    ("NZ", "New Zealand", "AUK", "Auckland", "Auckland", -36.8509, 174.7645, "Pacific/Auckland", 1),
    ("BR", "Brazil", "SP", "São Paulo", "São Paulo", -23.5505, -46.6333, "America/Sao_Paulo", 1),
    ("MX", "Mexico", "CMX", "Mexico City", "Mexico City", 19.4326, -99.1332, "America/Mexico_City", 1),
    ("ZA", "South Africa", "WC", "Western Cape", "Cape Town", -33.9249, 18.4241, "Africa/Johannesburg", 1),
    ("KE", "Kenya", "30", "Nairobi County", "Nairobi", -1.2921, 36.8219, "Africa/Nairobi", 1),
)
# Three small places have the documentation ranges, a /24 each; the last is where the demo's crawlers run.
_SMALL_PLACES = (
    ("IS", "Iceland", "1", "Capital Region", "Reykjavik", 64.1466, -21.9426, "Atlantic/Reykjavik", 1),
    ("SG", "Singapore", "01", "Central Singapore", "Singapore", 1.3521, 103.8198, "Asia/Singapore", 1),
    ("US", "United States", "VA", "Virginia", "Ashburn", 39.0438, -77.4874, "America/New_York", 1),
)

# The last block of the benchmark range is handed out too, but left out of the database: addresses without a place
# exist in real life and pages must show them.
_UNKNOWN_NETWORKS = (IPv4Network("198.19.248.0/21"),)
UNKNOWN = Place("", "", "", "", "", 0.0, 0.0, "UTC", 1, _UNKNOWN_NETWORKS, IPv6Network("2001:db8:ffff::/48"))


def places() -> tuple[Place, ...]:
    """Every place, its networks allotted; the last is the data centre of the crawlers."""
    blocks = BENCHMARK.subnets(new_prefix=21)
    blocks_v6 = islice(DOCUMENTATION_V6.subnets(new_prefix=48), len(_PLACES) + len(_SMALL_PLACES))
    large = [Place(*row, tuple(islice(blocks, row[-1])), next(blocks_v6)) for row in _PLACES]
    small = [
        Place(*row, (network,), next(blocks_v6)) for row, network in zip(_SMALL_PLACES, DOCUMENTATION, strict=True)
    ]
    return (*large, *small)


class _DatedWriter(MMDBWriter):
    """Stamps the time it is told, since the library's own clock would make two equal runs differ."""

    def __init__(self, built: datetime) -> None:
        description = "Demo: addresses of the benchmark and documentation ranges"
        super().__init__(6, DATABASE_TYPE, ["en"], description, ipv4_compatible=True)
        self._built = built

    def _build_meta(self) -> dict[str, Any]:
        return {**super()._build_meta(), "build_epoch": int(self._built.timestamp())}


def write_database(path: Path, built: datetime) -> None:
    """Write the demo's geo database (GeoLite2 City's schema) and put it in place by rename."""
    writer = _DatedWriter(built)
    for place in places():
        for network in _networks(place):
            writer.insert_network(IPSet([network]), _record(place))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    writer.to_db_file(str(temporary))
    os.replace(temporary, path)


def _networks(place: Place) -> Iterator[str]:
    yield from map(str, place.networks)
    yield str(place.network_v6)


def _record(place: Place) -> dict[str, Any]:
    return {
        "country": {"iso_code": place.code, "names": {"en": place.country}},
        "subdivisions": [{"iso_code": place.region_code, "names": {"en": place.region}}],
        "city": {"names": {"en": place.city}},
        "location": {"latitude": place.latitude, "longitude": place.longitude, "time_zone": place.timezone},
    }
