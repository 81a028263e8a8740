"""What watches the scheduler: its log, its figures for Prometheus, and the alerts. Nothing here tells of a person."""

from __future__ import annotations

from pipeline.watch.log import Log
from pipeline.watch.watch import Watch

__all__ = ["Log", "Watch"]
