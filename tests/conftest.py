"""What holds for every test."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

# What these assert for the tests is told as in the tests themselves.
pytest.register_assert_rewrite("tests.faults")

# A busy machine is slow, not wrong: what is measured by the clock belongs into the bench.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
