"""What the tests need beyond the product: `python tests/beyond.py requirements.lock` copies the lock it is given on
standard input, without the packages of that one. So both halves can be installed at the same time.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path


def beyond(whole: Iterable[str], known: Iterable[str]) -> str:
    """The packages of a lock, each with its hashes, that another lock does not name in the same version."""
    packages = _packages(known)
    return "".join(text for name, text in _packages(whole).items() if name not in packages)


def _packages(lines: Iterable[str]) -> dict[str, str]:
    """Requirement → its lines: itself, and its hashes below it, set in."""
    found: dict[str, str] = {}
    requirement = ""
    for line in lines:
        if not line[0].isspace():
            requirement = line.removesuffix("\\\n").strip()
        found[requirement] = found.get(requirement, "") + line
    return found


if __name__ == "__main__":
    print(beyond(sys.stdin, Path(sys.argv[1]).read_text().splitlines(keepends=True)), end="")
