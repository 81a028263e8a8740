"""From a question to the engine's language."""

from __future__ import annotations

from functools import cache
from typing import Any

import ibis
import sqlglot.expressions as sge
from ibis.backends.sql.compilers.duckdb import DuckDBCompiler


class _Compiler(DuckDBCompiler):  # type: ignore[misc]
    """Ibis would parse the text that a table of a snapshot is, copy it and write it again, for every question: of a
    page's 5 ms, 4."""

    __slots__ = ()

    def visit_SQLQueryResult(self, op: Any, *, query: str, schema: Any, source: Any) -> sge.Subquery:
        text = sge.Subquery(this=sge.Var(this=query))
        return sge.Select().select(sge.Star(), copy=False).from_(text, copy=False).subquery(copy=False)


@cache
def builder() -> ibis.BaseBackend:
    """What compiles expressions, and never reads: one for all lakes of a process."""
    made = ibis.duckdb.connect()
    made.compiler = _Compiler()
    return made
