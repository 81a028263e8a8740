"""What holds for every test."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

HERE = Path(__file__).parent

# What these assert for the tests is told as in the tests themselves.
pytest.register_assert_rewrite("tests.faults")

# A busy machine is slow, not wrong: what is measured by the clock belongs into the bench.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several share the tests, spread each folder's files evenly among those of the others.

    Two browsers at once take all there is, while faults wait most of their time: one of each is done sooner than two
    of one kind after two of the other.
    """
    if not hasattr(config, "workerinput"):
        return
    folders = {item.path: item.path.relative_to(HERE).parts[0] for item in items}
    sizes, done = Counter(folders.values()), Counter[str]()
    place = {}
    for path, folder in folders.items():
        done[folder] += 1
        place[path] = done[folder] / (sizes[folder] + 1)
    items.sort(key=lambda item: place[item.path])
