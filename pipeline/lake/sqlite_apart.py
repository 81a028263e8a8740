"""What is done to a whole SQLite database, in a process of its own: `copy FROM TO`, `overwrite DATABASE SECONDS SQL…`,
`hold DATABASE`.

DuckDB brings an SQLite of its own. Two of them in one process do not see each other's locks on a file, and closing it
in one drops those of the other (https://www.sqlite.org/howtocorrupt.html, 2.2.1), so that a catalog which DuckDB has
open must never be opened here as well. The standard library alone, so that it starts in a moment.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO, cast

_FAILED, _BUSY = 1, 2
_LOOKS = 0.5  # seconds between two, at whether the database is still the same


class StillUsed(Exception):
    """Others used the database all the time."""


def copy(source: Path, target: Path) -> None:
    """One state of `source` in the place of all of `target`, in one transaction, while others may use either.

    Raises `sqlite3.DatabaseError` with what SQLite said.
    """
    _run("copy", str(source.absolute()), str(target.absolute()))


def overwrite(database: Path, statements: Sequence[str], *, wait: float) -> None:
    """Run `statements`, and write the database anew without free pages, its log emptied, too.

    Raises `StillUsed` when others use it for longer than `wait` seconds, `sqlite3.DatabaseError` with what SQLite said.
    """
    _run("overwrite", str(database.absolute()), str(wait), *statements)


@contextmanager
def held(database: Path) -> Iterator[None]:
    """While it is open, somebody has `database` open, too, whichever takes its place.

    Whoever opens a database in WAL mode first has to look through its log, and whoever closes it last empties that,
    while all others are kept out: without this, each statement of DuckDB's that no other one runs beside does both.
    """
    command = [sys.executable, "-I", "-S", __file__, "hold", str(database.absolute())]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        with suppress(OSError):
            cast(IO[bytes], holder.stdin).close()
        holder.wait()


def _run(*arguments: str) -> None:
    command = [sys.executable, "-I", __file__, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == _BUSY:
        raise StillUsed
    if done.returncode:
        raise sqlite3.DatabaseError((done.stderr.strip().splitlines() or ["it was stopped"])[-1])


def _copy(source: str, target: str) -> None:
    with (
        closing(sqlite3.connect(f"{Path(source).as_uri()}?mode=ro", uri=True, timeout=30)) as from_,
        closing(sqlite3.connect(target, timeout=30)) as to,
    ):
        from_.backup(to)


def _overwrite(database: str, wait: str, *statements: str) -> None:
    deadline = time.monotonic() + float(wait)
    with closing(sqlite3.connect(database, timeout=5, isolation_level=None)) as con:
        con.execute("PRAGMA secure_delete = ON")
        # The last one's answer begins with 1 while somebody still reads what the log holds.
        for statement in (*statements, "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
            _insist(con, statement, deadline)


def _hold(database: str) -> None:
    """Until standard input ends, as it does with the process that has started this one, however that ends."""
    ended = threading.Event()

    def listen() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=listen, daemon=True).start()
    con, held = None, None
    while not ended.wait(_LOOKS):
        there = _inode(database)
        if con is not None and there != held:
            con.close()
            con = None
        with suppress(sqlite3.Error):
            if con is None and there is not None:
                con, held = sqlite3.connect(f"{Path(database).as_uri()}?mode=rw", uri=True, timeout=0.1), there
            if con is not None:  # it is open from the first look on, and in WAL mode from the first after that
                con.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
    if con is not None:
        con.close()


def _inode(path: str) -> int | None:
    try:
        return os.stat(path).st_ino
    except OSError:
        return None


def _insist(con: sqlite3.Connection, statement: str, deadline: float) -> None:
    while True:
        try:
            row = con.execute(statement).fetchone()
            if row is None or not row[0]:
                return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) and "busy" not in str(error):
                raise
        if time.monotonic() > deadline:
            raise StillUsed
        time.sleep(0.05)


def _main(command: str, *arguments: str) -> int:
    try:
        if command == "copy":
            _copy(*arguments)
        elif command == "hold":
            _hold(*arguments)
        else:
            _overwrite(*arguments)
    except StillUsed:
        return _BUSY
    except sqlite3.Error as error:
        print(error, file=sys.stderr)
        return _FAILED
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
