"""Alerts: when the data is late, much is rejected, or the ledger does not balance, somebody is told, once.

Each begins once and ends once, over restarts too. What could not be delivered is tried again at the next look. A
scheduler that does not run tells nobody: let Prometheus watch for that (docs/semantics.md, "Freshness").
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from pipeline.errors import ActivityError
from pipeline.questions.flow import Refusals
from pipeline.questions.ledger import Totals
from pipeline.settings import Settings
from pipeline.state import State

Kind = Literal["late", "rejected", "unbalanced"]
KINDS: tuple[Kind, ...] = get_args(Kind)
FEWEST_LINES = 10  # rejected lines; one bad line among three is no flood
_TIMEOUT = 10  # seconds
_STANDING, _TOLD = "alerts", "alerts_told"  # the notes that keep what stands, and since when whoever listens knows


@dataclass(frozen=True, slots=True)
class Alert:
    """What is wrong, in a sentence for whoever is called: numbers only, nothing that anybody sent."""

    kind: Kind
    text: str
    value: float
    limit: float


def late(lag: float, settings: Settings) -> Alert | None:
    """`lag`: seconds that the data is behind."""
    limit = settings.late_after if settings.alert_lag is None else settings.alert_lag
    if lag <= limit:
        return None
    return Alert("late", f"The data is {lag:,.0f} s behind; {limit:,} s are allowed.", round(lag), limit)


def rejected(found: Refusals, settings: Settings) -> Alert | None:
    """`found`: of the last hour. The larger share counts, of lines (from `FEWEST_LINES` on) or of whole objects."""
    limit = settings.alert_rejected
    lines = found.rejected / found.lines if found.rejected >= FEWEST_LINES else 0.0
    objects = found.objects_rejected / found.objects if found.objects else 0.0
    share = max(lines, objects)
    if share <= limit:
        return None
    said = (
        f"{found.rejected:,} of {found.lines:,} lines and {found.objects_rejected:,} of {found.objects:,} objects of "
        f"the last hour were rejected; {limit:.1%} are allowed."
    )
    return Alert("rejected", said, round(share, 4), limit)


def unbalanced(totals: Totals) -> Alert | None:
    if totals.balanced:
        return None
    said = (
        f"The ledger does not balance: {totals.lines_over:+,} of {totals.lines:,} lines read and "
        f"{totals.events_over:+,} of {totals.events:,} events in the lake are not accounted for."
    )
    return Alert("unbalanced", said, abs(totals.lines_over) + abs(totals.events_over), 0)


class Alerts:
    """Compares what is wrong now with what was, tells the webhook of each change, and leaves a note for the pages."""

    def __init__(self, settings: Settings, state: State, post: Callable[[str, dict[str, Any]], None] | None = None):
        self._url = settings.alert_url.get_secret_value() if settings.alert_url else None
        self._state = state
        self._post = post or send

    def update(self, found: Iterable[Alert | None], now: datetime) -> None:
        """Tell what began and what ended. Raises `ActivityError` (alert.undelivered) after trying them all."""
        standing = {alert.kind: alert for alert in found if alert is not None}
        self._state.tell(_STANDING, {kind: alert.text for kind, alert in standing.items()}, now)
        if self._url is None:
            return
        told = self._state.told(_TOLD) or {}
        problem: ActivityError | None = None
        for kind in KINDS:
            alert = standing.get(kind)
            if (alert is None) == (kind not in told):
                continue
            try:
                self._post(self._url, _message(kind, alert, told.get(kind), now))
            except ActivityError as error:
                problem = error
                continue
            told = {name: since for name, since in told.items() if name != kind}
            if alert is not None:
                told[kind] = now.isoformat()
            self._state.tell(_TOLD, told, now)
        if problem is not None:
            raise problem


def _message(kind: Kind, alert: Alert | None, since: str | None, now: datetime) -> dict[str, Any]:
    """`text` is what chat services show; the rest is for programs."""
    if alert is None:
        ended = {"late": "The data is up to date again.", "rejected": "Few are rejected again."}
        text = ended.get(kind, "The ledger balances again.")
        return {"text": f"✅ {text}", "alert": kind, "status": "resolved", "since": since, "at": now.isoformat()}
    facts = {"value": alert.value, "limit": alert.limit, "since": now.isoformat(), "at": now.isoformat()}
    return {"text": f"⚠️ {alert.text}", "alert": kind, "status": "firing", **facts}


def send(url: str, message: dict[str, Any]) -> None:
    """POST it as JSON. Raises `ActivityError`, in which the address, a secret, does not stand."""
    headers = {"content-type": "application/json", "user-agent": "customers-activity"}
    # The settings take http and https only.
    request = urllib.request.Request(url, json.dumps(message).encode(), headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT):
            pass
    except urllib.error.HTTPError as error:
        error.close()
        raise _undelivered(f"it answered {error.code}") from None
    except (OSError, ValueError) as error:
        raise _undelivered(type(getattr(error, "reason", error)).__name__) from None


def _undelivered(why: str) -> ActivityError:
    return ActivityError(
        f"An alert could not be delivered: {why}.", hint="Check ACTIVITY_ALERT_URL.", code="alert.undelivered"
    )
