"""The command line for the tests of what its commands do; that a user's own words start it is `test_cli.py`'s."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from tests import nursery
from tests.nursery import ROOT

__all__ = ["ROOT", "environment", "pipeline"]


def environment(data: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ACTIVITY_", "AWS_"))}
    return {**kept, "ACTIVITY_DATA": str(data), "PYTHONPATH": str(ROOT), "COLUMNS": "120", **more}


def pipeline(data: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """`python -W error -m pipeline`, in the data folder, to its end; the imports are spared."""
    with tempfile.TemporaryDirectory(prefix="said-") as folder:
        out, error = Path(folder, "out"), Path(folder, "error")
        child = nursery.start(
            "pipeline.__main__", arguments, environment(data, **more), out, error, folder=data, strict=True
        )
        try:
            code = child.wait(120)
        finally:
            child.kill()
        return subprocess.CompletedProcess(["pipeline", *arguments], code, out.read_text(), error.read_text())
