"""What a soak tells: how long things took at its beginning and at its end, and what was lost, if anything."""

from __future__ import annotations

import os
import statistics
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from pipeline.questions import ledger
from pipeline.recovery.verify import verify
from tests.faults.reader import Reader
from tests.faults.soak.downloads import FRESH
from tests.faults.soak.run import Soak

OTHERS = "others on its host"


def report(soak: Soak, readers: Sequence[Reader], began: datetime, seconds: float) -> None:
    """The first and the last sixth of the soak side by side: ten minutes each of an hour. The first begins when there
    are as many events of the last minutes as there will be ever after: what asks for them takes longer until then."""
    part = seconds / 6
    filled = min(FRESH.total_seconds(), part)
    _tell_all_along(soak, readers, began, seconds)
    for title, start in (("first", filled), ("last", seconds - part)):
        end = start + part
        print(f"\nthe {title} {part / 60:.0f} minutes, from minute {start / 60:.0f}")
        rounds = [took for reader in readers for at, took in reader.seen.timed if start <= at < end]
        print(f"  readers: list + count + export of {FRESH.seconds // 60} min: {summary(rounds, 's')}")
        work = [took for reader in readers for at, took in reader.seen.worked if start <= at < end]
        print(f"    of CPU: {summary(work, 's')}")
        files = [took for at, took in soak.downloads.seconds if start <= at < end]
        print(f"  the dashboard's CSV of the same: {summary(files, 's')}")
        landed = soak.delays(began + timedelta(seconds=start), began + timedelta(seconds=end))
        print(f"  oldest event of a batch, landed → visible: {summary(landed, 's')}")
        resident: dict[str, list[float]] = defaultdict(list)
        for at, name, size in soak.memory:
            if start <= at < end and size:
                resident[name].append(size / 1e6)
        for reader in readers[:1]:
            resident["a reader"] = [size / 1e6 for at, size in reader.seen.memory if start <= at < end]
        for name, sizes in resident.items():
            print(f"  memory of {name}: {summary(sizes, 'MB')}")
        spent: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for at, name, so_far in soak.spent:
            if start <= at < end:
                spent[name].append((at, so_far))
        shares = ", ".join(f"{name} {rate(samples):.2f}" for name, samples in spent.items())
        print(f"  cores at work: {shares}, of {os.cpu_count()}")


def _tell_all_along(soak: Soak, readers: Sequence[Reader], began: datetime, seconds: float) -> None:
    """Medians of every tenth: what grows does so all along, and what the machine does comes and goes."""
    print("\nfrom minute   a round   of CPU   landed → visible   cores taken by others")
    for place in range(10):
        start, end = seconds * place / 10, seconds * (place + 1) / 10
        rounds = [took for reader in readers for at, took in reader.seen.timed if start <= at < end]
        work = [took for reader in readers for at, took in reader.seen.worked if start <= at < end]
        landed = soak.delays(began + timedelta(seconds=start), began + timedelta(seconds=end))
        taken = rate([(at, so_far) for at, name, so_far in soak.spent if name == OTHERS and start <= at < end])
        figures = [f"{statistics.median(each):.2f} s" if each else "none" for each in (rounds, work, landed)]
        print(f"{start / 60:11.0f} {figures[0]:>9} {figures[1]:>8} {figures[2]:>18} {taken:>23.2f}")


def rate(samples: Sequence[tuple[float, float]]) -> float:
    """By how much a counter that begins anew with each life grows a second."""
    grown = sum(later - earlier if later >= earlier else later for (_, earlier), (_, later) in pairwise(samples))
    return grown / (samples[-1][0] - samples[0][0]) if len(samples) > 1 else 0.0


def summary(values: Sequence[float], unit: str) -> str:
    if not values:
        return "none"
    ordered = sorted(values)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    return f"median {statistics.median(ordered):.2f} {unit}, p95 {p95:.2f} {unit}, worst {ordered[-1]:.2f} {unit}"


def verdict(soak: Soak, readers: Sequence[Reader]) -> int:
    lost, twice = soak.lost_and_twice()
    verified = verify(soak.world.settings, soak.lake, datetime.now(UTC), objects=True)
    problems = [*soak.downloads.problems, *(problem for reader in readers for problem in reader.seen.problems)]
    problems += ["a reader's snapshot was gone" for reader in readers for _ in range(reader.seen.gone)]
    died = [f"{part.name} died by itself" for part in soak.parts for _ in range(part.deaths - part.kills)]
    totals = ledger.totals(soak.lake.snapshot())
    kills = ", ".join(f"{part.name} {part.kills}" for part in soak.parts)
    rounds = sum(reader.seen.rounds for reader in readers)
    print(f"\naccepted {len(soak.sender.accepted):,} events and {len(soak.sender.bad):,} bad lines; ", end="")
    print(f"{soak.sender.resent:,} requests sent again; at worst {soak.sender.late:.1f} s behind the rate")
    print(f"the ledger: {totals.lines:,} lines = {totals.loaded:,} loaded + {totals.duplicate:,} duplicate ", end="")
    print(f"+ {totals.rejected:,} rejected + {totals.expired:,} expired; balanced: {totals.balanced}")
    print(f"killed: {kills}; files fetched: {len(soak.downloads.seconds):,}; readers' rounds: {rounds:,}")
    print(
        f"lost: {lost}; twice: {twice}; verify, objects read again: {len(verified.differences)} differences, ", end=""
    )
    print(
        f"{len(verified.unread)} unread; readers' errors: {len(problems)}; parts that died by themselves: {len(died)}"
    )
    for each in [*problems, *died][:20]:
        print(f"  {each}")
    wrong: list[Any] = [lost, twice, verified.differences, verified.unread, problems, died, not totals.balanced]
    return 1 if any(wrong) else 0
