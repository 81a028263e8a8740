"""The small lake that page and browser tests look at: a known number of events, and one whose every value is hostile.

Pages live by the real clock, so times count back from now.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.event import FIELD, PARSED_SCHEMA
from pipeline.lake import Lake
from tests.support import add_events, make_settings

ORDINARY = 130
COUNTRIES = (("France", "FR"), ("United States", "US"), ("Japan", "JP"))
HOSTILE = (
    '<img src=x onerror="window.hacked=1">',
    "**bold** _it_ `code`",
    "[x](javascript:window.hacked=1)",
    ":red[x] :material/home: $x$ $$y$$",
    "=cmd|' /C calc'!A0",
    "</script><script>window.hacked=1</script>",
)
HOSTILE_URL = "javascript:window.hacked=1"
HOSTILE_ID = "cus_<b>7</b>"


def hostile_text(field: str) -> str:
    """Another hostile text for each field, told apart by the field's name."""
    return f"{HOSTILE[sum(map(ord, field)) % len(HOSTILE)]} {field}"


def hostile(now: datetime) -> dict[str, Any]:
    """The newest event: hostile wherever a sender may write."""
    row: dict[str, Any] = {
        name: hostile_text(name)
        for name in PARSED_SCHEMA.names
        if name in FIELD and FIELD[name].type == "string" and name not in {"source", "message_id", "timezone"}
    }
    return row | {
        "message_id": "hostile",
        "occurred_at": now - timedelta(minutes=1),
        "customer_id": HOSTILE_ID,
        "country_code": "<i",
        "timezone": "../../etc/passwd",
        "url": HOSTILE_URL,
        "referrer": f"data:text/html,{HOSTILE[0]}",
        "properties": json.dumps({HOSTILE[0]: HOSTILE[2], "__proto__": {"x": HOSTILE[5]}, "list": [HOSTILE[1]]}),
        "trait_name": hostile_text("name"),
        "trait_email": hostile_text("email"),
    }


def rows(now: datetime) -> list[dict[str, Any]]:
    """`ORDINARY` events, one every ten minutes, of ten customers and of visitors; then the hostile one."""
    made = []
    for number in range(ORDINARY):
        country, code = COUNTRIES[number % 3]
        customer = None if number % 4 == 3 else f"cus_{number % 10:03d}"
        made.append(
            {
                "message_id": f"sample-{number}",
                "occurred_at": now - timedelta(minutes=10 * (number + 1)),
                "event": "Modal Displayed" if number % 5 == 0 else "Page Viewed",
                "modal": "meter" if number % 5 == 0 else None,
                "customer_id": customer,
                "anonymous_id": f"visitor-{number % 10}",
                "trait_name": f"Reader {number % 10}" if customer else None,
                "trait_email": f"reader{number % 10}@example.com" if customer else None,
                "ip": f"198.18.0.{number}",
                "country": country,
                "country_code": code,
                "device": "Bot" if number % 13 == 0 else "Desktop",
                "url": f"https://www.example.com/news/{number}",
                "path": f"/news/{number}",
                "domain": "www.example.com",
                "properties": json.dumps({"plan": "trial", "number": number}),
            }
        )
    return [*made, hostile(now)]


def make_sample(folder: Path) -> Lake:
    now = datetime.now(UTC)
    lake = Lake.open(make_settings(folder))
    add_events(lake, rows(now), now=now)
    return lake
