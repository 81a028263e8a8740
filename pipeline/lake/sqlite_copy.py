"""Copies one SQLite database over another, whole: `python sqlite_copy.py FROM TO`, in a process of its own.

DuckDB brings an SQLite of its own. Two of them in one process do not see each other's locks on a file, and closing it
in one drops those of the other (https://www.sqlite.org/howtocorrupt.html, 2.2.1), so that a catalog which DuckDB has
open must never be opened here as well. The standard library alone, so that it starts in a moment.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path


def copy(source: Path, target: Path) -> None:
    """One state of `source` in the place of all of `target`, in one transaction, while others may use either.

    Raises `sqlite3.DatabaseError` with what SQLite said.
    """
    command = [sys.executable, "-I", __file__, str(source.absolute()), str(target.absolute())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise sqlite3.DatabaseError((done.stderr.strip().splitlines() or ["the copying was stopped"])[-1])


def _main(source: str, target: str) -> int:
    try:
        with (
            closing(sqlite3.connect(f"{Path(source).as_uri()}?mode=ro", uri=True, timeout=30)) as from_,
            closing(sqlite3.connect(target, timeout=30)) as to,
        ):
            from_.backup(to)
    except sqlite3.Error as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
