"""Enrichment: what an event's addresses, agent and names say beyond their text.

Each enrichment is a function over a batch (`pipeline.event.PARSED_SCHEMA` in and out) that works on distinct values
and never raises for what an event holds. To add one, write it in a module of its own and list it in `ENRICHMENTS`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from pipeline.enrich.device import DeviceOf
from pipeline.enrich.device import versions as device_versions
from pipeline.enrich.geo import Geo
from pipeline.enrich.geodatabase import GeoStatus
from pipeline.enrich.modal import modal
from pipeline.enrich.page import page

__all__ = ["ENRICHMENTS", "Enricher", "Enrichment", "GeoStatus", "device_versions"]

Enrichment = Callable[[pa.Table], pa.Table]

# Every enrichment by name, and how it is made, given the geo database's path.
ENRICHMENTS: dict[str, Callable[[Geo], Enrichment]] = {
    "page": lambda _: page,
    "modal": lambda _: modal,
    "geo": lambda geo: geo,
    "device": lambda _: DeviceOf(),
}


class Enricher:
    """All enrichments in order, with what they remember of past batches (bounded). Not for use by several threads."""

    def __init__(self, geo_database: Path | None) -> None:
        self._geo = Geo(geo_database)
        self._enrichments = [make(self._geo) for make in ENRICHMENTS.values()]

    def apply(self, table: pa.Table) -> pa.Table:
        """The batch enriched: same rows, same schema."""
        for enrichment in self._enrichments:
            table = enrichment(table)
        return table

    def geo_status(self) -> GeoStatus:
        return self._geo.status()
