"""Objects for the bench: Segment-format lines of about 1 KB, written by hand-made templates, not by our own code."""

from __future__ import annotations

import gzip
import json
import random
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/{v}.1 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_{v} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/{v}.0.0.0 Mobile Safari/537.36",
)
EVENTS = ("Page Viewed", "Modal Displayed", "Article Shared", "Registered", "Subscribed")
SECTIONS = ("news", "business", "sport", "culture", "opinion")


def write_objects(folder: Path, *, events: int, objects: int, days: int, end: datetime, customers: int) -> int:
    """Write `events` lines in `objects` gz objects under `folder`; returns their inflated size in bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    share = events // objects
    jobs = [
        (folder / f"{number:05d}.json.gz", number, share, objects, days, end, customers) for number in range(objects)
    ]
    with ProcessPoolExecutor(2) as pool:
        return sum(pool.map(_write, jobs))


def _write(job: tuple[Path, int, int, int, int, datetime, int]) -> int:
    path, number, share, objects, days, end, customers = job
    rng = random.Random(number)
    # Each object covers its own stretch of time, as a day's or hour's objects of an archive do.
    span = timedelta(days=days) / objects
    start = end - timedelta(days=days) + span * number
    lines = [json.dumps(event(rng, start + span * rng.random(), customers)) for _ in range(share)]
    body = ("\n".join(lines) + "\n").encode()
    with gzip.open(path, "wb", compresslevel=4) as file:
        file.write(body)
    return len(body)


def event(rng: random.Random, at: datetime, customers: int) -> dict[str, object]:
    name = rng.choices(EVENTS, (70, 20, 6, 3, 1))[0]
    visitor = rng.randrange(customers * 3)
    path = f"/{rng.choice(SECTIONS)}/{at:%Y}/a-story-worth-reading-{rng.randrange(4000)}"
    stamp = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    received = (at + timedelta(milliseconds=rng.randrange(50, 2000))).isoformat(timespec="milliseconds")
    return {
        "type": "track",
        "event": name,
        "messageId": f"ajs-next-{UUID(int=rng.getrandbits(128))}",
        "anonymousId": str(UUID(int=visitor * 7919 + 1)),
        "userId": f"cus_{visitor:08d}" if visitor < customers else None,
        "timestamp": stamp,
        "originalTimestamp": stamp,
        "sentAt": stamp,
        "receivedAt": received.replace("+00:00", "Z"),
        "context": {
            "ip": f"198.{rng.choice((18, 19))}.{visitor % 250}.{visitor % 200}",
            "userAgent": rng.choice(AGENTS).format(v=rng.randrange(110, 130)),
            "page": {
                "url": f"https://www.example.com{path}?utm_source=newsletter&utm_medium=email",
                "path": path,
                "referrer": "https://www.google.com/",
                "title": f"A story worth reading, number {rng.randrange(4000)}",
                "search": "?utm_source=newsletter&utm_medium=email",
            },
            "campaign": {"source": "newsletter", "medium": "email"},
            "timezone": "Europe/Berlin",
        },
        "properties": {
            "name": "meter modal" if name == "Modal Displayed" else f"article-{rng.randrange(4000)}",
            "section": rng.choice(SECTIONS),
            "scroll": rng.randrange(100),
            "engaged_seconds": rng.randrange(300),
            "plan": rng.choice(("monthly", "yearly")),
            "note": "x" * 24,
        },
        "integrations": {},
    }
