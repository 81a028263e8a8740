"""Answers in one shape, whoever gave them, so that they can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pipeline.questions.activity import LIST_FIELDS
from pipeline.questions.facets import Facets, Glance


def alike(name: str, answer: Any) -> Any:
    """An answer of ours or a peer's to the question `name`, in plain numbers, texts and tuples."""
    match answer:
        case (int(total), list(rows)):
            return total, [_listed(row) for row in rows]
        case list(rows):
            return [_listed(row) for row in rows]
        case Glance():
            facets = {field: _facets(found) for field, found in answer.facets.items()}
            return answer.total, answer.people, answer.anonymous, facets
        case (total, people, anonymous, Mapping() as facets):
            return total, people, anonymous, dict(facets)
        case {"event_id": _}:
            return _row(answer)
        case Mapping() if answer and all(isinstance(found, Facets) for found in answer.values()):
            return {field: _facets(found) for field, found in answer.items()}
        case _:
            return answer


def _facets(found: Facets) -> tuple[Any, ...]:
    return found.distinct, found.total, [(facet.value, facet.count) for facet in found.top]


_JOINED = ("person", "name", "email")  # what one event's answer of ours adds by look-ups of its own


def _listed(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a list shows of an event; what comes with it besides, where that is quick, is compared by single events."""
    return {name: _cell(row[name]) for name in LIST_FIELDS}


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _cell(value) for name, value in row.items() if name not in _JOINED}


def _cell(value: Any) -> Any:
    """Times in UTC; an empty text is none, as everywhere in the product."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return None if value == "" else value
