"""Erasing a customer: every trace leaves, and nothing brings them back ("Retention and erasure" in docs/semantics.md).

The order makes an erasure that is cut short safe to repeat, and complete when it is. First the keyed hashes are kept,
so that from then on nothing of theirs gets in, and saved funnels that name them go; then the objects are written anew;
then the lake's rows go, in one transaction with the objects' new versions; last, what the lake and the state database
still have on disk of all that.
"""

from __future__ import annotations

import re
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from pipeline.erasure.objects import Objects, Progress, erase_from_objects
from pipeline.erasure.theirs import email_name, mentions
from pipeline.lake import Lake, backup, forget
from pipeline.lake.forget import NewVersion, Person
from pipeline.lake.lock import writer_lock
from pipeline.settings import Settings
from pipeline.state import Erased, SavedFunnel, State
from pipeline.words import counted

__all__ = ["Erasure", "erase"]

_ABOUT_PEOPLE = ("customer_id ", "anonymous_id ", "person ", "name ", "email ")


@dataclass(slots=True)
class Erasure:
    """What an erasure removed, or in a dry run would: rows by table, lines of objects, saved funnels, backups, files.

    `hash` is all that is kept of the customer, and what a log or an audit may call them.
    """

    hash: str
    visitors: int
    rows: dict[str, int] = field(default_factory=dict)
    objects: Objects = field(default_factory=Objects)
    funnels: int = 0
    backups: int = 0
    files: int = 0

    @property
    def told(self) -> str:
        """In a sentence, without naming them."""
        said = f"{counted(self.rows['events'], 'event')} of {self.hash} removed"
        left = len(self.objects.left)
        return f"{said}; {counted(left, 'place')} left as they are: python -m pipeline erase says why" if left else said


def erase(
    settings: Settings,
    lake: Lake,
    state: State,
    customer: str,
    now: datetime,
    *,
    dry_run: bool = False,
    wait: float = 60,
    progress: Progress = lambda read: None,
) -> Erasure:
    """Erase the customer of that id, with the visitors first linked to them. The pipeline waits meanwhile, but for a
    dry run.

    Raises `LakeBusy` when another writer, or for `wait` seconds at the very end a reader, does not give way. An erasure
    that ended so, or was cut short, is to be repeated.
    """
    with nullcontext() if dry_run else writer_lock(lake.lock_path, wait=600):
        who = forget.person(lake, customer)
        known = state.erasures.known()
        erased = Erased(known.key).and_also(_names(who))
        result = Erasure(erased.hash_of(f"c:{customer}"), len(who.visitors) - 1)
        # Whoever was erased before is looked for, too: a visitor's link is gone once an erasure was cut short.
        theirs = Erased(known.key, known.hashes | erased.hashes)
        is_theirs = partial(mentions, erased=theirs)
        funnels = [saved for saved in state.funnels.all() if _names_somebody(saved, who)]
        result.funnels = len(funnels)
        result.backups = len(backup.list_backups(settings.backups))
        if not dry_run:
            state.erasures.remember(erased, now)
            for saved in funnels:  # while the lake still knows by which names and emails
                state.funnels.delete(saved.id)
        result.objects = erase_from_objects(settings, theirs, now, dry_run=dry_run, progress=progress)
        if dry_run:
            result.rows = forget.count(lake, who, is_theirs)
            return result
        with lake.changing() as cursor:
            result.rows = forget.remove(cursor, who, is_theirs, _versions(result.objects), now)
        result.files = forget.purge(lake, now, wait=wait)
        result.backups = _renew_backups(settings, now)
        state.upkeep.answered("erase", customer)  # an owner who asked for it named them
        forget.overwrite(settings.data / "state.sqlite", wait=wait)
    return result


def _renew_backups(settings: Settings, now: datetime) -> int:
    """Remove every backup, since it names files that are gone and maybe the person, and take a new one in their place.

    A backup that somebody is taking right now goes, too: it may be of the catalog as it was.
    """
    removed = backup.remove_all(settings.backups)
    for unfinished in settings.backups.glob(".catalog-*.tmp"):
        unfinished.unlink(missing_ok=True)
    if removed:
        backup.back_up(settings.lake, settings.backups, now, "asked")
    return removed


def _names(who: Person) -> list[str]:
    """The names by which they are remembered."""
    return [f"c:{who.customer}", *(f"a:{each}" for each in who.visitors), *(email_name(each) for each in who.emails)]


def _versions(objects: Objects) -> list[NewVersion]:
    return [
        NewVersion(each.old.source, each.old.key, each.old.etag, each.new.etag, each.new.size, each.lines)
        for each in objects.rewritten
    ]


def _names_somebody(saved: SavedFunnel, who: Person) -> bool:
    """Whether a saved funnel's filters name them, or its own name does."""
    told = "|".join(map(re.escape, (*who.visitors, *who.emails, *who.names)))
    one = re.compile(rf"(?<!\w)(?:{told})(?!\w)")
    about = [text for text in _texts(saved.spec) if text.startswith(_ABOUT_PEOPLE)]
    return any(one.search(text) for text in (*about, saved.name))


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict | list):
        return [text for each in (value.values() if isinstance(value, dict) else value) for text in _texts(each)]
    return []
