"""`run`: the scheduler, or one look at the sources."""

from __future__ import annotations

import argparse
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.demo.plan import Plan
from pipeline.enrich import device_versions
from pipeline.erasure import erase
from pipeline.errors import ActivityError, LakeError
from pipeline.lake import Lake, backup, day_files, look_ups, maintain, retain
from pipeline.questions import tallies
from pipeline.recovery.replay import replay
from pipeline.run import Look, Pipeline
from pipeline.settings import Settings, parse_duration
from pipeline.sources import Sweep
from pipeline.state import State
from pipeline.watch import Watch
from pipeline.words import counted

# How often a poll looks further back than to the newest objects.
SWEEPS = {Sweep.ALL: timedelta(days=1), Sweep.DAYS: timedelta(hours=1), Sweep.RECENT: timedelta(minutes=1)}
EXPIRE_EVERY, MERGE_ALL_EVERY = timedelta(hours=1), timedelta(hours=1)
SORT_EVERY, COUNT_EVERY = timedelta(hours=1), timedelta(hours=1)
SETTLED = timedelta(minutes=1)  # after a start
COUNT_FOR = 2.0  # seconds of a poll, at least one day
RETAIN_EVERY = timedelta(days=1)


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "run",
        help="load what landed: every 15 s, or --once",
        description="Look at every source, load what is new, and go on: every 15 s, or once for cron. While more is "
        "waiting it goes on at once. Ctrl-C or SIGTERM stops it after the batch in hand; stopping loses nothing.",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--every", type=parse_duration, metavar="15s", help="time between two looks (ACTIVITY_EVERY)")
    how.add_argument("--once", action="store_true", help="look once, load all that waits, and end")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Poll until stopped. With `--once`, exit code 1 when a source could not be read."""
    if args.every:
        settings = settings.model_copy(update={"every": args.every})
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if settings.sources and Plan.read(settings.data) is not None:
        raise ActivityError(
            f"{settings.data} holds the demo, and your own events would be mixed with it.",
            hint="Remove the demo first: python -m pipeline demo --remove",
        )
    scheduler = Scheduler(settings)
    try:
        if not args.once:
            scheduler.put_off(_now())
            scheduler.watch.start()
        scheduler.poll(_now(), stop.is_set)
        if args.once:
            scheduler.look()
        while not args.once and not stop.wait(settings.every):
            scheduler.poll(_now(), stop.is_set)
    finally:
        scheduler.close()
    return 1 if args.once and any(poll.error for poll in scheduler.state.polls()) else 0


class Scheduler:
    """Polls, chooses how far back each poll looks, and maintains the lake now and then."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lake = Lake.open(settings, threads=settings.loading_threads)
        self.state = State(settings.data)
        self.watch = Watch(settings, self._lake, self.state, _now)
        self._pipeline = Pipeline(settings, self._lake, _now, heard=self._record)
        self._swept: dict[Sweep, datetime] = {}
        self._expired_at: datetime | None = None
        self._retained_at: datetime | None = None
        self._sorted_at: datetime | None = None
        self._counted_at: datetime | None = None
        self._unmerged = 0
        self.state.forget_others(self._pipeline.uris)

    def put_off(self, now: datetime) -> None:
        """Leave what nobody waits for until the next polls: a dashboard may be starting beside this."""
        self._sorted_at, self._counted_at = now - SORT_EVERY + SETTLED, now - COUNT_EVERY + SETTLED

    def poll(self, now: datetime, stopping: Callable[[], bool]) -> None:
        """One look at every source; what goes wrong is said and tried again at the next."""
        sweep = self._sweep(now)
        try:
            batches = self._pipeline.poll(sweep, self.watch.batch, stopping)
            self._unmerged += len(batches)
            self._tell_enrichment(now)
            self._maintain(now)
            self._replay_asked()
            self._erase_asked()
        except ActivityError as error:
            self.watch.problem("scheduler", str(error))

    def look(self) -> None:
        """One look of the watch: for a run that ends before it would look by itself."""
        try:
            self.watch.look(_now())
        except ActivityError as error:
            self.watch.problem("watch", str(error))

    def _tell_enrichment(self, now: datetime) -> None:
        self.state.tell("device", device_versions(), now)
        geo = self._pipeline.geo_status()
        built = geo.built.isoformat() if geo.built else ""
        note = {"state": geo.state, "path": str(geo.path or ""), "type": geo.type, "built": built}
        self.state.tell("geo", {**note, "problem": geo.problem}, now)

    def _record(self, look: Look) -> None:
        error = None if look.error is None else str(look.error)
        if error is not None:
            self.watch.problem(look.uri, error)
        try:
            self.state.record(look.uri, look.at, waiting=look.waiting, error=error, every=self._settings.every)
        except ActivityError as problem:  # a heartbeat that cannot be noted is no reason not to load
            self.watch.problem("state", str(problem))

    def _sweep(self, now: datetime) -> Sweep:
        """Everything at first and nightly, three days hourly, what is recent every minute, else what is newest
        ("Archives in S3", docs/wire.md).

        A clock that was put back, too, has everything looked through: the wrong one chose the wrong folders.
        """
        for sweep, every in SWEEPS.items():
            last = self._swept.get(sweep)
            if last is None or not _lately(last, now, every):
                known = list(Sweep)
                self._swept |= dict.fromkeys(known[: known.index(sweep) + 1], now)  # a sweep takes in those before it
                return sweep
        return Sweep.NEWEST

    def _maintain(self, now: datetime) -> None:
        """What is due of it. Each by itself: merging needs room, which only expiring may give back to a full disk."""
        for due in (self._expire_in_time, self._retain_daily, self._merge_many, self._sort_days, self._count_days):
            try:
                due(now)
            except ActivityError as error:
                self.watch.problem("upkeep", str(error))

    def _merge_many(self, now: datetime) -> None:
        """Merge small files every few batches, and once an hour the large ones that this makes."""
        if self._unmerged < self._settings.merge_every:
            return
        last = next(iter(self.state.upkeep.last(1, "merge_all")), None)
        small = last is not None and _lately(last.started_at, now, MERGE_ALL_EVERY)
        with self.state.upkeep.running("merge" if small else "merge_all", _now) as said:
            maintain.merge(self._lake, small=small)
            said(f"{'small files' if small else 'files'} of {counted(self._unmerged, 'batch', 'batches')} merged")
        self._unmerged = 0

    def _sort_days(self, now: datetime) -> None:
        """Have days that are over sorted for look-ups, too. A block with each poll, so that no batch waits for many."""
        if self._sorted_at is not None and _lately(self._sorted_at, now, SORT_EVERY):
            return
        if look_ups.next_block(self._lake, now) is not None:
            with self.state.upkeep.running("sort", _now) as said:
                said(f"{look_ups.add_block(self._lake, now)} sorted for look-ups")
        else:
            self._sorted_at = now

    def _count_days(self, now: datetime) -> None:
        """Have the values of days that are over counted, so that nobody has to wait for it."""
        if self._counted_at is not None and _lately(self._counted_at, now, COUNT_EVERY):
            return
        day = day_files.waiting(self._lake, now)
        if day is None:
            day_files.clear(self._lake)
            self._counted_at = now
            return
        with self.state.upkeep.running("count", _now) as said:
            until, days = time.monotonic() + COUNT_FOR, 0
            while day is not None:
                days += day_files.keep(self._lake, day, tallies.count)
                day = day_files.waiting(self._lake, now) if time.monotonic() < until else None
            said(f"values of {counted(days, 'day')} counted")

    def _expire_in_time(self, now: datetime) -> None:
        if self._expired_at is None or not _lately(self._expired_at, now, EXPIRE_EVERY):
            # Asked anew: a clock that jumped during the poll must not be noted as one that told of the last time.
            before, self._expired_at = self._expired_at, _now()
            self._expire(self._expired_at, before)

    def _retain_daily(self, now: datetime) -> None:
        # A clock that was a year ahead and is right again must not put retention off for a year.
        if self._retained_at is None or abs(now - self._retained_at) >= RETAIN_EVERY:
            self._retained_at = now - RETAIN_EVERY + EXPIRE_EVERY  # one that fails is tried again in an hour
            self._back_up(now)
            self._retain(now)
            self._retained_at = now

    def _expire(self, now: datetime, before: datetime | None) -> None:
        """Let go of old snapshots, unless the clock that tells their age has jumped since the last time: then a turn
        is waited, as readers may be at work on what only seems old.

        `before` is this process's last time. The run noted of it began a moment later, perhaps by another clock.
        """
        hours = self._settings.expire_hours
        last = next(iter(self.state.upkeep.last(1, "expire")), None)
        times = [at for at in (before, last.started_at if last else None) if at is not None]
        usual = max(timedelta(hours=hours), 2 * EXPIRE_EVERY)
        moved = next((at for at in times if not _lately(at, now, usual)), None)
        with self.state.upkeep.running("expire", _now) as said:
            if moved is not None:
                said(f"put off: the clock has moved from {moved:%Y-%m-%d %H:%M} since the last time")
                return
            maintain.expire(self._lake, now, hours)
            said(f"snapshots older than {hours} h removed")

    def _replay_asked(self) -> None:
        """Replay what somebody asked for on the Pipeline page. One that was killed is asked for still."""
        upkeep = self.state.upkeep
        for reason in upkeep.asked("replay"):
            try:
                with upkeep.running("replay", _now) as said:
                    said(" ".join(replay(self._settings, self._lake, _now, reason or None).told()))
            except ActivityError as error:
                self.watch.problem("replay", str(error))
            upkeep.answered("replay", reason)

    def _erase_asked(self) -> None:
        """Erase whom an owner asked for on their page. One that was killed is asked for still; one that failed, such as
        for a reader that did not give way, is to be asked for again, as the Pipeline page says."""
        upkeep = self.state.upkeep
        for customer in upkeep.asked("erase"):
            try:
                with upkeep.running("erase", _now) as said:
                    said(erase(self._settings, self._lake, self.state, customer, _now()).told)
            except ActivityError as error:
                self.watch.problem("erase", str(error))
            upkeep.answered("erase", customer)

    def _back_up(self, now: datetime) -> None:
        """The day's backup of the catalog, before anything is let go of."""
        folder = self._settings.backups
        if any(each.why == "daily" and abs(now - each.taken_at) < RETAIN_EVERY for each in backup.list_backups(folder)):
            return  # by a scheduler that ran before this one, or by cron
        with self.state.upkeep.running("backup", _now) as said:
            taken = backup.back_up(self._lake.folder, folder, now, "daily")
            gone = backup.prune(folder, now, self._settings.backup_days)
            said(f"{taken.path.name} taken, {len(gone):,} older removed")

    def _retain(self, now: datetime) -> None:
        """Let go of what is too old, and tell the pages; what is too much to go unasked waits for somebody's word."""
        note = {"state": "done", "cutoff": "", "days": "0", "events": "0", "problem": ""}
        try:
            with self.state.upkeep.running("retain", _now) as said:
                gone = retain.retain(self._lake, now, self._settings.retention_days)
                said(f"{gone.told} removed")
            note |= {"cutoff": f"{gone.cutoff or ''}", "days": f"{len(gone.days)}", "events": f"{gone.events}"}
            if gone.events or gone.lines:
                self.watch.log.note("retain", f"{gone.told} before {gone.cutoff:%Y-%m-%d} removed")
        except LakeError as error:
            note |= {"state": "stopped", "problem": str(error)}
            self.watch.problem("retain", str(error))
        self.state.tell("retention", note, now)

    def close(self) -> None:
        self.watch.close()
        self._pipeline.close()
        self._lake.close()


def _lately(last: datetime, now: datetime, every: timedelta) -> bool:
    """Whether `last` is less than `every` ago. One that lies ahead is not: the clock went back, by nobody knows how
    much, and waiting until it has passed again might take a year."""
    return timedelta(0) <= now - last < every


def _now() -> datetime:
    return datetime.now(UTC)
