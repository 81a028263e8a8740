"""RESULTS.md: a table for each part, replaced when that part is measured again; the others stay as they are."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.bench.figure import Figure

PATH = Path(__file__).with_name("RESULTS.md")
_HEAD = """# What the bench measured

Written by `make bench` and `make bench-peers`; each table is of the latest run of its part. Medians, 95th percentiles
and, where given, the first answer of a process just started (*cold*; the system may still have the files in memory).
"""
_COLUMNS = ("", "median", "p95", "cold", "asked for", "")
_PACKAGES = ("duckdb", "ibis-framework", "pyarrow", "streamlit", "chdb")


def keep(title: str, figures: Sequence[Figure], path: Path = PATH) -> None:
    """Put the table of `title` into the file, in place of an older one of the same title."""
    sections = _sections(path.read_text()) if path.exists() else {}
    sections[title] = f"{_told()}\n\n{table(figures)}\n"
    text = "\n".join(f"## {name}\n\n{sections[name]}" for name in sorted(sections))
    path.write_text(f"{_HEAD}\n{text}")


def table(figures: Sequence[Figure]) -> str:
    """The figures in Markdown."""
    rows = [figure.cells() for figure in figures]
    lines = [_COLUMNS, tuple("---" if place in (0, 5) else "---:" for place in range(6)), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _sections(text: str) -> dict[str, str]:
    parts = re.split(r"^## (.+)\n\n", text, flags=re.MULTILINE)[1:]
    return {title: f"{body.rstrip()}\n" for title, body in zip(parts[::2], parts[1::2], strict=True)}


def _told() -> str:
    """When, of what, on what: a line that says how far the figures can be compared with others."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=PATH.parent, capture_output=True, text=True, check=False
    ).stdout.strip()
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit or 'unknown'}, {os.cpu_count()} × {_cpu()}, "
        f"load average {os.getloadavg()[2]:.1f}, Python {platform.python_version()}, {versions}"
    )


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()
