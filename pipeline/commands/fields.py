"""`fields`: the reference of every field of an event, derived from its one declaration."""

from __future__ import annotations

import argparse
from typing import Any

from pipeline.event import FIELDS, Field
from pipeline.settings import Settings

_HEAD = """\
# The fields of an event

Made by `python -m pipeline fields` from `pipeline/event.py`; the meaning of each follows
[semantics.md](semantics.md). Any top-level key of the metadata is a field too: `properties.NAME`.

| field | label | type | what it is | filter operators |
|---|---|---|---|---|"""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "fields",
        help="the fields of an event, and the filters each takes",
        description="Print the reference of every field of an event as Markdown: the names to use in filters.",
    )
    parser.set_defaults(run=run)


def run(_args: argparse.Namespace, _settings: Settings) -> int:
    print(reference(), end="")
    return 0


def reference() -> str:
    """The reference as Markdown, one row a field."""
    return "\n".join([_HEAD, *map(_row, FIELDS)]) + "\n"


def _row(field: Field) -> str:
    ops = ", ".join(f"`{op}`" for op in field.ops) or "–"
    personal = " (personal data)" if field.pii else ""
    return f"| `{field.name}` | {field.label} | {field.type} | {field.help}{personal} | {ops} |"
