"""The browser that signs in."""

from __future__ import annotations

from tests.browser.conftest import browser

__all__ = ["browser"]  # a fixture, found by name
