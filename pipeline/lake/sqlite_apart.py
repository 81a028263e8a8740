"""What is done to a whole SQLite database, in a process of its own: `copy FROM TO`, `overwrite DATABASE SECONDS SQL…`.

DuckDB brings an SQLite of its own. Two of them in one process do not see each other's locks on a file, and closing it
in one drops those of the other (https://www.sqlite.org/howtocorrupt.html, 2.2.1), so that a catalog which DuckDB has
open must never be opened here as well. The standard library alone, so that it starts in a moment.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

_FAILED, _BUSY = 1, 2


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
