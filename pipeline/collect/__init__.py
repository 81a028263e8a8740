"""Events in over HTTP, landing objects out; a 200 means that they are stored for good.

`serve` runs a collector alone; `Collector` and `routes` mount one in another application.
"""

from __future__ import annotations

from pipeline.collect.collector import Collector
from pipeline.collect.web import routes

__all__ = ["Collector", "routes"]
