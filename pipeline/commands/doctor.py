"""`doctor`: what is wrong with the configuration, and how to mend it."""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pipeline.enrich import Enricher
from pipeline.errors import ActivityError
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.sources import Sweep, open_source
from pipeline.state import State

LEAST_FREE_BYTES = 2_000_000_000
_GEO_HINT = "Put a readable .mmdb file there, by rename; until then places stay empty."


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: `ok` is false for a fault, None for what may be meant."""

    ok: bool | None
    what: str
    mend: str = ""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "doctor",
        help="say what is wrong with the configuration, and how to mend it",
        description="Check settings, data folder, sources, geo database, lake and pipeline. Exit code 1 when something "
        "is wrong. It changes nothing and prints no secret.",
    )
    parser.set_defaults(run=run)


def run(_args: argparse.Namespace, settings: Settings) -> int:
    """Print a line for everything looked at, and how to mend what is wrong."""
    findings = [Finding(True, "The settings are well-formed.")]
    for check in CHECKS:
        findings += check(settings)
    marks = {True: "✓", False: "✗", None: "!"}
    for finding in findings:
        print(f"{marks[finding.ok]} {finding.what}" + (f"\n    {finding.mend}" if finding.mend else ""))
    faults = sum(finding.ok is False for finding in findings)
    print("Nothing is wrong." if not faults else f"{faults} to mend." if faults > 1 else "One thing to mend.")
    return 1 if faults else 0


def _data(settings: Settings) -> Iterator[Finding]:
    folder = settings.data
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        yield Finding(
            False, f"The data folder {folder} cannot be written.", "Give this user the right, or set ACTIVITY_DATA."
        )
        return
    free = shutil.disk_usage(existing).free
    yield Finding(True, f"The data folder {folder} can be written.")
    yield Finding(
        free >= LEAST_FREE_BYTES,
        f"{free / 1e9:,.1f} GB are free there.",
        "" if free >= LEAST_FREE_BYTES else "Make room: the lake, merges and exports need some GB.",
    )


def _sources(settings: Settings) -> Iterator[Finding]:
    for spec in settings.all_sources:
        if spec.uri == str(settings.landing_folder) and not settings.landing_folder.exists():
            yield Finding(
                None, "No event has been sent here yet.", "Make a write key: python -m pipeline keys make my-site"
            )
            continue
        try:
            source = open_source(spec, endpoint_url=settings.s3_endpoint_url, region=settings.s3_region)
            first = next(iter(source.list(datetime.now(UTC), Sweep.ALL)), None)
            if first is None:
                yield Finding(
                    None, f"{source.uri} can be listed, and holds nothing yet.", "Is the prefix the right one?"
                )
                continue
            with source.fetch(first, max_inflated=settings.max_object_bytes):
                yield Finding(True, f"{source.uri} can be listed and read ({spec.format}).")
        except ActivityError as error:
            yield Finding(False, f"{spec.uri}: {error.message}", error.hint)


def _keys(settings: Settings) -> Iterator[Finding]:
    """Whether anyone may send events to the collector, and whether anyone does."""
    if not (settings.data / "state.sqlite").exists():
        return
    keys = State(settings.data).keys.all()
    last = max((key.last_event_at for key in keys if key.last_event_at is not None), default=None)
    if keys:
        came = "no event has come yet" if last is None else f"the last event came {last:%Y-%m-%d %H:%M:%S} UTC"
        count = "One write key is" if len(keys) == 1 else f"{len(keys)} write keys are"
        yield Finding(True, f"{count} in use; {came}. Events land in {settings.landing_uri}.")


def _geo(settings: Settings) -> Iterator[Finding]:
    status = Enricher(settings.geo_path).geo_status()
    if status.state == "none":
        yield Finding(
            None,
            "There is no geo database: country, region and city stay empty.",
            f"Put a GeoLite2 City or DB-IP Lite .mmdb file into {settings.geo}.",
        )
    elif status.state == "ready":
        built = f", of {status.built:%Y-%m-%d}" if status.built else ""
        yield Finding(True, f"The geo database {status.path} can be read ({status.type}{built}).")
    else:
        yield Finding(False, f"The geo database {status.path} is {status.state}. {status.problem}".rstrip(), _GEO_HINT)


def _lake(settings: Settings) -> Iterator[Finding]:
    if not (settings.lake / "catalog.sqlite").exists():
        yield Finding(
            None, f"There is no lake in {settings.lake} yet.", "The first run makes it: python -m pipeline run"
        )
        return
    try:
        snapshot = Lake.open(settings, reading=True).snapshot()
    except ActivityError as error:
        yield Finding(False, error.message, error.hint)
        return
    yield Finding(True, f"The lake in {settings.lake} can be read (snapshot {snapshot.version}).")


def _pipeline(settings: Settings) -> Iterator[Finding]:
    if not (settings.data / "state.sqlite").exists():
        yield Finding(None, "The pipeline has not run yet.", "Start it: python -m pipeline run")
        return
    freshness = State(settings.data).freshness(datetime.now(UTC), settings.late_after)
    if freshness.health in ("down", "never"):
        yield Finding(None, "The pipeline is not running.", "Start it: python -m pipeline run")
    else:
        yield Finding(
            freshness.health == "ok", f"The pipeline is running and {freshness.health}.", " ".join(freshness.errors)
        )


CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (_data, _sources, _keys, _geo, _lake, _pipeline)
