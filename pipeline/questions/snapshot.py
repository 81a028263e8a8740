"""What questions need of the lake: its tables at one version, and a way to ask. `pipeline.lake.Snapshot` is one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import ibis.expr.types as ir
import pyarrow as pa

from pipeline.lake.days import Days


class Snapshot(Protocol):
    """Every table at the same version, so that all numbers read from one snapshot agree."""

    @property
    def version(self) -> int: ...
    @property
    def masked(self) -> bool: ...
    @property
    def days(self) -> Days: ...
    @property
    def events(self) -> ir.Table: ...
    @property
    def links(self) -> ir.Table: ...
    @property
    def people(self) -> ir.Table: ...
    @property
    def traits(self) -> ir.Table: ...
    def fetch(self, expression: ir.Expr) -> pa.Table: ...
    def stream(self, expression: ir.Expr, rows: int = 50_000) -> Iterator[pa.RecordBatch]: ...
