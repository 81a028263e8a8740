"""Parsing here and now, for tests that ask what lines become and not who does the work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from pipeline.sources import Limits, ObjectRef, Parsed, cut


def parse(file: BinaryIO, ref: ObjectRef, object_index: int, format: str = "auto", **options: Any) -> Iterator[Parsed]:
    """What the jobs cut from `file` give, run one after the other."""
    for job in cut(file, ref, object_index, format, **{"limits": Limits(), **options}):
        yield job.run()
