"""What is kept and by what: sources, databases, retention, storage by day, and the upkeep of the lake."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from typing import Any

from pages.parts import words
from pages.parts.figures import Column, table, tile, tiles
from pages.parts.health import answers
from pages.parts.health.fresh import time
from pages.parts.health.how import section
from pages.parts.serving import clock, product
from pipeline.lake import Snapshot
from pipeline.questions.ledger import Totals
from pipeline.state import Freshness, Poll, Run

_BATCHES, _RUNS = 50, 50
_OLD = {"geo": 45, "agents": 400}  # days; free geo databases are made monthly, a User-Agent stays known for long
_LEAST_FREE = 2_000_000_000  # bytes; below it merges and exports may fail
_RUN_NAMES = {
    "merge": "Merge small files",
    "merge_all": "Merge files",
    "sort": "Sort days for look-ups",
    "count": "Count days ahead",
    "expire": "Let go of old snapshots",
    "backup": "Back up the catalog",
    "retain": "Retention",
    "erase": "Erasure",
    "replay": "Replay",
    "rebuild": "Rebuild",
}


def draw_sources(fresh: Freshness) -> None:
    section("Sources", "", "where the pipeline looks")
    columns: list[Column] = [("Source", "mono"), ("Last look", "nowrap"), ("Waiting", "right"), ("State", "text")]
    rows = [[poll.source, time(poll.polled_at), f"{poll.waiting:,}", _source_state(poll)] for poll in fresh.polls]
    table(columns, rows, key="sources", label="Sources", empty="The pipeline has not looked at any source yet.")


def _source_state(poll: Poll) -> str:
    return poll.error or ("Caught up" if poll.waiting == 0 else "Reading")


def draw_databases() -> None:
    """The databases as the pipeline found them; before its first look, geo by its file alone."""
    section("Databases", "", "where places and devices come from")
    tiles([_geo_tile(), _agents_tile()], key="geo", label="Databases")


def _geo_tile() -> dict[str, Any]:
    path = product().settings.geo_path
    told = product().state.told("geo") or {}
    if path is None or not path.is_file():
        missing = "None: country, region, city and timezone stay empty. Put an .mmdb file into the geo folder."
        return tile("Geo database", "Missing", missing, "late")
    if told.get("path") == str(path) and told.get("state") != "ready":
        return tile("Geo database", told["state"].capitalize(), f"{path.name}: {told['problem']}", "late", small=True)
    made = told.get("built") if told.get("path") == str(path) else ""
    changed = datetime.fromisoformat(made) if made else datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return _aged("Geo database", path.name, changed, _OLD["geo"])


def _agents_tile() -> dict[str, Any]:
    told = product().state.told("device")
    if told is None:
        return tile("User-Agent database", "–", "told once the pipeline has run")
    name, also = f"ua-parser {told['agents']}", f"; crawlers: crawlerdetect {told['crawlers']}"
    try:
        made = datetime.strptime(told["agents"][:6], "%Y%m").replace(tzinfo=UTC)
    except ValueError:
        return tile("User-Agent database", name, f"comes with the program{also}", small=True)
    return _aged("User-Agent database", name, made, _OLD["agents"], also)


def _aged(label: str, name: str, made: datetime, old: int, also: str = "") -> dict[str, Any]:
    age = clock() - made
    note = f"of {made.astimezone(product().settings.zone):%-d %b %Y}, {words.lasting(age)} old{also}"
    return tile(label, name, note, "late" if age.days > old else "", small=True)


def draw_storage(now: Snapshot, totals: Totals) -> None:
    told = answers.storage(now)
    section("Storage", "storage", "what the lake takes on disk, by UTC day")
    free = shutil.disk_usage(product().settings.lake).free
    items = [
        tile("Events", words.size(told.events), words.counted(len(told.days), "day")),
        tile("For look-ups", words.size(told.look_ups), "past days, by person and address"),
        tile("Counted ahead", words.size(told.counted), "values of past days"),
        tile("Ledger and facts", words.size(told.rest)),
        tile("Only for old snapshots", words.size(told.old), f"kept {product().settings.expire_hours} hours"),
        tile("Catalog", words.size(told.catalog)),
        tile("Free on this disk", words.size(free), "", "late" if free < _LEAST_FREE else ""),
        _retention_tile(totals),
    ]
    tiles(items, key="storage", label="What the lake takes", dense=True)
    columns: list[Column] = [("Day", "nowrap"), ("Events", "right"), ("Files", "right"), ("Size", "right")]
    columns.append(("An event", "right"))
    rows = [
        [
            f"{day.day:%a %-d %b %Y}",
            f"{day.events:,}",
            f"{day.files:,}",
            words.size(day.bytes),
            words.size(round(day.bytes / day.events)) if day.events else "–",
        ]
        for day in told.days
    ]
    table(columns, rows, key="days", label="Storage by day", empty="No event is stored yet.", height="420px")


def _retention_tile(totals: Totals) -> dict[str, Any]:
    days = product().settings.retention_days
    if not days:
        return tile("Retention", "For ever", "ACTIVITY_RETENTION_DAYS is 0")
    told = product().state.told("retention") or {}
    if told.get("state") == "stopped":
        return tile("Retention", "Stopped", told.get("problem", ""), "late", small=True)
    midnight = clock().replace(hour=0, minute=0, second=0, microsecond=0)
    oldest = "" if totals.oldest_event is None else f", oldest {totals.oldest_event:%-d %b %Y}"
    return tile("Retention", words.counted(days, "day"), f"from {midnight - timedelta(days=days):%-d %b %Y}{oldest}")


def draw_batches(now: Snapshot) -> None:
    section("Last batches", "batches", "each one transaction")
    names = ("Objects", "Lines", "Loaded", "Duplicate", "Rejected", "Expired", "Size", "Seconds")
    columns: list[Column] = [("Committed", "nowrap"), *((name, "right") for name in names)]
    rows = [
        [
            time(batch["committed_at"]),
            *(f"{batch[name]:,}" for name in ("objects", "lines", "loaded", "duplicate", "rejected", "expired")),
            words.size(batch["bytes"]),
            f"{batch['seconds']:.1f}",
        ]
        for batch in answers.batches(now, _BATCHES)
    ]
    table(columns, rows, key="batches", label="Last batches", empty="No batch has been committed yet.", height="520px")


def draw_upkeep() -> None:
    section("Upkeep", "", "what was done to the lake beside loading")
    columns: list[Column] = [("Began", "nowrap"), ("What", "nowrap"), ("Took", "right"), ("Outcome", "text")]
    rows = [_run(run) for run in product().state.upkeep.last(_RUNS)]
    empty = "Nothing yet: small files are merged every so many batches, old snapshots go hourly."
    table(columns, rows, key="upkeep", label="Upkeep of the lake", empty=empty, height="420px")


def _run(run: Run) -> list[str]:
    took = "–" if run.ended_at is None else f"{(run.ended_at - run.started_at).total_seconds():.1f} s"
    under_way = "under way, or ended with its process"
    outcome = f"Failed: {run.problem}" if run.problem else run.outcome or ("done" if run.ended_at else under_way)
    return [time(run.started_at), _RUN_NAMES.get(run.kind, run.kind), took, outcome]
