"""The scheduler as a process of its own, as `make run` starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


@contextmanager
def running_pipeline(data: Path, every: float = 2.0) -> Iterator[None]:
    """The pipeline looks at the landing folder every so many seconds; it must be alive to the end."""
    log = data / "pipeline.log"
    command = [sys.executable, "-m", "pipeline", "run", "--every", str(every)]
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=output, stderr=output, env={**os.environ, "ACTIVITY_DATA": str(data)}
        )
    try:
        yield
        assert process.poll() is None, log.read_text()
    finally:
        process.terminate()
        process.wait(30)
