"""Ibis forgets comparisons whole, whatever goes first."""

from __future__ import annotations

import builtins
from types import FunctionType

import ibis
from ibis.common.bases import Comparable

import pipeline.questions  # noqa: F401 (mends Ibis)


def test_what_was_compared_with_something_that_is_gone_is_forgotten_whole() -> None:
    first, second, third = (ibis.literal(f"compared {number}").op() for number in range(3))
    seen = Comparable.__cache__
    assert second != first
    assert second != third
    seen.pop(id(first))  # as when the garbage collector takes first and second at once
    gone = id(second)
    second.__del__()
    assert gone not in seen
    assert gone not in seen.get(id(third), {})
    first.__del__()  # finds nothing, and says nothing


def test_it_needs_no_name_that_is_gone_when_python_ends() -> None:
    first, second = (ibis.literal(f"ends {number}").op() for number in range(2))
    assert second != first
    at_the_end = FunctionType(Comparable.__del__.__code__, {"__builtins__": builtins})  # modules are emptied first
    at_the_end(second)
    assert id(second) not in Comparable.__cache__
