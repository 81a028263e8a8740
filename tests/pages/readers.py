"""Readers of a news site, for funnels: a known number come each step far, from countries of which one is hostile."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.lake import Lake
from tests.pages.sample import HOSTILE
from tests.support import make_lake

VIEWED, REGISTERED, SUBSCRIBED = 120, 40, 10
COUNTRIES = ("France", "Japan", HOSTILE[0])
HOSTILE_EVENT = f"{HOSTILE[0]} $x$ <b>bold</b>"
HOSTILE_COUNT = 7
MODALS = {"meter": 6, "newsletter": 4}  # shown to the last readers, five minutes after their page

_STEPS = (("Page Viewed", VIEWED), ("Registered", REGISTERED), ("Subscribed", SUBSCRIBED))


def rows(now: datetime) -> Iterator[dict[str, Any]]:
    """`VIEWED` readers view a page; the first `REGISTERED` of them register ten minutes later, and so on."""
    modals = [modal for modal, people in MODALS.items() for _ in range(people)]
    for reader in range(VIEWED):
        who = {
            "customer_id": f"cus_{reader:03d}" if reader % 4 else None,
            "anonymous_id": f"visitor-{reader}",
            "trait_name": f"Reader {reader}" if reader % 4 else None,
            "country": COUNTRIES[reader % 3],
        }
        begin = now - timedelta(days=2, minutes=reader)
        steps = (*_STEPS, (HOSTILE_EVENT, HOSTILE_COUNT))
        for place, (event, most) in enumerate(steps):
            if reader < most:
                at = begin + timedelta(minutes=10 * place)
                yield {**who, "event": event, "occurred_at": at, "message_id": f"{reader}-{place}"}
        if VIEWED - reader <= len(modals):
            shown = {"event": "Modal Displayed", "modal": modals[VIEWED - reader - 1]}
            yield {**who, **shown, "occurred_at": begin + timedelta(minutes=5), "message_id": f"{reader}-modal"}


def make_readers(folder: Path) -> Lake:
    return make_lake(folder, list(rows(datetime.now(UTC))))
