"""The watch beside the scheduler: a thread that samples how far behind the data is, whatever that waits for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from pipeline.errors import ActivityError
from pipeline.lake import Batch, Lake
from pipeline.questions import flow, ledger
from pipeline.settings import Settings
from pipeline.state import Freshness, State
from pipeline.watch import alerts
from pipeline.watch.log import Log
from pipeline.watch.metrics import Metrics, serve

EVERY = 15.0  # seconds between two looks
_PATIENCE = 5.0  # … that stopping waits for a look; a webhook may take longer
_REFUSALS_OF = timedelta(hours=1)


class Watch:
    """Log, figures and alerts of one scheduler. Between `start` and `close` it looks by itself; `look` does it now."""

    def __init__(self, settings: Settings, lake: Lake, state: State, clock: Callable[[], datetime]) -> None:
        """Raises `ActivityError` when the figures cannot be served where the settings say."""
        self.log = Log(settings.log, clock)
        self._settings, self._lake, self._state, self._clock = settings, lake, state, clock
        self._began = clock()
        self._metrics = Metrics()
        self._alerts = alerts.Alerts(settings, state)
        self._totals: tuple[int, ledger.Totals] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._served = serve(self._metrics, settings.metrics_address) if settings.metrics_address else None

    def start(self) -> None:
        self._thread.start()

    def batch(self, batch: Batch, waiting: int) -> None:
        """A batch was committed."""
        self._metrics.batch(batch)
        self.log.batch(batch, waiting)

    def problem(self, where: str, text: str) -> None:
        """Something went wrong, and will be tried again."""
        self._metrics.problems.labels(where).inc()
        self.log.problem(where, text)

    def look(self, now: datetime) -> None:
        """Sample the lag, set the figures, tell what alerts begin or end."""
        fresh = self._state.freshness(now, self._settings.late_after)
        lag = self._lag(fresh, now)
        self._state.lags.record(now, lag, sum(poll.waiting for poll in fresh.polls))
        self._metrics.freshness(fresh, lag)
        snapshot = self._lake.snapshot()
        if self._totals is None or self._totals[0] != snapshot.version:
            self._totals = snapshot.version, ledger.totals(snapshot)
        totals = self._totals[1]
        self._metrics.totals(totals)
        refused = flow.refusals(snapshot, now - _REFUSALS_OF)
        found = [
            alerts.late(lag, self._settings),
            alerts.rejected(refused, self._settings),
            alerts.unbalanced(totals),
        ]
        standing = {alert.kind for alert in found if alert is not None}
        for kind in alerts.KINDS:
            self._metrics.alerts.labels(kind).set(kind in standing)
        self._alerts.update(found, now)

    def _lag(self, fresh: Freshness, now: datetime) -> float:
        """Seconds since the data was complete; before it ever was, since this began."""
        return max(0.0, (now - (fresh.data_through or self._began)).total_seconds())

    def _run(self) -> None:
        while not self._stop.wait(EVERY):
            try:
                self.look(self._clock())
            except ActivityError as error:
                self.problem("watch", str(error))
            except Exception as error:  # else nobody would be told of anything any more, in silence
                self.problem("watch", type(error).__name__)

    def close(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE)
        if self._served is not None:
            self._served.close()
