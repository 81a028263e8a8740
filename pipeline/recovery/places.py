"""Where the lake's objects came from, so that they can be read again as they were read first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from pipeline.settings import Settings, SourceSpec
from pipeline.sources import ObjectRef, Source, open_source
from pipeline.state import State


@dataclass(frozen=True)
class Places:
    """The sources of one installation, by the canonical names that the ledger has for them."""

    settings: Settings

    @cached_property
    def all(self) -> tuple[SourceSpec, ...]:
        """Every source there was: those configured, and those loaded once by hand."""
        return tuple(dict.fromkeys((*self.settings.all_sources, *State(self.settings.data).loads.all())))

    @cached_property
    def _specs(self) -> dict[str, SourceSpec]:
        return {self.uri(spec): spec for spec in reversed(self.all)}

    @cached_property
    def _sources(self) -> dict[str, Source]:
        return {}

    def uri(self, spec: SourceSpec) -> str:
        """The name that the ledger has for it."""
        return self._open(spec).uri

    def spec(self, uri: str) -> SourceSpec:
        """How the source of that name is configured; or was loaded; another is read by its name alone."""
        return self._specs.get(uri, SourceSpec(uri))

    def source(self, uri: str) -> Source:
        """The source to fetch the ledger's objects of that name from. Raises `SourceError`."""
        if uri not in self._sources:
            self._sources[uri] = self._open(SourceSpec(uri))
        return self._sources[uri]

    def _open(self, spec: SourceSpec) -> Source:
        return open_source(spec, endpoint_url=self.settings.s3_endpoint_url, region=self.settings.s3_region)


def ref_of(entry: dict[str, Any]) -> ObjectRef:
    """The object that a row of the ledger is about."""
    modified: datetime = entry["modified"]
    return ObjectRef(entry["source"], entry["key"], entry["etag"], entry["bytes"], modified)
